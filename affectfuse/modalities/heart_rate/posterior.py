"""Heart rate and confidence from probabilities over a grid of rates, followed in time."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from affectfuse.containers import Array

__all__ = ["RATES_BPM", "RatePosterior", "read_rate"]

RATES_BPM = tuple(range(40, 221, 2))
"""The grid: the rates of a pulse network's logits. One class more, the last, is 'no pulse'."""

_RATES = np.array(RATES_BPM, dtype=float)
_NEAR_BPM = 6.0
_TOLERATED_BPM = 3.0
_SPREAD_BPM = 3.0
_ANY_RATE = 0.02
_KEPT = 0.7
_CONFIDENCE_TICKS = 5
_TINY = 1e-6


def read_rate(probabilities: Array) -> tuple[float, float]:
    """Return the heart rate and the probability that it is right to within 3 bpm.

    The rate is the mean of the probabilities within 6 bpm of the point around which there are most.
    NaN when all are 0.

    Args:
        probabilities: (rate,) over `RATES_BPM`, or (rate + 1,) with that of 'no pulse' last.
    """
    likely = np.asarray(probabilities[: len(_RATES)], dtype=float)
    mode_bpm = _RATES[int(np.argmax(_within(likely, _RATES)))]
    near = np.where(np.abs(_RATES - mode_bpm) <= _NEAR_BPM, likely, 0.0)
    if near.sum() <= 0.0:
        return math.nan, 0.0
    rate_bpm = float(near @ _RATES / near.sum())
    return rate_bpm, float(_within(likely, np.array(rate_bpm)))


def _within(likely: Array, centre_bpm: Array) -> Array:
    """Return the probability of a rate within 3 bpm of each centre, spread evenly in each bin."""
    step_bpm = _RATES[1] - _RATES[0]
    edges_bpm = np.append(_RATES, _RATES[-1] + step_bpm) - step_bpm / 2
    cumulative = np.concatenate([[0.0], np.cumsum(likely)])
    ends_bpm = np.stack([centre_bpm - _TOLERATED_BPM, centre_bpm + _TOLERATED_BPM])
    low, high = np.interp(ends_bpm, edges_bpm, cumulative)
    return np.asarray(np.clip(high - low, 0.0, 1.0))


class RatePosterior:
    """A Bayes filter over the grid: what overlapping windows say, joined.

    Between ticks the belief spreads by about 3 bpm, with a chance of 2 % of any rate; because
    neighbouring windows overlap, the old belief counts with an exponent of 0.7. The confidence is
    no belief, which would count the same noise over and over: it is the mean, over the last 5
    ticks, of the probability that each window by itself gave to within 3 bpm of the rate.

    Args:
        band_bpm: lowest and highest heart rate.
    """

    def __init__(self, band_bpm: tuple[float, float]) -> None:
        self._inside = (band_bpm[0] <= _RATES) & (band_bpm[1] >= _RATES)
        distance = np.abs(_RATES[:, None] - _RATES[None, :])
        spread = np.exp(-distance / _SPREAD_BPM)
        self._spread = spread / spread.sum(axis=0, keepdims=True)
        self._belief = np.full(len(_RATES), 1.0 / len(_RATES))
        self._certain: deque[float] = deque(maxlen=_CONFIDENCE_TICKS)

    def update(self, probabilities: Array) -> tuple[float, float]:
        """Take the newest window's probabilities (rate + 1,), return rate and confidence."""
        likely = np.where(self._inside, probabilities[: len(_RATES)], 0.0).astype(float)
        prior = self._spread @ self._belief**_KEPT
        prior = (1 - _ANY_RATE) * prior / prior.sum() + _ANY_RATE / len(prior)
        belief = prior * (likely + _TINY * self._inside)
        self._belief = belief / belief.sum()
        rate_bpm, _ = read_rate(self._belief)
        self._certain.append(float(_within(likely, np.array(rate_bpm))))
        return rate_bpm, float(np.mean(self._certain))

    def skip(self) -> None:
        """Forget: there was no evidence."""
        self._belief = np.full(len(_RATES), 1.0 / len(_RATES))
        self._certain.clear()
