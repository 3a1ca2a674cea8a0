"""Pulse amplitude: its size, its error, planted drops across a step of the light."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.physiology import pulse_wave
from affectfuse.signals.pulse_amplitude import SIGNATURE, fit_pulse

RATE_HZ, WINDOW_S, DURATION_S = 30.0, 8, 60
SKIN = np.array([170.0, 125.0, 105.0])


def amplitude(
    colours: Array, signature: Array, beats_s: Array, joined: Array
) -> tuple[float, float]:
    """Return amplitude and standard error in %; NaN and infinity where there is no fit."""
    fit = fit_pulse(colours, RATE_HZ, beats_s, joined)
    return (np.nan, np.inf) if fit is None else fit.amplitude_percent(signature)


def skin(seed: int, drop: float = 0.0, noise: float = 0.001) -> tuple[Array, Array]:
    """Return (time, channel) colours of a pulse of 0.6 %, and its beats.

    The light falls by 15 % in a tenth of a second somewhere from 27 to 33 s, in one channel by a
    little more (a camera's tone curve), and drifts by 1 %; the pulse falls by `drop` at about then.
    """
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(DURATION_S * RATE_HZ)) / RATE_HZ
    beats_s = np.cumsum(rng.normal(60.0 / 70.0, 0.02, 90)) - 1.0
    falls_s, dims_s = rng.uniform(27.0, 33.0, 2)
    amplitude = 0.006 * np.where(times_s > falls_s, 1.0 - drop, 1.0)
    amplitude = amplitude * (1.0 + 0.1 * np.sin(2 * np.pi * 0.25 * times_s))
    pulse = amplitude * pulse_wave(times_s, beats_s)
    light = 1.0 - 0.15 * np.clip((times_s - dims_s) / 0.1, 0.0, 1.0)
    light = light * (1.0 + 0.01 * falling(rng, len(times_s), 2.0))
    clean = (1.0 - pulse[:, None] * SIGNATURE) * light[:, None] ** np.array([1.03, 1.0, 1.0])
    speckle = np.stack([falling(rng, len(times_s), 0.7) for _ in range(3)], axis=1)
    return SKIN * clean * (1.0 + noise * speckle), beats_s


def falling(rng: np.random.Generator, count: int, exponent: float) -> Array:
    """Return noise of unit deviation whose power falls as 1/f**exponent."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum[1:] *= np.arange(1.0, len(spectrum)) ** (-exponent / 2)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std())


def amplitudes(colours: Array, beats_s: Array) -> tuple[Array, Array]:
    """Return amplitude and stated error once a second, the first at the end of the first window."""
    rows = []
    for end_s in range(WINDOW_S, DURATION_S + 1):
        start_s = end_s - WINDOW_S
        part = colours[round(start_s * RATE_HZ) : round(end_s * RATE_HZ)]
        near = (beats_s > start_s - 1.5) & (beats_s < end_s + 1.5)
        joined = np.ones(near.sum(), bool)
        rows.append(amplitude(part, SIGNATURE, beats_s[near] - start_s, joined))
    values, errors = np.array(rows).T
    return values, errors


def test_a_clean_pulse_has_the_amplitude_it_was_made_with() -> None:
    values, errors = amplitudes(*skin(1, noise=1e-5))
    # The wave's own harmonics above the second are left out, and breathing changes it by a tenth.
    assert np.median(values) == pytest.approx(0.6, rel=0.05)
    assert np.all(errors < 0.05)


def test_a_fifth_less_is_found_across_a_step_of_the_light() -> None:
    ratio = {}
    for drop in (0.0, 0.2):
        after = []
        for seed in range(14):
            values, _ = amplitudes(*skin(seed + round(1000 * drop), drop))
            ends_s = np.arange(WINDOW_S, DURATION_S + 1)
            before = np.nanmedian(values[ends_s <= 26])
            after.append(np.nanmedian(values[ends_s >= 41]) / before)
        ratio[drop] = np.array(after)
    ranks = rankdata(-np.concatenate([ratio[0.0], ratio[0.2]]))
    area = (ranks[14:].sum() - 14 * 15 / 2) / 14**2
    assert area >= 0.95
    assert np.median(ratio[0.0]) == pytest.approx(1.0, abs=0.06)
    assert np.median(ratio[0.2]) == pytest.approx(0.8, abs=0.06)


def test_the_stated_error_is_about_the_true_one() -> None:
    scatter, stated = [], []
    for seed in range(6):
        values, errors = amplitudes(*skin(seed, noise=0.002))
        scatter.append(np.nanstd(values[:18]))
        stated.append(np.nanmedian(errors))
    assert np.mean(stated) == pytest.approx(np.mean(scatter), rel=0.5)


def test_one_channel_is_enough() -> None:
    colours, beats_s = skin(3, noise=1e-4)
    part = colours[: round(WINDOW_S * RATE_HZ), 1:2]
    joined = np.ones(len(beats_s), bool)
    value, _ = amplitude(part, np.ones(1), beats_s, joined)
    assert value == pytest.approx(0.6, rel=0.15)


def test_few_beats_gaps_and_black_are_not_known() -> None:
    colours, beats_s = skin(4)
    part, joined = colours[:240], np.ones(len(beats_s), bool)
    few = amplitude(part, SIGNATURE, beats_s[:3], joined[:3])
    broken = amplitude(part, SIGNATURE, beats_s, ~joined)
    black = amplitude(0.0 * part, SIGNATURE, beats_s, joined)
    missing = part.copy()
    missing[:120] = np.nan
    gap = amplitude(missing, SIGNATURE, beats_s, joined)
    nothing = amplitude(part, SIGNATURE, beats_s[:0], joined[:0])
    for value, error in (few, broken, black, gap, nothing):
        assert np.isnan(value)
        assert np.isinf(error)
