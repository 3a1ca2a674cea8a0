from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.matched_filter import AdaptiveMatchedFilter

RATE_HZ, SIGNATURE = 30.0, np.array([0.4, 1.0, 0.7])


def matched(series, **changes):
    return AdaptiveMatchedFilter(series, SIGNATURE, RATE_HZ, 7.5, **changes)


def sine(frequency_hz, count=300):
    return np.sin(2 * np.pi * frequency_hz * np.arange(count) / RATE_HZ + 1)


def test_weights_are_the_published_solution_of_the_neighbouring_frequencies():
    """Independently: plain sums over the bins that are neither in the main lobe nor far away."""
    rng = np.random.default_rng(0)
    series = np.cumsum(rng.normal(size=(3, 300)), axis=1) * [[1.0], [2.0], [3.0]]
    series -= series.mean(axis=1, keepdims=True)
    found = matched(series, loading=0.25)
    every = round(0.03 / found.frequencies_hz[1])
    coarse = found.spectra[:, ::every]
    at, lobe = 60, 0.1 / (every * found.frequencies_hz[1])
    covariance, count, logarithms = np.zeros((3, 3)), 0, 0.0
    energy = (np.abs(coarse) ** 2 / (np.abs(coarse) ** 2).mean(axis=1)[:, None]).mean(axis=0)
    for k in range(coarse.shape[1]):
        if round(3 * lobe) < abs(k - at) <= round(11 * lobe) and (
            k * every * found.frequencies_hz[1] >= 0.3
        ):
            covariance += np.outer(coarse[:, k], coarse[:, k].conj()).real / energy[k]
            count, logarithms = count + 1, logarithms + np.log(energy[k])
    covariance *= 1.3 * np.exp(logarithms / count)
    covariance = 0.75 * covariance / count + 0.25 * np.diag(np.diag(covariance)) / count
    expected = np.linalg.solve(covariance, SIGNATURE)
    frequency_hz = found.frequencies_hz[at * every]
    weights = found.weights(frequency_hz)
    np.testing.assert_allclose(weights, expected / (expected @ SIGNATURE), rtol=1e-6)
    assert weights @ SIGNATURE == pytest.approx(1.0)
    power = abs(expected @ coarse[:, at]) ** 2 / (SIGNATURE @ expected)
    assert found.statistic[at * every] == pytest.approx(power, rel=1e-6)


@pytest.mark.parametrize("colour", [np.ones(3), np.array([1.0, 30.0, 0.01])])
def test_white_noise_is_exponential_whatever_its_scale(colour):
    """A unit exponential variable exceeds 1 in 37 %, 3 in 5 % of cases; a few more here, because
    the covariance is estimated."""
    rng = np.random.default_rng(1)
    values = np.concatenate(
        [
            matched(colour[:, None] * rng.normal(size=(3, 300))).statistic[100:900:14]
            for _ in range(60)
        ]
    )
    assert np.mean(values) == pytest.approx(1.1, abs=0.12)
    assert np.mean(values > 1) == pytest.approx(0.38, abs=0.05)
    assert np.mean(values > 3) == pytest.approx(0.06, abs=0.03)


def test_noise_that_the_channels_share_is_cancelled_and_the_wave_kept():
    rng = np.random.default_rng(2)
    wave, shared = 0.1 * sine(1.4), rng.normal(size=300)
    series = SIGNATURE[:, None] * wave + shared + 0.02 * rng.normal(size=(3, 300))
    found = matched(series, loading=0.001)
    at = round(1.4 / found.frequencies_hz[1])
    alone = AdaptiveMatchedFilter(series[1:2], SIGNATURE[1:2], RATE_HZ, 7.5)
    assert found.statistic[at] > 10 * alone.statistic[at]
    assert found.statistic[100:500].argmax() == pytest.approx(at - 100, abs=4)
    assert abs(found.weights(1.4) @ found.spectra[:, at]) == pytest.approx(0.1, rel=0.25)


def test_a_line_of_the_rival_is_not_taken_for_the_wave():
    rng = np.random.default_rng(4)
    six, weak = np.tile(SIGNATURE, 2), 0.02 * rng.normal(size=(6, 300))
    light = np.array([1.0, 1.0, 1.0, 0.6, 0.6, 0.6])[:, None] * sine(1.1)
    series = 0.2 * six[:, None] * sine(2.0) + light + weak
    rival = np.ones(6)

    def ratio(**changes):
        found = AdaptiveMatchedFilter(series, six, RATE_HZ, 7.5, **changes)
        at = [round(f / found.frequencies_hz[1]) for f in (2.0, 1.1)]
        return found.statistic[at[0]] / found.statistic[at[1]]

    assert ratio() < 1
    assert ratio(rival=rival, per_group=3) > 3
    found = AdaptiveMatchedFilter(series, six, RATE_HZ, 7.5, rival=rival, per_group=3)
    assert abs(found.weights(1.1).reshape(2, 3).sum(axis=1)).max() < 0.01
    assert found.weights(2.0) @ six == pytest.approx(1.0)


def test_a_missing_channel_and_missing_samples_count_nothing():
    rng = np.random.default_rng(3)
    series = SIGNATURE[:, None] * sine(1.0) + 0.3 * rng.normal(size=(3, 300))
    series[2] = np.nan
    series[:, 100:130] = np.nan
    found = matched(series)
    assert 60 * found.frequencies_hz[found.statistic.argmax()] == pytest.approx(60, abs=1)
    assert found.weights(1.0)[2] == 0.0
    nothing = matched(np.zeros((3, 300)))
    assert (nothing.statistic == 0).all()
    assert (nothing.weights(1.0) == 0).all()
