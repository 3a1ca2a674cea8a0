"""Metrics against hand-computed values, torchmetrics and direct definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torchmetrics import functional as reference

from affectfuse.evaluation.target_metrics import auroc, brier, classification_metrics, ece, uar, uf1


def draw(classes: int, samples: int = 500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, samples)
    logits = rng.normal(size=(samples, classes)) + 0.8 * np.eye(classes)[labels]
    exponents = np.exp(logits)
    return labels, exponents / exponents.sum(1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 5])
def test_as_torchmetrics_where_every_class_occurs(classes: int) -> None:
    labels, probabilities = draw(classes)
    predictions = probabilities.argmax(1)
    truth, said = torch.tensor(labels), torch.tensor(predictions)
    given = {"task": "multiclass", "num_classes": classes, "average": "macro"}
    recall = reference.recall(said, truth, **given)  # type: ignore[arg-type]
    f1 = reference.f1_score(said, truth, **given)  # type: ignore[arg-type]
    area = reference.auroc(torch.tensor(probabilities), truth, **given)  # type: ignore[arg-type]
    assert uar(labels, predictions) == pytest.approx(float(recall), abs=1e-6)
    assert uf1(labels, predictions) == pytest.approx(float(f1), abs=1e-6)
    assert area is not None
    assert auroc(labels, probabilities) == pytest.approx(float(area), abs=1e-6)


def test_absent_classes_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    predictions = np.array([0, 0, 2, 1, 0])
    assert uar(labels, predictions) == pytest.approx((2 / 3 + 1 / 2) / 2)  # class 2 not labelled
    # F1: class 0: 2*2/(3+3), class 1: 2*1/(2+1), class 2 (only predicted): 0; class 3: left out.
    assert uf1(labels, predictions) == pytest.approx((4 / 6 + 2 / 3 + 0) / 3)


def test_auroc_is_the_share_of_ordered_pairs() -> None:
    labels = np.array([0, 1, 0, 1, 1, 0])
    score = np.array([0.1, 0.4, 0.4, 0.8, 0.3, 0.2])  # one tie, one pair out of order
    pairs = [
        (p > n) + 0.5 * (p == n) for p in score[labels == 1] for n in score[labels == 0]
    ]  # fmt: skip
    assert auroc(labels, np.stack([1 - score, score], 1)) == pytest.approx(np.mean(pairs))


def test_auroc_over_several_classes_leaves_out_the_one_that_does_not_occur() -> None:
    labels, probabilities = draw(3)
    widened = np.concatenate([probabilities * 0.9, np.full((len(labels), 1), 0.1)], 1)
    assert auroc(labels, widened) == pytest.approx(auroc(labels, probabilities))


def test_ece_by_hand() -> None:
    """Two bins of two: confidences .6 .7 | .8 .9, right: no yes | yes yes."""
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]])
    labels = np.array([0, 0, 1, 0])
    expected = (abs(0.5 - 0.65) + abs(1.0 - 0.85)) / 2
    assert ece(labels, probabilities, bins=2) == pytest.approx(expected)


def test_ece_does_not_depend_on_the_order_of_equal_confidences() -> None:
    """Seven of ten are right of a forecast that says .7 of all: calibrated, in any order."""
    labels = np.repeat([1, 0], [70, 30])
    constant = np.tile([0.3, 0.7], (100, 1))
    assert ece(labels, constant) == pytest.approx(0.0, abs=1e-12)
    two = np.where(np.arange(100) < 50, 0.7, 0.8)[:, None]  # 50 right of 50, then 20 of 50
    assert ece(labels, np.hstack([1 - two, two])) == pytest.approx((0.3 + 0.4) / 2)


def test_ece_of_a_calibrated_and_of_an_overconfident_forecast() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.5, 1, 20000)
    right = rng.random(20000) < chance
    forecast = np.stack([1 - chance, chance], 1)
    assert ece(right.astype(int), forecast) < 0.02
    sure = np.tile([0.01, 0.99], (20000, 1))
    assert ece(right.astype(int), sure) == pytest.approx(0.99 - right.mean(), abs=1e-9)


def test_brier_by_hand() -> None:
    probabilities = np.array([[0.8, 0.2], [0.4, 0.6]])
    assert brier(np.array([0, 0]), probabilities) == pytest.approx(
        ((0.2**2 + 0.2**2) + (0.6**2 + 0.6**2)) / 2
    )
    assert brier(np.array([0, 1]), np.eye(2)) == 0.0
    assert brier(np.array([1, 0]), np.eye(2)) == 2.0


def test_what_is_undefined_is_nan() -> None:
    nothing = classification_metrics(np.zeros(0, int), np.zeros((0, 2)))
    assert set(nothing) == {"uar", "uf1", "auroc", "ece", "brier"}
    assert all(math.isnan(value) for value in nothing.values())
    one_class = classification_metrics(np.array([1, 1]), np.array([[0.3, 0.7], [0.6, 0.4]]))
    assert math.isnan(one_class["auroc"])
    assert math.isnan(one_class["ece"])  # two samples fill no ten bins
    assert one_class["uar"] == 0.5
