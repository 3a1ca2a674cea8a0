"""Weights of the pool: what held-out subjects speak for, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from training.test_module import settings

from affectfuse.containers import Array, Target
from affectfuse.datasets.splits import Split
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.features import Features
from affectfuse.training.fitting import deterministic
from affectfuse.training.fused import inner_folds
from affectfuse.training.fused.evaluation import predict
from affectfuse.training.fused.fusion import Fitted, fit_fusion
from affectfuse.training.fused.pooling import fit_pool_weights, subsets
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.training import FusionPlan

STATE = Target("state", ("calm", "tense"), "window", "planted")
ACTIONS = Target("actions", ("AU1", "AU4", "AU12"), "window", "planted", kind="labels")
AFFECT = Target("affect", ("valence", "arousal"), "window", "planted", kind="scales")
PRIOR = torch.tensor([0.65, 0.35]).log()
PEOPLE = 18


def classes(
    strengths: dict[str, float], rows: int = 46, seed: int = 0
) -> tuple[dict[str, Tensor], dict[str, Array]]:
    """Evidence in log odds that is calibrated, times `strength`; 0 is noise as loud as the rest."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(PEOPLE * rows) < 0.35).astype(np.int64)
    evidence = {}
    for name, strength in strengths.items():
        signal = truth if strength else rng.permutation(truth)
        odds = (strength or 1.0) * (rng.normal(signal, 1.0) - 0.5)
        evidence[name] = torch.tensor(np.stack([-odds / 2, odds / 2], 1), dtype=torch.float32)
    return evidence, {"state": truth}


def weights_of(evidence: dict[str, Tensor], labels: dict[str, Array]) -> dict[str, float]:
    rows = len(labels["state"])
    who = np.arange(rows) * PEOPLE // rows
    return fit_pool_weights(evidence, labels, who, Outputs([STATE]), PRIOR, torch.ones(2))


def test_evidence_that_says_half_or_double_gets_the_weight_that_makes_it_right() -> None:
    """Independent and informative, so that every subset's best weight is 1 / strength."""
    found = weights_of(*classes({"half": 0.5, "right": 1.0, "double": 2.0}, rows=2000))
    assert found["right"] == pytest.approx(1.0, abs=0.05)
    assert found["double"] == pytest.approx(0.5, abs=0.05)
    assert found["half"] == pytest.approx(2.0, abs=0.05)


def test_noise_gets_hardly_any_weight() -> None:
    found = [
        weights_of(*classes({"good": 1.0, "noise": 0.0}, seed=seed))["noise"] for seed in range(20)
    ]
    assert np.mean(np.array(found) == 0.0) >= 0.7
    assert np.mean(found) < 0.05
    assert max(found) < 0.25


def test_a_weight_is_kept_where_it_is_beyond_what_people_drawn_anew_would_give() -> None:
    """The standard error over subjects, by drawing them instead of by a formula."""
    rng = np.random.default_rng(0)

    def free(evidence: dict[str, Tensor], labels: dict[str, Array]) -> float:
        one = np.zeros(len(labels["state"]))  # of one subject nothing is dropped
        found = fit_pool_weights(evidence, labels, one, Outputs([STATE]), PRIOR, torch.ones(2))
        return found["faint"]

    decided = []
    for seed in range(16):
        evidence, labels = classes({"good": 1.0, "faint": 0.0}, rows=20, seed=seed)
        evidence["faint"] = evidence["faint"] + 0.15 * evidence["good"]
        drawn = []
        for _ in range(25):
            people = rng.integers(PEOPLE, size=PEOPLE)
            rows = (people[:, None] * 20 + np.arange(20)).ravel()
            part = {name: values[rows] for name, values in evidence.items()}
            drawn.append(free(part, {"state": labels["state"][rows]}))
        share = free(evidence, labels) / float(np.std(drawn))
        if share > 1.6 or 0.0 < share < 0.6:
            decided.append((share > 1.0, weights_of(evidence, labels)["faint"] > 0.0))
    assert {kept for kept, _ in decided} == {True, False}
    assert all(beyond == kept for beyond, kept in decided)


