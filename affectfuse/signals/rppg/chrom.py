"""CHROM: two chrominance signals, weighted against motion."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.rppg.band import PULSE_BAND_HZ, bandpass

__all__ = ["chrom"]

_PROJECTION = np.array([[3.0, -2.0, 0.0], [1.5, 1.0, -1.5]])


def chrom(
    rgb: Array,
    sampling_rate_hz: float,
    window_s: float = 1.6,
    band_hz: tuple[float, float] = PULSE_BAND_HZ,
) -> Array:
    """CHROM: X - (sd X / sd Y) Y of band-passed chrominances, in Hann windows that overlap by half.

    In every window the channels are divided by their means and projected to X = 3R - 2G and
    Y = 1.5R + G - 1.5B; the windows are weighted by a Hann window and added. That rises with blood
    volume, green weighing negatively in both terms: it is negated here, to follow reflected light
    like the other methods. The unit is the AC/DC of the channels.

    Args:
        rgb: (time, channel) mean colours, uniformly sampled, NaN where missing.
        sampling_rate_hz: of `rgb`.
        window_s: length of a window, made an even number of samples.
        band_hz: what the filter keeps.

    Returns:
        (time,): every run of samples without a gap is a trace of its own; NaN where one is
        shorter than a window.

    Raises:
        ConfigError: the band does not lie below half the sampling rate.

    Reference:
        de Haan, Jeanne (2013), Robust pulse rate from chrominance-based rPPG, IEEE Trans. Biomed.
        Eng. 60(10). DOI 10.1109/TBME.2013.2266196. Deviations: the band is 0.65 to 4 Hz; the
        filter sees the samples around a window, not the 1.6 s alone, which are barely one beat;
        windows end on the newest sample, and where fewer than two overlap, at the ends, the Hann
        weight is divided out.
    """
    length = 2 * max(1, round(window_s * sampling_rate_hz / 2.0))
    known = np.isfinite(rgb).all(axis=1)
    pulse = np.full(len(rgb), np.nan)
    edges = np.flatnonzero(np.diff(known, prepend=False, append=False))
    for start, stop in edges.reshape(-1, 2):
        if stop - start >= length:
            run = rgb[start:stop]
            pulse[start:stop] = _overlap_add(run, bandpass(run, sampling_rate_hz, band_hz), length)
    return pulse


def _overlap_add(rgb: Array, filtered: Array, length: int) -> Array:
    first = (len(rgb) - length) % (length // 2)
    starts = np.arange(first, len(rgb) - length + 1, length // 2)
    starts = np.union1d(starts, 0)
    index = starts[:, None] + np.arange(length)
    mean = rgb[index].mean(axis=1, keepdims=True)
    normalised = filtered[index] / np.where(mean == 0.0, np.inf, mean)
    x, y = np.moveaxis(normalised @ _PROJECTION.T, -1, 0)
    sd_y = y.std(axis=1, keepdims=True)
    constant = sd_y <= 1e-10
    ratio = np.where(constant, 0.0, x.std(axis=1, keepdims=True) / np.where(constant, 1.0, sd_y))
    hann = np.broadcast_to(np.sin(np.pi * (np.arange(length) + 0.5) / length) ** 2, x.shape)
    where = index.ravel()
    total = np.bincount(where, (hann * (ratio * y - x)).ravel())
    weight: Array = np.bincount(where, hann.ravel())
    return np.asarray(total / weight)
