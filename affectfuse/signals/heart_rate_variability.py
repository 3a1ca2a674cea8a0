"""Heart rate variability from beat intervals, where there are enough of them to speak of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.signal import lombscargle

from affectfuse.containers import Array

__all__ = ["HeartRateVariability", "heart_rate_variability", "normal_intervals"]

LEAST_TIME_DOMAIN_S, LEAST_FREQUENCY_DOMAIN_S = 20.0, 55.0
LOW_BAND_HZ, HIGH_BAND_HZ = (0.04, 0.15), (0.15, 0.4)

_LEAST_QUALITY = 0.5
_LEAST_SHARE = 0.6
_LEAST_PAIRS = 12
_MOST_ERROR_S = 0.018
_NEIGHBOURS = 5
_MOST_DEVIATION = 0.3
_MOST_DEVIATION_OF_ALL = 0.45
_SLOW_PER_BEAT = 0.04
_RESPIRATION_PER_BEAT = np.array([0.15, 0.22, 0.29, 0.36, 0.43])
_RESPIRATION_WIDTH = 0.06
_UPDATES = 60
_PENALTY = 12.0


@dataclass(frozen=True, slots=True)
class HeartRateVariability:
    """Heart rate variability over a stretch of time.

    Attributes:
        rmssd_ms: root mean square of successive differences; NaN where it is not known.
        sdnn_ms: standard deviation of the intervals, over n - 1; NaN likewise.
        lf_hf: power from 0.04 to 0.15 Hz over power from 0.15 to 0.4 Hz; NaN likewise.
        quality: in [0, 1]: the share of the time that normal intervals cover, less the more their
            beats' instants are in error (half at 15 ms).
        note: why RMSSD and SDNN are NaN, or nothing.
        lf_hf_note: why LF/HF is NaN, or nothing.
    """

    rmssd_ms: float
    sdnn_ms: float
    lf_hf: float
    quality: float
    note: str
    lf_hf_note: str


def normal_intervals(intervals_s: Array, quality: Array) -> Array:
    """Return which intervals count as lying between two normal beats (NN).

    Those whose beats at both ends have a quality of at least 0.5 and which deviate from the median
    of the eleven around by at most 30 % and from that of all by at most 45 %: median filters, which
    find missed, extra and ectopic beats, single ones and runs of them. What is refused is left out;
    nothing is put in its place.

    Shape: (beat,), (beat,) -> (beat,) bool.
    """
    good = quality >= _LEAST_QUALITY
    candidates = np.isfinite(intervals_s) & good
    candidates[1:] &= good[:-1]
    padded = np.full(len(candidates) + 2 * _NEIGHBOURS, np.inf)
    padded[_NEIGHBOURS : len(padded) - _NEIGHBOURS] = np.where(candidates, intervals_s, np.inf)
    at = np.arange(len(candidates))[:, None] + np.arange(2 * _NEIGHBOURS + 1)
    around = np.sort(padded[at], axis=1)  # the unknown last
    count = np.isfinite(around).sum(axis=1)
    rows, known = np.arange(len(at)), np.maximum(count, 1)
    centre = (around[rows, (known - 1) // 2] + around[rows, known // 2]) / 2.0
    normal: Array = candidates & (np.abs(intervals_s - centre) <= _MOST_DEVIATION * centre)
    if normal.any():
        usual = float(np.median(intervals_s[normal]))
        normal &= np.abs(intervals_s - usual) <= _MOST_DEVIATION_OF_ALL * usual
    return normal


def heart_rate_variability(
    times_s: Array, intervals_s: Array, quality: Array, error_s: Array, span_s: float
) -> HeartRateVariability:
    """Return RMSSD, SDNN and LF/HF of a stretch, NaN where it does not allow them.

    RMSSD and SDNN need 20 s, LF/HF 55 s; all need normal intervals over 60 % of the time, twelve
    pairs of successive ones, and instants known to 18 ms. RMSSD takes only differences between
    neighbours. What the known errors of the instants add to RMSSD and SDNN is taken off again (see
    `_true_shares`): a variability that is small beside them comes out smaller than it is. LF/HF is
    read from the Lomb-Scargle periodogram of the intervals at the times of their beats, with a
    floating mean, so that refused intervals need nothing in their place.

    Args:
        times_s: (beat,) of each beat, rising.
        intervals_s: (beat,) since the beat before, NaN where that is missing.
        quality: (beat,) in [0, 1].
        error_s: (beat,) standard error of each instant.
        span_s: length of the stretch that was watched, with or without beats.

    Reference:
        Task Force of ESC and NASPE (1996), Heart rate variability: standards of measurement,
        physiological interpretation and clinical use, Circulation 93(5).
        DOI 10.1161/01.CIR.93.5.1043. Deviations: stretches shorter than 5 minutes; RMSSD and SDNN
        corrected for errors of timing.
    """
    normal = normal_intervals(intervals_s, quality)
    pairs = normal[1:] & normal[:-1]
    share = min(float(intervals_s[normal].sum()) / span_s, 1.0) if span_s > 0.0 else 0.0
    variance = float(np.mean(error_s[normal] ** 2)) if normal.any() else math.inf
    facts = (span_s, share, int(pairs.sum()), math.sqrt(variance))
    note = _reason(LEAST_TIME_DOMAIN_S, *facts)
    lf_hf_note = _reason(LEAST_FREQUENCY_DOMAIN_S, *facts)
    rmssd_ms = sdnn_ms = lf_hf = math.nan
    if not note:
        of_differences, of_deviations = _true_shares(intervals_s, normal, variance)
        differences = float(np.mean(np.diff(intervals_s)[pairs] ** 2))
        deviations = float(np.var(intervals_s[normal], ddof=1))
        rmssd_ms = 1000.0 * math.sqrt(of_differences * differences)
        sdnn_ms = 1000.0 * math.sqrt(of_deviations * deviations)
    if not lf_hf_note:
        lf_hf = _low_over_high(times_s[normal], intervals_s[normal])
    sure = share / (1.0 + variance / 0.015**2)
    return HeartRateVariability(rmssd_ms, sdnn_ms, lf_hf, sure, note, lf_hf_note)


def _reason(least_s: float, span_s: float, share: float, pairs: int, error_s: float) -> str:
    if span_s < least_s:
        return f"needs {least_s:g} s of pulse"
    if share < _LEAST_SHARE:
        return f"needs clear beats over {_LEAST_SHARE:.0%} of the time"
    if pairs < _LEAST_PAIRS:
        return f"needs {_LEAST_PAIRS} pairs of successive clear beats"
    if error_s > _MOST_ERROR_S:
        return f"the pulse is too noisy to time its beats to {1000.0 * _MOST_ERROR_S:g} ms"
    return ""


def _true_shares(intervals_s: Array, normal: Array, error_variance: float) -> tuple[float, float]:
    """Return which share of the power of differences, and of deviations, is not timing error.

    Independent errors of the instants give the intervals a spectrum of 2 - 2 cos times the errors'
    variance. What variability adds is fitted as a sum of fixed shapes: white, slow, and five bands
    of respiration, by multiplicative updates of the Itakura-Saito divergence, which is the
    likelihood of a periodogram, with a penalty in favour of none. What remains is the power to be
    expected of it given the periodogram (that of a Wiener filter and its uncertainty).

    Reference:
        Fevotte, Bertin, Durrieu (2009), Nonnegative matrix factorization with the Itakura-Saito
        divergence, Neural Computation 21(3). DOI 10.1162/neco.2008.04-08-771. Deviations: shapes
        are fixed; the penalty.
    """
    at = np.flatnonzero(normal)
    filled = np.interp(np.arange(at[0], at[-1] + 1), at, intervals_s[at])
    taper = np.hanning(len(filled) + 2)[1:-1]
    spectrum = np.fft.rfft((filled - filled.mean()) * taper)[1:]
    power = np.abs(spectrum) ** 2 / (taper @ taper)
    per_beat = np.arange(1, len(power) + 1) / len(filled)
    differencing = 2.0 - 2.0 * np.cos(2.0 * np.pi * per_beat)
    noise = error_variance * differencing + 1e-12
    slow = 1.0 / (1.0 + (per_beat / _SLOW_PER_BEAT) ** 2)
    distance = (per_beat - _RESPIRATION_PER_BEAT[:, None]) / _RESPIRATION_WIDTH
    shapes = np.stack([np.ones(len(power)), slow, *np.exp(-0.5 * distance**2)])
    weights = np.full(len(shapes), float(power.mean()) / len(shapes) + 1e-12)
    for _ in range(_UPDATES):
        total = noise + weights @ shapes
        penalty = _PENALTY * shapes.mean(axis=1) / float(total.mean())
        weights *= np.sqrt(shapes @ (power / total**2) / (shapes @ (1.0 / total) + penalty))
    true = weights @ shapes
    share = true / (true + noise)
    expected = share**2 * power + share * noise
    of_differences = float(expected @ differencing) / max(float(power @ differencing), 1e-30)
    of_deviations = float(expected.sum()) / max(float(power.sum()), 1e-30)
    return min(of_differences, 1.0), min(of_deviations, 1.0)


def _low_over_high(times_s: Array, intervals_s: Array) -> float:
    frequencies_hz = np.arange(LOW_BAND_HZ[0], HIGH_BAND_HZ[1], 0.002)
    centred = intervals_s - intervals_s.mean()
    power = lombscargle(times_s, centred, 2.0 * np.pi * frequencies_hz, floating_mean=True)
    low = float(power[frequencies_hz < LOW_BAND_HZ[1]].sum())
    high = float(power[frequencies_hz >= HIGH_BAND_HZ[0]].sum())
    return low / high if high > 0.0 else math.nan
