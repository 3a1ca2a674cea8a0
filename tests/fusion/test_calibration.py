"""Split conformal prediction: its threshold, its coverage, its sets."""

from __future__ import annotations

import math

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.fusion.calibration import (
    FUSED,
    Calibration,
    conformal_threshold,
    prediction_set,
)


def test_the_threshold_is_an_order_statistic() -> None:
    scores = np.random.default_rng(0).permutation(np.arange(1, 20) / 20)  # 19 of them
    assert conformal_threshold(scores, 0.90) == 18 / 20  # ceil(20 * 0.9) = 18th smallest
    assert conformal_threshold(scores, 0.50) == 10 / 20
    assert conformal_threshold(scores, 0.95) == 19 / 20


def test_too_few_scores_rule_nothing_out() -> None:
    assert conformal_threshold(np.zeros(8), 0.9) == math.inf  # 9 are needed
    assert conformal_threshold(np.zeros(9), 0.9) == 0.0
    assert conformal_threshold(np.zeros(0), 0.5) == math.inf


def drawn(rng: np.random.Generator, n_rows: int) -> tuple[Array, Array]:
    """Truths, and probabilities of four classes that are too sure of themselves."""
    logits = rng.normal(0, 1, (n_rows, 4))
    true = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.array([rng.choice(4, p=row) for row in true])
    sharp = true**3 / (true**3).sum(1, keepdims=True)
    return truth, sharp


@pytest.mark.parametrize("coverage", [0.8, 0.9])
def test_sets_cover_exchangeable_truths_as_often_as_promised(coverage: float) -> None:
    """Marginal coverage lies in [c, c + 1 / (n + 1)], however wrong the probabilities are."""
    rng = np.random.default_rng(1)
    covered, sizes = [], []
    for _ in range(150):
        truth, probabilities = drawn(rng, 100)
        held_out = 1 - probabilities[np.arange(60), truth[:60]]
        inside = prediction_set(probabilities[60:], conformal_threshold(held_out, coverage))
        covered.append(inside[np.arange(40), truth[60:]].mean())
        sizes.append(inside.sum(1).mean())
    deviation = np.std(covered) / np.sqrt(len(covered))
    assert coverage - 3 * deviation < np.mean(covered) < coverage + 1 / 61 + 3 * deviation
    assert deviation < 0.008
    assert 1 < np.mean(sizes) < 4


def test_intervals_of_a_scale_cover_as_promised() -> None:
    rng = np.random.default_rng(2)
    covered = []
    for _ in range(400):
        errors = np.abs(rng.standard_t(2, 90))
        covered.append((errors[50:] <= conformal_threshold(errors[:50], 0.9)).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.015)


def test_no_set_is_empty_and_an_infinite_threshold_holds_all() -> None:
    probabilities = np.array([[0.4, 0.35, 0.25], [0.9, 0.06, 0.04], [0.5, 0.5, 0.0]])
    assert prediction_set(probabilities, -1.0).tolist() == [
        [True, False, False],
        [True, False, False],
        [True, True, False],  # as probable as each other
    ]
    assert prediction_set(probabilities, 0.65)[0].tolist() == [True, True, False]
    assert prediction_set(probabilities, math.inf).all()


def test_what_was_not_fitted_has_no_temperature() -> None:
    assert Calibration({FUSED: {"state": 2.0}}).of(FUSED) == {"state": 2.0}
    assert Calibration({FUSED: {"state": 2.0}}).of("pulse") == {}
    assert math.isnan(Calibration().coverage)
