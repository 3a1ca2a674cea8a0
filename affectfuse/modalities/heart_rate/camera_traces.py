"""Colours that a camera gives already averaged, without the pictures: one row a frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectfuse.containers import Array, SignalBlock
from affectfuse.modalities.heart_rate.disturbances import DETREND_S
from affectfuse.modalities.heart_rate.regions import MOTION, REGIONS
from affectfuse.signals.filters import remove_trend

__all__ = ["CAMERA", "trace_rows", "trace_signals", "trace_signature"]

CAMERA = "camera"
"""The source of such blocks; their channels are red, green and blue."""

_CHANNELS = ("red", "green", "blue")
_LEAST_LEVEL = 4.0
_MOST_LEVEL = 254.5


def trace_rows(block: SignalBlock) -> Iterator[tuple[float, Array, Array]]:
    """Yield time, colours (region, channel) and motion (3,) of each row of a camera's block.

    The colours are those of the region 'skin'; the others are NaN. The motion is not known: 0.
    """
    if block.channels != _CHANNELS:
        return
    for time_s, rgb in zip(block.times_s.tolist(), block.values, strict=True):
        colours = np.full((len(REGIONS), 3), np.nan)
        colours[REGIONS.index("skin")] = rgb
        yield time_s, colours, np.zeros(len(MOTION))


def trace_signals(rgb: Array) -> Array:
    """Return the logarithms of the channels (time, 3); NaN for one nearly black or clipped."""
    signals = np.log(np.maximum(rgb, 1.0))
    known = np.isfinite(rgb).all(axis=1)
    if known.any():
        mean = rgb[known].mean(axis=0)
        signals[:, (mean < _LEAST_LEVEL) | (mean > _MOST_LEVEL)] = np.nan
    return signals


def trace_signature(signals: Array, rate_hz: float) -> Array:
    """Return how strong the pulse is in each channel, (3,), the strongest being 1.

    On skin against the lens the pulse is most of what changes within a second, and the colours of
    lamp, skin and sensor decide in which channel: the first principal component of the channels
    without their trends.
    """
    steady = np.nan_to_num(remove_trend(signals, rate_hz, DETREND_S))
    _, vectors = np.linalg.eigh(steady.T @ steady)
    strongest = vectors[:, -1] * np.sign(vectors[:, -1].sum() or 1.0)
    signature: Array = strongest / max(float(np.abs(strongest).max()), 1e-12)
    return signature
