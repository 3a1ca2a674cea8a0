"""The last seconds of heart rate beside the person's own baseline: what the encoder sees."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from affectfuse.containers import Array

__all__ = ["CHANNELS", "History", "RunningMedian"]

CHANNELS = ("heart_rate_deviation", "heart_rate_level", "confidence", "amplitude_deviation")
"""Rows of a sample: heart rate minus baseline in 10 bpm; heart rate minus 80 bpm in 30 bpm;
confidence; natural logarithm of pulse amplitude over its baseline. Unknown is 0, with confidence 0.
The first and the last are clipped to +-4 and +-2."""


class RunningMedian:
    """The weighted median of all values so far, to half a bin, in constant memory (a histogram)."""

    def __init__(self, low: float, high: float, bin_width: float) -> None:
        self._low, self._bin_width = low, bin_width
        self._weights = np.zeros(math.ceil((high - low) / bin_width) + 1)

    def add(self, value: float, weight: float) -> None:
        at = round((value - self._low) / self._bin_width)
        self._weights[min(max(at, 0), len(self._weights) - 1)] += weight

    @property
    def value(self) -> float:
        """The median, NaN when nothing has any weight."""
        total = np.cumsum(self._weights)
        if total[-1] <= 0.0:
            return math.nan
        return self._low + self._bin_width * float(np.searchsorted(total, total[-1] / 2))


class History:
    """Keeps the last `length` ticks and the baselines since the recording's start.

    A baseline is the running median of all values so far, each weighing what its confidence was:
    causal, the same live and from a file, and hardly moved by a stretch shorter than half of what
    came before. In the first minute it is still settling.
    """

    def __init__(self, length: int) -> None:
        self._ticks: deque[tuple[float, float, float]] = deque(
            [(math.nan, 0.0, math.nan)] * length, maxlen=length
        )
        self._heart_rate = RunningMedian(30.0, 240.0, 0.5)
        self._log_amplitude = RunningMedian(-14.0, 0.0, 0.02)

    def add(self, heart_rate_bpm: float, confidence: float, amplitude: float) -> None:
        """Take one tick; NaN where not known."""
        log_amplitude = math.log(amplitude) if amplitude > 0.0 else math.nan
        if math.isfinite(heart_rate_bpm):
            self._heart_rate.add(heart_rate_bpm, confidence)
            if math.isfinite(log_amplitude):
                self._log_amplitude.add(log_amplitude, confidence)
        else:
            confidence = 0.0
        self._ticks.append((heart_rate_bpm, confidence, log_amplitude))

    def quality(self, ticks: int) -> float:
        """The mean confidence of the newest `ticks`."""
        return float(np.mean([confidence for _, confidence, _ in list(self._ticks)[-ticks:]]))

    def sample(self) -> Array:
        """Return the array of the encoder: float32 (channel, time), oldest tick first."""
        heart_rate_bpm, confidence, log_amplitude = np.array(self._ticks).T
        deviation = np.clip((heart_rate_bpm - self._heart_rate.value) / 10.0, -4.0, 4.0)
        amplitude = np.clip(log_amplitude - self._log_amplitude.value, -2.0, 2.0)
        rows = np.stack([deviation, (heart_rate_bpm - 80.0) / 30.0, confidence, amplitude])
        return np.asarray(np.nan_to_num(rows, nan=0.0), dtype=np.float32)
