"""GREEN: the channel that blood absorbs most."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["green"]


def green(rgb: Array) -> Array:
    """GREEN: the green channel over its mean, minus 1 (AC/DC).

    Shape: (time, channel) -> (time,); NaN stays NaN, and all is NaN where green is black.

    Reference:
        Verkruysse, Svaasand, Nelson (2008), Remote plethysmographic imaging using ambient light,
        Optics Express 16(26). DOI 10.1364/OE.16.021434. Deviation: divided by the mean.
    """
    values = rgb[:, 1]
    known = np.isfinite(values)
    mean = values[known].mean() if known.any() else np.nan
    ratio: Array = values / (mean if mean else np.nan) - 1.0
    return ratio
