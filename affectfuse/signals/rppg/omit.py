"""OMIT: what is left of the colours without the first column of their QR factorisation."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["omit"]


def omit(rgb: Array) -> Array:
    """OMIT: the green row of (I - q q^T) X, where q is the first column of Q in X = Q R.

    Q's first column is X's first column over its length, which needs no factorisation. In the
    authors' code that is the colour of frame 0, so that one noisy frame tilts the projection of
    the whole clip; here X is preceded by the mean colour. So q is the direction of the skin's
    colour, and brightness vanishes. LGI's first singular vector is nearly the same direction: the
    two differ in the square of AC/DC. One q for all of `rgb`; the caller chooses the window. The
    unit is that of `rgb`.

    Shape: (time, channel) -> (time,); NaN stays NaN.

    Reference:
        Álvarez Casado, Bordallo López (2023), Face2PPG: an unsupervised pipeline for blood volume
        pulse extraction from faces, IEEE J. Biomed. Health Inform. 27(11).
        DOI 10.1109/JBHI.2023.3307942. Deviation: the mean colour is the first column.
    """
    known = np.isfinite(rgb).all(axis=1)
    pulse = np.full(len(rgb), np.nan)
    colours = rgb[known]
    first = colours.mean(axis=0) if len(colours) else np.zeros(3)
    length = np.linalg.norm(first)
    q = first / length if length else first
    pulse[known] = colours[:, 1] - q[1] * (colours @ q)
    return pulse
