from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from affectfuse.modalities.heart_rate.disturbances import ColourWindow
from affectfuse.modalities.heart_rate.tracker import HeartRateTracker
from affectfuse.signals.rppg import PULSE_SIGNATURE

RATE_HZ = 30.0
REGIONS = np.repeat(np.arange(4), 3)
SIGNATURE = np.tile(np.array(PULSE_SIGNATURE) / PULSE_SIGNATURE[1], 4)


def skin(wave, rng, noise):
    """Colours (time, signal) of four regions: what blood does, and white noise of their own."""
    return 0.002 * (-wave[:, None] * SIGNATURE + noise * rng.normal(size=(len(wave), 12)))


def pulses(bpm, seconds, rng, noise, amplitude=1.0, second=0.3):
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * bpm / 60 * time_s + rng.uniform(0, 6)
    return skin(amplitude * (np.sin(phase) + second * np.sin(2 * phase - 1)), rng, noise)


def estimates(signal, motion=None, light=None):
    """One estimate a tick, over windows of 10 s from 5 s on."""
    tracker = HeartRateTracker((40.0, 220.0))
    motion = np.zeros((len(signal), 3)) if motion is None else motion
    light = np.zeros(len(signal)) if light is None else light
    for end in range(150, len(signal) + 1, 30):
        part = slice(max(0, end - 300), end)
        window = ColourWindow(signal[part], SIGNATURE, REGIONS, motion[part], light[part], RATE_HZ)
        yield tracker.update(window, slice(None))


def follow(signal, motion=None, light=None):
    """One row a tick: rate and confidence."""
    found = estimates(signal, motion, light)
    return np.array([(e.heart_rate_bpm, e.confidence) for e in found])


@pytest.mark.parametrize("bpm", [43.3, 61.7, 88.0, 119.6, 164.4, 215.2])
def test_sub_bin_accuracy_in_the_whole_band(bpm):
    rows = follow(pulses(bpm, 16, np.random.default_rng(0), noise=0.3))
    np.testing.assert_allclose(rows[5:, 0], bpm, atol=0.3)


def test_no_octave_jump_with_a_strong_second_harmonic():
    for seed in range(5):
        signal = pulses(62, 20, np.random.default_rng(seed), noise=0.5, second=0.9)
        np.testing.assert_allclose(follow(signal)[:, 0], 62, atol=3)


def test_a_sway_stronger_than_the_pulse_is_taken_out():
    rng = np.random.default_rng(0)
    signal = pulses(96, 20, rng, noise=0.5)
    sway = np.sin(2 * np.pi * 1.1 * np.arange(len(signal)) / RATE_HZ)
    signal = signal + 0.006 * sway[:, None] * np.repeat([1.0, 0.8, 0.7, 0.9], 3)
    motion = 0.05 * sway[:, None] * [1.0, 0.3, 0.0] + 0.003 * rng.normal(size=(len(sway), 3))
    np.testing.assert_allclose(follow(signal, motion)[:, 0], 96, atol=2)
    blind = follow(signal)[:, 0]
    assert np.abs(blind - 96).max() > 20  # without the motion it would be lost


def test_light_that_flickers_in_the_band_is_told_by_the_background():
    rng = np.random.default_rng(1)
    signal = pulses(75, 20, rng, noise=0.5)
    flicker = 0.01 * np.sin(2 * np.pi * 1.7 * np.arange(len(signal)) / RATE_HZ)
    light = flicker + 3e-4 * rng.normal(size=len(signal))
    gains = rng.uniform(0.8, 1.1, 12)  # skin and wall do not answer quite alike
    lit = signal + flicker[:, None] * gains
    np.testing.assert_allclose(follow(lit, None, light)[:, 0], 75, atol=2)
    assert np.abs(follow(lit)[:, 0] - 75).max() > 20


def test_noise_that_all_regions_share_is_cancelled():
    """Brightness noise of five times the pulse would hide it from their mean."""
    rng = np.random.default_rng(2)
    signal = pulses(84, 20, rng, noise=0.3) + 0.01 * rng.normal(size=(600, 1))
    np.testing.assert_allclose(follow(signal)[5:, 0], 84, atol=1.5)


def test_the_combination_passes_the_pulse_unchanged():
    """Its amplitude is that of green, whatever the noise of single regions."""
    rng = np.random.default_rng(3)
    signal = pulses(70, 20, rng, noise=0.2, second=0.0)
    signal[:, :3] += 0.01 * rng.normal(size=(600, 1))
    *_, newest = estimates(signal)
    assert newest.amplitude == pytest.approx(0.002, rel=0.1)
    assert newest.shares[0] < 0.1  # the forehead is the noisy one
    assert newest.shares.sum() == pytest.approx(1.0)
    middle = slice(60, -60)
    true = -signal[-300:, 3:].reshape(300, 3, 3)[:, :, 1].mean(axis=1)
    assert np.corrcoef(newest.bvp[middle], true[middle])[0, 1] > 0.95


def test_a_missing_region_and_a_gap_do_no_harm():
    signal = pulses(75, 16, np.random.default_rng(1), noise=0.3)
    signal[:, 3:6] = np.nan
    signal[250:280] = np.nan
    np.testing.assert_allclose(follow(signal)[:, 0], 75, atol=1)


def test_a_changing_rate_is_followed():
    rng = np.random.default_rng(2)
    bpm = np.interp(np.arange(1200) / RATE_HZ, [0, 10, 30, 40], [70, 70, 100, 100])
    wave = np.sin(2 * np.pi * np.cumsum(bpm) / 60 / RATE_HZ)
    rows = follow(skin(wave, rng, 0.5))
    assert rows[-1, 0] == pytest.approx(100, abs=1)
    centre = bpm[np.maximum(np.arange(150, 1201, 30) - 150, 0)]
    assert np.abs(rows[:, 0] - centre).max() < 4


def test_confidence_tells_right_from_wrong_and_noise_has_none():
    """From no pulse at all to a clear one; AUROC at least .9 as the issue of this modality asks."""
    rng = np.random.default_rng(3)
    good, bad, silent = [], [], []
    for _ in range(30):
        bpm = rng.uniform(50, 160)
        rows = follow(pulses(bpm, 20, rng, noise=2.0, amplitude=10 ** rng.uniform(-1.8, 0)))
        error = np.abs(rows[:, 0] - bpm)
        good += rows[error < 2, 1].tolist()
        bad += rows[error > 5, 1].tolist()
        silent += follow(pulses(bpm, 20, rng, noise=2.0, amplitude=0.0))[:, 1].tolist()
    assert min(len(good), len(bad)) >= 100
    ranks = rankdata(good + bad)[: len(good)]
    auroc = (ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad))
    assert auroc > 0.9
    assert np.median(good) > 0.7
    assert np.median(silent) < 0.1
    assert np.quantile(silent, 0.95) < 0.5


def test_silence_is_finite():
    rows = follow(np.zeros((300, 12)))
    assert np.isfinite(rows).all()
    assert rows[:, 1].max() < 0.1
