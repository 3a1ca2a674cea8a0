"""What a heart-rate protocol is, and the table it fills."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import ClassVar

import numpy as np

from affectfuse.containers import Array, Track

__all__ = ["Compared", "HeartRateProtocol", "Pairs", "sound"]


@dataclass(frozen=True, slots=True, eq=False)
class Compared:
    """What a protocol found in one recording: arrays (row,), one row a moment that counts.

    Attributes:
        times_s: of the moment, the end of its window.
        reference_bpm: finite.
        estimate_bpm: NaN where there is none.
        confidence: in [0, 1].
        snr_db: of the estimated pulse waveform; NaN where undefined.
        macc: of the estimated and the reference waveform; NaN where undefined.
        reference: which track the reference came from.
    """

    times_s: Array
    reference_bpm: Array
    estimate_bpm: Array
    confidence: Array
    snr_db: Array
    macc: Array
    reference: str


@dataclass(frozen=True, eq=False)
class Pairs:
    """What was compared in all recordings: arrays (row,), see `Compared`, and whose they are."""

    items: Array
    subjects: Array
    times_s: Array
    reference_bpm: Array
    estimate_bpm: Array
    confidence: Array
    snr_db: Array
    macc: Array

    @classmethod
    def join(cls, parts: Iterable[tuple[str, str, Compared]]) -> Pairs:
        """Return the rows of several recordings, each given with its key and subject."""
        parts = list(parts)
        columns = {
            f.name: np.concatenate([getattr(found, f.name) for _, _, found in parts] or [[]])
            for f in fields(cls)
            if f.name not in ("items", "subjects")
        }
        lengths = [len(found.times_s) for _, _, found in parts]
        keys = np.repeat(np.array([key for key, _, _ in parts], dtype=str), lengths)
        subjects = np.repeat(np.array([subject for _, subject, _ in parts], dtype=str), lengths)
        return cls(keys, subjects, **columns)

    def __len__(self) -> int:
        return len(self.times_s)

    def take(self, rows: Array) -> Pairs:
        """Return some rows, given by a mask or by indices."""
        return Pairs(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    @cached_property
    def error_bpm(self) -> Array:
        """Estimate minus reference; NaN where there is no estimate."""
        error: Array = self.estimate_bpm - self.reference_bpm
        return error

    @cached_property
    def covered(self) -> Array:
        """Whether there is an estimate."""
        return np.isfinite(self.estimate_bpm)

    @cached_property
    def subject_index(self) -> Array:
        """Number of the row's subject, from 0."""
        return np.unique(self.subjects, return_inverse=True)[1]

    @cached_property
    def by_error(self) -> Array:
        """Indices of the rows with an estimate, least absolute error first."""
        known = np.flatnonzero(self.covered)
        return known[np.argsort(np.abs(self.error_bpm[known]), kind="stable")]

    @cached_property
    def by_confidence(self) -> Array:
        """Indices of the rows with an estimate, most confident first."""
        known = np.flatnonzero(self.covered)
        return known[np.argsort(-self.confidence[known], kind="stable")]


class HeartRateProtocol(ABC):
    """How estimates and references become pairs. One file here, one config in `evaluation/`.

    Attributes:
        name: of the protocol.
        references: names of the reference tracks it can use, the preferred one first.
    """

    name: ClassVar[str]
    references: tuple[str, ...]

    @abstractmethod
    def compare(self, tracks: Mapping[str, Track], references: Mapping[str, Track]) -> Compared:
        """Return what is to be compared in one recording.

        Args:
            tracks: estimated, by name: `heart_rate_bpm`, whose quality is its confidence, and
                `bvp`.
            references: by name, at least one of `self.references`.
        """

    @abstractmethod
    def describe(self, used: Mapping[str, int]) -> list[str]:
        """Return in paragraphs how it is measured, with the parameters.

        Args:
            used: how many recordings each reference track was used in.
        """

    def usable(self, references: Mapping[str, Track]) -> str | None:
        """Return the name of the reference that it would use, or None."""
        for name in self.references:
            if name in references and sound(references[name]).any():
                return name
        return None


def sound(reference: Track) -> Array:
    """Return which readings of a reference can be relied on: known, and not of quality 0."""
    return np.isfinite(reference.values) & (reference.quality > 0.0)