def test_what_is_dropped_leaves_the_others_as_if_it_had_never_been() -> None:
    dropped = 0
    for seed in range(8):
        evidence, labels = classes({"good": 1.0, "noise": 0.0}, rows=100, seed=seed)
        found = weights_of(evidence, labels)
        if found["noise"] == 0.0:
            dropped += 1
            alone = weights_of({"good": evidence["good"]}, labels)
            assert found["good"] == pytest.approx(alone["good"], rel=0.01)
    assert dropped >= 4


def test_evidence_against_the_truth_gets_none_and_so_does_what_never_speaks() -> None:
    evidence, labels = classes({"good": 1.0, "against": 1.0, "silent": 1.0})
    evidence["against"] = -evidence["against"]
    evidence["silent"] = torch.zeros_like(evidence["silent"])
    found = weights_of(evidence, labels)
    assert found["against"] == found["silent"] == 0.0
    assert found["good"] > 0.5


def test_a_modality_twice_is_not_believed_twice() -> None:
    evidence, labels = classes({"a": 1.0, "b": 1.0}, rows=200)
    once = weights_of(evidence, labels)
    twice = weights_of({**evidence, "again": evidence["a"]}, labels)
    assert twice["a"] == pytest.approx(twice["again"], rel=1e-3)
    assert twice["a"] < 0.8 * once["a"]


def test_is_the_least_of_the_objective_and_the_order_is_irrelevant() -> None:
    evidence, labels = classes({"a": 1.0, "b": 0.6, "c": 1.4}, rows=100)
    found = weights_of(evidence, labels)
    assert weights_of(dict(reversed(evidence.items())), labels) == found

    def loss(weights: dict[str, float]) -> float:
        said = [
            PRIOR.double() + sum(weights[n] * evidence[n].double() for n in shown)
            for size in (1, 2, 3)
            for shown in combinations("abc", size)
        ]
        truth = torch.from_numpy(labels["state"])
        likely = np.mean([nn.functional.cross_entropy(s, truth).item() for s in said])
        return float(likely) + sum(np.square(list(weights.values()))) / (2 * len(truth))

    for name in "abc":
        for factor in (0.97, 1.03):
            assert loss(found) < loss({**found, name: found[name] * factor})


@pytest.mark.parametrize("target", [ACTIONS, AFFECT], ids=lambda target: target.kind)
def test_labels_and_scales_some_of_them_missing(target: Target) -> None:
    rng = np.random.default_rng(0)
    rows, width = PEOPLE * 60, len(target.classes)
    deviation = rng.normal(size=(rows, width))
    scale = torch.full((width,), 5.0 if target.kind == "scales" else 1.0)
    truth = 5 * deviation if target.kind == "scales" else (deviation > 0).astype(float)
    truth[rng.random(truth.shape) < 0.3] = np.nan
    truth[:50] = np.nan
    heard = scale.numpy() * (deviation + rng.normal(size=deviation.shape)) / 2
    evidence = {
        "good": torch.tensor(heard, dtype=torch.float32),
        "noise": torch.tensor(rng.permutation(heard), dtype=torch.float32),
    }
    found = fit_pool_weights(
        evidence,
        {target.name: truth.astype(np.float32)},
        np.arange(rows) // 60,
        Outputs([target]),
        torch.zeros(width),
        scale,
    )
    assert found["noise"] < 0.1
    assert found["good"] > 1.2 if target.kind == "labels" else 0.9 < found["good"] < 1.1


def test_of_many_modalities_not_all_subsets_are_looked_at() -> None:
    assert len(subsets("abcd")) == 15
    assert subsets("abcd")[-1] == tuple("abcd")
    assert len(subsets("abcdefgh")) == 8 + 8 + 1
    assert subsets("a") == [("a",)]


# A fused model of simulated people -----------------------------------------------------------

WIDTHS = {"movement": 6, "pulse": 6, "weak": 6, "useless": 6}
SHIFTS = {"movement": 1.1, "pulse": 1.0, "weak": 0.8, "useless": 0.0}


