"""What every fusion head's config must hold, over all subsets of three modalities."""

from __future__ import annotations

import inspect
from itertools import product

import pytest
import torch
from torch import Tensor

from affectfuse.config import build, load_node, names
from affectfuse.fusion.base import FusionHead, FusionOutput

NAMES = names("fusion")
WIDTHS = {"pulse": 4, "face": 3, "voice": 5}
PRIOR = torch.tensor([0.5, 0.3, 0.2])
CONTEXT = {"embedding_dims", "class_prior"}
BATCH = 6


def make(name: str, order: tuple[str, ...] = tuple(WIDTHS)) -> FusionHead:
    torch.manual_seed(0)
    widths = {modality: WIDTHS[modality] for modality in order}
    head = build(load_node("fusion", name), FusionHead, embedding_dims=widths, class_prior=PRIOR)  # type: ignore[type-abstract]
    return head.eval()


def inputs(presence: tuple[bool, ...]) -> tuple[dict[str, Tensor], ...]:
    generator = torch.Generator().manual_seed(1)
    embeddings = {m: torch.randn(BATCH, w, generator=generator) for m, w in WIDTHS.items()}
    present = {m: torch.full((BATCH,), there) for m, there in zip(WIDTHS, presence, strict=True)}
    quality = {m: torch.rand(BATCH, generator=generator) for m in WIDTHS}
    return embeddings, present, quality


def tensors(output: FusionOutput, present: dict[str, Tensor]) -> list[Tensor]:
    shown = [m for m, there in present.items() if there.all()]
    return [
        output.logits,
        *(output.modality_logits[m] for m in shown),
        *(output.weights[m] for m in sorted(output.weights)),
    ]


SUBSETS = list(product([True, False], repeat=3))
cases = pytest.mark.parametrize("name", NAMES)
subsets = pytest.mark.parametrize("presence", SUBSETS, ids=str)


def test_there_are_heads() -> None:
    assert "log_linear_pool" in NAMES


@cases
def test_config_lists_every_parameter(name: str) -> None:
    parameters = set(inspect.signature(type(make(name))).parameters) - CONTEXT
    assert set(map(str, load_node("fusion", name))) - {"target"} == parameters


@cases
@subsets
def test_every_subset_gives_finite_output(name: str, presence: tuple[bool, ...]) -> None:
    embeddings, present, quality = inputs(presence)
    output = make(name)(embeddings, present, quality)
    assert output.logits.shape == (BATCH, len(PRIOR))
    assert set(output.weights) == set(output.modality_logits) == set(WIDTHS)
    assert all(torch.isfinite(t).all() for t in tensors(output, present))
    for modality, there in present.items():
        if not there.any():
            assert (output.weights[modality] == 0).all()
        else:
            assert (output.weights[modality] >= 0).all()


@cases
@subsets
@pytest.mark.parametrize("behind", [float("nan"), float("inf"), 1e9])
def test_what_is_behind_absence_changes_nothing(
    name: str, presence: tuple[bool, ...], behind: float
) -> None:
    head = make(name)
    embeddings, present, quality = inputs(presence)
    before = tensors(head(embeddings, present, quality), present)
    for modality, there in present.items():
        if not there.any():
            embeddings[modality] = torch.full_like(embeddings[modality], behind)
            quality[modality] = torch.full_like(quality[modality], behind)
    leaf = {m: e.clone().requires_grad_() for m, e in embeddings.items()}
    output = head(leaf, present, quality)
    for now, then in zip(tensors(output, present), before, strict=True):
        assert torch.equal(now, then)
    output.logits.logsumexp(-1).sum().backward()
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in head.parameters())


@cases
def test_nothing_present_gives_the_prior(name: str) -> None:
    output = make(name)(*inputs((False, False, False)))
    torch.testing.assert_close(output.logits.softmax(-1), PRIOR.expand(BATCH, -1))


@cases
def test_order_of_modalities_is_irrelevant(name: str) -> None:
    head, turned = make(name), make(name, tuple(reversed(WIDTHS)))
    turned.load_state_dict(head.state_dict())
    embeddings, present, quality = inputs((True, True, True))
    backwards = [dict(reversed(list(part.items()))) for part in (embeddings, present, quality)]
    torch.testing.assert_close(head(embeddings, present, quality).logits, turned(*backwards).logits)


@cases
def test_rows_do_not_touch_each_other(name: str) -> None:
    """A row's output is the same alone and beside others, whose modalities may differ."""
    head = make(name)
    embeddings, present, quality = inputs((True, True, True))
    present["face"] = torch.arange(BATCH) % 2 == 0
    together = head(embeddings, present, quality).logits
    for row in range(BATCH):
        parts = [
            {m: t[row : row + 1] for m, t in part.items()}
            for part in (embeddings, present, quality)
        ]
        torch.testing.assert_close(head(*parts).logits[0], together[row])
