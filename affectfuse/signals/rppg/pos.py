"""POS: the plane orthogonal to the skin tone."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import moving_sum

__all__ = ["pos", "windows_covering"]

_PROJECTION = np.array([[0.0, 1.0, -1.0], [-2.0, 1.0, 1.0]])
# The covariances of three channels, each pair once, and the variance of S1 and S2 as sums of them.
_LEFT, _RIGHT = np.array([0, 1, 2, 0, 0, 1]), np.array([0, 1, 2, 1, 2, 2])
_VARIANCE = _PROJECTION[:, _LEFT] * _PROJECTION[:, _RIGHT] * np.array([1, 1, 1, 2, 2, 2])


def pos(rgb: Array, sampling_rate_hz: float, window_s: float = 1.6) -> Array:
    """POS: project onto the plane orthogonal to the skin tone, window by window, and overlap-add.

    In every window of 1.6 s, one a sample, the channels are divided by their means, projected to
    S1 = G - B and S2 = G + B - 2R, and h = S1 + (sd S1 / sd S2) S2 less its mean is added to the
    output. The last window ends on the last sample. A sample well inside is the sum over
    `windows_covering` of them; divide by that for the unit AC/DC of the channels.

    Because both projections sum to zero over the channels, h has mean zero by itself, and the sum
    over windows equals one coefficient vector a sample times that sample's colour: the same
    output as the published loop, in time proportional to the length.

    Args:
        rgb: (time, channel) mean colours, uniformly sampled, NaN where missing.
        sampling_rate_hz: of `rgb`.
        window_s: length of a window.

    Returns:
        (time,): NaN where no window without missing samples covers the sample. Where S2 is
        constant (a camera without colour) h is S1 alone.

    Reference:
        Wang, den Brinker, Stuijk, de Haan (2017), Algorithmic principles of remote PPG, IEEE
        Trans. Biomed. Eng. 64(7). DOI 10.1109/TBME.2016.2609282, algorithm 1.
    """
    length = round(window_s * sampling_rate_hz)
    known = np.asarray(np.isfinite(rgb).all(axis=1))
    whole = moving_sum(known.astype(float), length) > length - 0.5
    if not whole.any():
        return np.full(len(rgb), np.nan)
    colour = np.where(known[:, None], rgb, 0.0)
    centre = colour.sum(axis=0) / known.sum()
    shifted = np.where(known[:, None], rgb - centre, 0.0)

    products = shifted[:, _LEFT] * shifted[:, _RIGHT]
    moments = moving_sum(np.hstack([shifted, products]), length) / length
    offset = moments[:, :3]
    mean = centre + offset
    scale = np.where(whole[:, None] & (mean != 0.0), 1.0 / np.where(mean != 0.0, mean, 1.0), 0.0)
    covariance = moments[:, 3:] - offset[:, _LEFT] * offset[:, _RIGHT]
    variance = np.maximum(covariance * scale[:, _LEFT] * scale[:, _RIGHT] @ _VARIANCE.T, 0.0)
    constant = variance[:, 1] <= 1e-20
    ratio = np.sqrt(variance[:, 0] / np.where(constant, 1.0, variance[:, 1]))
    ratio[constant] = 0.0

    padded = np.zeros((len(rgb) + length - 1, 4))
    padded[length - 1 : len(rgb), :3] = (_PROJECTION[0] + ratio[:, None] * _PROJECTION[1]) * scale
    padded[length - 1 : len(rgb), 3] = whole
    summed = moving_sum(padded, length)
    pulse: Array = np.where(summed[:, 3] > 0.5, (summed[:, :3] * colour).sum(axis=1), np.nan)
    return pulse


def windows_covering(known: Array, length: int) -> Array:
    """Return by how many windows of `length` samples, none missing, each sample is covered.

    Shape: (time,) bool -> (time,) float.
    """
    whole = (moving_sum(known.astype(float), length) > length - 0.5).astype(float)
    if not len(whole):
        return np.zeros(len(known))
    return np.round(moving_sum(np.pad(whole, length - 1), length))
