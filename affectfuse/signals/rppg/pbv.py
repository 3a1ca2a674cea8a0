"""PBV: the combination of channels that agrees with the signature of blood volume."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["PULSE_SIGNATURE", "pbv"]

PULSE_SIGNATURE = (0.33, 0.77, 0.53)
"""Relative AC/DC of blood volume in R, G, B, for halogen light and an RGB camera, as published."""


def pbv(rgb: Array, signature: tuple[float, float, float] = PULSE_SIGNATURE) -> Array:
    """PBV: the weights of the channels whose output correlates with each as the signature says.

    With C the channels over their means, less 1, and Q = C C^T, the weights are w = k Q^-1 p for
    the signature p. Equivalently: the least output power at which a pulse of that signature passes
    unchanged. k makes that gain 1, so the unit is AC/DC along p.

    Shape: (time, channel) -> (time,); NaN stays NaN, and all is NaN where a channel is black.

    Args:
        rgb: mean colours, uniformly sampled, NaN where missing.
        signature: relative strength of the pulse in R, G and B. Not the standard deviations of
            the clip itself, as some libraries have it: under motion these are those of the motion.

    Reference:
        de Haan, van Leest (2014), Improved motion robustness of remote-PPG by using the blood
        volume pulse signature, Physiol. Meas. 35(9). DOI 10.1088/0967-3334/35/9/1913. Deviations:
        one set of weights for all of `rgb`, the caller choosing the window; gain 1 instead of
        weights of length 1; 1e-9 of the mean power is added to Q's diagonal, so that channels
        without noise have an inverse.
    """
    known = np.isfinite(rgb).all(axis=1)
    pulse = np.full(len(rgb), np.nan)
    mean = rgb[known].mean(axis=0) if known.any() else np.zeros(3)
    if (mean == 0.0).any():
        return pulse
    change = rgb[known] / mean - 1.0
    power = change.T @ change
    power += np.eye(3) * (1e-9 * np.trace(power) / 3.0 or 1.0)
    towards = np.asarray(signature)
    weights = np.linalg.solve(power, towards)
    pulse[known] = change @ (weights / (weights @ towards))
    return pulse
