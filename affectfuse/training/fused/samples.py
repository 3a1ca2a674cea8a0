"""The samples that fused models learn from: which ticks of a recording, and a table of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.training.fused.targets import Labels

__all__ = ["SampleTable", "Sampling", "label_ticks"]


@dataclass(frozen=True, slots=True, eq=False)
class SampleTable:
    """The labelled ticks of many recordings, one row a tick.

    Attributes:
        samples: by modality (row, *sample_shape) float32; zeros where absent.
        present: by modality (row,) bool.
        quality: by modality (row,) float32 in [0, 1].
        labels: by target, see `affectfuse.training.fused.targets.Labels`.
        subjects: (row,) who.
        keys: (row,) which recording.
        databases: (row,) from which database; empty words when there is one.
        times_s: (row,) time of the tick, the end of its window.
        segments: (row,) how manieth labelled interval of its recording, from 0.
        durations_s: (row,) how long that interval lasts.
        embeddings: by modality (row, embedding_dim) float32, in place of samples, where a frozen
            encoder has embedded them; see `affectfuse.training.fused.embeddings`.
    """

    samples: Mapping[str, Array]
    present: Mapping[str, Array]
    quality: Mapping[str, Array]
    labels: Labels
    subjects: Array
    keys: Array
    databases: Array
    times_s: Array
    segments: Array
    durations_s: Array
    embeddings: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.subjects)

    @classmethod
    def joined(cls, parts: Sequence[SampleTable]) -> SampleTable:
        """Return the rows of all tables, one after the other."""
        found: dict[str, Any] = {}
        for f in fields(cls):
            values = [getattr(part, f.name) for part in parts]
            found[f.name] = (
                {name: np.concatenate([value[name] for value in values]) for name in values[0]}
                if isinstance(values[0], Mapping)
                else np.concatenate(values)
            )
        return cls(**found)

    def take(self, rows: Array) -> SampleTable:
        """Return some rows, given by a mask or by indices."""
        chosen: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            by_name = isinstance(value, Mapping)
            chosen[f.name] = {k: v[rows] for k, v in value.items()} if by_name else value[rows]
        return SampleTable(**chosen)

    def of_subjects(self, subjects: Iterable[str]) -> SampleTable:
        """Return the rows of some subjects."""
        return self.take(np.isin(self.subjects, list(subjects)))


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which ticks of a labelled interval become samples.

    Attributes:
        start_s: ticks before this time of the recording are left out (a declared baseline).
        settle_s: so are ticks sooner than this after the interval's onset: a sample looks back, and
            would mix two labels.
        every_s: one tick in so many seconds, counted from onset + settle_s; None: one an interval,
            the last in it.
    """

    start_s: float
    settle_s: float
    every_s: float | None

    def __post_init__(self) -> None:
        for name, value in (("start_s", self.start_s), ("settle_s", self.settle_s)):
            if not value >= 0:
                raise ValueError(f"{name} is {value}; it must be 0 or more.")
        if self.every_s is not None and not self.every_s > 0:
            raise ValueError(f"every_s is {self.every_s}; it must be above 0, or null.")


def label_ticks(times_s: Array, intervals: Sequence[Interval], sampling: Sampling) -> Array:
    """Return which interval each tick is a sample of (time,), -1 for none.

    A tick belongs to the interval in which its window ends (onset < time <= offset).
    """
    found = np.full(len(times_s), -1, np.int64)
    for index, interval in enumerate(intervals):
        first_s = interval.onset_s + sampling.settle_s
        inside = (times_s > interval.onset_s) & (times_s <= interval.offset_s)
        inside &= (times_s >= first_s) & (times_s >= sampling.start_s)
        rows = np.flatnonzero(inside)
        if sampling.every_s is None:
            rows = rows[-1:]
        else:
            beat = np.floor((times_s[rows] - first_s) / sampling.every_s + 1e-9)
            rows = rows[np.diff(beat, prepend=-1.0) > 0]
        found[rows] = index
    return found
