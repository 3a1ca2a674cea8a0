"""Metrics by draw against scikit-learn with weights, and against the rows themselves, repeated."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from evaluation.fused_planted import AFFECT, MOOD, STATE, UNITS, planted
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    brier_score_loss,
    f1_score,
    mean_absolute_error,
    roc_auc_score,
)

from affectfuse.containers import Array, Target
from affectfuse.evaluation import resampling as drawing
from affectfuse.evaluation.drawn_auroc import drawn_auroc
from affectfuse.evaluation.drawn_metrics import drawn_metrics, metric_names
from affectfuse.evaluation.fused import FUSED
from affectfuse.evaluation.resampling import Resampling, resample
from affectfuse.evaluation.target_metrics import target_metrics


def drawn(target: Target, draws: int = 6) -> tuple[Array, Array, Resampling]:
    found = planted(target)
    return (
        found.labels[target.name],
        found.estimates[FUSED][0],
        resample(found.subjects, draws, 0),
    )


def test_auroc_of_a_draw_is_scikit_learns_with_weights() -> None:
    rng = np.random.default_rng(0)
    positive = rng.random(500) < 0.3
    score = np.round(rng.normal(size=500) + positive, 1)  # many ties
    draws = resample(rng.integers(0, 20, 500).astype(str), 30, 1)
    found = drawn_auroc(positive, score, draws)
    for draw, weights in enumerate(draws.weights):
        expected = roc_auc_score(positive, score, sample_weight=weights[draws.units])
        assert found[draw] == pytest.approx(expected, abs=1e-12)


def test_auroc_is_blind_to_monotone_changes_and_turns_with_the_sign() -> None:
    rng = np.random.default_rng(1)
    positive, score = rng.random(200) < 0.5, rng.normal(size=200)
    draws = resample(rng.integers(0, 9, 200).astype(str), 50, 1)
    found = drawn_auroc(positive, score, draws)
    np.testing.assert_allclose(drawn_auroc(positive, np.exp(score), draws), found, atol=1e-12)
    np.testing.assert_allclose(drawn_auroc(positive, -score, draws), 1 - found, atol=1e-12)
    np.testing.assert_allclose(drawn_auroc(positive, np.zeros(200), draws), 0.5, atol=1e-12)


def test_the_metrics_of_a_draw_are_scikit_learns_with_weights() -> None:
    truth, said, draws = drawn(STATE)
    found = drawn_metrics(STATE, truth, said, draws)
    predicted = said.argmax(1)
    expected: dict[str, Callable[[Array], float]] = {
        "uar": lambda w: balanced_accuracy_score(truth, predicted, sample_weight=w),
        "uf1": lambda w: f1_score(truth, predicted, average="macro", sample_weight=w),
        "accuracy": lambda w: accuracy_score(truth, predicted, sample_weight=w),
        "auroc": lambda w: roc_auc_score(truth, said[:, 1], sample_weight=w),
        "brier": lambda w: 2 * brier_score_loss(truth, said[:, 1], sample_weight=w),
    }
    for draw, weights in enumerate(draws.weights):
        for name, reference in expected.items():
            assert found[name][draw] == pytest.approx(reference(weights[draws.units])), name


def test_several_classes_are_the_mean_of_one_against_the_rest() -> None:
    truth, said, draws = drawn(MOOD)
    found = drawn_metrics(MOOD, truth, said, draws)["auroc"]
    for draw, weights in enumerate(draws.weights):
        each = [
            roc_auc_score(truth == c, said[:, c], sample_weight=weights[draws.units])
            for c in range(3)
        ]
        assert found[draw] == pytest.approx(np.mean(each))


@pytest.mark.parametrize("target", [STATE, MOOD, UNITS, AFFECT], ids=lambda t: t.name)
def test_as_the_metrics_of_the_rows_repeated(target: Target) -> None:
    """Every metric but the ECE, whose bins stay where the rows as they are put them."""
    truth, said, draws = drawn(target)
    found = drawn_metrics(target, truth, said, draws)
    assert tuple(found) == metric_names(target)
    for draw, weights in enumerate(draws.weights):
        rows = np.repeat(np.arange(len(said)), weights[draws.units].astype(int))
        for name, value in target_metrics(target, truth[rows], said[rows]).items():
            if name != "ece" or draw == 0:
                assert found[name][draw] == pytest.approx(value, abs=1e-10), (name, draw)


def test_mae_and_missing_labels_of_scales() -> None:
    truth, said, draws = drawn(AFFECT)
    truth = truth.copy()
    truth[::3, 0] = np.nan
    found = drawn_metrics(AFFECT, truth, said, draws)
    for draw, weights in enumerate(draws.weights):
        each = []
        for column in range(2):
            known = np.isfinite(truth[:, column])
            w = weights[draws.units][known]
            each.append(mean_absolute_error(truth[known, column], said[known, column],
                                            sample_weight=w))  # fmt: skip
        assert found["mae"][draw] == pytest.approx(np.mean(each))


def test_a_draw_of_one_class_is_not_defined_and_the_rest_are() -> None:
    subjects = np.repeat(["a", "b", "c"], 4)
    truth = np.repeat([0, 1, 0], 4)
    said = np.tile([[0.6, 0.4], [0.4, 0.6]], (6, 1))
    draws = resample(subjects, 200, 0)
    found = drawn_metrics(STATE, truth, said, draws)
    without = (draws.weights[:, 1] == 0) | (draws.weights[:, [0, 2]].sum(1) == 0)
    assert 0 < without.sum() < len(without)
    np.testing.assert_array_equal(np.isnan(found["auroc"]), without)
    assert np.isfinite(found["accuracy"]).all()
    assert np.isnan(draws.interval(found["auroc"]).low)  # defined in too few draws
    assert np.isfinite(draws.interval(found["accuracy"]).low)


def test_one_subject_has_no_interval_and_no_row_no_value() -> None:
    one = resample(np.full(20, "a"), 100, 0)
    truth, said = np.arange(20) % 2, np.tile([[0.6, 0.4], [0.3, 0.7]], (10, 1))
    found = one.interval(drawn_metrics(STATE, truth, said, one)["auroc"])
    assert found.value == 1.0
    assert np.isnan([found.low, found.high]).all()
    nobody = resample(np.array([], str), 100, 0)
    for target, none in ((STATE, np.zeros(0, int)), (UNITS, np.zeros((0, 2))),
                         (AFFECT, np.zeros((0, 2)))):  # fmt: skip
        for values in drawn_metrics(target, none, np.zeros((0, 2)), nobody).values():
            assert np.isnan(values).all()


def test_a_constant_truth_has_no_correlation() -> None:
    draws = resample(np.repeat(["a", "b"], 10), 50, 0)
    truth = np.repeat([[0.1, 0.2]], 20, 0)
    said = np.random.default_rng(0).normal(size=(20, 2))
    found = drawn_metrics(AFFECT, truth, said, draws)
    assert np.isnan(found["pearson_r"]).all()
    np.testing.assert_allclose(found["ccc"], 0.0, atol=1e-12)


def test_of_many_subjects_groups_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "MOST_UNITS", 7)
    subjects = np.array([f"s{index:02d}" for index in range(30)])
    draws = resample(subjects, 20, 0)
    assert draws.weights.shape == (21, 7)
    assert len(set(draws.units.tolist())) == 7
    assert draws.sums(np.ones(30))[0] == 30
