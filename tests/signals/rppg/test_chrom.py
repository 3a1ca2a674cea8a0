from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from affectfuse.errors import ConfigError
from affectfuse.signals.rppg import chrom

RATE_HZ = 30.0


def published_chrom(rgb, length):
    """De Haan and Jeanne 2013 as a loop over the windows that end on the newest sample."""
    sections = butter(3, [0.65, 4.0], "bandpass", fs=RATE_HZ, output="sos")
    filtered = sosfiltfilt(sections, rgb, axis=0, padlen=round(RATE_HZ / 0.65))
    hann = np.hanning(2 * length + 1)[1::2]
    pulse, weight = np.zeros(len(rgb)), np.zeros(len(rgb))
    stop = len(rgb)
    while stop >= length:
        window = slice(stop - length, stop)
        r, g, b = (filtered[window, c] / rgb[window, c].mean() for c in range(3))
        x, y = 3 * r - 2 * g, 1.5 * r + g - 1.5 * b
        pulse[window] += hann * (x - x.std() / y.std() * y)
        weight[window] += hann
        stop -= length // 2
    return pulse, weight


def test_chrom_is_minus_the_published_loop():
    rng = np.random.default_rng(0)
    rgb = np.array([170, 120, 100]) + rng.normal(size=(408, 3)) + np.linspace(0, 9, 408)[:, None]
    expected, weight = published_chrom(rgb, 48)
    np.testing.assert_allclose(weight[24:-24], 1.0, atol=1e-12)  # 408 is a whole number of hops
    np.testing.assert_allclose(chrom(rgb, RATE_HZ), -expected / weight, atol=1e-12)


def test_chrom_reaches_back_to_the_first_sample_whatever_the_length(pulsating):
    rgb, volume = pulsating(0.01, seconds=8.9)
    pulse = chrom(rgb, RATE_HZ)
    assert np.isfinite(pulse).all()
    assert np.corrcoef(pulse, -volume)[0, 1] > 0.98


def test_the_amplitude_is_that_of_the_channels(pulsating):
    rgb, volume = pulsating(0.01, seconds=20)
    inside = slice(60, -60)
    gain = chrom(rgb, RATE_HZ)[inside] @ volume[inside] / (volume[inside] @ volume[inside])
    # X and Y oppose each other here, so the output is twice X = 3R - 2G of the normalised colours.
    assert gain == pytest.approx(2 * 0.01 * (3 * 0.33 - 2 * 0.77), rel=0.03)


def test_every_run_of_samples_is_a_trace_of_its_own(pulsating):
    rgb, _ = pulsating(0.01, noise=0.001)
    holed = rgb.copy()
    holed[100:110] = np.nan
    holed[150] = np.nan  # leaves 40 samples: less than a window
    pulse = chrom(holed, RATE_HZ)
    assert np.isnan(pulse[100:151]).all()
    np.testing.assert_array_equal(pulse[:100], chrom(rgb[:100], RATE_HZ))
    np.testing.assert_array_equal(pulse[151:], chrom(rgb[151:], RATE_HZ))


def test_a_band_beyond_half_the_sampling_rate_is_refused(pulsating):
    rgb, _ = pulsating(0.01)
    with pytest.raises(ConfigError, match=r"0\.65 to 4 Hz does not fit 7 samples"):
        chrom(rgb, 7.0)
    assert np.isfinite(chrom(rgb, 7.0, band_hz=(0.65, 3.0))).all()
