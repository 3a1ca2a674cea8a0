"""LGI: what is left of the colours without their first singular vector."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["lgi"]


def lgi(rgb: Array) -> Array:
    """LGI: the green row of (I - u u^T) X, u being the first left singular vector of the colours.

    u is the direction of the mean colour, so that what is common to the channels, in proportion to
    the skin's colour, vanishes: brightness. One u for all of `rgb`, as published; the caller
    chooses the window. The unit is that of `rgb`.

    Shape: (time, channel) -> (time,); NaN stays NaN.

    Reference:
        Pilz, Zaunseder, Krajewski, Blazek (2018), Local group invariance for heart rate estimation
        from face videos in the wild, CVPR Workshops. DOI 10.1109/CVPRW.2018.00172. Deviation: the
        feature alone, without the stochastic oscillator that the paper tracks it with.
    """
    known = np.isfinite(rgb).all(axis=1)
    pulse = np.full(len(rgb), np.nan)
    colours = rgb[known]
    # The eigenvectors of X X^T are the left singular vectors, at 3 x 3 whatever the length.
    _, vectors = np.linalg.eigh(colours.T @ colours)
    first = vectors[:, -1]
    pulse[known] = colours[:, 1] - first[1] * (colours @ first)
    return pulse
