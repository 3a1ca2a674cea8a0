"""Pooled scores, their intervals, comparisons and chance, against independent references."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import multiclass_f1_score, multiclass_recall

from affectfuse.containers import Array
from affectfuse.errors import DatasetError
from affectfuse.evaluation.confusion import class_scores, confusion_matrix, scores
from affectfuse.evaluation.nuisance import probe_nuisance
from affectfuse.evaluation.recognition import (
    Predictions,
    chance_uf1,
    compare,
    measure_recognition,
)

CLASSES = ("a", "b", "c")


def predictions(
    hit_rate: float = 0.7, rows: int = 300, seeds: int = 2, subjects: int = 15, seed: int = 0
) -> Predictions:
    """Labels of fixed frequencies; each seed's prediction is right so often, else at random."""
    rng = np.random.default_rng(7)
    labels = rng.choice(3, rows, p=[0.6, 0.25, 0.15])
    who = rng.integers(0, subjects, rows)
    rng = np.random.default_rng(seed)
    said = np.where(rng.random((seeds, rows)) < hit_rate, labels, rng.integers(0, 3, (seeds, rows)))
    return Predictions(
        CLASSES,
        np.array([f"c{row:03d}" for row in range(rows)]),
        np.array([f"s{index:02d}" for index in who]),
        np.where(who % 2, "left", "right"),
        labels,
        np.eye(3)[said] * 0.8 + 0.1,
    )


def test_scores_equal_an_independent_reference() -> None:
    found = predictions(seeds=1)
    said, truth = torch.from_numpy(found.predicted[0]), torch.from_numpy(found.labels)
    mine = scores(found.confusion()[0])
    f1 = multiclass_f1_score(said, truth, 3, average="macro")
    assert float(mine["uf1"]) == pytest.approx(float(f1), abs=1e-6)
    recall = multiclass_recall(said, truth, 3, average="macro")
    assert float(mine["uar"]) == pytest.approx(float(recall), abs=1e-6)
    assert float(mine["accuracy"]) == pytest.approx(float((said == truth).float().mean()))


def test_a_constant_prediction_scores_as_published() -> None:
    """'Always negative' on the MEGC2019 composite has UF1 .241: its absent classes count as 0."""
    labels = np.repeat([0, 1, 2], [250, 109, 83])
    constant = scores(confusion_matrix(labels, np.zeros(442, int), 3))
    assert float(constant["uf1"]) == pytest.approx(0.241, abs=5e-4)


def test_undefined_scores_are_nan() -> None:
    nothing = scores(np.zeros((3, 3)))
    assert all(math.isnan(float(value)) for value in nothing.values())
    by_class = class_scores(confusion_matrix(np.array([0, 0]), np.array([0, 1]), 3))
    assert by_class["f1"][1] == 0.0  # predicted, never labelled
    assert math.isnan(by_class["f1"][2])
    assert np.isnan(by_class["recall"][1:]).all()


def test_values_are_means_over_seeds_of_pooled_scores() -> None:
    found = predictions(seeds=3)
    groups = measure_recognition(found, draws=200, seed=0)
    assert [group.name for group in groups] == ["all", "left", "right"]
    assert groups[0].clips == groups[1].clips + groups[2].clips
    each = [scores(found.confusion()[seed])["uf1"] for seed in range(3)]
    assert groups[0].seeds["uf1"] == pytest.approx(each)
    assert groups[0].scores["uf1"].value == pytest.approx(np.mean(each))
    assert groups[0].confusion.sum() == pytest.approx(len(found))


def test_the_interval_is_over_subjects() -> None:
    """It covers the truth about as often as it says, though a subject's clips fail together."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(60):
        right = np.repeat(rng.random(40) < 0.7, 5)  # all five clips of a subject, or none
        labels = np.tile([0, 0, 1, 1, 2], 40)
        said = np.where(right, labels, (labels + 1) % 3)
        found = Predictions(
            CLASSES, np.arange(200).astype(str), np.repeat(np.arange(40), 5).astype(str),
            np.full(200, ""), labels, np.eye(3)[said][None],
        )  # fmt: skip
        interval = measure_recognition(found, draws=300, seed=1)[0].scores["accuracy"]
        covered += interval.low <= 0.7 <= interval.high
    assert 50 <= covered <= 60  # 0.95 * 60 = 57; clips taken for independent give about 38


def test_a_better_run_is_told_from_a_worse_one_and_not_from_itself() -> None:
    good, bad = predictions(0.9, seed=1), predictions(0.5, seed=2)
    found = compare(good, bad, draws=400, seed=0)
    assert found.uf1.low > 0.1
    assert found.p_value < 0.02
    same = compare(good, good, draws=400, seed=0)
    assert same.uf1.value == 0.0
    assert same.p_value == 1.0
    mixed = good.take(np.random.default_rng(0).permutation(len(good)))
    assert compare(mixed, bad, draws=400, seed=0).uf1.value == pytest.approx(found.uf1.value)


def test_runs_on_other_clips_are_not_compared() -> None:
    one = predictions()
    with pytest.raises(DatasetError, match="different clips or labels"):
        compare(one, one.take(np.arange(100)), draws=10, seed=0)


def test_chance_has_the_frequencies_of_the_labels() -> None:
    labels = predictions().labels
    chance = chance_uf1(labels, 3, draws=500, seed=0)
    assert chance.mean() == pytest.approx(1 / 3, abs=0.01)
    assert 0.34 < np.percentile(chance, 97.5) < 0.42


def probe(arrays: Array, labels: Array, databases: Array) -> dict[str, float]:
    subjects = np.array([f"{name}{row % 10}" for row, name in enumerate(databases)])
    found = probe_nuisance(arrays, labels, subjects, databases)
    return {p.question: p.uar for p in found}


def test_probes_see_a_planted_short_cut() -> None:
    rng = np.random.default_rng(0)
    databases = np.repeat(["one", "two"], 100)
    labels = np.where(databases == "one", rng.random(200) < 0.8, rng.random(200) < 0.2).astype(int)
    clean = rng.normal(0, 1, (200, 2, 8, 8))
    found = probe(clean, labels, databases)
    assert found["the source database, from the clips"] < 0.65
    assert found["the class, from the source database alone"] > 0.7
    marked = clean.copy()
    marked[databases == "two", :, 0, 0] += 4.0
    assert probe(marked, labels, databases)["the source database, from the clips"] > 0.8
    brighter = clean + 2.0 * labels[:, None, None, None]
    assert (
        probe(brighter, labels, databases)[
            "the class, from each channel's mean and deviation alone"
        ]
        > 0.95
    )
    assert len(probe(clean, labels, np.full(200, "one"))) == 1
