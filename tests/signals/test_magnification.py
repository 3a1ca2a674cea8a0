"""Motion magnification on planted sub-pixel motion, measured by the phase of a grating."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.signals.magnification import magnify_motion, temporal_band

SIZE = 128
X = np.arange(SIZE)
ALL_HZ = (0.0, 1e6)  # a band that leaves every change as it is


def grating(wavelength_px: float, shifts_px: Array) -> Array:
    """A grating along x, shifted frame by frame: (time, height, width)."""
    rows = 128 + 40 * np.cos(2 * np.pi * (X - np.asarray(shifts_px)[:, None]) / wavelength_px)
    return np.repeat(rows[:, None], SIZE, axis=1)


def shifts(frames: Array, wavelength_px: float) -> Array:
    """How far the grating of each frame lies to the right of the first, by its phase."""
    inner = slice(32, 96)  # whole wavelengths, away from the borders of the pyramid
    wave = np.exp(-2j * np.pi * X[inner] / wavelength_px)
    phase = np.angle(frames[:, SIZE // 2, inner] @ wave)
    return -(phase - phase[0]) * wavelength_px / (2 * np.pi)


def magnified(frames: Array, alpha: float, **changes: object) -> Array:
    options = {"band_hz": ALL_HZ, "displacement_px": 0.4} | changes
    times_s = np.arange(len(frames)) / 100.0
    return magnify_motion(frames, times_s, alpha=alpha, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("alpha", [1.0, 4.0, 8.0])
def test_a_planted_motion_of_a_tenth_of_a_pixel_is_magnified(alpha: float) -> None:
    planted = 0.1 * np.sin(np.linspace(0, np.pi, 21))
    frames = grating(32.0, planted)
    np.testing.assert_allclose(shifts(frames, 32.0), planted, atol=1e-6)
    found = shifts(magnified(frames, alpha, displacement_px=0.1), 32.0)
    np.testing.assert_allclose(found, (1 + alpha) * planted, atol=0.06 * (1 + alpha) * 0.1)


def test_wavelengths_too_short_to_look_like_motion_are_magnified_less() -> None:
    planted = np.array([0.0, 0.1])
    gain = {
        wavelength: shifts(
            magnified(grating(wavelength, planted), 9.0, displacement_px=0.2), wavelength
        )[1]
        / 0.1
        for wavelength in (4.0, 8.0, 16.0, 32.0)
    }
    assert gain[4.0] < 2.0
    assert gain[4.0] < gain[8.0] < gain[16.0] < gain[32.0]
    assert gain[32.0] > 7.0


def test_what_stands_still_and_the_first_frame_come_back() -> None:
    frames = np.random.default_rng(0).uniform(0, 255, (6, 64, 48))
    np.testing.assert_allclose(magnified(frames, 10.0)[0], frames[0], atol=1e-3)
    np.testing.assert_allclose(magnified(frames, 0.0), frames, atol=1e-4)
    still = np.repeat(frames[:1], 5, axis=0)
    np.testing.assert_allclose(magnified(still, 10.0, band_hz=(0.3, 10.0)), still, atol=1e-3)


def test_the_temporal_band_passes_what_lies_in_it() -> None:
    """Against the analytic response of the two low-passes, on frames at uneven times."""
    times_s = np.cumsum(np.random.default_rng(1).uniform(0.0005, 0.0015, 40_000))
    for hz in (0.1, 2.0, 40.0):
        wave = np.sin(2 * np.pi * hz * times_s)[:, None]
        band = temporal_band(wave, times_s, (0.5, 10.0))[:, 0]
        response = 1 / (1 + 1j * hz / 10.0) - 1 / (1 + 1j * hz / 0.5)
        settled = times_s > 3.0
        expected = np.abs(response) / np.sqrt(2)
        assert np.std(band[settled]) == pytest.approx(expected, rel=0.06)


def test_what_cannot_be_used_is_refused() -> None:
    frames = grating(32.0, np.zeros(2))
    for wrong in ({"alpha": -1.0}, {"band_hz": (5.0, 2.0)}, {"displacement_px": 0.0}):
        with pytest.raises(ValueError, match="it must be 0 or more, the band ascending"):
            magnified(frames, **({"alpha": 1.0} | wrong))  # type: ignore[arg-type]
