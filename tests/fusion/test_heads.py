"""Each head against its formula, computed by itself in NumPy, over all subsets of modalities."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import erf

import numpy as np
import pytest
import torch
from torch import Tensor

from affectfuse.config import build, load_node
from affectfuse.containers import Array
from affectfuse.errors import ConfigError
from affectfuse.fusion.base import FusionHead
from affectfuse.fusion.tensor_fusion import TensorFusion

WIDTHS = {"face": 3, "pulse": 4, "voice": 5}
PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()
BATCH = 5
SUBSETS = list(product([True, False], repeat=3))
Parameters = dict[str, Array]
Rows = dict[str, Array]


def trained(name: str) -> FusionHead:
    head = build(load_node("fusion", name), FusionHead, embedding_dims=WIDTHS, prior_logits=PRIOR)  # type: ignore[type-abstract]
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    return head


def gelu(values: Array) -> Array:
    normal: Array = 0.5 * (1 + np.vectorize(erf)(values / np.sqrt(2)))
    return values * normal


def sigmoid(values: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-values)))


def linear(p: Parameters, layer: str, rows: Array) -> Array:
    bias = p.get(f"{layer}.bias", np.zeros(1))
    return np.asarray(rows @ p[f"{layer}.weight"].T + bias)


def own_evidence(p: Parameters, x: Rows) -> Rows:
    return {m: linear(p, f"heads.{m}", x[m]) for m in x}


def flagged(x: Rows, q: Rows) -> Rows:
    return {m: np.hstack([q[m][:, None] * x[m], q[m][:, None]]) for m in x}


def best(q: Rows) -> Array:
    return np.max(list(q.values()), axis=0)[:, None]


def mean(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    count = max(sum(bool(q[m].any()) for m in q), 1)
    weights = {m: q[m] / count for m in x}
    own = own_evidence(p, x)
    return sum(weights[m][:, None] * own[m] for m in x), weights  # type: ignore[return-value]


def product_of_experts(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    own, here = own_evidence(p, x), {m: (q[m] > 0).astype(float) for m in x}
    return sum(here[m][:, None] * own[m] for m in x), here  # type: ignore[return-value]


def concatenation(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    names, rows = sorted(x), flagged(x, q)
    matrix = np.hstack([p[f"blocks.{m}.weight"] for m in names])
    hidden = np.hstack([rows[m] for m in names]) @ matrix.T + p["bias"]
    size = {m: np.linalg.norm(linear(p, f"blocks.{m}", rows[m]), axis=1) for m in names}
    total = np.maximum(sum(size.values()), 1e-12)
    return best(q) * linear(p, "output", gelu(hidden)), {m: size[m] / total for m in names}


def gated_unit(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    rows = flagged(x, q)
    everything = np.hstack([rows[m] for m in sorted(x)])
    gates = {m: q[m][:, None] * sigmoid(linear(p, f"gates.{m}", everything)) for m in x}
    hidden = sum(gates[m] * np.tanh(linear(p, f"parts.{m}", x[m])) for m in x)
    return hidden @ p["output.weight"].T, {m: gates[m].mean(1) for m in x}


def masked_attention(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    tokens = {
        m: q[m][:, None] * linear(p, f"tokens.{m}", x[m])
        + (1 - q[m][:, None]) * p[f"absent.{m}"]
        + p[f"modality.{m}"]
        for m in x
    }
    scores = {
        m: np.exp(linear(p, "score.2", np.tanh(linear(p, "score.0", tokens[m]))))[:, 0] for m in x
    }
    total = sum(scores.values())
    pooled = sum((scores[m] / total)[:, None] * tokens[m] for m in x)
    evidence = best(q) * linear(p, "output", gelu(linear(p, "hidden.0", np.asarray(pooled))))
    return evidence, {m: q[m] * scores[m] / total for m in x}


def tensor_fusion(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    z = {m: q[m][:, None] * np.tanh(linear(p, f"reduce.{m}", x[m])) for m in sorted(x)}
    ones = np.ones((len(best(q)), 1))
    face, pulse, voice = (np.hstack([ones, part]) for part in z.values())
    tensor = np.einsum("bi,bj,bk->bijk", face, pulse, voice)
    evidence = best(q) * linear(
        p, "output", gelu(linear(p, "hidden.0", tensor.reshape(len(ones), -1)))
    )
    whole = (tensor**2).sum((1, 2, 3))  # less the part that has no feature of the modality
    without = (tensor[:, :1] ** 2, tensor[:, :, :1] ** 2, tensor[:, :, :, :1] ** 2)
    return evidence, {
        m: 1 - part.sum((1, 2, 3)) / whole for m, part in zip(z, without, strict=True)
    }


def low_rank_tensor_fusion(p: Parameters, x: Rows, q: Rows) -> tuple[Array, Rows]:
    """By the full tensor of weights, which the head never makes: outer products of its factors."""
    names, rank = sorted(x), 4
    ones = np.ones((len(best(q)), 1))
    inputs = [np.hstack([ones, q[m][:, None] * x[m]]) for m in names]
    factors = [
        np.hstack([p[f"constants.{m}"][:, None], p[f"factors.{m}.weight"]]).reshape(rank, 32, -1)
        for m in names
    ]
    weights = np.einsum("rhi,rhj,rhk->hijk", *factors) / rank
    hidden = np.einsum("hijk,bi,bj,bk->bh", weights, *inputs)
    shares = {}
    for m in names:
        part = (q[m] ** 2) * (linear(p, f"factors.{m}", x[m]) ** 2).sum(1)
        shares[m] = part / (part + (p[f"constants.{m}"] ** 2).sum())
    return best(q) * linear(p, "output", hidden), shares


FORMULAS: dict[str, Callable[[Parameters, Rows, Rows], tuple[Array, Rows]]] = {
    f.__name__: f
    for f in (
        mean, product_of_experts, concatenation, gated_unit, masked_attention, tensor_fusion,
        low_rank_tensor_fusion,
    )
}  # fmt: skip


@pytest.mark.parametrize("presence", SUBSETS, ids=str)
@pytest.mark.parametrize("name", FORMULAS)
def test_is_the_formula(name: str, presence: tuple[bool, ...]) -> None:
    head = trained(name)
    parameters = {key: value.detach().double().numpy() for key, value in head.named_parameters()}
    rng = np.random.default_rng(0)
    x = {m: rng.normal(size=(BATCH, width)) for m, width in WIDTHS.items()}
    q = {m: rng.uniform(0.2, 1.0, BATCH) for m in WIDTHS}
    present = {m: torch.full((BATCH,), there) for m, there in zip(WIDTHS, presence, strict=True)}
    with torch.no_grad():
        output = head(tensors(x), present, tensors(q))
    seen = {m: float(there) for m, there in zip(WIDTHS, presence, strict=True)}
    x, q = {m: seen[m] * x[m] for m in x}, {m: seen[m] * q[m] for m in q}
    evidence, weights = FORMULAS[name](parameters, x, q)
    prior = PRIOR.double().numpy()
    np.testing.assert_allclose(output.logits.numpy(), prior + evidence, rtol=1e-4, atol=1e-5)
    for m, own in own_evidence(parameters, x).items():
        np.testing.assert_allclose(output.weights[m].numpy(), weights[m], rtol=1e-4, atol=1e-6)
        wanted = prior + seen[m] * own
        np.testing.assert_allclose(output.modality_logits[m].numpy(), wanted, rtol=1e-4, atol=1e-5)


def tensors(rows: Rows) -> dict[str, Tensor]:
    return {m: torch.tensor(values, dtype=torch.float32) for m, values in rows.items()}


@pytest.mark.parametrize("name", sorted(set(FORMULAS) - {"product_of_experts"}))
def test_a_sample_of_no_quality_counts_as_absent(name: str) -> None:
    """The mean alone counts it among the present: one bad sample of two halves the evidence."""
    head = trained(name)
    rng = np.random.default_rng(0)
    x = tensors({m: rng.normal(size=(BATCH, width)) for m, width in WIDTHS.items()})
    here = {m: torch.ones(BATCH).bool() for m in WIDTHS}
    quality = {m: torch.full((BATCH,), 0.8) for m in WIDTHS} | {"face": torch.zeros(BATCH)}
    bad = head(x, here, quality).logits
    absent = head(x, here | {"face": torch.zeros(BATCH).bool()}, quality).logits
    if name == "mean":
        torch.testing.assert_close((bad - PRIOR) * 3, (absent - PRIOR) * 2)
    else:
        torch.testing.assert_close(bad, absent)


def test_tensor_fusion_refuses_a_product_too_large() -> None:
    six = {f"modality_{i}": 4 for i in range(6)}
    with pytest.raises(
        ConfigError, match=r"6 modalities of reduced_dim 8 give 531441 products; max"
    ):
        build(
            load_node("fusion", "tensor_fusion"),
            FusionHead,  # type: ignore[type-abstract]
            embedding_dims=six,
            prior_logits=PRIOR,
        )
    assert TensorFusion(six, PRIOR, reduced_dim=3).hidden[0].weight.shape == (32, 4**6)
