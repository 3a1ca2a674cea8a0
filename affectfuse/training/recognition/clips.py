"""Labelled clips: from words as they were coded to the classes that a recogniser tells apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.datasets.base import DatasetItem
from affectfuse.errors import ConfigError, DatasetError, did_you_mean

__all__ = ["ClipTable", "LabelMap", "action_unit_rows", "ready_clips"]


@dataclass(frozen=True, slots=True, eq=False)
class ClipTable:
    """Labelled clips, one row a clip.

    Attributes:
        arrays: (row, *clip_shape) float32.
        labels: (row,) index of the class.
        subjects: (row,) who.
        keys: (row,) which clip, unique.
        databases: (row,) which database it comes from.
        action_units: (row, unit) float32, 1 where coded, 0 where not, NaN where nobody coded them.
    """

    arrays: Array
    labels: Array
    subjects: Array
    keys: Array
    databases: Array
    action_units: Array

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Array) -> ClipTable:
        """Return some rows, given by a mask or by indices."""
        return ClipTable(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})

    def of_subjects(self, subjects: Iterable[str]) -> ClipTable:
        """Return the rows of some subjects."""
        return self.take(np.isin(self.subjects, list(subjects)))


class LabelMap:
    """Which class each coded word stands for.

    Args:
        classes: in the order of the logits.
        words: class by coded word; a word that is not in it is left out and counted. None: every
            word is a class by itself.

    Attributes:
        left_out: how many clips of each word were left out.

    Raises:
        ConfigError: when a word is mapped to what is no class, or no word to a class.
    """

    def __init__(self, classes: Sequence[str], words: Mapping[str, str] | None) -> None:
        self.classes = tuple(classes)
        self._words = words
        self.left_out: Counter[str] = Counter()
        for word, name in (words or {}).items():
            if name not in self.classes:
                raise ConfigError(
                    f"label_map says '{word}: {name}', but '{name}' is no class. "
                    f"{did_you_mean(name, self.classes)}"
                )
        for name in self.classes:
            if words is not None and name not in words.values():
                raise ConfigError(f"label_map gives the class '{name}' no word: add one.")

    def index(self, word: str, where: str) -> int | None:
        """Return the class index of a word, or None when it is left out.

        Raises:
            DatasetError: for a word that is no class, when there is no mapping.
        """
        if self._words is None:
            if word not in self.classes:
                raise DatasetError(
                    f"{where} has the label '{word}', which is no class. "
                    f"{did_you_mean(word, self.classes)}"
                )
            return self.classes.index(word)
        if word not in self._words:
            self.left_out[word] += 1
            return None
        return self.classes.index(self._words[word])


def ready_clips(items: Sequence[DatasetItem], labels: LabelMap) -> ClipTable:
    """Return the clips of a data set whose items hold them ready-made.

    Raises:
        DatasetError: when there is none, or they differ in shape.
    """
    rows = [
        (item, clip, index)
        for item in items
        for clip in item.clips
        if (index := labels.index(clip.label, f"recording '{item.key}'")) is not None
    ]
    if not rows:
        raise DatasetError(
            f"no ready-made clip with a class in {len(items)} items: check label_map, or name the "
            "modality that cuts clips from the recordings."
        )
    shape = rows[0][1].array.shape
    for item, clip, _ in rows:
        if clip.array.shape != shape:
            raise DatasetError(
                f"{item.path} holds a clip of shape {clip.array.shape}, the first one has {shape}; "
                "they must be alike."
            )
    return ClipTable(
        np.stack([clip.array for _, clip, _ in rows]).astype(np.float32),
        np.array([index for *_, index in rows], np.int64),
        np.array([item.subject for item, *_ in rows]),
        np.array([f"{item.key}#{item.clips.index(clip)}" if len(item.clips) > 1 else item.key
                  for item, clip, _ in rows]),
        np.array([item.attributes.get("database", "") for item, *_ in rows]),
        np.zeros((len(rows), 0), np.float32),
    )  # fmt: skip


def action_unit_rows(intervals: Sequence[Interval], units: Sequence[str]) -> Array:
    """Return the coded action units, (row, unit); NaN in the rows of which none was coded."""
    rows = np.full((len(intervals), len(units)), np.nan, np.float32)
    for row, interval in zip(rows, intervals, strict=True):
        if any(name.startswith("au") for name in interval.values):
            row[:] = [float(interval.values.get(unit, 0.0) > 0.0) for unit in units]
    return rows
