"""Heart rate followed in time over a grid of rates."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.confidence import Confidence, Evidence
from affectfuse.modalities.heart_rate.disturbances import ColourWindow, remove_disturbances
from affectfuse.modalities.heart_rate.projection import PulseProjection

__all__ = ["HeartRateEstimate", "HeartRateTracker"]

STEP_BPM = 0.5
_HARMONIC_WEIGHT = 0.5
_STRONGEST = 60.0
_KEPT = 0.7
_SPREAD_BPM = 1.0
_ANY_RATE = 0.02
_BESIDE_BPM = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class HeartRateEstimate:
    """Heart rate at one time.

    Attributes:
        confidence: see `Confidence`.
        bvp: (time,) the pulse over all of the window, in AC/DC of green, rising with blood volume.
        amplitude: of the pulse at that rate, AC/DC of green.
        shares: (region,) share of each region in the pulse, not negative, summing to 1.
        features: what the confidence was computed from, in the order of `confidence.FEATURES`.
    """

    heart_rate_bpm: float
    confidence: float
    bvp: Array
    amplitude: float
    shares: Array
    features: Array


class HeartRateTracker:
    """A Bayes filter over a grid of heart rates, fed with one window a tick.

    The evidence for a rate is the gain of a pulse there (see `Projection`), plus half of that at
    its second harmonic, growing only logarithmically above 60 nats, because noise is not all
    Gaussian. The harmonic settles octaves: the true rate collects both peaks, its double only one.
    Between ticks the belief spreads by about 1 bpm, with a chance of 2 % of any rate; and because
    neighbouring windows overlap, the old belief counts with an exponent of 0.7. The rate is the
    belief's peak within the band, read between the grid's points. The grid reaches 10 bpm beyond
    the band, so that what lies there (slow motion, most often) takes belief away from the edge.

    Args:
        band_bpm: lowest and highest heart rate.
    """

    def __init__(self, band_bpm: tuple[float, float]) -> None:
        low_bpm, high_bpm = band_bpm
        self._highest_bpm = high_bpm
        self._grid_bpm = np.arange(low_bpm - _BESIDE_BPM, high_bpm + _BESIDE_BPM, STEP_BPM)
        self._inside = (self._grid_bpm >= low_bpm) & (self._grid_bpm <= high_bpm)
        distance = np.abs(self._grid_bpm[:, None] - self._grid_bpm[None, :])
        spread = np.exp(-distance / _SPREAD_BPM)
        self._spread = spread / spread.sum(axis=0, keepdims=True)
        self._belief = np.full(len(self._grid_bpm), 1.0 / len(self._grid_bpm))
        self._newest_bpm = math.nan
        self._projection = PulseProjection()
        self._confidence = Confidence()

    def update(self, window: ColourWindow, newest: slice) -> HeartRateEstimate:
        """Take the newest window and return the estimate for its newest part.

        Args:
            window: colour signals and disturbances.
            newest: the part of it that the estimate is about.
        """
        rate_hz, grid_bpm = window.sampling_rate_hz, self._grid_bpm
        if not window.shared_noise and self._projection.shrinkage < 1.0:
            self._projection = PulseProjection(shrinkage=1.0)
        steady, disturbances = remove_disturbances(window, newest)
        shown = self._projection.update(
            steady[newest],
            window.signature,
            window.regions,
            rate_hz,
            self._highest_bpm,
            self._newest_bpm,
        )
        first = np.interp(grid_bpm / 60.0, shown.frequencies_hz, shown.gain)
        second = np.interp(2 * grid_bpm / 60.0, shown.frequencies_hz, shown.gain)
        evidence = _STRONGEST * np.log1p((first + _HARMONIC_WEIGHT * second) / _STRONGEST)
        belief = self._spread @ self._belief**_KEPT
        belief = (1 - _ANY_RATE) * belief / belief.sum() + _ANY_RATE / len(belief)
        belief = belief * np.exp(evidence - evidence.max())
        self._belief = belief / belief.sum()

        rate_bpm = self._newest_bpm = _peak(grid_bpm, self._belief, self._inside)
        certain = float(self._belief[np.abs(grid_bpm - rate_bpm) <= 3.0].sum())
        pulse = -np.nan_to_num(steady) @ shown.weights
        missing = ~np.isfinite(steady[:, np.abs(shown.weights) > 0.0]).any(axis=1)
        taken = -np.nan_to_num(disturbances.taken) @ shown.weights
        confidence, features = self._confidence.judge(
            Evidence(rate_bpm, certain, shown, pulse[newest], taken, disturbances, rate_hz)
        )
        at = int(np.argmin(np.abs(60.0 * shown.frequencies_hz - rate_bpm)))
        shares = np.bincount(window.regions, np.maximum(shown.weights * window.signature, 0.0))
        return HeartRateEstimate(
            rate_bpm,
            confidence,
            np.where(missing, np.nan, pulse),
            float(np.abs(shown.weights @ shown.spectra[:, at])),
            shares / max(float(shares.sum()), 1e-12),
            features,
        )

    def skip(self) -> None:
        """Let a tick without evidence pass: the belief spreads."""
        belief = self._spread @ self._belief
        self._belief = belief / belief.sum()
        self._newest_bpm = math.nan
        self._confidence = Confidence()


def _peak(grid_bpm: Array, belief: Array, inside: Array) -> float:
    """Return where the belief peaks within the band, by a parabola through three logarithms.

    The slope of a peak beyond the band is no peak.
    """
    middle = belief[1:-1]
    peaks = (middle >= belief[:-2]) & (middle > belief[2:]) & inside[1:-1]
    at = 1 + int(np.argmax(np.where(peaks if peaks.any() else inside[1:-1], middle, -1.0)))
    left, top, right = np.log(belief[at - 1 : at + 2] + 1e-300)
    bend = left - 2 * top + right
    shift = float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0
    return float(grid_bpm[at] + shift * STEP_BPM)
