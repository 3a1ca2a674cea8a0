"""The Toolbox's figures: against its own code's output, and against other definitions."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.planted import BAND_HZ, RATE_HZ, TOOLBOX, example, sine
from scipy.signal import periodogram

from affectfuse.evaluation.waveforms import clean, macc, peak_bpm, snr_db


@pytest.mark.parametrize("window", TOOLBOX, ids=str)
def test_the_toolbox_gives_the_same(window: tuple[int, int]) -> None:
    estimated, label = (clean(part[slice(*window)], RATE_HZ, BAND_HZ, 100.0) for part in example())
    reference_bpm = peak_bpm(label, RATE_HZ, BAND_HZ)
    found = (
        reference_bpm,
        peak_bpm(estimated, RATE_HZ, BAND_HZ),
        snr_db(estimated, RATE_HZ, reference_bpm, BAND_HZ),
        macc(estimated, label),
    )
    assert found == pytest.approx(TOOLBOX[window], rel=1e-9)


@pytest.mark.parametrize("band_hz", [(0.6, 3.3), (0.75, 2.5)])
def test_snr_is_the_ratio_of_powers(band_hz: tuple[float, float]) -> None:
    rng = np.random.default_rng(1)
    values = sine(np.arange(600) / RATE_HZ, 1.2) + rng.normal(size=600)
    frequencies, power = periodogram(values, RATE_HZ, nfft=1024, detrend=False)
    near = np.minimum(abs(frequencies - 1.2), abs(frequencies - 2.4)) <= 0.1
    rest = ~near & (frequencies >= band_hz[0]) & (frequencies <= band_hz[1])
    expected = 10 * np.log10(power[near].sum() / power[rest].sum())
    assert snr_db(values, RATE_HZ, 72.0, band_hz) == pytest.approx(expected, rel=1e-9)


def test_macc_is_the_largest_correlation_over_shifts() -> None:
    rng = np.random.default_rng(2)
    a = rng.normal(size=61)
    b = -np.roll(a, 17) + rng.normal(size=61)
    expected = max(abs(np.corrcoef(a, np.roll(b, lag))[0, 1]) for lag in range(60))
    assert macc(a, b) == pytest.approx(expected, rel=1e-9)
    assert macc(a, np.roll(-3 * a, 5) + 2) == pytest.approx(1.0)


def test_undefined_is_nan() -> None:
    flat, pulse = np.zeros(300), sine(np.arange(300) / RATE_HZ, 1.2)
    assert np.isnan(peak_bpm(flat, RATE_HZ, BAND_HZ))
    assert np.isnan(snr_db(flat, RATE_HZ, 72.0, BAND_HZ))
    assert np.isnan(macc(flat, pulse))
    assert np.isnan(macc(pulse, flat))
