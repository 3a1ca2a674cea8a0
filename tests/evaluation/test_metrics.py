"""Metrics against SciPy and plain counting; weights against repeated rows; undefined is NaN."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation.planted import MakePairs
from scipy.stats import pearsonr

from affectfuse.containers import Array
from affectfuse.evaluation.base import Pairs
from affectfuse.evaluation.confidence import reliability, risk_coverage
from affectfuse.evaluation.metrics import METRICS


def value(name: str, pairs: Pairs, weights: Array | None = None) -> float:
    return METRICS[name].of(pairs, np.ones(len(pairs)) if weights is None else weights)


def test_errors_are_those_of_plain_formulas(make_pairs: MakePairs) -> None:
    pairs = make_pairs()
    known = np.isfinite(pairs.estimate_bpm)
    reference, estimate = pairs.reference_bpm[known], pairs.estimate_bpm[known]
    error = estimate - reference
    assert 0.8 < known.mean() < 1.0
    expected = {
        "mae_bpm": np.abs(error).mean(),
        "median_ae_bpm": np.median(np.abs(error)),
        "rmse_bpm": np.sqrt((error**2).mean()),
        "mape_percent": 100 * np.abs(error / reference).mean(),
        "bias_bpm": error.mean(),
        "pearson_r": pearsonr(reference, estimate).statistic,
        "within_3_bpm_percent": 100 * (np.abs(error) <= 3).mean(),
        "snr_db": np.nanmean(pairs.snr_db),
        "macc": pairs.macc.mean(),
        "coverage_percent": 100 * known.mean(),
    }
    for name, number in expected.items():
        assert value(name, pairs) == pytest.approx(number, rel=1e-12), name
    assert set(METRICS) - set(expected) == {"auroc", "ece"}


def test_auroc_is_the_share_of_pairs_in_the_right_order(make_pairs: MakePairs) -> None:
    pairs = make_pairs()
    error = np.abs(pairs.error_bpm)
    near, far = pairs.confidence[error <= 2], pairs.confidence[error > 5]
    assert min(len(near), len(far)) > 20
    wins = (near[:, None] > far).mean() + 0.5 * (near[:, None] == far).mean()
    assert value("auroc", pairs) == pytest.approx(wins, rel=1e-12)


def test_ece_is_the_mean_gap_over_bins_of_equal_count() -> None:
    count = 200
    confidence = np.linspace(0.05, 0.95, count)
    error = np.where(np.arange(count) % 2 == 0, 1.0, 9.0)  # half of every bin is within 3 bpm
    columns = [np.full(count, 70.0), 70.0 + error, confidence, *(np.zeros(count),) * 2]
    pairs = Pairs(np.full(count, "i"), np.full(count, "s"), np.arange(float(count)), *columns)
    expected = np.abs(confidence.reshape(10, 20).mean(1) - 0.5).mean()
    assert value("ece", pairs) == pytest.approx(expected, rel=1e-12)
    assert [part.share for part in reliability(pairs, np.zeros((0, 1)))] == [0.5] * 10


@pytest.mark.parametrize("name", METRICS)
def test_a_weight_counts_as_repeated_rows(make_pairs: MakePairs, name: str) -> None:
    pairs = make_pairs(rows=41, seed=3)
    weights = np.array([0.0, 1, 2, 0, 3, 1])[pairs.subject_index]
    repeated = pairs.take(np.repeat(np.arange(len(pairs)), weights.astype(int)))
    if name == "ece":  # its bins are cut without weights: those of equal weights stay
        weights, repeated = np.full(len(pairs), 2.0), pairs
    assert value(name, pairs, weights) == pytest.approx(value(name, repeated), rel=1e-9)


@pytest.mark.parametrize("name", METRICS)
def test_nothing_known_is_nan(make_pairs: MakePairs, name: str) -> None:
    pairs = make_pairs(subjects=1, rows=30)
    nothing = np.full(30, np.nan)
    empty = make_pairs(subjects=1, rows=30, estimate_bpm=nothing, snr_db=nothing, macc=nothing)
    assert np.isnan(value(name, pairs.take(np.zeros(0, int))))
    found = value(name, empty)
    assert found == 0.0 if name == "coverage_percent" else np.isnan(found)


def test_r_of_a_constant_is_nan(make_pairs: MakePairs) -> None:
    assert np.isnan(value("pearson_r", make_pairs(reference_bpm=np.full(240, 70.0))))


def test_risk_falls_on_the_most_confident(make_pairs: MakePairs) -> None:
    pairs = make_pairs()
    coverage, risk = risk_coverage(pairs)
    assert coverage[-1] == pairs.covered.mean()
    assert risk[-1] == pytest.approx(value("mae_bpm", pairs))
    for share, mae in zip(coverage, risk, strict=True):
        least = np.sort(pairs.confidence[pairs.covered])[::-1][round(share * len(pairs)) - 1]
        chosen = pairs.covered & (pairs.confidence >= least)
        assert chosen.mean() == pytest.approx(share)
        assert mae == pytest.approx(np.abs(pairs.error_bpm[chosen]).mean())
