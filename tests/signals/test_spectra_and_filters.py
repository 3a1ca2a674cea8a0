from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.filters import moving_sum, remove_trend
from affectfuse.signals.spectra import band_median, hann_spectrum, peak_near

RATE_HZ = 30.0


@pytest.mark.parametrize("seconds", [5, 10])
def test_a_peak_is_read_between_the_bins_from_40_to_220_bpm(seconds):
    rng = np.random.default_rng(0)
    time_s = np.arange(seconds * 30) / RATE_HZ
    for bpm in np.linspace(40, 220, 61):
        wave = 0.7 * np.sin(2 * np.pi * bpm / 60 * time_s + rng.uniform(0, 2 * np.pi))
        frequencies_hz, spectrum = hann_spectrum(wave, RATE_HZ, 0.02)
        found_hz, power = peak_near(frequencies_hz, np.abs(spectrum) ** 2, bpm / 60 + 0.02, 0.1)
        assert 60 * found_hz == pytest.approx(bpm, abs=0.3)
        assert np.sqrt(power) == pytest.approx(0.7, rel=0.02)


def test_missing_samples_move_neither_frequency_nor_amplitude():
    time_s = np.arange(300) / RATE_HZ
    wave = np.sin(2 * np.pi * 1.3 * time_s)
    wave[100:130] = np.nan
    frequencies_hz, spectrum = hann_spectrum(wave, RATE_HZ, 0.02)
    found_hz, power = peak_near(frequencies_hz, np.abs(spectrum) ** 2, 1.3, 0.1)
    assert 60 * found_hz == pytest.approx(78, abs=0.3)
    assert np.sqrt(power) == pytest.approx(1.0, rel=0.03)


def test_the_spectrum_of_nothing_is_zero():
    _, spectrum = hann_spectrum(np.full((2, 100), np.nan), RATE_HZ, 0.02)
    assert (spectrum == 0).all()


def test_the_running_median_ignores_one_peak():
    power = np.ones(200)
    power[100:110] = 50.0
    np.testing.assert_array_equal(band_median(power, 41), np.ones(200))


def test_moving_sums_by_hand():
    assert moving_sum(np.array([1.0, 2, 3, 4]), 3).tolist() == [6, 9]
    assert moving_sum(np.ones((2, 2)), 3).shape == (0, 2)


@pytest.mark.parametrize(("frequency_hz", "gain"), [(0.1, 0.04), (0.4, 0.55), (1.2, 1.04)])
def test_the_trend_goes_and_the_pulse_stays(frequency_hz, gain):
    time_s = np.arange(600) / RATE_HZ
    wave = np.sin(2 * np.pi * frequency_hz * time_s)
    left = remove_trend(wave, RATE_HZ, 1.6)[60:-60]
    assert left @ wave[60:-60] / (wave[60:-60] @ wave[60:-60]) == pytest.approx(gain, abs=0.03)


def test_a_constant_beside_a_gap_becomes_zero():
    values = np.full(200, 7.0)
    values[80:120] = np.nan
    left = remove_trend(values, RATE_HZ, 1.6)
    assert np.isnan(left[80:120]).all()
    np.testing.assert_allclose(np.delete(left, np.arange(80, 120)), 0.0, atol=1e-12)
