"""Removal of a smooth trend, as heart-rate papers define it."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solveh_banded

from affectfuse.containers import Array

__all__ = ["detrend"]


def detrend(values: Array, smoothness: float) -> Array:
    """Subtract the trend z that minimises |values - z|^2 + smoothness^2 |second difference of z|^2.

    A high-pass filter whose gain is one half at sampling rate / (2 pi sqrt(smoothness)): 0.48 Hz
    for 100 at 30 samples a second. Missing samples count nothing; the trend goes through them.

    Shape: (time, ...) -> the same; NaN stays NaN, and all is NaN below three samples.

    Reference:
        Tarvainen, Ranta-aho, Karjalainen (2002), An advanced detrending method with application to
        HRV analysis, IEEE Trans. Biomed. Eng. 49(2). DOI 10.1109/10.979357. The same output as
        I - (I + lambda^2 D2' D2)^-1, solved as the banded system it is.
    """
    count = len(values)
    residual = np.full((count, values[0:1].size), np.nan)
    stiffness = np.full(max(count - 2, 0), smoothness**2)
    for column, target in zip(values.reshape(count, -1).T, residual.T, strict=True):
        known = np.isfinite(column)
        if known.sum() < 3:
            continue
        bands = np.zeros((3, count))
        bands[0, 2:] = stiffness
        bands[1, 1:] = np.convolve(stiffness, [-2.0, -2.0])
        bands[2] = np.convolve(stiffness, [1.0, 4.0, 1.0]) + known
        filled = np.where(known, column, 0.0)
        trend = solveh_banded(bands, filled, check_finite=False)
        target[known] = (column - trend)[known]
    return residual.reshape(values.shape)
