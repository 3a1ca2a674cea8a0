"""Heads trained on planted evidence: what noise costs, and confidence as modalities drop out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import combinations

import numpy as np
import pytest
import torch
from fusion.planted import (
    INFORMATIVE,
    WITH_NOISE,
    Planted,
    auroc,
    confidence,
    probabilities,
    train,
)
from scipy.stats import norm

from affectfuse.config import names
from affectfuse.fusion.base import FusionHead

HEADS = names("fusion")
OVERFITS_NOISE = {"tensor_fusion"}  # 729 products of three modalities, learned from 2000 rows
CONFIDENCE_MAY_RISE = {
    "mean",  # renormalised: one modality left says all that it says alone
    "masked_attention",  # the token of absence may say anything
}
SUBSETS = [present for size in range(4) for present in combinations(WITH_NOISE, size)]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Matrices this small only wait for each other on more, which takes thirty times as long."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@cache
def unseen() -> Planted:
    return Planted.draw(8000, 99)


@cache
def trained(
    name: str, modalities: tuple[str, ...], n_rows: int = 2000, seed: int = 0
) -> FusionHead:
    widths = {m: WITH_NOISE[m] for m in modalities}
    return train(name, widths, Planted.draw(n_rows, seed), seed, epochs=20_000 // n_rows)


def cost_of_noise(name: str, n_rows: int = 2000, seed: int = 0) -> float:
    data = unseen()
    without, beside = (
        auroc(data.labels, probabilities(trained(name, m, n_rows, seed), data, m))
        for m in (tuple(INFORMATIVE), tuple(WITH_NOISE))
    )
    return without - beside


@pytest.mark.parametrize("name", sorted(set(HEADS) - OVERFITS_NOISE))
def test_a_modality_of_noise_costs_little(name: str) -> None:
    assert cost_of_noise(name) <= 0.01


@pytest.mark.parametrize("seed", range(3))
def test_the_default_head_needs_few_rows_for_that(seed: int) -> None:
    assert cost_of_noise("log_linear_pool", 500, seed) <= 0.01


@pytest.mark.parametrize("name", HEADS)
def test_two_informative_modalities_are_near_the_best_that_can_be(name: str) -> None:
    """The AUROC of the true likelihood ratio is known in closed form."""
    shifts = np.repeat([0.3, 0.22], 4)
    best = norm.cdf(np.sqrt(2 * (shifts**2).sum()))
    data = unseen()
    fused = trained(name, tuple(INFORMATIVE))
    found = auroc(data.labels, probabilities(fused, data, tuple(INFORMATIVE)))
    assert best - 0.02 < found < best + 0.01
    for alone in INFORMATIVE:
        assert auroc(data.labels, probabilities(fused, data, [alone])) < found - 0.02


@pytest.mark.parametrize("name", sorted(set(HEADS) - CONFIDENCE_MAY_RISE))
def test_mean_confidence_does_not_rise_when_a_modality_is_removed(name: str) -> None:
    tolerance = 0.001 if name == "log_linear_pool" else 0.005
    head = trained(name, tuple(WITH_NOISE))
    sure = {s: confidence(probabilities(head, unseen(), s)) for s in SUBSETS}
    for present in SUBSETS:
        for gone in present:
            left = tuple(m for m in present if m != gone)
            assert sure[left] <= sure[present] + tolerance, (present, left)
    assert sure[()] == 0.5
    assert sure[("face",)] + 0.02 < sure[("face", "pulse")]


def test_the_confidence_of_a_mean_rises() -> None:
    head = trained("mean", tuple(WITH_NOISE))
    both, one = (
        confidence(probabilities(head, unseen(), s)) for s in (("face", "noise"), ("face",))
    )
    assert one > both + 0.05
