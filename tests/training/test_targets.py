"""The losses of classes, labels and scales, against plain sums; rows that are not labelled."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from affectfuse.containers import Target
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fused.targets import concordance, loss

OUTPUTS = Outputs(
    [
        Target("state", ("calm", "tense", "glad"), "window", "planted"),
        Target("units", ("brow", "lip"), "window", "planted", "labels"),
        Target("affect", ("valence", "arousal"), "window", "planted", "scales"),
    ]
)
PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()
ROWS = 30


@pytest.fixture
def labels() -> dict[str, Tensor]:
    rng = np.random.default_rng(3)
    units = (rng.random((ROWS, 2)) < 0.4).astype(np.float32)
    affect = rng.normal(2, 3, (ROWS, 2)).astype(np.float32)
    units[rng.random((ROWS, 2)) < 0.3] = np.nan
    affect[rng.random((ROWS, 2)) < 0.3] = np.nan
    state = rng.integers(-1, 3, ROWS)
    found = {"state": state, "units": units, "affect": affect}
    return {name: torch.from_numpy(values) for name, values in found.items()}


@pytest.fixture
def logits() -> Tensor:
    drawn = np.random.default_rng(4).normal(size=(ROWS, 7)).astype(np.float32)
    return torch.from_numpy(drawn).requires_grad_()


def said(logits: Tensor, labels: dict[str, Tensor], weighted: bool, rows: Tensor | None) -> Tensor:
    prior = torch.cat([PRIOR, torch.tensor([0.4, -0.4]), torch.zeros(2)])
    scale = torch.tensor([1.0] * 5 + [3.0, 2.0])
    return loss(logits, labels, OUTPUTS, prior, scale, weighted, rows)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("some", [False, True])
def test_the_loss_is_what_it_says(
    logits: Tensor, labels: dict[str, Tensor], weighted: bool, some: bool
) -> None:
    rows = torch.arange(ROWS) % 3 != 0 if some else None
    kept = np.ones(ROWS, bool) if rows is None else rows.numpy()
    x, state, units, affect = (
        v.detach().double().numpy() for v in (logits, *labels.values())
    )  # sums by hand, row by row
    prior = np.exp(PRIOR.double().numpy())
    total = weight_sum = 0.0
    for row in np.flatnonzero(kept & (state >= 0)):
        k = int(state[row])
        evidence = x[row, :3] - (np.log(prior) if weighted else 0)
        weight = 1 / (3 * prior[k]) if weighted else 1.0
        total -= weight * (evidence[k] - np.log(np.exp(evidence).sum()))
        weight_sum += weight
    expected = total / weight_sum
    each = []
    for column, odds in enumerate((0.4, -0.4)):
        share = 1 / (1 + np.exp(-odds))
        total = weight_sum = 0.0
        for row in np.flatnonzero(kept & np.isfinite(units[:, column])):
            p = 1 / (1 + np.exp(-(x[row, 3 + column] - (odds if weighted else 0))))
            true = units[row, column] > 0
            weight = (0.5 / share if true else 0.5 / (1 - share)) if weighted else 1.0
            total -= weight * np.log(p if true else 1 - p)
            weight_sum += weight
        each.append(total / weight_sum)
    expected += np.mean(each)
    each = []
    for column, unit in enumerate((3.0, 2.0)):
        known = kept & np.isfinite(affect[:, column])
        a, b = x[known, 5 + column] / unit, affect[known, column] / unit
        ccc = 2 * np.cov(a, b, ddof=0)[0, 1] / (a.var() + b.var() + (a.mean() - b.mean()) ** 2)
        each.append(1 - ccc + ((a - b) ** 2).mean())
    expected += np.mean(each)
    assert float(said(logits, labels, weighted, rows).detach()) == pytest.approx(expected, rel=1e-5)


def test_what_is_not_labelled_has_no_gradient_but_one_of_zero(
    logits: Tensor, labels: dict[str, Tensor]
) -> None:
    nothing = {"state": torch.full((ROWS,), -1), "units": torch.full((ROWS, 2), math.nan),
               "affect": torch.full((ROWS, 2), math.nan)}  # fmt: skip
    silent = said(logits, nothing, True, None)
    silent.backward()
    assert float(silent.detach()) == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))
    logits.grad = None
    said(logits, {**nothing, "state": labels["state"]}, True, None).backward()
    known = labels["state"] >= 0
    assert (logits.grad[known][:, :3] != 0).all()
    assert not logits.grad[~known].any()
    assert not logits.grad[:, 3:].any()


def test_a_scale_that_is_constant_is_learned_by_its_squares_alone(logits: Tensor) -> None:
    constant = {"state": torch.full((ROWS,), -1), "units": torch.full((ROWS, 2), math.nan),
                "affect": torch.full((ROWS, 2), 1.5)}  # fmt: skip
    found = said(logits, constant, False, None)
    x = logits.detach()[:, 5:]
    expected = (((x - 1.5) / torch.tensor([3.0, 2.0])) ** 2).mean()
    assert float(found.detach()) == pytest.approx(float(expected), rel=1e-5)
    found.backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_concordance_is_one_of_the_same_and_undefined_of_nothing() -> None:
    values = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    known = torch.ones(50, 2).bool()
    assert concordance(values, values, known).tolist() == pytest.approx([1, 1])
    assert concordance(-values, values, known)[0] < 0
    known[:, 1] = False
    assert math.isnan(concordance(values, values, known)[1])
