"""What every fusion head's config must hold, over all subsets of three modalities."""

from __future__ import annotations

import inspect
from itertools import permutations, product

import pytest
import torch
from torch import Tensor

from affectfuse.config import build, load_node, names
from affectfuse.fusion.base import FusionHead, FusionOutput

NAMES = names("fusion")
WIDTHS = {"pulse": 4, "face": 3, "voice": 5}
PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()
CONTEXT = {"embedding_dims", "prior_logits"}
BATCH = 6


def make(name: str, order: tuple[str, ...] = tuple(WIDTHS)) -> FusionHead:
    torch.manual_seed(0)
    widths = {modality: WIDTHS[modality] for modality in order}
    head = build(load_node("fusion", name), FusionHead, embedding_dims=widths, prior_logits=PRIOR)  # type: ignore[type-abstract]
    return head.eval()


def trained(name: str, order: tuple[str, ...] = tuple(WIDTHS)) -> FusionHead:
    """A head with drawn parameters: a fresh one says the prior whatever it is given."""
    head = make(name, order)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _, parameter in sorted(head.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return head


def inputs(presence: tuple[bool, ...]) -> tuple[dict[str, Tensor], ...]:
    generator = torch.Generator().manual_seed(1)
    embeddings = {m: torch.randn(BATCH, w, generator=generator) for m, w in WIDTHS.items()}
    present = {m: torch.full((BATCH,), there) for m, there in zip(WIDTHS, presence, strict=True)}
    quality = {m: torch.rand(BATCH, generator=generator) for m in WIDTHS}
    return embeddings, present, quality


def tensors(output: FusionOutput) -> list[Tensor]:
    parts = (output.modality_logits, output.weights)
    return [output.logits, *(part[m] for part in parts for m in sorted(part))]


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
    output = trained(name)(embeddings, present, quality)
    assert output.logits.shape == (BATCH, len(PRIOR))
    assert set(output.weights) == set(output.modality_logits) == set(WIDTHS)
    assert all(torch.isfinite(t).all() for t in tensors(output))
    for modality, there in present.items():
        assert output.weights[modality].shape == (BATCH,)
        assert output.modality_logits[modality].shape == (BATCH, len(PRIOR))
        if there.any():
            assert (output.weights[modality] > 0).all()
        else:
            assert (output.weights[modality] == 0).all()
            assert torch.equal(output.modality_logits[modality], PRIOR.expand(BATCH, -1))


@cases
@subsets
@pytest.mark.parametrize("behind", [float("nan"), float("inf"), 1e9])
def test_absent_equals_masked_to_the_last_bit(
    name: str, presence: tuple[bool, ...], behind: float
) -> None:
    """What lies behind absence changes neither output nor gradients."""

    def run(fill: float | None) -> tuple[list[Tensor], list[Tensor], dict[str, Tensor | None]]:
        head = trained(name)
        embeddings, present, quality = inputs(presence)
        for modality, there in present.items():
            if not there.any() and fill is not None:
                embeddings[modality] = torch.full_like(embeddings[modality], fill)
                quality[modality] = torch.full_like(quality[modality], fill)
        leaves = {m: e.requires_grad_() for m, e in embeddings.items()}
        output = head(leaves, present, quality)
        own = sum(logits.square().sum() for logits in output.modality_logits.values())
        (output.logits.square().sum() + own).backward()
        gradients = [p.grad for p in head.parameters() if p.grad is not None]
        return tensors(output), gradients, {m: leaf.grad for m, leaf in leaves.items()}

    (found, found_gradients, to_embeddings), (wanted, wanted_gradients, _) = run(behind), run(None)
    assert len(found_gradients) == len(wanted_gradients) > 0
    for now, then in zip(found + found_gradients, wanted + wanted_gradients, strict=True):
        assert torch.isfinite(now).all()
        assert torch.equal(now, then)
    for modality, there in zip(WIDTHS, presence, strict=True):
        gradient = to_embeddings[modality]
        if there:
            assert gradient is not None
            assert torch.isfinite(gradient).all()
            assert gradient.abs().sum() > 0
        else:
            assert gradient is None or (gradient == 0).all()


@cases
@subsets
def test_an_untrained_head_says_the_prior(name: str, presence: tuple[bool, ...]) -> None:
    torch.testing.assert_close(make(name)(*inputs(presence)).logits, PRIOR.expand(BATCH, -1))


@cases
def test_nothing_present_gives_exactly_the_prior(name: str) -> None:
    output = trained(name)(*inputs((False, False, False)))
    assert torch.equal(output.logits, PRIOR.expand(BATCH, -1))


@cases
def test_evidence_moves_a_trained_head_from_the_prior(name: str) -> None:
    output = trained(name)(*inputs((True, True, True)))
    assert ((output.logits - PRIOR).abs().amax(-1) > 0.01).all()


@cases
def test_gradients_reach_every_parameter(name: str) -> None:
    head = trained(name)
    embeddings, present, quality = inputs((True, True, True))
    present["face"] = torch.arange(BATCH) % 2 == 0  # what stands for absence learns too
    output = head(embeddings, present, quality)
    own = sum(logits.square().sum() for logits in output.modality_logits.values())
    (output.logits.square().sum() + own).backward()
    for parameter in head.parameters():
        assert parameter.grad is not None
        assert torch.isfinite(parameter.grad).all()
        assert parameter.grad.abs().sum() > 0


@cases
def test_order_of_modalities_changes_no_bit(name: str) -> None:
    wanted = tensors(trained(name)(*inputs((True, False, True))))
    for order in permutations(WIDTHS):
        turned = trained(name, order)
        turned.load_state_dict(trained(name).state_dict())
        shuffled = [{m: part[m] for m in order} for part in inputs((True, False, True))]
        for now, then in zip(tensors(turned(*shuffled)), wanted, strict=True):
            assert torch.equal(now, then)


@cases
def test_rows_do_not_touch_each_other(name: str) -> None:
    """A row's output is the same alone and beside others, whose modalities may differ."""
    head = trained(name)
    embeddings, _, quality = inputs((True, True, True))
    rows = torch.tensor(SUBSETS)[-BATCH:]
    present = {m: rows[:, column] for column, m in enumerate(WIDTHS)}
    for modality in WIDTHS:
        embeddings[modality][~present[modality]] = torch.nan
    together = tensors(head(embeddings, present, quality))
    for row in range(BATCH):
        alone = [
            {m: t[row : row + 1] for m, t in part.items()}
            for part in (embeddings, present, quality)
        ]
        for now, then in zip(tensors(head(*alone)), together, strict=True):
            torch.testing.assert_close(now[0], then[row])


@cases
def test_quality_beyond_one_counts_as_one(name: str) -> None:
    head = trained(name)
    embeddings, present, _ = inputs((True, True, True))
    one, five = (
        head(embeddings, present, {m: torch.full((BATCH,), value) for m in WIDTHS}).logits
        for value in (1.0, 5.0)
    )
    assert torch.equal(one, five)


@cases
def test_one_modality_and_one_output_will_do(name: str) -> None:
    head = build(
        load_node("fusion", name),
        FusionHead,  # type: ignore[type-abstract]
        embedding_dims={"pulse": 1},
        prior_logits=torch.zeros(1),
    )
    output = head(
        {"pulse": torch.randn(3, 1)},
        {"pulse": torch.tensor([True, False, True])},
        {"pulse": torch.ones(3)},
    )
    assert output.logits.shape == (3, 1)
    assert output.logits[1] == 0
