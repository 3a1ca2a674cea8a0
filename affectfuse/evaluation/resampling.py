"""Subjects drawn with replacement, and what sums over their rows become in each draw."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from affectfuse.containers import Array
from affectfuse.evaluation.bootstrap import Measured, draw_weights, measured

__all__ = ["MOST_UNITS", "Resampling", "resample"]

MOST_UNITS = 1000
"""Of more subjects, so many groups of subjects are drawn; the interval is hardly another."""


@dataclass(frozen=True, slots=True, eq=False)
class Resampling:
    """Which rows belong together, and how often they are drawn.

    Every statistic "by draw" is an array (1 + draw,): first its value as it is, then of each draw.

    Attributes:
        units: (row,) index of the subject, or of the group of subjects.
        weights: (1 + draw, unit) how often each is drawn; once in the first row.
    """

    units: Array
    weights: Array

    def take(self, rows: Array) -> Resampling:
        """Return the same draws for some of the rows, given by a mask or by indices."""
        return replace(self, units=self.units[rows])

    def by_unit(self, values: Array) -> Array:
        """Return the sums of values (row, ...) over the rows of each unit, (unit, ...)."""
        rows, count = len(self.units), self.weights.shape[1]
        belongs = csr_array((np.ones(rows), (self.units, np.arange(rows))), shape=(count, rows))
        flat = np.asarray(values, float).reshape(rows, int(np.prod(values.shape[1:])))
        return np.asarray(belongs @ flat).reshape(count, *values.shape[1:])

    def sums(self, values: Array) -> Array:
        """Return the sums of values (row, ...) by draw, (1 + draw, ...)."""
        return np.asarray(np.tensordot(self.weights, self.by_unit(values), 1))

    def mean(self, values: Array) -> Array:
        """Return the mean of values (row,) by draw; NaN in a draw without rows."""
        total = self.sums(np.ones(len(self.units)))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(self.sums(values) / total)

    def interval(self, by_draw: Array) -> Measured:
        """Return a value by draw with its 95 % percentile interval."""
        return measured(float(by_draw[0]), by_draw[1:])


def resample(subjects: Array, draws: int, seed: int) -> Resampling:
    """Return draws of the subjects of rows (row,), as many as there are, with replacement.

    Percentiles over them are the cluster bootstrap (Efron 1979, doi:10.1214/aos/1176344552). With
    one subject nothing can be drawn. Of more than MOST_UNITS subjects, whole groups are drawn.
    """
    names, index = np.unique(subjects, return_inverse=True)
    units = min(len(names), MOST_UNITS)
    drawn = draw_weights(units, draws, seed)
    return Resampling(index % max(units, 1), np.vstack([np.ones((1, units)), drawn]))