def simulated(people: int, seed: int) -> SampleTable:
    """Windows of people, four modalities: each person's noise goes on from window to window, and
    each responds in a way of their own beside the common one."""
    rng = np.random.default_rng(seed)
    truth = np.repeat([0, 1, 0, 1, 0, 1, 0], [9, 6, 5, 10, 5, 2, 9])
    found: dict[str, list[Array]] = {name: [] for name in WIDTHS}
    for _ in range(people):
        for name, width in WIDTHS.items():
            noise = rng.normal(size=(len(truth), width))
            for row in range(1, len(truth)):
                noise[row] = 0.8 * noise[row - 1] + 0.6 * noise[row]
            response = SHIFTS[name] / np.sqrt(width) + rng.normal(0, 0.3, width)
            found[name].append(noise + truth[:, None] * response)
    rows = people * len(truth)
    who = np.repeat([f"s{seed}_{n:03d}" for n in range(people)], len(truth))
    return SampleTable(
        {name: np.concatenate(parts).astype(np.float32) for name, parts in found.items()},
        {name: np.ones(rows, bool) for name in WIDTHS},
        {name: np.ones(rows, np.float32) for name in WIDTHS},
        {"state": np.tile(truth, people)}, who, who, np.full(rows, ""), np.arange(rows) * 60.0,
        np.zeros(rows, np.int64), np.full(rows, 300.0),
    )  # fmt: skip


def fitted(
    table: SampleTable, head: str = "log_linear_pool.LogLinearPool", **changes: Any
) -> Fitted:
    plan = FusionPlan(
        {name: Features(name, width) for name, width in WIDTHS.items()},
        {"target": f"affectfuse.fusion.{head}"},
        (STATE,),
        settings(
            learning_rate=0.01,
            modality_dropout=0.2,
            **{"inner_folds": 5, "max_epochs": 15, "batch_size": 256, **changes},
        ),
    )
    everyone = tuple(sorted(set(table.subjects.tolist())))
    with deterministic(0):
        return fit_fusion(table, Split(everyone, (), ()), plan, 0)


def test_inner_folds_weigh_the_pool_and_noise_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table, unseen = simulated(18, 3), simulated(60, 4)
    weighed = fitted(table)
    head = weighed.model.head
    assert isinstance(head, LogLinearPool)
    weights = {n: nn.functional.softplus(raw).item() for n, raw in head.raw_weights.items()}
    assert weights["useless"] < min(0.4, weights["weak"] / 2)
    assert min(weights["movement"], weights["pulse"]) > 0.5

    def auroc(found: Fitted, *shown: str) -> float:
        present = {n: np.full(len(unseen), n in shown) for n in WIDTHS}
        said = predict(found.model, unseen, present).logits.softmax(-1)[:, 1].numpy()
        ranks = said.argsort().argsort()
        one = unseen.labels["state"] == 1
        return float((ranks[one].mean() - (one.sum() - 1) / 2) / (~one).sum())

    without = replace(table, present={**table.present, "useless": np.zeros(len(table), bool)})
    cost = auroc(fitted(without), *WIDTHS) - auroc(weighed, *WIDTHS)
    assert cost <= 0.01
    for good in ("movement", "pulse"):
        assert auroc(weighed, good, "useless") >= auroc(weighed, good) - 0.005

    monkeypatch.setattr(
        "affectfuse.training.fused.fusion.pool_held_out",
        lambda model, head, held_out, outputs: held_out.said,
    )
    as_learnt = fitted(table)
    costs = [
        [auroc(found, good) - auroc(found, good, "useless") for good in ("movement", "pulse")]
        for found in (weighed, as_learnt)
    ]
    assert max(costs[0]) < max(costs[1])


def test_without_inner_folds_and_for_other_heads_nothing_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def never(*given: Any) -> None:
        raise AssertionError("weights were fitted")

    monkeypatch.setattr(inner_folds, "fit_pool_weights", never)
    table = simulated(4, 0)
    fitted(table, inner_folds=0, max_epochs=2)
    fitted(table, "mean.Mean", inner_folds=2, max_epochs=2)
    with pytest.raises(AssertionError, match="weights were fitted"):
        fitted(table, inner_folds=2, max_epochs=2)
