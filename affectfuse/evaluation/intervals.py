"""How well intervals were spotted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Interval

__all__ = ["SpottingCounts", "intersection_over_union", "match_intervals"]


@dataclass(frozen=True, slots=True)
class SpottingCounts:
    """True positives, false positives and false negatives; add them over recordings, then score."""

    true_positives: int = 0
    false_positives: int = 0
    false_negatives: int = 0

    def __add__(self, other: SpottingCounts) -> SpottingCounts:
        return SpottingCounts(
            self.true_positives + other.true_positives,
            self.false_positives + other.false_positives,
            self.false_negatives + other.false_negatives,
        )

    @property
    def precision(self) -> float:
        """Share of the found that are there; NaN when nothing was found."""
        found = self.true_positives + self.false_positives
        return self.true_positives / found if found else math.nan

    @property
    def recall(self) -> float:
        """Share of what is there that was found; NaN when nothing is there."""
        there = self.true_positives + self.false_negatives
        return self.true_positives / there if there else math.nan

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; NaN when there was nothing to find or found."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else math.nan


def intersection_over_union(one: Interval, other: Interval) -> float:
    """Return the share of the two intervals' union that they have in common, in time."""
    common_s = min(one.offset_s, other.offset_s) - max(one.onset_s, other.onset_s)
    union_s = max(one.offset_s, other.offset_s) - min(one.onset_s, other.onset_s)
    return max(common_s, 0.0) / union_s if union_s > 0 else 0.0


def match_intervals(
    truth: Sequence[Interval], found: Sequence[Interval], least_iou: float = 0.5
) -> tuple[list[tuple[int, int]], SpottingCounts]:
    """Match found intervals with true ones, one to one, the best overlap first (MEGC's rule).

    Args:
        truth: the true intervals.
        found: the spotted ones.
        least_iou: least intersection over union of a match; the field's protocol says 0.5.

    Returns:
        pairs of indices (into truth, into found), and the counts.
    """
    overlap = np.array([[intersection_over_union(t, f) for f in found] for t in truth])
    pairs: list[tuple[int, int]] = []
    overlap = overlap.reshape(len(truth), len(found))
    while overlap.size and overlap.max() >= least_iou:
        at = np.unravel_index(int(overlap.argmax()), overlap.shape)
        pairs.append((int(at[0]), int(at[1])))
        overlap[at[0], :] = overlap[:, at[1]] = -1.0
    counts = SpottingCounts(len(pairs), len(found) - len(pairs), len(truth) - len(pairs))
    return sorted(pairs), counts
