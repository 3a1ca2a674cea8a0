"""Remote photoplethysmography: from the mean colours of skin to the pulse.

One function a method over (time, channel) arrays of mean R, G, B. As published, the methods follow
the *reflected light*, which falls when blood volume rises: a `bvp` waveform is their negative.
"""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import moving_sum

__all__ = ["green", "pos", "windows_covering"]

POS_PROJECTION = np.array([[0.0, 1.0, -1.0], [-2.0, 1.0, 1.0]])


def green(rgb: Array) -> Array:
    """GREEN: the green channel over its mean, minus 1 (AC/DC).

    Shape: (time, channel) -> (time,); NaN stays NaN.

    Reference:
        Verkruysse, Svaasand, Nelson (2008), Remote plethysmographic imaging using ambient light,
        Optics Express 16(26). DOI 10.1364/OE.16.021434. Deviation: divided by the mean.
    """
    values = rgb[:, 1]
    known = np.isfinite(values)
    mean = values[known].mean() if known.any() else np.nan
    ratio: Array = values / mean - 1.0
    return ratio


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
    if not known.any():
        return np.full(len(rgb), np.nan)
    centre = rgb[known].mean(axis=0)
    shifted = np.where(known[:, None], rgb - centre, 0.0)
    whole = moving_sum(known.astype(float), length) > length - 0.5
    if not whole.any():
        return np.full(len(rgb), np.nan)

    offset = moving_sum(shifted, length) / length
    mean = np.where(whole[:, None], centre + offset, 1.0)
    with np.errstate(divide="ignore"):
        project = POS_PROJECTION / np.where(mean == 0.0, np.inf, mean)[:, None, :]
    products = moving_sum(shifted[:, :, None] * shifted[:, None, :], length) / length
    covariance = products - offset[:, :, None] * offset[:, None, :]
    variance = np.maximum(np.einsum("wpc,wcd,wpd->wp", project, covariance, project), 0.0)
    constant = variance[:, 1] <= 1e-20
    ratio = np.sqrt(variance[:, 0] / np.where(constant, 1.0, variance[:, 1]))
    ratio[constant] = 0.0
    coefficients = (project[:, 0] + ratio[:, None] * project[:, 1]) * whole[:, None]

    edge = [(length - 1, length - 1), (0, 0)]
    summed = moving_sum(np.pad(coefficients, edge), length)
    covered = windows_covering(known, length) > 0
    pulse: Array = np.where(
        covered, np.einsum("tc,tc->t", summed, np.where(known[:, None], rgb, 0)), np.nan
    )
    return pulse


def windows_covering(known: Array, length: int) -> Array:
    """Return by how many windows of `length` samples, none missing, each sample is covered.

    Shape: (time,) bool -> (time,) float.
    """
    whole = (moving_sum(known.astype(float), length) > length - 0.5).astype(float)
    if not len(whole):
        return np.zeros(len(known))
    return np.round(moving_sum(np.pad(whole, length - 1), length))
