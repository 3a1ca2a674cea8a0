"""Movement of a limb or the body, from an accelerometer worn there."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfiltfilt

from affectfuse.containers import Array, Track
from affectfuse.modalities.windowed_signal import WindowedSignal, WindowReader, WindowReading

__all__ = ["Movement"]

_BANDS_HZ = {"sway": (0.15, 0.6), "gesture": (0.6, 2.0), "tremor": (5.0, 12.0)}
_ACTIVE_G = 0.02
_NOISE_G = 0.0005
_POSTURE_S = 5.0


class Movement(WindowedSignal):
    """How much and how fast it moves, and how the posture changes; see `WindowedSignal`.

    The three axes count together, so that it does not matter how the sensor is worn; gravity, and
    with it the direction in which it points, is left out. Tracks: `movement_g`, the root mean
    square of the acceleration from 0.6 to 2 Hz in the newest period. The quality is the share of
    the window that was recorded.
    """

    name = "movement"

    def reader(self) -> WindowReader:
        return _Acceleration(self.period_s)


class _Acceleration(WindowReader):
    features = (
        "log_strong_sway_g",
        "log_strong_gestures_g",
        "log_tremor_g",
        "active_share",
        "log_posture_changes",
    )
    channels = 3
    rate_hz = 32.0

    def __init__(self, period_s: float) -> None:
        self._period_s = period_s
        self._filters = {
            name: butter(2, band_hz, "bandpass", fs=self.rate_hz, output="sos")
            for name, band_hz in _BANDS_HZ.items()
        }

    def read(self, time_s: float, values: Array) -> WindowReading:
        known: Array = np.asarray(np.isfinite(values).all(axis=1))
        seconds = len(values) // round(self.rate_hz)
        if known.sum() < self.rate_hz * _POSTURE_S:
            return WindowReading(np.full(len(self.features), np.nan), 0.0)
        filled = np.where(known[:, None], values, values[known].mean(axis=0))
        strength = {
            name: np.linalg.norm(sosfiltfilt(sections, filled, axis=0), axis=1)
            for name, sections in self._filters.items()
        }
        of_seconds = {
            name: _means(values, seconds, known)[:, 0]
            for name, values in ((n, s[:, None]) for n, s in strength.items())
        }
        posture = _means(filled, round(seconds / _POSTURE_S), known)
        pointing = posture / np.maximum(np.linalg.norm(posture, axis=1, keepdims=True), 1e-9)
        features = np.array(
            [
                np.log(np.percentile(of_seconds["sway"], 90) + _NOISE_G),
                np.log(np.percentile(of_seconds["gesture"], 90) + _NOISE_G),
                np.log(np.median(of_seconds["tremor"]) + _NOISE_G),
                float((of_seconds["gesture"] > _ACTIVE_G).mean()),
                np.log(np.linalg.norm(pointing - pointing.mean(axis=0), axis=1).mean() + 0.005),
            ]
        )
        newest = slice(-round(self._period_s * self.rate_hz), None)
        moved, seen = strength["gesture"][newest], known[newest]
        rms = float(np.sqrt((moved[seen] ** 2).mean())) if seen.any() else np.nan
        track = Track.reading("movement_g", "g", time_s, rms, float(seen.mean()))
        return WindowReading(features, 1.0, [track])


def _means(values: Array, parts: int, known: Array) -> Array:
    """Return the means over so many equal parts of a window, (part, channel); none of the unknown.

    At least one part holds a known sample.
    """
    length = len(values) // parts
    counted = known[: parts * length].reshape(parts, length, 1)
    cut = values[: parts * length].reshape(parts, length, -1)
    total = np.where(counted, cut, 0.0).sum(axis=1)
    count = counted.sum(axis=1)
    means: Array = (total / np.maximum(count, 1))[count[:, 0] > 0]
    return means
