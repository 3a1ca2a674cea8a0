"""Respiration from what breathing does to the pulse: its baseline, its amplitude, its rhythm."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.spectra import hann_spectrum

__all__ = ["RATE_HZ", "TRUSTED", "RespirationRate", "modulation", "respiration_rate"]

RATE_HZ = 4.0
"""Sampling rate of the modulations."""

TRUSTED = 0.8
"""From this confidence on a rate is worth giving: of simulated pulses without respiration 1.5 % get
there, of those with one 45 % (and 99.1 % of these are right to 2 a minute), by
`python benchmarks/heart_rate/fit_respiration.py 4000`, on the half that was held out."""

BAND_PER_MIN = (8.0, 36.0)

_RESOLUTION_HZ = 0.004
_TREND_S = 10.0
_LEAST_SHARE = 0.6
_NEAR_PER_MIN = 2.5
_BELOW_PER_MIN = 3.0
_MOST_EXPLAINED = 0.99
INTERCEPT, SLOPE = 0.562, 2.419


@dataclass(frozen=True, slots=True)
class RespirationRate:
    """A respiration rate.

    Attributes:
        rate_per_min: where the modulations together are strongest; NaN when there is none to read.
        confidence: probability that there is a respiration and the rate errs by at most 2 a minute.
        concentration: the share of the modulations' power within 2.5 a minute of it: one minus
            the geometric mean of what it leaves of each.
    """

    rate_per_min: float
    confidence: float
    concentration: float


def modulation(times_s: Array, values: Array, start_s: float, count: int) -> Array:
    """Return values at the times of beats on a uniform grid of 4 Hz, (count,), trend removed.

    Linear between beats; NaN before the first, after the last and in gaps longer than 3 s.
    """
    known = np.isfinite(values)
    grid_s = start_s + np.arange(count) / RATE_HZ
    if known.sum() < 2:
        return np.full(count, np.nan)
    at_s, heights = times_s[known], values[known]
    line = np.interp(grid_s, at_s, heights, left=np.nan, right=np.nan)
    after = np.clip(np.searchsorted(at_s, grid_s), 1, len(at_s) - 1)
    line[at_s[after] - at_s[after - 1] > 3.0] = np.nan
    return remove_trend(line, RATE_HZ, _TREND_S)


def respiration_rate(modulations: Array) -> RespirationRate:
    """Return the rate at which the modulations agree, and how likely it is one.

    Each spectrum, from 8 to 36 a minute, is divided by its sum. At each rate the share of a
    spectrum that lies within 2.5 a minute of it says how much of that modulation a breath of this
    rate explains: -log(1 - share) for each, and the rate is where their sum is highest. So one
    modulation that breathes clearly is not drowned by others that do not. Slower waves of
    blood pressure, about 6 a minute, modulate the pulse in the same ways and cannot be told from
    slow breathing: they are out of the band.

    Args:
        modulations: (modulation, time) at 4 Hz, NaN where missing: rows of NaN are left out.

    Reference:
        Karlen, Raman, Ansermino, Dumont (2013), Multiparameter respiratory rate estimation from the
        photoplethysmogram, IEEE Trans. Biomed. Eng. 60(7). DOI 10.1109/TBME.2013.2246160.
        Deviation: the evidence is summed before the peak is taken, and a probability takes the
        place of the limit on the spread of the rates.
    """
    usable = [row for row in modulations if _varies(row)]
    if len(usable) < 2:
        return RespirationRate(math.nan, 0.0, math.nan)
    per_min, power = _spectra(np.stack(usable))
    together = power.mean(axis=0)
    peaks = 1 + np.flatnonzero((together[1:-1] > together[:-2]) & (together[1:-1] >= together[2:]))
    peaks = peaks[per_min[peaks] >= BAND_PER_MIN[0]]
    if not len(peaks):
        return RespirationRate(math.nan, 0.0, math.nan)
    around = np.abs(per_min - per_min[peaks, None]) <= _NEAR_PER_MIN
    unexplained = 1.0 - np.minimum(power @ around.T, _MOST_EXPLAINED)
    explained = 1.0 - np.exp(np.log(unexplained).mean(axis=0))
    best = int(np.argmax(explained))
    weights = np.where(around[best], (1.0 / unexplained[:, best]) @ power, 0.0)
    rate = float(weights @ per_min / weights.sum())
    concentration = float(np.clip(explained[best], 0.01, 0.99))
    score = INTERCEPT + SLOPE * math.log(concentration / (1.0 - concentration))
    return RespirationRate(rate, 1.0 / (1.0 + math.exp(-score)), concentration)


def _varies(row: Array) -> bool:
    """Whether a modulation has values over most of the time, and more than one."""
    known = row[np.isfinite(row)]
    return len(known) >= _LEAST_SHARE * len(row) and len(known) > 0 and float(np.ptp(known)) > 1e-12


def _spectra(rows: Array) -> tuple[Array, Array]:
    """Return rates a minute, from 3 below the band on, and the share of the power at each."""
    frequencies_hz, spectra = hann_spectrum(rows, RATE_HZ, _RESOLUTION_HZ)
    per_min = 60.0 * frequencies_hz
    kept = (per_min >= BAND_PER_MIN[0] - _BELOW_PER_MIN) & (per_min <= BAND_PER_MIN[1])
    power = np.abs(spectra[:, kept]) ** 2
    return per_min[kept], power / np.maximum(power.sum(axis=1, keepdims=True), 1e-300)
