"""The motion of the last seconds, and its usual noise: what a spotter remembers."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["MotionHistory", "RunningNoise"]

_NOISE_S, _NOISE_STEP_S = 15.0, 0.1
_NOISE_FLOOR, _NOISE_PRIOR = 0.06, 0.2  # % of the interocular distance
_LEAST_KNOWN, _UPDATE = 20, 5


class MotionHistory:
    """The rows of the last seconds with their times, oldest first, in arrays of fixed size.

    Args:
        span_s: what is older is forgotten.
        width: numbers in a row.
        capacity: rows that there is room for.
    """

    def __init__(self, span_s: float, width: int, capacity: int = 1024) -> None:
        self._span_s = span_s
        self._times = np.empty(capacity)
        self._rows = np.empty((capacity, width))
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._start = self._end = 0

    def push(self, time_s: float, row: Array) -> None:
        """Take the next row."""
        if self._end == len(self._times):
            kept = min(self._end - self._start, len(self._times) // 2)
            self._times[:kept] = self._times[self._end - kept : self._end]
            self._rows[:kept] = self._rows[self._end - kept : self._end]
            self._start, self._end = 0, kept
        self._times[self._end], self._rows[self._end] = time_s, row
        self._end += 1
        while self._times[self._start] < time_s - self._span_s:
            self._start += 1

    @property
    def times(self) -> Array:
        """(time,) in seconds."""
        return self._times[self._start : self._end]

    @property
    def rows(self) -> Array:
        """(time, number)."""
        return self._rows[self._start : self._end]


class RunningNoise:
    """A causal estimate of each channel's noise: the running median of its absolute deviations.

    Attributes:
        scale: (channel,) standard deviation, in % of the interocular distance.
    """

    def __init__(self, channels: int) -> None:
        self._kept = np.empty((round(_NOISE_S / _NOISE_STEP_S), channels))
        self._count = 0
        self._next_s = -np.inf
        self.scale = np.full(channels, _NOISE_PRIOR)

    def push(self, time_s: float, deviation: Array) -> None:
        """Take the channels' deviations at a time; those in quick succession are passed over."""
        if time_s < self._next_s:
            return
        self._next_s = time_s + _NOISE_STEP_S - 1e-6
        self._kept[self._count % len(self._kept)] = np.abs(deviation)
        self._count += 1
        if self._count >= _LEAST_KNOWN and self._count % _UPDATE == 0:
            kept = self._kept[: min(self._count, len(self._kept))]
            self.scale = np.maximum(np.median(kept, axis=0) / 0.6745, _NOISE_FLOOR)
