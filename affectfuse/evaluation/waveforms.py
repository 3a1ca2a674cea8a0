"""Pulse waveforms compared, as rPPG-Toolbox does: what its post-processing and metrics define.

Reference: Liu et al. 2023, rPPG-Toolbox, arXiv:2210.00716; its evaluation code as of September
2025. Waveforms are uniformly sampled and without gaps: (time,).
"""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, filtfilt

from affectfuse.containers import Array
from affectfuse.errors import ConfigError
from affectfuse.signals.detrending import detrend

__all__ = ["LEAST_SAMPLES", "clean", "macc", "peak_bpm", "snr_db"]

LEAST_SAMPLES = 10
"""Fewer cannot be filtered both ways."""

_DEVIATION_HZ = 6.0 / 60.0


def clean(
    values: Array, rate_hz: float, band_hz: tuple[float, float], regularisation: float
) -> Array:
    """Detrend, then band-pass: Butterworth of first order, run forth and back.

    Args:
        values: (time,), at least `LEAST_SAMPLES`.
        rate_hz: sampling rate.
        band_hz: lowest and highest frequency.
        regularisation: of `detrend`, its lambda.

    Raises:
        ConfigError: when the band reaches half the sampling rate.
    """
    if band_hz[1] >= rate_hz / 2.0:
        raise ConfigError(
            f"band_hz reaches {band_hz[1]:g} Hz, but the waveform has {rate_hz:g} samples a "
            f"second: give a band below {rate_hz / 2.0:g} Hz."
        )
    b, a = butter(1, [2.0 * edge / rate_hz for edge in band_hz], btype="bandpass")
    filtered: Array = filtfilt(b, a, detrend(np.asarray(values, float), regularisation))
    return filtered


def _periodogram(values: Array, rate_hz: float) -> tuple[Array, Array]:
    size = 1 << (len(values) - 1).bit_length()
    return np.fft.rfftfreq(size, 1.0 / rate_hz), np.abs(np.fft.rfft(values, size)) ** 2


def peak_bpm(values: Array, rate_hz: float, band_hz: tuple[float, float]) -> float:
    """Return the frequency of the periodogram's highest bin in the band, in beats per minute.

    Padded to the next power of two and not interpolated, as in the Toolbox: 60 s at 30 Hz give a
    grid of 0.9 bpm, 10 s one of 3.5 bpm. NaN for a flat waveform.
    """
    frequencies_hz, power = _periodogram(values, rate_hz)
    inside = (frequencies_hz >= band_hz[0]) & (frequencies_hz <= band_hz[1])
    if not np.any(power[inside] > 0.0):
        return float("nan")
    return float(60.0 * frequencies_hz[inside][np.argmax(power[inside])])


def snr_db(
    values: Array, rate_hz: float, reference_bpm: float, band_hz: tuple[float, float]
) -> float:
    """Return the power within 6 bpm of the reference rate and of its double, over the band's rest.

    10 log10 of a ratio of powers, as the Toolbox has it since December 2024; figures from before do
    not compare. NaN when either power is nothing (the Toolbox says 0 then).
    Reference: de Haan and Jeanne 2013, doi:10.1109/TBME.2013.2266196.
    """
    frequencies_hz, power = _periodogram(values, rate_hz)
    near = np.zeros(len(power), bool)
    signal = 0.0
    for harmonic in (1, 2):
        centre_hz = harmonic * reference_bpm / 60.0
        around = (frequencies_hz >= centre_hz - _DEVIATION_HZ) & (
            frequencies_hz <= centre_hz + _DEVIATION_HZ
        )
        signal += float(power[around].sum())
        near |= around
    inside = (frequencies_hz >= band_hz[0]) & (frequencies_hz <= band_hz[1])
    rest = float(power[inside & ~near].sum())
    return float(10.0 * np.log10(signal / rest)) if signal > 0.0 and rest > 0.0 else float("nan")


def macc(estimated: Array, reference: Array) -> float:
    """Return the maximum amplitude of the cross-correlation: largest |r| over circular lags.

    Lags run from 0 to two less than the length, as in the Toolbox. NaN for a flat waveform.
    Reference: Joshi and Cho 2024, doi:10.3390/electronics13071334.
    """
    count = len(estimated)
    a, b = estimated - np.mean(estimated), reference - np.mean(reference)
    scale = float(np.sqrt((a @ a) * (b @ b)))
    if count < 3 or scale == 0.0:
        return float("nan")
    products = np.fft.irfft(np.fft.rfft(a) * np.conj(np.fft.rfft(b)), count)
    return float(np.abs(products[: count - 1]).max() / scale)
