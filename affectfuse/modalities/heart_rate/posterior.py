"""Heart rate and confidence from probabilities over a grid of rates, followed in time."""

from __future__ import annotations

import math

import numpy as np

from affectfuse.containers import Array

__all__ = ["RatePosterior", "read_rate"]

_NEAR_BPM = 6.0
_TOLERATED_BPM = 3.0
_SPREAD_BPM = 3.0
_ANY_RATE = 0.02
_KEPT = 0.5
_TINY = 1e-6


def read_rate(rates_bpm: Array, probabilities: Array) -> tuple[float, float]:
    """Return the heart rate and the probability that it is right to within 3 bpm.

    The rate is the mean of the probabilities within 6 bpm of the point around which there are most.

    Args:
        rates_bpm: (rate,) uniform.
        probabilities: (rate,) or, with that of 'no pulse' last, (rate + 1,).
    """
    likely = np.asarray(probabilities[: len(rates_bpm)], dtype=float)
    step_bpm = float(rates_bpm[1] - rates_bpm[0])
    cumulative = np.concatenate([[0.0], np.cumsum(likely)])
    edges_bpm = np.append(rates_bpm, rates_bpm[-1] + step_bpm) - step_bpm / 2

    def within(centre_bpm: Array) -> Array:
        ends = np.stack([centre_bpm - _TOLERATED_BPM, centre_bpm + _TOLERATED_BPM])
        low, high = np.interp(ends, edges_bpm, cumulative)
        return np.asarray(high - low)

    mode_bpm = float(rates_bpm[int(np.argmax(within(rates_bpm)))])
    near = np.where(np.abs(rates_bpm - mode_bpm) <= _NEAR_BPM, likely, 0.0)
    if near.sum() <= 0.0:
        return math.nan, 0.0
    rate_bpm = float(near @ rates_bpm / near.sum())
    return rate_bpm, float(np.clip(within(np.array(rate_bpm)), 0.0, 1.0))


class RatePosterior:
    """A Bayes filter over the grid: what overlapping windows say, joined.

    Between ticks the belief spreads by about 3 bpm, with a chance of 2 % of any rate; because
    neighbouring windows overlap, the old belief counts with an exponent of 0.5.
    """

    def __init__(self, rates_bpm: Array) -> None:
        self._rates_bpm = rates_bpm
        distance = np.abs(rates_bpm[:, None] - rates_bpm[None, :])
        spread = np.exp(-distance / _SPREAD_BPM)
        self._spread = spread / spread.sum(axis=0, keepdims=True)
        self._belief = np.full(len(rates_bpm), 1.0 / len(rates_bpm))

    def update(self, probabilities: Array) -> tuple[float, float]:
        """Take the newest window's probabilities (rate + 1,), return rate and confidence."""
        pulse, none = np.asarray(probabilities[:-1], dtype=float), float(probabilities[-1])
        prior = self._spread @ self._belief**_KEPT
        prior = (1 - _ANY_RATE) * prior / prior.sum() + _ANY_RATE / len(prior)
        belief = prior * (pulse + _TINY)
        self._belief = belief / belief.sum()
        rate_bpm, within = read_rate(self._rates_bpm, self._belief)
        return rate_bpm, within * (1.0 - none)

    def skip(self) -> None:
        """Forget: there was no evidence."""
        self._belief = np.full(len(self._rates_bpm), 1.0 / len(self._rates_bpm))
