"""What all methods have in common: the sign, the rate, what they reject, and bad input."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from affectfuse.errors import AffectFuseError
from affectfuse.signals.rppg import METHODS, check_colour, is_monochrome

RATE_HZ = 30.0
CHROMATIC = sorted(name for name, method in METHODS.items() if method.chromatic)


def peak_bpm(pulse):
    """The highest peak from 40 to 220 bpm of a plain padded periodogram."""
    known = pulse[np.isfinite(pulse)]
    power = np.abs(np.fft.rfft((known - known.mean()) * np.hanning(len(known)), 1 << 15)) ** 2
    bpm = 60 * np.fft.rfftfreq(1 << 15, 1 / RATE_HZ)
    band = (bpm >= 40) & (bpm <= 220)
    return bpm[band][np.argmax(power[band])]


def agreement(pulse, volume):
    """Correlation with minus the volume, well inside."""
    return np.corrcoef(pulse[60:-60], -volume[60:-60])[0, 1]


def wobble(count, seed):
    """A movement of unit deviation with all frequencies from 0.5 to 3 Hz."""
    frequency = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    moved = np.fft.irfft(spectrum * ((frequency > 0.5) & (frequency < 3)), count)
    return moved / moved.std()


def test_the_seven_methods_are_there_and_only_green_does_without_colour():
    names = [method.name for method in METHODS.values()]
    assert names == ["GREEN", "ICA", "CHROM", "POS", "PBV", "LGI", "OMIT"]
    assert [name for name, m in METHODS.items() if not m.chromatic] == ["green"]


@pytest.mark.parametrize("bpm", [44.0, 72.0, 138.0, 210.0])
@pytest.mark.parametrize("name", METHODS)
def test_a_planted_pulse_is_found_with_the_sign_of_reflected_light(name, bpm, pulsating):
    rgb, volume = pulsating(0.006, bpm=bpm, noise=0.0006, seed=int(bpm))
    pulse = METHODS[name](rgb, RATE_HZ)
    assert pulse.shape == (len(rgb),)
    assert abs(peak_bpm(pulse) - bpm) < 2.0
    assert agreement(pulse, volume) > 0.8


@pytest.mark.parametrize("name", METHODS)
def test_brightness_common_to_the_channels_reaches_green_alone(name, pulsating):
    rgb, volume = pulsating(0.008, seconds=20, noise=0.0003)
    lit = rgb * (1 + 0.02 * wobble(len(rgb), seed=5))[:, None]
    found = agreement(METHODS[name](lit, RATE_HZ), volume)
    assert found > 0.9 if METHODS[name].chromatic else found < 0.4


@pytest.mark.parametrize("name", ["green", "ica", "chrom", "pos", "pbv"])
def test_white_reflections_reach_green_alone(name, pulsating):
    # LGI and OMIT make no claim here: they remove the skin's colour, not the light's.
    rgb, volume = pulsating(0.008, seconds=20, noise=0.0003)
    shiny = rgb + np.array([135.0, 135.0, 135.0]) * (0.01 * wobble(len(rgb), seed=6))[:, None]
    found = agreement(METHODS[name](shiny, RATE_HZ), volume)
    assert found > 0.75 if METHODS[name].chromatic else found < 0.55


GOLDEN = {
    "green": [-0.004439595, 0.004233305, 0.00114615, 0.003283315],
    "ica": [-0.9892359, 1.190829, 0.3850294, 1.445954],
    "chrom": [-0.006315216, 0.008640527, 0.004307161, 0.0004189186],
    "pos": [-0.02015347, 0.1456239, -0.05290527, 0.001710937],
    "pbv": [-0.005562691, 0.005464197, 0.002148323, 0.00455475],
    "lgi": [-0.2411957, 0.1812081, -0.05228528, 0.1158311],
    "omit": [-0.2409378, 0.1814677, -0.05202614, 0.1160905],
}


@pytest.mark.parametrize("name", METHODS)
def test_the_output_is_what_it_was(name, pulsating):
    rgb, _ = pulsating(0.006, seconds=8, bpm=80, noise=0.001, seed=1)
    np.testing.assert_allclose(METHODS[name](rgb, RATE_HZ)[[5, 60, 133, 239]], GOLDEN[name], 1e-5)


@pytest.mark.parametrize("name", METHODS)
def test_missing_samples_stay_missing_and_disturb_little(name, pulsating):
    rgb, volume = pulsating(0.006, noise=0.0006)
    rgb[170, 1] = np.nan
    rgb[:3] = np.nan
    pulse = METHODS[name](rgb, RATE_HZ)
    assert np.flatnonzero(np.isnan(pulse)).tolist() == [0, 1, 2, 170]
    known = np.isfinite(pulse)
    assert np.corrcoef(pulse[known], -volume[known])[0, 1] > 0.8
    assert np.isnan(METHODS[name](np.full((100, 3), np.nan), RATE_HZ)).all()


@pytest.mark.parametrize("name", METHODS)
def test_colours_that_never_change_have_no_pulse_and_black_has_no_infinity(name):
    still = METHODS[name](np.full((120, 3), [180.0, 120.0, 100.0]), RATE_HZ)
    np.testing.assert_allclose(still, 0.0, atol=1e-9)
    assert not np.isinf(METHODS[name](np.zeros((120, 3)), RATE_HZ)).any()


@pytest.mark.parametrize("name", METHODS)
def test_the_input_is_left_as_it_is(name, pulsating):
    rgb, _ = pulsating(0.006, noise=0.0006)
    before = rgb.copy()
    METHODS[name](rgb, RATE_HZ)
    np.testing.assert_array_equal(rgb, before)


@pytest.mark.parametrize("name", CHROMATIC)
def test_without_colour_a_chrominance_method_is_refused_with_the_reason(name, pulsating):
    rgb, _ = pulsating(0.006)
    check_colour(METHODS[name], rgb)
    grey = rgb[:, [1, 1, 1]] + np.array([0.7, 0.0, -0.7])  # what decoding leaves of grey
    with pytest.raises(AffectFuseError, match=f"^{name.upper()} .*channels are the same.*GREEN"):
        check_colour(METHODS[name], grey)
    with pytest.raises(AffectFuseError, match="there is no green and no blue"):
        check_colour(METHODS[name], rgb * np.array([1, 0, 0]))


def test_green_needs_no_colour(pulsating):
    rgb, volume = pulsating(0.006)
    grey = rgb[:, [1, 1, 1]]
    check_colour(METHODS["green"], grey)
    assert agreement(METHODS["green"](grey, RATE_HZ), volume) > 0.999


def test_is_monochrome_by_hand():
    assert is_monochrome(np.array([[10.0, 11.4, 10.2], [np.nan, 0.0, 90.0]]))
    assert not is_monochrome(np.array([[10.0, 11.6, 10.2]]))
    assert not is_monochrome(np.full((4, 3), np.nan))


def test_importing_the_methods_does_not_wait_for_scipy_signal():
    code = "import sys, affectfuse.signals.rppg; sys.exit('scipy.signal' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
