"""From samples at their own times to a uniform grid."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["resample"]


def resample(
    times_s: Array, values: Array, start_s: float, count: int, rate_hz: float, max_gap_s: float
) -> Array:
    """Return the mean of the linearly interpolated signal over each cell of a uniform grid.

    Cell k is centred on start_s + k / rate_hz. Averaging over the cell, instead of reading the
    interpolant at its centre, low-passes a source that is faster than the grid and hardly touches
    a slower one, so one grid serves sources of any rate, and one that changes.

    A cell is NaN when it reaches beyond the first or the last sample, or touches a gap between
    neighbouring samples longer than `max_gap_s`. Its value depends only on the samples beside it:
    later samples never change it.

    Shape: times_s (sample,), strictly increasing; values (sample, channel) -> (count, channel).
    """
    if len(times_s) < 2:
        return np.full((count, values.shape[1]), np.nan)
    times = np.asarray(times_s, dtype=float) - start_s
    edges = (np.arange(count + 1) - 0.5) / rate_hz
    step_s = np.diff(times)
    integral = np.zeros(values.shape)
    np.cumsum(step_s[:, None] * (values[1:] + values[:-1]) / 2, axis=0, out=integral[1:])
    at = np.clip(np.searchsorted(times, edges, side="right") - 1, 0, len(times) - 2)
    into = (edges - times[at])[:, None]
    slope = (values[at + 1] - values[at]) / step_s[at, None]
    upto = integral[at] + values[at] * into + slope * into**2 / 2
    means: Array = np.diff(upto, axis=0) * rate_hz

    gaps = np.concatenate([[0], np.cumsum(step_s > max_gap_s)])
    # An edge that falls on a sample belongs to the interval before it when it closes a cell.
    last = np.clip(np.searchsorted(times, edges[1:], side="left") - 1, 0, len(times) - 2)
    touches_gap = gaps[last + 1] > gaps[at[:-1]]
    slack = 1e-9
    outside = (edges[:-1] < times[0] - slack) | (edges[1:] > times[-1] + slack)
    means[touches_gap | outside] = np.nan
    return means
