"""Heart rate followed in time over a grid of rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.confidence import Confidence
from affectfuse.modalities.heart_rate.spectrum import PulseSpectrum, SkinSeries
from affectfuse.signals.spectra import peak_near

__all__ = ["HeartRateEstimate", "HeartRateTracker"]

_SNAPSHOTS = 10.0
_HARMONIC = 0.6
_FRESH = 0.5
_KEPT = 0.9
_SPREAD_BPM = 3.0
_ANY_RATE = 0.005
_REACH_BPM = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class HeartRateEstimate:
    """Heart rate at one time.

    Attributes:
        confidence: see `Confidence`.
        amplitude: of the pulse, AC/DC of green.
        weights: (channel,) of the skin series that make the pulse of it; see
            `SkinSeries.combine`.
        coupling: (3, channel) what the head's motion adds to the skin series.
        features: what the confidence was computed from, in the order of `confidence.FEATURES`.
    """

    heart_rate_bpm: float
    confidence: float
    amplitude: float
    weights: Array
    coupling: Array
    features: Array


class HeartRateTracker:
    """A Bayes filter over a grid of heart rates, fed with one window a tick.

    The evidence for a rate is the statistic of the matched filter at it and at its second harmonic,
    T1 + T2, as 5 log(1 + (T1 + T2) / 10): half of a log-likelihood when the noise was learnt from
    some ten independent neighbours, half because neighbouring windows overlap. The harmonic settles
    octaves: the true rate collects both peaks, its double only one. Between ticks the belief
    spreads by about 3 bpm, is raised to 0.9, and allows any rate with a chance of 0.5 %. The rate
    is then read between the bins: where the pulse, combined as is best at the most likely grid
    point, has its peak of power within 5 bpm.

    Args:
        band_bpm: lowest and highest heart rate.
    """

    def __init__(self, band_bpm: tuple[float, float]) -> None:
        self._grid_bpm = np.arange(band_bpm[0], band_bpm[1] + 0.5, 1.0)
        distance = np.abs(self._grid_bpm[:, None] - self._grid_bpm[None, :])
        spread = np.exp(-distance / _SPREAD_BPM)
        self._spread = spread / spread.sum(axis=0, keepdims=True)
        self._belief = np.full(len(self._grid_bpm), 1.0 / len(self._grid_bpm))
        self._confidence = Confidence()

    def update(self, window: SkinSeries) -> HeartRateEstimate:
        """Take the newest window and return the estimate for it."""
        low_bpm, high_bpm = float(self._grid_bpm[0]), float(self._grid_bpm[-1])
        spectrum = PulseSpectrum(window, high_bpm)
        frequencies_hz, statistic = spectrum.frequencies_hz, spectrum.statistic
        first = np.interp(self._grid_bpm / 60.0, frequencies_hz, statistic)
        second = np.interp(2 * self._grid_bpm / 60.0, frequencies_hz, statistic)
        evidence = _FRESH * _SNAPSHOTS * np.log1p((first + _HARMONIC * second) / _SNAPSHOTS)
        belief = self._spread @ self._belief**_KEPT
        belief = (1 - _ANY_RATE) * belief / belief.sum() + _ANY_RATE / len(belief)
        belief = belief * np.exp(evidence - evidence.max())
        self._belief = belief / belief.sum()

        likely_bpm = float(self._grid_bpm[int(np.argmax(self._belief))])
        frequency_hz = likely_bpm / 60.0
        for _ in range(2):
            power = spectrum.power(60.0 * frequency_hz)
            frequency_hz, _ = peak_near(frequencies_hz, power, frequency_hz, _REACH_BPM / 60.0)
        rate_bpm = float(np.clip(60.0 * frequency_hz, low_bpm, high_bpm))
        confidence, features = self._confidence.judge(rate_bpm, spectrum, (low_bpm, high_bpm))
        return HeartRateEstimate(
            rate_bpm,
            confidence,
            spectrum.amplitude(rate_bpm),
            spectrum.weights(rate_bpm),
            spectrum.coupling,
            features,
        )

    def skip(self) -> None:
        """Let a tick without evidence pass: the belief spreads."""
        belief = self._spread @ self._belief
        self._belief = belief / belief.sum()
        self._confidence = Confidence()
