"""How likely it is that a heart rate is right."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.regions import DISJOINT
from affectfuse.modalities.heart_rate.spectrum import LOWEST_HZ, RESOLUTION_HZ, FusedSpectrum
from affectfuse.signals.spectra import hann_spectrum

__all__ = ["FEATURES", "Confidence"]

INTERCEPT = -4.972
FEATURES = {
    "prominence": 0.461,
    "agreement": 0.542,
    "persistence": 0.469,
    "wander": -0.293,
    "ticks": 0.113,
    "slow_agreement": 0.924,
    "slow_persistence": 0.996,
    "sway": -0.267,
}
"""Name and coefficient of each feature, in the order `Confidence` computes them."""

_WANDER_TICKS = 15
_SLOW_TICKS = 10


class Confidence:
    """The estimated probability that the error is at most 3 bpm: a logistic function.

    Of the logarithms of: how far the peak stands out over the highest other one; how well the
    regions agree in phase at it; how strong it is in the weaker half of the window; how much the
    estimate moved from tick to tick over the last 15; for how long there has been one; and the
    means over the last 10 ticks of the second and third; and how much the head moves at that rate.

    The coefficients come from `python benchmarks/heart_rate/fit_confidence.py 500`, synthetic
    traces of which half were held out (8,839 ticks): errors above 5 bpm are told from errors below
    2 with an area under the ROC curve of .936; where it says .3, .5, .7 and .9 or more, .69, .84,
    .88 and .96 were right (the middle is conservative: two of three training recordings count as
    pulse-free); without a pulse the 99th percentile is .87, perhaps since sway that colours all
    regions alike in the pulse band passes for one. Not yet checked on people.
    """

    def __init__(self) -> None:
        self._rates_bpm: deque[float] = deque(maxlen=_WANDER_TICKS)
        self._slow: deque[tuple[float, float]] = deque(maxlen=_SLOW_TICKS)

    def judge(
        self, rate_bpm: float, window: FusedSpectrum, highest_bpm: float, chromatic: bool
    ) -> tuple[float, Array]:
        """Return the confidence in `rate_bpm` as the rate of `window`, and its features.

        Without colour (`chromatic` false) a flickering light moves all regions together, so that
        their agreement says nothing and counts as none.
        """
        in_bpm = 60.0 * window.frequencies_hz
        at = int(np.argmin(np.abs(in_bpm - rate_bpm)))
        band = (in_bpm >= 60.0 * LOWEST_HZ) & (in_bpm <= highest_bpm)
        own = (np.abs(in_bpm - rate_bpm) <= 8.0) | (np.abs(in_bpm - 2 * rate_bpm) <= 8.0)
        prominence = math.log((window.ratio[at] + 1e-3) / (window.ratio[band & ~own].max() + 1e-3))
        agreement = _agreement(window.spectra[DISJOINT, at]) if chromatic else 0.0
        persistence = _persistence(rate_bpm, window, band)
        self._rates_bpm.append(rate_bpm)
        self._slow.append((agreement, persistence))
        rates_bpm = np.array(self._rates_bpm)
        wander = float(np.abs(np.diff(rates_bpm)).mean()) if len(rates_bpm) > 1 else 3.0
        slow_agreement, slow_persistence = np.mean(self._slow, axis=0)
        features = np.array(
            [
                prominence,
                -math.log(1.02 - agreement),
                persistence,
                math.log(wander + 0.3),
                math.log(len(rates_bpm)),
                -math.log(1.02 - slow_agreement),
                slow_persistence,
                math.log(1.0 + window.sway[at]),
            ]
        )
        score = INTERCEPT + float(features @ np.array(list(FEATURES.values())))
        return 1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0))), features


def _agreement(at_rate: Array) -> float:
    """Return the mean coherence of pairs of regions, from (region,) complex.

    1 when all are in phase; about 0 for noise, and 0 when there is one region only.
    """
    regions, energy = np.count_nonzero(at_rate), float((np.abs(at_rate) ** 2).sum())
    if regions < 2 or energy <= 0.0:
        return 0.0
    return float(np.abs(at_rate.sum()) ** 2 - energy) / ((regions - 1) * energy)


def _persistence(rate_bpm: float, window: FusedSpectrum, band: Array) -> float:
    """Return the logarithm of the peak over the median of the band in the weaker half."""
    pulses, rate_hz = window.pulses, window.sampling_rate_hz
    known = np.flatnonzero(np.isfinite(pulses).any(axis=0))
    if len(known) < 2:
        return math.log(0.1)
    middle = int(known[len(known) // 2])
    near = np.abs(60.0 * window.frequencies_hz - rate_bpm) <= 6.0
    heights = []
    for half in (pulses[:, :middle], pulses[:, middle:]):
        _, spectra = hann_spectrum(half, rate_hz, RESOLUTION_HZ)
        power = np.abs(window.gains @ spectra[:, : len(near)]) ** 2
        heights.append(float(power[near].max() / (np.median(power[band]) + 1e-12)))
    return math.log(min(heights) + 0.1)
