"""How far two sets of reactions lie apart: d' and the area under the ROC curve."""

from __future__ import annotations

import math

import numpy as np

from affectfuse.containers import Array

__all__ = ["auc", "d_prime"]


def d_prime(signal: Array, noise: Array) -> float:
    """Return d' = (mean of signal - mean of noise) / root of the mean of the two variances (N-1).

    NaN with fewer than two values in either, or when nothing varies.

    Reference:
        Green, Swets (1966), Signal detection theory and psychophysics.
    """
    signal, noise = signal[np.isfinite(signal)], noise[np.isfinite(noise)]
    if min(len(signal), len(noise)) < 2:
        return math.nan
    spread = math.sqrt((float(signal.var(ddof=1)) + float(noise.var(ddof=1))) / 2.0)
    return float(signal.mean() - noise.mean()) / spread if spread > 0.0 else math.nan


def auc(signal: Array, noise: Array) -> float:
    """Return the chance that a value of signal exceeds one of noise, ties counting one half."""
    signal, noise = signal[np.isfinite(signal)], noise[np.isfinite(noise)]
    if not len(signal) or not len(noise):
        return math.nan
    away = signal[:, None] - noise[None, :]
    return float(np.mean((away > 0.0) + 0.5 * (away == 0.0)))
