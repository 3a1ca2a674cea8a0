from __future__ import annotations

import math

import numpy as np
import pytest

from affectfuse.modalities.heart_rate.history import History, RunningMedian


def test_the_running_median_is_the_median_to_half_a_bin():
    rng = np.random.default_rng(0)
    values = rng.normal(75, 10, 501)
    median = RunningMedian(30, 240, 0.5)
    for value in values:
        median.add(value, 1.0)
    assert median.value == pytest.approx(np.median(values), abs=0.5)


def test_a_value_counts_as_much_as_it_is_believed():
    median = RunningMedian(30, 240, 0.5)
    for value, weight in [(60, 0.9), (60, 0.9), (150, 0.1), (150, 0.1), (150, 0.1)]:
        median.add(value, weight)
    assert median.value == 60
    assert math.isnan(RunningMedian(30, 240, 0.5).value)


def test_a_rise_of_eight_bpm_shows_against_the_own_baseline():
    history = History(20)
    for tick in range(120):
        history.add(70.0 if tick < 100 else 78.0, 0.9, 0.004)
    array = history.sample()
    np.testing.assert_allclose(array[0], 0.8, atol=0.01)
    np.testing.assert_allclose(array[1], (78 - 80) / 30, atol=0.01)
    np.testing.assert_allclose(array[2], 0.9, atol=1e-6)
    np.testing.assert_allclose(array[3], 0.0, atol=0.02)


def test_a_drop_of_amplitude_shows():
    history = History(20)
    for tick in range(60):
        history.add(70.0, 0.9, 0.004 if tick < 50 else 0.0032)
    assert history.sample()[3, -5:] == pytest.approx(math.log(0.8), abs=0.03)


def test_unknown_is_zero_with_confidence_zero():
    history = History(20)
    history.add(math.nan, 0.7, math.nan)
    assert (history.sample() == 0).all()
    assert history.quality(5) == 0.0
    history.add(71.0, 0.8, 0.003)
    assert history.quality(2) == pytest.approx(0.4)
