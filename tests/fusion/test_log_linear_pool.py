"""The log-linear pool against its formula, and over all subsets of its modalities."""

from __future__ import annotations

from itertools import permutations, product

import pytest
import torch
from torch import Tensor, nn

from affectfuse.fusion.log_linear_pool import LogLinearPool

WIDTHS = {"pulse": 4, "face": 3, "voice": 5}
PRIOR = torch.tensor([0.5, 0.3, 0.2])
PRIOR_LOGITS = PRIOR.log()
BATCH = 7
SUBSETS = list(product([True, False], repeat=len(WIDTHS)))
Inputs = tuple[dict[str, Tensor], dict[str, Tensor], dict[str, Tensor]]


def trained_head(order: tuple[str, ...] = tuple(WIDTHS)) -> LogLinearPool:
    """A head whose every parameter is drawn: a fresh one says the prior whatever it is given."""
    head = LogLinearPool({name: WIDTHS[name] for name in order}, PRIOR_LOGITS)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _, parameter in sorted(head.named_parameters()):
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
    return head


def inputs(presence: tuple[bool, ...] = (True, True, True)) -> Inputs:
    generator = torch.Generator().manual_seed(1)
    embeddings = {m: torch.randn(BATCH, w, generator=generator) for m, w in WIDTHS.items()}
    present = {m: torch.full((BATCH,), there) for m, there in zip(WIDTHS, presence, strict=True)}
    quality = {m: torch.rand(BATCH, generator=generator) for m in WIDTHS}
    return embeddings, present, quality


