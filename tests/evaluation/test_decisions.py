"""Decisions of fused models: calibrated or not, and the likelier wrong the less sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation.fused_planted import STATE, UNITS, planted

from affectfuse.evaluation.decisions import Decisions, decide, measure_calibration
from affectfuse.evaluation.drawn_metrics import drawn_ece
from affectfuse.evaluation.fused import FUSED
from affectfuse.evaluation.resampling import resample
from affectfuse.evaluation.selective_risk import selective_risk


def test_calibrated_decisions_are_within_noise_and_others_are_not() -> None:
    found = planted(subjects=40, absent=0.0)
    resampling = resample(found.subjects, 200, 0)
    truth = found.labels["state"]
    good = decide(STATE, truth, found.estimates[FUSED], resampling)
    calibrated = measure_calibration(STATE, good, 0)
    assert calibrated.within_noise
    assert calibrated.expected < calibrated.expected_high < 0.1
    odds = found.estimates[FUSED] ** 3
    sure = decide(STATE, truth, odds / odds.sum(-1, keepdims=True), resampling)
    overconfident = measure_calibration(STATE, sure, 0)
    assert not overconfident.within_noise
    assert sum(part.rows for part in calibrated.bins) == 2 * len(found)


def test_a_model_that_says_the_prior_of_all_is_calibrated() -> None:
    """Whatever the order of the rows: here by label, as segments of a session are."""
    correct = np.repeat([True, False], [80, 40])[None]
    confidence = np.full((1, 120), 2 / 3)
    subjects = np.tile(np.arange(10), 12).astype(str)
    found = measure_calibration(STATE, Decisions(confidence, correct, resample(subjects, 50, 0)), 0)
    assert found.ece.value == pytest.approx(0.0, abs=1e-12)
    assert found.within_noise
    assert [part.rows for part in found.bins] == [120]
    assert found.bins[0].share == pytest.approx(2 / 3)


def test_the_noise_of_the_ece_is_that_of_redrawn_labels() -> None:
    """Against a direct simulation, which redraws labels and computes the ECE anew."""
    found = planted(subjects=6, seeds=1, absent=0.0)
    resampling = resample(found.subjects, 0, 0)
    decisions = decide(STATE, found.labels["state"], found.estimates[FUSED], resampling)
    mine = measure_calibration(STATE, decisions, 0)
    rng = np.random.default_rng(5)
    confidence = decisions.confidence[0]
    drawn = [
        drawn_ece(confidence, rng.random(len(confidence)) < confidence, resampling)[0]
        for _ in range(2000)
    ]
    assert mine.expected == pytest.approx(np.mean(drawn), rel=0.05)
    assert mine.expected_high == pytest.approx(np.percentile(drawn, 95), rel=0.08)


def test_labels_are_decided_one_by_one() -> None:
    found = planted(UNITS)
    truth = found.labels["units"].copy()
    truth[:7, 0] = np.nan
    decisions = decide(UNITS, truth, found.estimates[FUSED], resample(found.subjects, 0, 0))
    assert decisions.confidence.shape == (2, 2 * len(found) - 7)
    assert (decisions.confidence >= 0.5).all()


def test_risk_falls_with_confidence_between_oracle_and_chance() -> None:
    found = planted(absent=0.0)
    decisions = decide(
        STATE, found.labels["state"], found.estimates[FUSED], resample(found.subjects, 0, 0)
    )
    risk = selective_risk(STATE, decisions)
    assert risk.optimal < risk.area.value < risk.random
    assert risk.coverage[-1] == 1.0
    assert risk.risk[-1] == pytest.approx(risk.random)
    assert risk.random == pytest.approx(1 - decisions.correct.mean())
    order = np.argsort(-decisions.confidence.reshape(-1), kind="stable")
    wrong = ~decisions.correct.reshape(-1)[order]
    naive = np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))
    assert risk.area.value == pytest.approx(naive)
    assert np.isnan(risk.area.low)  # no draws were asked for
    flat = replace(decisions, confidence=np.full_like(decisions.confidence, 0.7))
    assert selective_risk(STATE, flat).area.value == pytest.approx(risk.random)


def test_the_interval_of_the_area_is_that_of_the_rows_repeated() -> None:
    """Ties in random order: the mean over many orders of the rows as often as they were drawn."""
    found = planted(subjects=6, segments=2, samples=4, seeds=1)
    drawn = resample(found.subjects, 20, 0)
    decisions = decide(STATE, found.labels["state"], found.estimates[FUSED], drawn)
    decisions = replace(decisions, confidence=np.round(decisions.confidence, 1))
    rng, areas = np.random.default_rng(0), []
    for weights in drawn.weights[1:]:
        rows = np.repeat(np.arange(len(found)), weights[drawn.units].astype(int))
        orders = [rng.permutation(rows) for _ in range(2000)]
        sure = [order[np.argsort(-decisions.confidence[0][order], kind="stable")]
                for order in orders]  # fmt: skip
        wrong = ~decisions.correct[0][np.stack(sure)]
        areas.append((wrong.cumsum(1) / np.arange(1, len(rows) + 1)).mean())
    area = selective_risk(STATE, decisions).area
    assert (area.low, area.high) == pytest.approx(np.percentile(areas, [2.5, 97.5]), abs=0.004)
    assert area.low < area.value < area.high
