"""A track as something that can be asked for means, samples and rises at many moments at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from affectfuse.containers import Array, IntervalTrack, Track
from affectfuse.scoring.reactions.windows import Moments

__all__ = ["Counts", "Series", "highest", "largest_rise"]

_MAX_STRETCH = 1.5
_FINEST_S = 0.1
_FINEST_RISE_S = 0.02
_MOMENTS_AT_ONCE = 4096


class Series:
    """Readings in time. Each stands for the time since the one before, at most 1.5 usual steps.

    Args:
        times_s: (time,) ascending.
        values: (time,) NaN where not known.
        spans_s: (time,) for how long each stands instead, up to its time (a beat interval).
    """

    def __init__(self, times_s: Array, values: Array, spans_s: Array | None = None) -> None:
        steps_s = np.diff(times_s)
        self.step_s = float(np.median(steps_s)) if len(steps_s) else 0.0
        if spans_s is None:
            spans_s = np.minimum(np.r_[self.step_s, steps_s], _MAX_STRETCH * self.step_s)
        spans_s = spans_s[: len(times_s)]
        known = np.isfinite(values) & (spans_s > 0)
        self._times_s, self._values = times_s[known], values[known]
        starts_s = self._times_s - spans_s[known]
        starts_s[1:] = np.maximum(starts_s[1:], self._times_s[:-1])
        self._edges_s = np.stack([starts_s, self._times_s], axis=1).ravel()
        lengths_s = self._times_s - starts_s
        self._known_s = _running(lengths_s)
        # Around the mean, so that sums over a long session lose no digits.
        self._middle = float(self._values.mean()) if len(self._values) else 0.0
        self._areas = _running(lengths_s * (self._values - self._middle))

    @classmethod
    def of(cls, track: Track, lag_s: float = 0.0) -> Series:
        """Return a track's, its readings `lag_s` earlier than the track gives them."""
        return cls(track.times_s - lag_s, track.values)

    @property
    def ends_s(self) -> tuple[float, float] | None:
        """When it begins and ends; None when nothing is known."""
        return (float(self._edges_s[0]), float(self._edges_s[-1])) if len(self._edges_s) else None

    @property
    def usual(self) -> tuple[float, float]:
        """Median of the readings, and their median absolute deviation times 1.4826; NaN of none."""
        if not len(self._values):
            return float("nan"), float("nan")
        median = float(np.median(self._values))
        return median, 1.4826 * float(np.median(np.abs(self._values - median)))

    def mean(self, start_s: Array, end_s: Array) -> tuple[Array, Array]:
        """Return the mean over time of each window, and the share of it that is known."""
        if not len(self._edges_s):
            return np.full(np.shape(start_s), np.nan), np.zeros(np.shape(start_s))
        known_s, area = (
            np.interp(end_s, self._edges_s, sums) - np.interp(start_s, self._edges_s, sums)
            for sums in (self._known_s, self._areas)
        )
        found = known_s > 1e-9
        mean = self._middle + area / np.where(found, known_s, 1.0)
        share = np.minimum(known_s / (end_s - start_s), 1.0)
        return np.where(found, mean, np.nan), np.where(found, share, 0.0)

    def at(self, times_s: Array) -> Array:
        """Return the values between readings, linear; NaN where there are none around."""
        if not len(self._times_s):
            return np.full(np.shape(times_s), np.nan)
        wide = np.flatnonzero(np.diff(self._times_s) > 2.0 * _MAX_STRETCH * self.step_s)
        edges_s = np.r_[
            self._times_s[wide] + self.step_s / 2, self._times_s[wide + 1] - self.step_s / 2
        ]
        # What is between the edges of a gap, or beside them, comes out as NaN.
        points_s = np.r_[self._times_s, edges_s]
        values = np.r_[self._values, np.full(len(edges_s), np.nan)]
        order = np.argsort(points_s, kind="stable")
        read = np.interp(times_s, points_s[order], values[order], left=np.nan, right=np.nan)
        return np.asarray(read)

    def smoothed(self, span_s: float) -> Series:
        """Return its moving means over `span_s`, centred, at times that no other reading shifts."""
        if not len(self._edges_s):
            return self
        first, last = (round(edge_s / _FINEST_S) for edge_s in self._edges_s[[0, -1]])
        times_s = _FINEST_S * np.arange(first, last + 1)
        means, share = self.mean(times_s - span_s / 2, times_s + span_s / 2)
        return Series(times_s, np.where(share >= 0.5, means, np.nan))

    def speed(self) -> Series:
        """Return how fast it changes, up or down, in its unit per second."""
        steps_s = np.diff(self._times_s)
        usual = steps_s <= _MAX_STRETCH * self.step_s
        speeds = np.abs(np.diff(self._values)) / np.where(steps_s > 0, steps_s, 1.0)
        return Series(self._times_s[1:], np.where(usual & (steps_s > 0), speeds, np.nan))


