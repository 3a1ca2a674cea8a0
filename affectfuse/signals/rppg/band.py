"""The band of heart rates, and the filter that keeps it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import ConfigError

__all__ = ["PULSE_BAND_HZ", "bandpass"]

PULSE_BAND_HZ = (0.65, 4.0)
"""40 to 220 bpm with a margin. The papers use 0.7 to 2.5 or 4 Hz: 2.5 Hz ends at 150 bpm."""


def bandpass(values: Array, sampling_rate_hz: float, band_hz: tuple[float, float]) -> Array:
    """Keep a band without delay: Butterworth of order 3, run forwards and backwards.

    Shape: (time, ...) -> the same; no sample may be missing.

    Raises:
        ConfigError: the band does not lie below half the sampling rate.
    """
    from scipy.signal import sosfiltfilt  # half a second to import, needed by CHROM alone

    low_hz, high_hz = band_hz
    if not 0.0 < low_hz < high_hz < sampling_rate_hz / 2.0:
        raise ConfigError(
            f"A band of {low_hz:g} to {high_hz:g} Hz does not fit {sampling_rate_hz:g} samples a "
            f"second: 0 < low < high < {sampling_rate_hz / 2.0:g} Hz; lower the band or raise the "
            "sampling rate."
        )
    sections = _sections(sampling_rate_hz, low_hz, high_hz)
    reach = min(round(sampling_rate_hz / low_hz), len(values) - 1)
    return np.asarray(sosfiltfilt(sections, values, axis=0, padlen=reach))


@lru_cache(maxsize=8)
def _sections(sampling_rate_hz: float, low_hz: float, high_hz: float) -> Array:
    from scipy.signal import butter

    designed = butter(3, (low_hz, high_hz), "bandpass", fs=sampling_rate_hz, output="sos")
    return np.asarray(designed)
