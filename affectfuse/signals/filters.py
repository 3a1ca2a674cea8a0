"""Filters over uniformly sampled arrays, with missing samples (NaN) left missing."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["moving_sum", "remove_trend"]


def moving_sum(values: Array, width: int) -> Array:
    """Return the sums over every run of `width` neighbours along the first axis.

    Shape: (time, ...) -> (time - width + 1, ...); empty when time < width.
    """
    if len(values) < width:
        return np.zeros((0, *values.shape[1:]))
    total = np.zeros((len(values) + 1, *values.shape[1:]))
    np.cumsum(values, axis=0, out=total[1:])
    sums: Array = total[width:] - total[:-width]
    return sums


def remove_trend(values: Array, sampling_rate_hz: float, window_s: float) -> Array:
    """Subtract the centred moving mean: a high-pass filter without delay.

    The mean is over the samples that exist, so it is one-sided at the ends and beside gaps. The
    gain is 1 - sinc(frequency * window_s): for 1.6 s it is 0.55 at 0.4 Hz and within 1 +- 0.22
    from 0.6 Hz up.

    Shape: (time, ...) -> the same; NaN stays NaN.
    """
    half = max(1, round(window_s * sampling_rate_hz / 2))
    width = 2 * half + 1
    known = np.isfinite(values)
    pad = [(half, half)] + [(0, 0)] * (values.ndim - 1)
    total = moving_sum(np.pad(np.where(known, values, 0.0), pad), width)
    count = moving_sum(np.pad(known.astype(float), pad), width)
    detrended: Array = values - total / np.maximum(count, 1.0)
    return detrended
