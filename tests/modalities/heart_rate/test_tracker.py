from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from affectfuse.modalities.heart_rate.tracker import HeartRateTracker

RATE_HZ = 30.0


def pulses(bpm, seconds, rng, noise, amplitude=1.0, second=0.3):
    """Four regions: one pulse, white noise of their own."""
    time_s = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * bpm / 60 * time_s + rng.uniform(0, 6)
    wave = np.sin(phase) + second * np.sin(2 * phase - 1)
    return 0.002 * (amplitude * wave + noise * rng.normal(size=(4, len(time_s))))


def follow(signal, motion=None, tracker=None):
    """One row a tick: rate and confidence, over windows of 10 s from 5 s on."""
    tracker = tracker or HeartRateTracker((40.0, 220.0))
    motion = np.zeros((signal.shape[1], 3)) if motion is None else motion
    rows = []
    for end in range(150, signal.shape[1] + 1, 30):
        window = slice(max(0, end - 300), end)
        estimate = tracker.update(signal[:, window], motion[window], RATE_HZ)
        rows.append((estimate.heart_rate_bpm, estimate.confidence))
    return np.array(rows)


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
    sway = np.sin(2 * np.pi * 1.1 * np.arange(signal.shape[1]) / RATE_HZ)
    signal = signal + 0.006 * sway * np.array([[1.0], [0.8], [-0.5], [0.9]])
    motion = 0.05 * sway[:, None] * [1.0, 0.3, 0.0] + 0.003 * rng.normal(size=(len(sway), 3))
    np.testing.assert_allclose(follow(signal, motion)[:, 0], 96, atol=2)
    blind = follow(signal)[:, 0]
    assert np.abs(blind - 96).max() > 20  # without the motion it would be lost


def test_a_missing_region_and_a_gap_do_no_harm():
    signal = pulses(75, 16, np.random.default_rng(1), noise=0.3)
    signal[1] = np.nan
    signal[:, 250:280] = np.nan
    np.testing.assert_allclose(follow(signal)[:, 0], 75, atol=1)


def test_a_changing_rate_is_followed():
    rng = np.random.default_rng(2)
    bpm = np.interp(np.arange(1200) / RATE_HZ, [0, 10, 30, 40], [70, 70, 100, 100])
    wave = np.sin(2 * np.pi * np.cumsum(bpm) / 60 / RATE_HZ)
    rows = follow(0.002 * (wave + 0.5 * rng.normal(size=(4, 1200))))
    assert rows[-1, 0] == pytest.approx(100, abs=1)
    centre = bpm[np.maximum(np.arange(150, 1201, 30) - 150, 0)]
    assert np.abs(rows[:, 0] - centre).max() < 4


def test_confidence_tells_right_from_wrong_and_noise_has_none():
    """From no pulse at all to a clear one; AUROC at least .9 as the issue of this modality asks."""
    rng = np.random.default_rng(3)
    good, bad, silent = [], [], []
    for _ in range(30):
        bpm = rng.uniform(50, 160)
        rows = follow(pulses(bpm, 20, rng, noise=1.0, amplitude=10 ** rng.uniform(-1.5, 0)))
        error = np.abs(rows[:, 0] - bpm)
        good += rows[error < 2, 1].tolist()
        bad += rows[error > 5, 1].tolist()
        silent += follow(pulses(bpm, 20, rng, noise=1.0, amplitude=0.0))[:, 1].tolist()
    assert min(len(good), len(bad)) >= 100
    ranks = rankdata(good + bad)[: len(good)]
    auroc = (ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad))
    assert auroc > 0.9
    assert np.median(good) > 0.7
    assert np.quantile(silent, 0.99) <= 0.3


def test_silence_is_finite():
    rows = follow(np.zeros((4, 300)))
    assert np.isfinite(rows).all()
    assert rows[:, 1].max() < 0.1
