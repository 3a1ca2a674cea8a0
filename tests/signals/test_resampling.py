from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.resampling import resample

GRID = {"start_s": 0.0, "count": 300, "rate_hz": 30.0, "max_gap_s": 0.5}
GRID_S = np.arange(300) / 30.0


def test_a_straight_line_stays_itself_whatever_the_timestamps():
    rng = np.random.default_rng(0)
    times_s = np.sort(rng.uniform(-0.5, 10.5, 260))
    line = np.stack([3 * times_s + 1, -times_s], axis=1)
    cells = resample(times_s, line, **GRID)
    np.testing.assert_allclose(cells, np.stack([3 * GRID_S + 1, -GRID_S], axis=1), atol=1e-9)


@pytest.mark.parametrize("rates_hz", [(15, 15), (30, 15), (15, 30), (60, 30), (29.97, 14.985)])
def test_a_pulse_keeps_phase_and_amplitude_across_a_change_of_frame_rate(rates_hz):
    before = np.arange(-0.2, 5.0, 1 / rates_hz[0])
    times_s = np.concatenate(
        [before, np.arange(before[-1] + 1 / rates_hz[1], 10.2, 1 / rates_hz[1])]
    )
    cells = resample(times_s, np.sin(2 * np.pi * 1.5 * times_s)[:, None], **GRID)[:, 0]
    expected = np.sin(2 * np.pi * 1.5 * GRID_S)
    # Linear interpolation of 1.5 Hz at 15 frames/s costs 1 - sinc(0.1)^2 = 3.3 % of amplitude.
    assert np.abs(cells - expected).max() < 0.06
    assert cells @ expected / (expected @ expected) == pytest.approx(1, abs=0.04)


def test_a_faster_source_is_averaged_not_picked():
    rng = np.random.default_rng(1)
    times_s = np.arange(-0.1, 10.1, 1 / 240)
    noise = rng.normal(size=(len(times_s), 1))
    # Eight samples a cell: the deviation falls by about sqrt(8).
    assert resample(times_s, noise, **GRID).std() == pytest.approx(1 / np.sqrt(8), rel=0.1)


def test_nothing_is_invented_across_a_long_gap_or_beyond_the_ends():
    times_s = np.concatenate([np.arange(1.0, 4.0, 1 / 30), np.arange(5.0, 8.0, 1 / 30)])
    cells = resample(times_s, np.ones((len(times_s), 1)), **GRID)[:, 0]
    missing = GRID_S[np.isnan(cells)]
    inside = missing[(missing > 3.5) & (missing < 5.5)]
    assert inside[0] == pytest.approx(times_s[89], abs=1 / 30)
    assert inside[-1] == pytest.approx(5.0, abs=1 / 30)
    assert len(inside) == pytest.approx(31, abs=1)
    assert missing[0] == 0.0
    assert missing[-1] == GRID_S[-1]
    np.testing.assert_allclose(cells[np.isfinite(cells)], 1.0)


def test_a_short_gap_is_bridged():
    times_s = np.concatenate([np.arange(0.0, 4.0, 1 / 30), np.arange(4.4, 9.99, 1 / 30)])
    cells = resample(times_s, times_s[:, None], **GRID)[:, 0]
    assert np.isfinite(cells[60:200]).all()


def test_a_cell_does_not_change_when_more_arrives():
    rng = np.random.default_rng(2)
    times_s = np.sort(rng.uniform(0, 10, 250))
    values = rng.normal(size=(250, 2))
    whole, part = resample(times_s, values, **GRID), resample(times_s[:120], values[:120], **GRID)
    known = np.isfinite(part[:, 0])
    assert known.sum() > 100
    np.testing.assert_allclose(part[known], whole[known], atol=1e-9)


def test_less_than_two_samples_give_nothing():
    assert np.isnan(resample(np.array([1.0]), np.ones((1, 3)), **GRID)).all()
