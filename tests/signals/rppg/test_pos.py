from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.rppg import green, pos, windows_covering

RATE_HZ = 30.0
TINT = np.array([0.33, 0.77, 0.53])


def published_pos(rgb, rate_hz):
    """Algorithm 1 of Wang et al. 2017, as the loop it is printed as."""
    length = round(1.6 * rate_hz)
    pulse = np.zeros(len(rgb))
    for end in range(length, len(rgb) + 1):
        window = rgb[end - length : end]
        s = np.array([[0, 1, -1], [-2, 1, 1]]) @ (window / window.mean(axis=0)).T
        h = s[0] + s[0].std() / s[1].std() * s[1]
        pulse[end - length : end] += h - h.mean()
    return pulse


def test_pos_is_the_published_loop_to_the_last_frame():
    rng = np.random.default_rng(0)
    rgb = np.array([170, 120, 100]) + rng.normal(size=(400, 3)) + np.linspace(0, 20, 400)[:, None]
    expected = published_pos(rgb, RATE_HZ)
    assert np.abs(expected[-1]) > 0
    np.testing.assert_allclose(pos(rgb, RATE_HZ), expected, atol=1e-9)


def test_pos_has_the_sign_and_amplitude_of_reflected_light(pulsating):
    rgb, volume = pulsating(amplitude=0.01)
    inside = slice(48, -48)
    h = (pos(rgb, RATE_HZ) / windows_covering(np.ones(len(rgb), bool), 48))[inside]
    # S1 and S2 move together here, so h = 2 S1 = 2 (G - B) of the normalised colours.
    gain = -2 * 0.01 * (TINT[1] - TINT[2])
    assert np.corrcoef(h, volume[inside])[0, 1] < -0.999
    assert h @ volume[inside] / (volume[inside] @ volume[inside]) == pytest.approx(gain, rel=0.02)


def test_pos_does_not_see_the_brightness_of_the_light(pulsating):
    rgb, _ = pulsating(amplitude=0.002)
    flicker = 1 + 0.05 * np.sin(2 * np.pi * 1.9 * np.arange(len(rgb)) / RATE_HZ)
    still, lit = pos(rgb, RATE_HZ), pos(rgb * flicker[:, None], RATE_HZ)
    assert np.corrcoef(still, lit)[0, 1] > 0.98
    assert np.corrcoef(green(rgb), green(rgb * flicker[:, None]))[0, 1] < 0.2


def test_pos_leaves_out_every_window_with_a_missing_sample(pulsating):
    rgb, _ = pulsating(amplitude=0.01)
    holed = rgb.copy()
    holed[150] = np.nan
    pulse = pos(holed, RATE_HZ)
    assert np.flatnonzero(np.isnan(pulse)).tolist() == [150]
    np.testing.assert_allclose(pulse[:150], pos(rgb[:150], RATE_HZ), atol=1e-12)
    np.testing.assert_allclose(pulse[151:], pos(rgb[151:], RATE_HZ), atol=1e-12)


def test_pos_is_undefined_where_no_whole_window_fits(pulsating):
    rgb, _ = pulsating(amplitude=0.01, seconds=1.5)
    assert np.isnan(pos(rgb, RATE_HZ)).all()
    assert np.isnan(pos(np.full((100, 3), np.nan), RATE_HZ)).all()


def test_pos_of_a_camera_without_colour_is_zero_and_of_black_is_finite(pulsating):
    grey = np.repeat(pulsating(amplitude=0.01)[0][:, :1], 3, axis=1)
    np.testing.assert_allclose(pos(grey, RATE_HZ), 0.0, atol=1e-12)
    assert np.isfinite(pos(np.zeros((100, 3)), RATE_HZ)).all()


def test_green_is_the_relative_change_of_green(pulsating):
    rgb, volume = pulsating(amplitude=0.01, seconds=10)
    np.testing.assert_allclose(green(rgb), -0.01 * TINT[1] * volume, atol=1e-6)


def test_windows_covering_counts_by_hand():
    known = np.array([1, 1, 1, 1, 0, 1, 1, 1], bool)
    assert windows_covering(known, 3).tolist() == [1, 2, 2, 1, 0, 1, 1, 1]
