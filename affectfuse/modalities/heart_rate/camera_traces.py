"""Colours that a camera gives already averaged, without the pictures: one row a frame."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from affectfuse.containers import Array, SignalBlock
from affectfuse.modalities.heart_rate.regions import MOTION, REGIONS
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.rppg import pos, windows_covering

__all__ = ["CAMERA", "CANDIDATES", "channel_ratios", "trace_pulses", "trace_rows"]

CAMERA = "camera"
"""The source of such blocks; their channels are red, green and blue."""

CANDIDATES = ("red", "green", "blue", "chrominance")
"""What the pulse may be read from: rows of `trace_pulses`."""

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
        colours[list(REGIONS).index("skin")] = rgb
        yield time_s, colours, np.zeros(len(MOTION))


def channel_ratios(rgb: Array) -> Array:
    """Return each channel over its mean, minus 1: (time, 3) -> (4, time).

    A channel that is nearly black or clipped throughout says nothing: NaN; so is the last row.
    """
    ratios = np.full((len(CANDIDATES), len(rgb)), np.nan)
    known = np.isfinite(rgb).all(axis=1)
    if known.any():
        mean = rgb[known].mean(axis=0)
        for channel in np.flatnonzero((mean >= _LEAST_LEVEL) & (mean <= _MOST_LEVEL)):
            ratios[channel] = rgb[:, channel] / mean[channel] - 1.0
    return ratios


def trace_pulses(rgb: Array, rate_hz: float, window_s: float) -> Array:
    """Return the candidates of the pulse in AC/DC, rising with blood volume: (4, time).

    The three channels, and POS where all of them are lit. On skin against the lens POS may come out
    upside down, since its projection is made for light that comes back from a distance: where it
    runs against the channels it is left out. What each candidate is worth is measured where they
    are fused (see `spectrum.fuse`), as it is for regions of a face.
    """
    pulses = -remove_trend(channel_ratios(rgb).T, rate_hz, window_s).T
    if np.isfinite(pulses[:3]).any(axis=1).all():
        covering = windows_covering(
            np.asarray(np.isfinite(rgb).all(axis=1)), round(window_s * rate_hz)
        )
        chrominance = -pos(rgb, rate_hz, window_s) / np.maximum(covering, 1.0)
        both = np.isfinite(chrominance) & np.isfinite(pulses[1])
        if float(chrominance[both] @ pulses[1][both]) > 0.0:
            pulses[3] = chrominance
    return np.asarray(pulses)
