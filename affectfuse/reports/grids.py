"""Even grids of times, on which readings are laid for formats that know a rate only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array

__all__ = ["TOLERANCE_S", "Grid", "even_grid", "sparse_grid"]

TOLERANCE_S = 1e-3
"""Readings this near to a grid's times are on it: containers keep times to the millisecond."""

_OF_A_STEP = 0.05
_DENSEST_HZ = 200.0
_CLOSEST = 4.0
_NEARLY_WHOLE = 1e-4


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows at even times: row k is at `start_s` + k / `rate_hz`."""

    start_s: float
    rate_hz: float

    def time_s(self, row: int) -> float:
        """Return the time of a row, to the microsecond."""
        return round(self.start_s + row / self.rate_hz, 6) + 0.0

    def rows(self, times_s: Array) -> Array:
        """Return the row nearest to each time."""
        places = (np.asarray(times_s, dtype=float) - self.start_s) * self.rate_hz
        return np.asarray(np.floor(places + 0.5).astype(np.int64))

    def fits(self, times_s: Array) -> bool:
        """Return whether each time is that of a row of its own, to within the tolerance."""
        rows = self.rows(times_s)
        if np.any(np.diff(rows) < 1):
            return False
        off_s = np.abs(self.start_s + rows / self.rate_hz - times_s).max(initial=0.0)
        return bool(off_s <= min(TOLERANCE_S, _OF_A_STEP / self.rate_hz))


def even_grid(times_s: Array) -> Grid | None:
    """Return the grid on which times lie, with rows left out or not; None when they lie on none.

    Args:
        times_s: (reading,) in order, at least one.
    """
    times_s = np.asarray(times_s, dtype=float)
    start_s = float(times_s[0])
    if len(times_s) == 1:
        return Grid(start_s, 1.0)
    steps_s = np.diff(times_s)
    usual_s = float(np.sort(steps_s)[(len(steps_s) - 1) // 2])
    if not usual_s > 0 or 1.0 / usual_s > _densest_hz(times_s):
        return None
    single_s = steps_s[(steps_s > 0.5 * usual_s) & (steps_s < 1.5 * usual_s)]
    rows = np.r_[0.0, np.cumsum(np.floor(steps_s / single_s.mean() + 0.5))]
    if rows[-1] < 1.0:
        return None
    centred = rows - rows.mean()
    step_s = float(centred @ (times_s - times_s.mean()) / (centred @ centred))
    if not step_s > 0:
        return None
    fitted = Grid(round(float(times_s.mean() - step_s * rows.mean()), 6), 1.0 / step_s)
    whole = round(fitted.rate_hz)
    if whole and abs(fitted.rate_hz / whole - 1.0) < _NEARLY_WHOLE:
        plain = Grid(round(start_s, 6), float(whole))
        if plain.fits(times_s):
            return plain
    return fitted if fitted.fits(times_s) else None


def sparse_grid(times_s: Array) -> Grid:
    """Return a grid so fine that each of uneven times has a row of its own.

    Times nearer to each other than a quarter of their usual distance may share one.

    Args:
        times_s: (reading,) in order, at least one.
    """
    steps_s = np.diff(np.asarray(times_s, dtype=float))
    steps_s = steps_s[steps_s > 0]
    if not len(steps_s):
        return Grid(float(times_s[0]), 1.0)
    wanted = min(1.0 / float(steps_s.min()), _CLOSEST / float(np.median(steps_s)))
    rate_hz = math.ceil(10.0 * min(wanted, _densest_hz(times_s))) / 10.0
    return Grid(round(float(times_s[0]), 6), rate_hz)


def _densest_hz(times_s: Array) -> float:
    """Return the most rows a second that so many readings are worth: rows are not free."""
    lasts_s = float(times_s[-1] - times_s[0])
    return max(_DENSEST_HZ, _CLOSEST * len(times_s) / lasts_s) if lasts_s > 0 else _DENSEST_HZ
