"""Simulated traces: the truth is in them, and the disturbances do what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from affectfuse.datasets.synthetic.traces import TraceConditions, draw_conditions, simulate

RATE_HZ = 30.0
CLEAN = TraceConditions(
    wander_bpm=0.0, sensor_noise=1e-5, colour_noise=1e-5, light_drift=1e-5, amplitude=0.01
)


@pytest.mark.parametrize("bpm", [54.0, 90.0, 168.0])
def test_the_pulse_has_its_rate_and_colour(bpm):
    made = simulate(replace(CLEAN, heart_rate_bpm=bpm), 40.0, RATE_HZ, 0)
    np.testing.assert_allclose(made.heart_rate_bpm, bpm)
    green = made.colours[:, 0, 1] / made.colours[:, 0, 1].mean() - 1
    spectrum = np.abs(np.fft.rfft(green * np.hanning(len(green)), 1 << 15))
    peak_bpm = 60 * RATE_HZ / (1 << 15) * int(np.argmax(spectrum))
    assert peak_bpm == pytest.approx(bpm, abs=0.3)
    assert np.corrcoef(green, made.bvp)[0, 1] < -0.99  # skin darkens as blood volume rises
    strength = (made.colours / made.colours.mean(axis=0)).std(axis=0)[0]
    assert strength[1] > strength[2] > strength[0]


def test_a_seed_is_a_trace():
    conditions = draw_conditions(np.random.default_rng(3), wide=True)
    one, same = (simulate(conditions, 20.0, RATE_HZ, 7) for _ in range(2))
    np.testing.assert_array_equal(one.colours, same.colours)
    other = simulate(conditions, 20.0, RATE_HZ, 8)
    assert not np.array_equal(one.bvp, other.bvp)


def test_without_a_pulse_there_is_no_wave():
    conditions = draw_conditions(np.random.default_rng(0), pulse=False, wide=True)
    assert conditions.amplitude == 0.0
    assert not simulate(conditions, 20.0, RATE_HZ, 0).bvp.any()


def test_a_ramp_ends_higher_than_it_began():
    rate_bpm = simulate(replace(CLEAN, ramp_bpm=20.0), 40.0, RATE_HZ, 0).heart_rate_bpm
    assert rate_bpm[-1] - rate_bpm[0] == pytest.approx(20.0, abs=0.1)


def test_texture_moves_each_region_by_itself():
    noise = simulate(replace(CLEAN, amplitude=0.0, texture=0.01), 60.0, RATE_HZ, 2).colours
    change = np.diff(np.log(noise), axis=0)
    within = np.corrcoef(change[:, 0].T)[0, 1]
    between = np.corrcoef(change[:, 0, 1], change[:, 1, 1])[0, 1]
    assert within > 0.8
    assert abs(between) < 0.5  # the head's motion is common


def test_lost_regions_are_missing_for_their_share():
    made = simulate(replace(CLEAN, lost=0.5), 60.0, RATE_HZ, 4)
    missing = np.isnan(made.colours).any(axis=2).mean(axis=0)
    assert missing.max() == pytest.approx(0.55, abs=0.06)
    assert sorted(missing)[:3] == pytest.approx([0.1] * 3, abs=0.06)


def test_a_slower_camera_sees_the_same_pulse():
    filmed = simulate(replace(CLEAN, frame_rates_hz=(30.0, 15.0)), 20.0, RATE_HZ, 5)
    direct = simulate(CLEAN, 20.0, RATE_HZ, 5)
    known = np.isfinite(filmed.colours).all(axis=(1, 2))
    assert known.mean() > 0.95
    np.testing.assert_allclose(
        filmed.colours[known], direct.colours[known], rtol=0.15 * CLEAN.amplitude
    )
    assert np.isfinite(filmed.motion[known]).all()
