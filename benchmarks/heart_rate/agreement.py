"""Compares what tools say of a clip with what is true of it, once a second."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.signal import periodogram
from scipy.stats import rankdata

from affectfuse.containers import Array, Track

WINDOW_S = 10.0
_RATE_HZ = 30.0
_BAND_HZ = (40 / 60, 220 / 60)


def ticks(truth: Track) -> tuple[Array, Array]:
    """Return the seconds from the first whole window on, and the true mean rate of that window."""
    compared = (truth.times_s >= WINDOW_S) & np.isfinite(truth.values)
    return truth.times_s[compared], truth.values[compared]


def reported(result: Mapping[str, Any], times_s: Array, name: str = "rates") -> Array:
    """Return what the tool itself reported last at each time, at most 1 s before; else NaN."""
    if "rates" not in result:
        return np.full(len(times_s), np.nan)
    given_s, rates = (np.array(part, dtype=float) for part in result["rates"])
    values = rates if name == "rates" else np.array(result.get(name, ()), dtype=float)
    if len(given_s) == 0 or len(values) != len(given_s):
        return np.full(len(times_s), np.nan)
    at = np.searchsorted(given_s, times_s + 0.02, side="right") - 1
    fresh = (at >= 0) & (times_s - given_s[np.maximum(at, 0)] < 0.98)
    return np.where(fresh, values[np.maximum(at, 0)], np.nan)


def from_waveform(result: Mapping[str, Any], times_s: Array) -> Array:
    """Return the rate of the 10 s of waveform before each time, the same way for every tool.

    The waveform at its frames' true times, put on a uniform grid, Hann window, zero-padded to
    0.1 bpm, highest peak from 40 to 220 bpm. NaN where less than 90 % of the window is known.
    """
    if "waveform" not in result:
        return np.full(len(times_s), np.nan)
    given_s, values = (np.array(part, dtype=float) for part in result["waveform"])
    known = np.isfinite(values)
    given_s, values = given_s[known], values[known]
    return np.array([_peak_bpm(given_s, values, end) for end in times_s])


def _peak_bpm(given_s: Array, values: Array, end_s: float) -> float:
    inside = (given_s > end_s - WINDOW_S) & (given_s <= end_s + 1e-6)
    if inside.sum() < 30 or np.minimum(np.diff(given_s[inside]), 0.2).sum() < 0.9 * WINDOW_S:
        return float("nan")
    grid = end_s - WINDOW_S + np.arange(round(WINDOW_S * _RATE_HZ)) / _RATE_HZ
    grid = grid[(grid >= given_s[inside][0]) & (grid <= given_s[inside][-1])]
    even = np.interp(grid, given_s, values)
    frequency_hz, power = periodogram(
        even, _RATE_HZ, window="hann", nfft=round(_RATE_HZ * 600), detrend="linear"
    )
    band = (frequency_hz >= _BAND_HZ[0]) & (frequency_hz <= _BAND_HZ[1])
    return float(60.0 * frequency_hz[band][np.argmax(power[band])])


def auroc(good: Array, bad: Array) -> float:
    """Return the probability that a good score is higher than a bad one; NaN without either."""
    if min(len(good), len(bad)) == 0:
        return float("nan")
    ranks = rankdata(np.concatenate([good, bad]))[: len(good)]
    return float((ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad)))
