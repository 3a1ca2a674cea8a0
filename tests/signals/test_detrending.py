from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.detrending import detrend


def test_detrend_is_the_published_matrix():
    values = np.random.default_rng(0).normal(size=(80, 2)).cumsum(axis=0)
    second = np.diff(np.eye(80), n=2, axis=0)
    expected = values - np.linalg.solve(np.eye(80) + 100.0**2 * second.T @ second, values)
    np.testing.assert_allclose(detrend(values, 100.0), expected, atol=1e-8)
    np.testing.assert_allclose(detrend(values[:, 0], 100.0), expected[:, 0], atol=1e-8)


def test_the_gain_is_one_half_where_it_is_said_to_be():
    rate_hz, smoothness = 30.0, 100.0
    time_s = np.arange(6000) / rate_hz
    wave = np.sin(rate_hz / np.sqrt(smoothness) * time_s)
    inside = slice(600, -600)
    gain = np.std(detrend(wave, smoothness)[inside]) / np.std(wave[inside])
    assert gain == pytest.approx(0.5, abs=0.005)


def test_a_trend_goes_through_missing_samples():
    line = np.arange(50.0)
    line[20:25] = np.nan
    residual = detrend(line, 100.0)
    assert np.flatnonzero(np.isnan(residual)).tolist() == [20, 21, 22, 23, 24]
    np.testing.assert_allclose(residual[np.isfinite(residual)], 0.0, atol=1e-5)


def test_fewer_than_three_samples_are_undefined():
    assert np.isnan(detrend(np.array([1.0, np.nan, 2.0]), 100.0)).all()
    assert np.isnan(detrend(np.ones((2, 3)), 100.0)).all()
