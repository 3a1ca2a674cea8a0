from __future__ import annotations

import itertools

import numpy as np
import pytest

from affectfuse.signals.rppg import ica
from affectfuse.signals.rppg.jade import jade

RATE_HZ = 30.0


def sources(count=3000, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [rng.uniform(-1, 1, count), rng.laplace(size=count), np.sin(0.37 * np.arange(count))]
    )


@pytest.mark.parametrize("seed", range(5))
def test_jade_separates_a_known_mixture(seed):
    truth = sources(seed=seed)
    mixed = truth @ np.random.default_rng(100 + seed).normal(size=(3, 3)) + 7.0
    found, mixing = jade(mixed)
    match = np.abs(np.corrcoef(truth.T, found.T)[:3, 3:])
    assert sorted(match.argmax(axis=1)) == [0, 1, 2]
    assert match.max(axis=1).min() > 0.995
    np.testing.assert_allclose(found @ mixing.T + mixed.mean(axis=0), mixed, atol=1e-9)
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(3), atol=1e-9)


def cross_cumulants(z):
    """Squares of all fourth cumulants cum(i, j, k, l) with i != j, which JADE makes least."""
    total = 0.0
    for i, j, k, m in itertools.product(range(z.shape[1]), repeat=4):
        if i != j:
            e = [(i, j, k, m), (k, m, i, j), (i, k, j, m), (i, m, j, k)]
            paired = sum((a == b) * (c == d) for a, b, c, d in e[1:])
            total += (np.mean(z[:, i] * z[:, j] * z[:, k] * z[:, m]) - paired) ** 2
    return total


def test_jade_finds_the_rotation_of_least_cross_cumulants():
    rng = np.random.default_rng(9)
    mixed = sources(600)[:, 1:] @ rng.normal(size=(2, 2))
    found, _ = jade(mixed)
    best = min(
        cross_cumulants(found @ [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        for a in np.linspace(0, np.pi / 2, 721)
    )
    assert cross_cumulants(found) <= best * (1 + 1e-4)


def test_jade_of_channels_that_repeat_gives_fewer_components():
    truth = sources()[:, :2]
    found, mixing = jade(np.column_stack([truth, truth.sum(axis=1)]))
    assert found.shape == (3000, 2)
    assert mixing.shape == (3, 2)
    assert jade(np.ones((50, 3)))[0].shape == (50, 0)


def test_ica_prefers_the_pulse_to_a_stronger_sway_outside_the_band(pulsating):
    rgb, volume = pulsating(0.004, seconds=20, bpm=90, noise=0.0004)
    time_s = np.arange(len(rgb)) / RATE_HZ
    sway = np.sin(2 * np.pi * 0.4 * time_s)
    swaying = rgb + np.outer(sway, [4.0, 2.0, 1.0])
    pulse = ica(swaying, RATE_HZ)
    assert np.corrcoef(pulse, -volume)[0, 1] > 0.9
    wide = ica(swaying, RATE_HZ, band_hz=(0.0, 15.0))
    assert abs(np.corrcoef(wide, sway)[0, 1]) > 0.5  # what the band is for


def test_ica_of_too_few_samples_is_undefined():
    assert np.isnan(ica(np.ones((2, 3)), RATE_HZ)).all()