class Counts:
    """Onsets of intervals, and when they could be seen.

    Args:
        track: the intervals.
        watched: share of time in which they could be seen; None: whether they always could is
            said by `always`.
        always: see `watched`.
    """

    def __init__(self, track: IntervalTrack, watched: Series | None, *, always: bool) -> None:
        self.intervals = sorted(track.intervals, key=lambda interval: interval.onset_s)
        self.onsets_s = np.array([interval.onset_s for interval in self.intervals])
        self._watched, self._always = watched, always

    def between(self, start_s: Array, end_s: Array) -> tuple[Array, Array]:
        """Return how many begin in each window, and the share of it that was watched."""
        first, last = np.searchsorted(self.onsets_s, start_s), np.searchsorted(self.onsets_s, end_s)
        if self._watched is None:
            return (last - first).astype(float), np.full(len(first), float(self._always))
        level, known = self._watched.mean(start_s, end_s)
        return (last - first).astype(float), np.where(known > 0, level * known, 0.0)

    def per_minute(self, start_s: Array, end_s: Array) -> tuple[Array, Array]:
        """Return how many begin per minute of watched time, and the share that was watched."""
        count, share = self.between(start_s, end_s)
        seen = share > 0
        return np.where(
            seen, 60.0 * count / np.where(seen, share * (end_s - start_s), 1.0), np.nan
        ), share


def largest_rise(series: Series, moments: Moments, delay_s: float, window_s: float) -> Array:
    """Return the largest rise (moment,) from a begin to any later peak within the window.

    It begins from `delay_s` after the moment to the latest time a response may; 0 where the
    series only falls.
    """
    step_s = max(series.step_s, _FINEST_RISE_S)
    grid_s = np.arange(delay_s, window_s + step_s / 2, step_s)
    return _piecewise(moments, lambda part: _rises(series, part, grid_s))


def highest(series: Series, moments: Moments, grid_s: Array, sign: int) -> Array:
    """Return sign * the highest of sign * the series (moment,), at so many s after each."""

    def of(part: Moments) -> Array:
        values = sign * series.at(part.onsets_s[:, None] + grid_s)
        most = np.where(np.isfinite(values), values, -np.inf).max(axis=1, initial=-np.inf)
        return np.asarray(np.where(np.isfinite(most), sign * most, np.nan))

    return _piecewise(moments, of)


def _piecewise(moments: Moments, of: Callable[[Moments], Array]) -> Array:
    """Compute `of` for some moments at a time: there may be many, each with a window of samples."""
    parts = [
        of(moments.part(first, first + _MOMENTS_AT_ONCE))
        for first in range(0, len(moments), _MOMENTS_AT_ONCE)
    ]
    return np.concatenate(parts) if parts else np.zeros(0)


def _rises(series: Series, moments: Moments, grid_s: Array) -> Array:
    values = series.at(moments.onsets_s[:, None] + grid_s)
    may_begin = grid_s <= moments.latest_s[:, None] + 1e-9
    troughs = np.where(may_begin & np.isfinite(values), values, np.inf)
    rises = values - np.minimum.accumulate(troughs, axis=1)
    rises = np.where(np.isfinite(rises), rises, -np.inf).max(axis=1)
    return np.asarray(np.where(np.isfinite(rises), rises, np.nan))


def _running(parts: Array) -> Array:
    """Return running sums at both edges of each part."""
    after = np.cumsum(parts)
    return np.stack([after - parts, after], axis=1).ravel()
