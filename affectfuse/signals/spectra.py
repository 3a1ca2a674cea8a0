"""Spectra of short signals: zero-padded, Hann-weighted, read between the bins."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import median_filter

from affectfuse.containers import Array

__all__ = ["band_median", "hann_spectrum", "peak_near"]


def hann_spectrum(
    values: Array, sampling_rate_hz: float, resolution_hz: float
) -> tuple[Array, Array]:
    """Return frequencies_hz and the complex amplitude spectrum under a Hann window.

    A sine of amplitude a gives a magnitude of a at its frequency, whatever the length, the padding
    and the share of missing samples. The window spans the samples that exist; missing ones count
    nothing. Zero-padding makes the bins at most `resolution_hz` apart.

    Shape: (..., time) -> (frequency,), (..., frequency).
    """
    known = np.isfinite(values)
    span = np.flatnonzero(known.reshape(-1, values.shape[-1]).any(axis=0))
    taper = np.zeros(values.shape[-1])
    if len(span):
        first, last = span[0], span[-1]
        taper[first : last + 1] = np.hanning(last - first + 3)[1:-1]
    weights = np.where(known, taper, 0.0)
    size = 1 << int(np.ceil(np.log2(max(sampling_rate_hz / resolution_hz, values.shape[-1]))))
    weighted = np.where(known, values, 0.0) * weights
    scale = 2.0 / np.maximum(weights.sum(axis=-1, keepdims=True), 1e-12)
    spectrum: Array = np.fft.rfft(weighted, size, axis=-1) * scale
    return np.fft.rfftfreq(size, 1.0 / sampling_rate_hz), spectrum


def band_median(power: Array, bins: int) -> Array:
    """Return the running median over `bins` neighbours of the last axis: the floor under peaks.

    Shape: (..., frequency) -> the same.
    """
    size = [1] * (power.ndim - 1) + [bins]
    floor: Array = median_filter(power, size=size, mode="nearest")
    return floor


def peak_near(
    frequencies_hz: Array, power: Array, centre_hz: float, reach_hz: float
) -> tuple[float, float]:
    """Return frequency and power of the highest point within `reach_hz` of `centre_hz`.

    Read between the bins by a parabola through the logarithms of three neighbours, which for a
    zero-padded Hann window errs by less than a hundredth of a bin.
    """
    step_hz = frequencies_hz[1] - frequencies_hz[0]
    low = max(1, int(np.ceil((centre_hz - reach_hz - frequencies_hz[0]) / step_hz)))
    high = int(np.floor((centre_hz + reach_hz - frequencies_hz[0]) / step_hz))
    high = min(max(high, low), len(power) - 2)
    low = min(low, high)
    at = low + int(np.argmax(power[low : high + 1]))
    left, middle, right = np.log(np.maximum(power[at - 1 : at + 2], 1e-300))
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    shift = float(np.clip(shift, -0.5, 0.5))
    height = float(np.exp(middle - 0.25 * (left - right) * shift))
    return float(frequencies_hz[at] + shift * step_hz), height
