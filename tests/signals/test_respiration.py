"""Respiration rate: found where the pulse breathes, nothing where it does not."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.signals.respiration import (
    RATE_HZ,
    TRUSTED,
    RespirationRate,
    modulation,
    respiration_rate,
)

SECONDS = 30


def breathe(
    rate_per_min: float, depths: tuple[float, float, float], seed: int = 0
) -> RespirationRate:
    """Return the rate found from baseline, amplitude and intervals of beats at 70 bpm.

    Depths are those of the breathing wave over the noise; waves of blood pressure are as strong as
    the noise, at 0.1 Hz.
    """
    rng = np.random.default_rng(seed)
    beats_s = np.arange(0.0, SECONDS, 60.0 / 70.0)
    breath = np.sin(2 * np.pi * rate_per_min / 60.0 * beats_s + rng.uniform(0.0, 6.0))
    slow = np.sin(2 * np.pi * 0.1 * beats_s + rng.uniform(0.0, 6.0))
    rows = []
    for depth in depths:
        values = depth * breath + slow + rng.normal(size=len(beats_s))
        rows.append(modulation(beats_s, values, 0.0, round(SECONDS * RATE_HZ)))
    return respiration_rate(np.stack(rows))


@pytest.mark.parametrize("rate_per_min", [10.0, 15.0, 21.0, 30.0])
def test_three_clear_modulations_give_the_rate(rate_per_min: float) -> None:
    found = breathe(rate_per_min, (6.0, 6.0, 6.0))
    assert found.rate_per_min == pytest.approx(rate_per_min, abs=0.5)
    assert found.confidence > 0.9


def test_one_that_does_not_breathe_is_outvoted() -> None:
    found = [breathe(18.0, (6.0, 0.0, 6.0), seed) for seed in range(20)]
    assert np.median([abs(f.rate_per_min - 18.0) for f in found]) < 0.5


def test_one_that_breathes_clearly_is_not_drowned_by_two_that_do_not() -> None:
    found = [breathe(18.0, (0.0, 0.0, 12.0), seed) for seed in range(20)]
    assert np.mean([f.confidence >= TRUSTED for f in found]) > 0.5
    assert np.median([abs(f.rate_per_min - 18.0) for f in found]) < 0.5


def test_without_respiration_there_is_none() -> None:
    trusted = [breathe(15.0, (0.0, 0.0, 0.0), seed).confidence >= TRUSTED for seed in range(200)]
    assert np.mean(trusted) <= 0.05


def test_most_trusted_rates_are_right() -> None:
    rng = np.random.default_rng(3)
    errors = []
    for seed in range(200):
        rate = rng.uniform(9.0, 33.0)
        depths = tuple(10 ** rng.uniform(-0.3, 0.7, 3))
        found = breathe(rate, depths, seed)
        if found.confidence >= TRUSTED:
            errors.append(abs(found.rate_per_min - rate))
    assert len(errors) > 60
    assert np.mean(np.array(errors) <= 2.0) >= 0.9


@pytest.mark.parametrize(
    "modulations",
    [np.full((3, 120), np.nan), np.zeros((3, 120)), np.zeros((0, 120)), np.zeros((3, 0))],
)
def test_nothing_to_read_is_no_rate(modulations: Array) -> None:
    found = respiration_rate(modulations)
    assert np.isnan(found.rate_per_min)
    assert found.confidence == 0.0


def test_a_modulation_does_not_reach_across_a_gap() -> None:
    times_s = np.concatenate([np.arange(2.0, 10.0), np.arange(16.0, 25.0)])
    row = modulation(times_s, np.sin(times_s), 0.0, 120)
    grid_s = np.arange(120) / RATE_HZ
    assert np.isnan(
        row[(grid_s < 2.0) | ((grid_s > 9.0) & (grid_s < 16.0)) | (grid_s > 24.0)]
    ).all()
    assert np.isfinite(row[(grid_s > 2.0) & (grid_s < 9.0)]).all()
    assert np.isnan(modulation(np.zeros(0), np.zeros(0), 0.0, 10)).all()