@pytest.mark.parametrize("presence", SUBSETS, ids=str)
def test_is_the_formula(presence: tuple[bool, ...]) -> None:
    """p(y) ~ prior(y) * prod (p_m(y) / prior(y)) ** (w_m q_m), computed from probabilities."""
    head = trained_head()
    embeddings, present, quality = inputs(presence)
    output = head(embeddings, present, quality)
    product_of_powers = PRIOR.double().expand(BATCH, -1)
    for name, there in zip(WIDTHS, presence, strict=True):
        if there:
            linear = head.heads[name]
            assert isinstance(linear, nn.Linear)
            own = torch.softmax(PRIOR.log() + linear(embeddings[name]), -1).double()
            weight = torch.log1p(torch.exp(head.raw_weights[name])).double()
            weight = max(weight, 0.2 if sum(presence) == 1 else 0.0) * quality[name]
            torch.testing.assert_close(output.weights[name], weight.float())
            torch.testing.assert_close(output.modality_logits[name].softmax(-1), own.float())
            product_of_powers = product_of_powers * (own / PRIOR) ** weight[:, None]
    expected = product_of_powers / product_of_powers.sum(-1, keepdim=True)
    torch.testing.assert_close(output.logits.softmax(-1).double(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("behind", [float("nan"), float("inf"), -1e30])
@pytest.mark.parametrize("presence", SUBSETS, ids=str)
def test_absent_equals_masked_in_output_and_gradients(
    presence: tuple[bool, ...], behind: float
) -> None:
    def run(fill: float | None) -> tuple[Tensor, list[Tensor], dict[str, Tensor]]:
        head = trained_head()
        embeddings, present, quality = inputs(presence)
        for name, there in zip(WIDTHS, presence, strict=True):
            if not there and fill is not None:
                embeddings[name] = torch.full_like(embeddings[name], fill)
                quality[name] = torch.full_like(quality[name], fill)
        leaves = {name: e.requires_grad_() for name, e in embeddings.items()}
        output = head(leaves, present, quality)
        loss = nn.functional.cross_entropy(output.logits, torch.arange(BATCH) % 3)
        (loss + sum(own.sum() for own in output.modality_logits.values())).backward()
        gradients = [p.grad for p in head.parameters() if p.grad is not None]
        return (
            output.logits,
            gradients,
            {n: e.grad for n, e in leaves.items() if e.grad is not None},
        )

    logits, gradients, to_embeddings = run(behind)
    expected, expected_gradients, _ = run(None)
    assert torch.isfinite(logits).all()
    assert torch.equal(logits, expected)
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        assert torch.equal(found, wanted)
    for name, there in zip(WIDTHS, presence, strict=True):
        if there:
            assert to_embeddings[name].abs().sum() > 0
        else:
            assert (to_embeddings[name] == 0).all()


def test_a_mixed_batch_is_its_rows_fused_alone() -> None:
    head = trained_head()
    embeddings, present, quality = inputs()
    rows = torch.tensor(SUBSETS)[:BATCH]
    present = {name: rows[:, column] for column, name in enumerate(WIDTHS)}
    for name in WIDTHS:
        embeddings[name][~present[name]] = torch.nan
    together = head(embeddings, present, quality).logits
    assert torch.isfinite(together).all()
    for row, presence in enumerate(SUBSETS[:BATCH]):
        alone = head(*inputs(presence)).logits[row]
        torch.testing.assert_close(together[row], alone)


def test_order_of_modalities_changes_no_bit() -> None:
    reference = trained_head()(*inputs()).logits
    for order in permutations(WIDTHS):
        shuffled = [{name: part[name] for name in order} for part in inputs()]
        assert torch.equal(trained_head(order)(*shuffled).logits, reference)


def test_nothing_present_is_the_prior_and_so_is_an_untrained_head() -> None:
    nothing = trained_head()(*inputs((False, False, False))).logits
    torch.testing.assert_close(nothing.softmax(-1), PRIOR.expand(BATCH, -1))
    untrained = LogLinearPool(WIDTHS, PRIOR_LOGITS)(*inputs()).logits
    torch.testing.assert_close(untrained.softmax(-1), PRIOR.expand(BATCH, -1))


def test_zero_quality_says_the_prior_and_quality_beyond_one_counts_as_one() -> None:
    head = trained_head()
    embeddings, present, quality = inputs()
    nothing = head(embeddings, present, {name: torch.zeros(BATCH) for name in quality}).logits
    torch.testing.assert_close(nothing.softmax(-1), PRIOR.expand(BATCH, -1))
    one = head(embeddings, present, {name: torch.ones(BATCH) for name in quality}).logits
    five = head(embeddings, present, {name: torch.full((BATCH,), 5.0) for name in quality}).logits
    assert torch.equal(one, five)


def test_confidence_does_not_rise_when_a_modality_is_removed() -> None:
    """On data in which naive Bayes is the truth, mean confidence falls with each removal."""
    generator = torch.Generator().manual_seed(0)
    head = LogLinearPool({"a": 1, "b": 1}, torch.zeros(2))
    labels = torch.randint(0, 2, (4000,), generator=generator)
    embeddings = {}
    with torch.no_grad():
        for name in ("a", "b"):
            linear = head.heads[name]
            assert isinstance(linear, nn.Linear)
            linear.weight.copy_(torch.tensor([[-1.0], [1.0]]))  # log ratio 2 x of N(+-1, 1)
            noise = torch.randn(4000, 1, generator=generator)
            embeddings[name] = (2.0 * labels[:, None] - 1) + noise
    ones, yes, no = torch.ones(4000), torch.ones(4000).bool(), torch.zeros(4000).bool()

    @torch.no_grad()
    def outcome(a: Tensor, b: Tensor) -> tuple[float, float]:
        fused = head(embeddings, {"a": a, "b": b}, {"a": ones, "b": ones}).logits.softmax(-1)
        accuracy = (fused.argmax(1) == labels).float().mean()
        return float(fused.max(1).values.mean()), float(accuracy)

    both, one, none = outcome(yes, yes), outcome(yes, no), outcome(no, no)
    assert both[0] > one[0] > none[0]
    assert both[0] == pytest.approx(both[1], abs=0.015)  # calibrated: weight 1 is naive Bayes
    assert one[0] == pytest.approx(one[1], abs=0.015)


@pytest.mark.parametrize("weight", [0.1, 1.0, 3.0])
def test_initial_weight(weight: float) -> None:
    head = LogLinearPool(WIDTHS, PRIOR_LOGITS, initial_weight=weight)
    embeddings, present, _ = inputs()
    weights = head(embeddings, present, {name: torch.ones(BATCH) for name in WIDTHS}).weights
    assert weights["face"].tolist() == pytest.approx([weight] * BATCH)
    with pytest.raises(ValueError, match=r"initial_weight is 0\.0; it must be above 0"):
        LogLinearPool(WIDTHS, PRIOR_LOGITS, initial_weight=0.0)


def test_one_that_adds_nothing_beside_others_speaks_when_it_is_alone() -> None:
    head = trained_head()
    head.set_weights({"pulse": 0.0, "face": 0.1, "voice": 1.7})
    embeddings, present, quality = inputs()
    beside = head(embeddings, present, quality).weights
    for name, factor in {"pulse": 0.0, "face": 0.1, "voice": 1.7}.items():
        torch.testing.assert_close(beside[name], factor * quality[name])
        only = {other: torch.full((BATCH,), other == name) for other in WIDTHS}
        output = head(embeddings, only, quality)
        torch.testing.assert_close(output.weights[name], max(factor, 0.2) * quality[name])
        own = output.modality_logits[name] - PRIOR_LOGITS
        torch.testing.assert_close(
            output.logits - PRIOR_LOGITS, output.weights[name][:, None] * own
        )
    with pytest.raises(ValueError, match=r"least_alone is -0\.1; it must be 0 or more"):
        LogLinearPool(WIDTHS, PRIOR_LOGITS, least_alone=-0.1)


def test_weights_can_be_set_and_none_is_none() -> None:
    head = trained_head()
    given = {"pulse": 0.0, "face": 0.4, "voice": 1.7}
    head.set_weights(given)
    embeddings, present, quality = inputs()
    output = head(embeddings, present, quality)
    for name, weight in given.items():
        torch.testing.assert_close(output.weights[name], weight * quality[name])
    without = head(embeddings, {**present, "pulse": torch.zeros(BATCH).bool()}, quality).logits
    assert torch.equal(output.logits, without)
    again = LogLinearPool(WIDTHS, PRIOR_LOGITS)
    again.load_state_dict(head.state_dict())
    assert torch.equal(again(embeddings, present, quality).logits, output.logits)
