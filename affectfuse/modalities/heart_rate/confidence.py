"""How likely it is that a heart rate is right: a logistic function of a few spectral features."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["FEATURES", "probability"]

INTERCEPT = -2.685
FEATURES = {
    "snr": 1.750,
    "belief": 0.141,
    "peak": -0.822,
    "prominence": 0.315,
    "agreement": 6.123,
    "wander": -0.464,
    "sway": -0.229,
    "known": 0.981,
}
"""Name and coefficient of each feature, in the order of `HeartRateEstimate.features`."""


def probability(features: Array) -> float:
    """Return the estimated probability that the error is at most 3 bpm.

    Shape: (feature,) -> a number in [0, 1].
    """
    score = INTERCEPT + float(features @ np.array(list(FEATURES.values())))
    return float(1.0 / (1.0 + np.exp(-np.clip(score, -30.0, 30.0))))
