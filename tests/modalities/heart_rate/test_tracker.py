from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from affectfuse.modalities.heart_rate.spectrum import skin_series
from affectfuse.modalities.heart_rate.tracker import HeartRateTracker
from affectfuse.signals.rppg import pos
from affectfuse.signals.spectra import hann_spectrum

RATE_HZ = 30.0
TINT = np.array([0.33, 0.77, 0.53]) / 0.77
SKIN = np.array([170.0, 125.0, 105.0])


def skin(bpm, seconds, rng, noise, amplitude=1.0, second=0.3):
    """Four regions (time, region, channel): one pulse, white noise of each channel's own."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.asarray(bpm) / 60 * time_s + rng.uniform(0, 6)
    wave = np.sin(phase) + second * np.sin(2 * phase - 1)
    white = rng.normal(size=(len(time_s), 4, 3))
    return SKIN * (1 + 0.002 * (noise * white - amplitude * wave[:, None, None] * TINT))


def follow(colours, motion=None, tracker=None):
    """One row a tick: rate and confidence, over windows of 10 s from 5 s on."""
    tracker = tracker or HeartRateTracker((40.0, 220.0))
    motion = np.zeros((len(colours), 3)) if motion is None else motion
    rows = []
    for end in range(150, len(colours) + 1, 30):
        window = slice(max(0, end - 300), end)
        estimate = tracker.update(skin_series(colours[window], motion[window], RATE_HZ))
        rows.append((estimate.heart_rate_bpm, estimate.confidence))
    return np.array(rows)


@pytest.mark.parametrize("bpm", [43.3, 61.7, 88.0, 119.6, 164.4, 215.2])
def test_sub_bin_accuracy_in_the_whole_band(bpm):
    rows = follow(skin(bpm, 16, np.random.default_rng(0), noise=0.3))
    np.testing.assert_allclose(rows[5:, 0], bpm, atol=0.3)


def test_no_octave_jump_with_a_strong_second_harmonic():
    for seed in range(5):
        signal = skin(62, 20, np.random.default_rng(seed), noise=0.5, second=0.9)
        np.testing.assert_allclose(follow(signal)[:, 0], 62, atol=3)


def test_a_sway_stronger_than_the_pulse_is_taken_out():
    rng = np.random.default_rng(0)
    signal = skin(96, 20, rng, noise=0.5)
    sway = np.sin(2 * np.pi * 1.1 * np.arange(len(signal)) / RATE_HZ)
    strength = np.array([1.0, 0.8, 1.1, 0.9])[:, None]
    signal = signal * (1 + 0.006 * sway[:, None, None] * strength * TINT)  # just as a pulse would
    motion = 0.05 * sway[:, None] * [1.0, 0.3, 0.0] + 0.003 * rng.normal(size=(len(sway), 3))
    np.testing.assert_allclose(follow(signal, motion)[:, 0], 96, atol=2)
    blind = follow(signal)[:, 0]
    assert np.abs(blind - 96).max() > 20  # without the motion it would be lost


def test_chroma_noise_that_drowns_pos_leaves_the_pulse_in_green():
    """As after compression: red and blue differ from green by noise, in all regions."""
    rng = np.random.default_rng(4)
    signal = skin(81, 25, rng, noise=0.1)
    chroma = 0.006 * rng.normal(size=(len(signal), 4, 2))
    signal[:, :, [0, 2]] *= 1 + chroma
    np.testing.assert_allclose(follow(signal)[5:, 0], 81, atol=1)
    late = np.stack([pos(signal[300:600, r], RATE_HZ) for r in range(4)]).mean(axis=0)
    frequencies_hz, spectrum = hann_spectrum(late, RATE_HZ, 0.01)
    power = np.abs(spectrum) ** 2
    band = (frequencies_hz > 0.67) & (frequencies_hz < 3.67)
    near = np.abs(60 * frequencies_hz - 81) < 6
    through_pos = power[near].max() / np.median(power[band])
    greens = np.log(signal[300:600, :, 1]).mean(axis=1)
    _, spectrum = hann_spectrum(greens - greens.mean(), RATE_HZ, 0.01)
    through_green = np.abs(spectrum[near]).max() ** 2 / np.median(np.abs(spectrum[band]) ** 2)
    assert through_green > 10 * through_pos


def test_light_that_wavers_more_than_the_pulse_is_rejected():
    rng = np.random.default_rng(5)
    signal = skin(102, 20, rng, noise=0.5, second=0.1)
    time_s = np.arange(len(signal)) / RATE_HZ
    light = 1 + 0.01 * np.cumsum(rng.normal(size=len(signal))) / 10
    light = light + 0.008 * np.sin(2 * np.pi * 1.2 * time_s)
    signal = signal * light[:, None, None]
    np.testing.assert_allclose(follow(signal)[5:, 0], 102, atol=2)


def test_a_missing_region_and_a_gap_do_no_harm():
    signal = skin(75, 16, np.random.default_rng(1), noise=0.3)
    signal[:, 1] = np.nan
    signal[250:280] = np.nan
    np.testing.assert_allclose(follow(signal)[:, 0], 75, atol=1)


def test_a_changing_rate_is_followed():
    rng = np.random.default_rng(2)
    bpm = np.interp(np.arange(1200) / RATE_HZ, [0, 10, 30, 40], [70, 70, 100, 100])
    wave = np.sin(2 * np.pi * np.cumsum(bpm) / 60 / RATE_HZ)
    white = 0.5 * rng.normal(size=(1200, 4, 3))
    rows = follow(SKIN * (1 + 0.002 * (white - wave[:, None, None] * TINT)))
    assert rows[-1, 0] == pytest.approx(100, abs=1)
    centre = bpm[np.maximum(np.arange(150, 1201, 30) - 150, 0)]
    assert np.abs(rows[:, 0] - centre).max() < 4


def test_confidence_tells_right_from_wrong_and_noise_has_none():
    """From no pulse at all to a clear one; AUROC at least .9 as the issue of this modality asks."""
    rng = np.random.default_rng(3)
    good, bad, silent = [], [], []
    for _ in range(30):
        bpm = rng.uniform(50, 160)
        rows = follow(skin(bpm, 20, rng, noise=2.0, amplitude=10 ** rng.uniform(-1.5, 0)))
        error = np.abs(rows[:, 0] - bpm)
        good += rows[error < 2, 1].tolist()
        bad += rows[error > 5, 1].tolist()
        silent += follow(skin(bpm, 20, rng, noise=2.0, amplitude=0.0))[:, 1].tolist()
    assert min(len(good), len(bad)) >= 100
    ranks = rankdata(good + bad)[: len(good)]
    auroc = (ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad))
    assert auroc > 0.9
    assert np.median(good) > 0.7
    assert np.quantile(silent, 0.99) <= 0.3


def test_silence_is_finite():
    rows = follow(np.full((300, 4, 3), 100.0))
    assert np.isfinite(rows).all()
    assert rows[:, 1].max() < 0.1
