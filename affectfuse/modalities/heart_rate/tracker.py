"""Heart rate followed in time over a grid of rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.confidence import Confidence
from affectfuse.modalities.heart_rate.spectrum import fuse
from affectfuse.signals.spectra import peak_near

__all__ = ["HeartRateEstimate", "HeartRateTracker"]

_HARMONIC_WEIGHT = 0.5
_STRONGEST = 60.0
_KEPT = 0.6
_SPREAD_BPM = 3.0
_ANY_RATE = 0.02


@dataclass(frozen=True, slots=True, eq=False)
class HeartRateEstimate:
    """Heart rate at one time.

    Attributes:
        confidence: see `Confidence`.
        weights: (region,) weight of each region's pulse, summing to 1.
        features: what the confidence was computed from, in the order of `confidence.FEATURES`.
    """

    heart_rate_bpm: float
    confidence: float
    weights: Array
    features: Array


class HeartRateTracker:
    """A Bayes filter over a grid of heart rates, fed with one window a tick.

    The evidence for a rate is the fused power at it, plus half of that at its second harmonic, in
    units of the noise floor: the logarithm of the likelihood of a sine in Gaussian noise, growing
    only logarithmically above 60, because noise is not all Gaussian. The
    harmonic settles octaves: the true rate collects both peaks, its double only one. Between ticks
    the belief spreads by about 3 bpm, with a chance of 2 % of any rate; and because neighbouring
    windows overlap, the old belief counts with an exponent of 0.6. The rate is then read between
    the bins, at the peak nearest to the most likely grid point.

    Args:
        band_bpm: lowest and highest heart rate.
    """

    def __init__(self, band_bpm: tuple[float, float]) -> None:
        self._grid_bpm = np.arange(band_bpm[0], band_bpm[1] + 0.5, 1.0)
        distance = np.abs(self._grid_bpm[:, None] - self._grid_bpm[None, :])
        spread = np.exp(-distance / _SPREAD_BPM)
        self._spread = spread / spread.sum(axis=0, keepdims=True)
        self._belief = np.full(len(self._grid_bpm), 1.0 / len(self._grid_bpm))
        self._newest_bpm = math.nan
        self._confidence = Confidence()

    def update(
        self, pulses: Array, motion: Array, sampling_rate_hz: float, chromatic: bool = True
    ) -> HeartRateEstimate:
        """Take the newest window and return the estimate for it.

        Args:
            pulses: (region, time) pulse waveforms, NaN where missing.
            motion: (time, 3) head motion, NaN where missing.
            sampling_rate_hz: of both.
            chromatic: whether the pulses come from a projection that light does not move.
        """
        low_bpm, high_bpm = self._grid_bpm[0], self._grid_bpm[-1]
        window = fuse(pulses, motion, sampling_rate_hz, high_bpm, self._newest_bpm)
        frequencies_hz, ratio = window.frequencies_hz, window.ratio
        first = np.interp(self._grid_bpm / 60.0, frequencies_hz, ratio)
        second = np.interp(2 * self._grid_bpm / 60.0, frequencies_hz, ratio)
        evidence = _STRONGEST * np.log1p((first + _HARMONIC_WEIGHT * second) / _STRONGEST)
        belief = self._spread @ self._belief**_KEPT
        belief = (1 - _ANY_RATE) * belief / belief.sum() + _ANY_RATE / len(belief)
        belief = belief * np.exp(evidence - evidence.max())
        self._belief = belief / belief.sum()

        likely_bpm = float(self._grid_bpm[int(np.argmax(self._belief))])
        frequency_hz, _ = peak_near(frequencies_hz, window.power, likely_bpm / 60.0, 4.0 / 60.0)
        rate_bpm = float(np.clip(60.0 * frequency_hz, low_bpm, high_bpm))
        self._newest_bpm = rate_bpm
        confidence, features = self._confidence.judge(rate_bpm, window, high_bpm, chromatic)
        return HeartRateEstimate(rate_bpm, confidence, window.weights, features)

    def skip(self) -> None:
        """Let a tick without evidence pass: the belief spreads."""
        belief = self._spread @ self._belief
        self._belief = belief / belief.sum()
        self._newest_bpm = math.nan
        self._confidence = Confidence()
