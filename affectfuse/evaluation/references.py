"""The reference heart rate of a window, from whichever reference track a recording has."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.evaluation.base import sound
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.spectra import hann_spectrum, peak_near

__all__ = ["METHODS", "reference_heart_rate"]

METHODS = {
    "beat_interval_ms": "the beats counted in fractions over the time that their intervals cover",
    "heart_rate_bpm": "the sensor's heart rate averaged, each reading standing for the time since "
    "the one before it; the averaging inside the sensor itself comes on top",
    "bvp": "the highest peak from 40 to 220 bpm of the Hann spectrum of the sensor's pulse "
    "waveform, detrended, read between the bins",
}
"""What is done with each reference track, as the second half of a sentence."""

_BAND_BPM = (40.0, 220.0)
_LONGEST_READING_S = 2.0
_RATE_HZ = 30.0
_TREND_S = 1.6
_RESOLUTION_HZ = 0.5 / 60.0


def reference_heart_rate(
    references: Mapping[str, Track], name: str, starts_s: Array, ends_s: Array, least_known: float
) -> Array:
    """Return the mean heart rate in bpm over each window (window,), NaN where it is not known.

    Args:
        references: by name.
        name: of the one to use, one of `METHODS`, which says how.
        starts_s: (window,) where each window begins.
        ends_s: (window,) where it ends.
        least_known: share of a window that the reference must cover.
    """
    track = references[name]
    if name == "bvp":
        windows = zip(starts_s, ends_s, strict=True)
        return np.array([_spectral_peak(track, *window, least_known) for window in windows])
    if name == "beat_interval_ms":
        lasting_s = track.values / 1000.0
        with np.errstate(divide="ignore"):
            rates = 60.0 / lasting_s
    else:
        before = np.diff(track.times_s, prepend=track.times_s[:1] - _LONGEST_READING_S)
        lasting_s, rates = np.minimum(before, _LONGEST_READING_S), track.values
    known = sound(track) & np.isfinite(rates) & (lasting_s > 0.0)
    spans = (track.times_s[known] - lasting_s[known], track.times_s[known])
    return _window_means(*spans, rates[known], starts_s, ends_s, least_known)


def _window_means(
    froms_s: Array, untils_s: Array, values: Array, starts_s: Array, ends_s: Array, least: float
) -> Array:
    """Return means over windows of a function that has a value on each span and none elsewhere."""
    means = np.full(len(starts_s), np.nan)
    for row, (start, end) in enumerate(zip(starts_s, ends_s, strict=True)):
        shared = np.clip(np.minimum(untils_s, end) - np.maximum(froms_s, start), 0.0, None)
        total = float(shared.sum())
        if total > 0.0 and total >= least * (end - start):
            means[row] = float(shared @ values) / total
    return means


def _spectral_peak(bvp: Track, start_s: float, end_s: float, least: float) -> float:
    inside = (bvp.times_s >= start_s) & (bvp.times_s <= end_s) & sound(bvp)
    times_s = bvp.times_s[inside]
    if len(times_s) < 2:
        return float("nan")
    steps_s = np.minimum(np.diff(times_s), 3.0 * float(np.median(np.diff(times_s))))
    if steps_s.sum() < least * (end_s - start_s):
        return float("nan")
    grid = np.arange(times_s[0], times_s[-1], 1.0 / _RATE_HZ)
    pulse = remove_trend(np.interp(grid, times_s, bvp.values[inside]), _RATE_HZ, _TREND_S)
    frequencies_hz, spectrum = hann_spectrum(pulse, _RATE_HZ, _RESOLUTION_HZ)
    low_hz, high_hz = (bpm / 60.0 for bpm in _BAND_BPM)
    power = np.abs(spectrum) ** 2
    if not np.any(power > 0.0):
        return float("nan")
    centre_hz, reach_hz = (low_hz + high_hz) / 2.0, (high_hz - low_hz) / 2.0
    return 60.0 * peak_near(frequencies_hz, power, centre_hz, reach_hz)[0]
