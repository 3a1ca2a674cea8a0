"""Intervals over subjects, and agreement of repeated measures."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evaluation.planted import MakePairs
from scipy.stats import f_oneway, norm

from affectfuse.evaluation.agreement import bland_altman
from affectfuse.evaluation.bootstrap import draw_subjects, interval_notes, measure
from affectfuse.evaluation.metrics import METRICS


def test_the_interval_is_that_of_the_mean_over_subjects(make_pairs: MakePairs) -> None:
    """Rows of a subject agree with one another, so many rows do not make the interval narrow."""
    subjects, rows = 60, 50
    of_subject = np.repeat(np.random.default_rng(5).normal(4.0, 2.0, subjects), rows)
    reference = np.full(subjects * rows, 70.0)
    pairs = make_pairs(
        subjects=subjects, rows=rows, reference_bpm=reference, estimate_bpm=reference + of_subject
    )
    found = measure(pairs, draw_subjects(pairs, 2000, seed=1))["bias_bpm"]
    spread = of_subject[::rows].std() / math.sqrt(subjects)
    low, high = norm.interval(0.95, of_subject.mean(), spread)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.12 * (high - low))


def test_draws_are_of_subjects_and_repeatable(make_pairs: MakePairs) -> None:
    pairs = make_pairs()
    draws = draw_subjects(pairs, 300, seed=4)
    assert draws.shape == (300, 6)
    assert (draws.sum(1) == 6).all()
    assert (draws == draw_subjects(pairs, 300, seed=4)).all()
    assert (draws != draw_subjects(pairs, 300, seed=5)).any()


def test_one_subject_has_no_interval(make_pairs: MakePairs) -> None:
    pairs = make_pairs(subjects=1)
    found = measure(pairs, draw_subjects(pairs, 200, seed=0))
    assert set(found) == set(METRICS)
    for name, metric in found.items():
        assert math.isfinite(metric.value), name
        assert math.isnan(metric.low), name
        assert math.isnan(metric.high), name
    assert "not defined" in interval_notes(1)[0]
    assert "only 4 subjects" in interval_notes(4)[0]
    assert interval_notes(10) == []


def test_limits_of_agreement_take_both_variances(make_pairs: MakePairs) -> None:
    pairs = make_pairs(subjects=5, rows=30, seed=8)
    known = pairs.covered
    groups = [pairs.error_bpm[known & (pairs.subject_index == i)] for i in range(5)]
    error = np.concatenate(groups)
    within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (len(error) - 5)
    sizes = np.array([len(g) for g in groups])
    divisor = (sizes.sum() ** 2 - (sizes**2).sum()) / (4 * sizes.sum())
    between = within * (f_oneway(*groups).statistic - 1) / divisor
    assert between > 0
    reach = norm.ppf(0.975) * math.sqrt(within + between)
    found = bland_altman(pairs)
    expected = (error.mean(), error.mean() - reach, error.mean() + reach)
    assert (found.bias_bpm, found.low_bpm, found.high_bpm) == pytest.approx(expected, rel=1e-9)
    assert "Repeated measures" in found.note


def test_limits_without_repeated_measures(make_pairs: MakePairs) -> None:
    single = make_pairs(subjects=40, rows=1)
    error = single.error_bpm[single.covered]
    found = bland_altman(single)
    assert found.high_bpm - found.low_bpm == pytest.approx(2 * 1.959964 * error.std(ddof=1))
    assert "subject alone" in bland_altman(make_pairs(subjects=1)).note
    alone = bland_altman(make_pairs(subjects=1, rows=1, estimate_bpm=np.array([71.0])))
    assert math.isfinite(alone.bias_bpm)
    assert math.isnan(alone.low_bpm)
