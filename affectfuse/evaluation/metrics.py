"""Errors of heart rates as pure functions of pairs and weights. Undefined is NaN, never 0.

A row's weight is how often it counts: 1, or, in a bootstrap draw, how often its subject was drawn.
Each is checked against an independent reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.evaluation.base import Pairs
from affectfuse.evaluation.confidence import HIT_BPM, auroc, ece

__all__ = ["METRICS", "Metric"]

Function = Callable[[Pairs, Array], float]


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's title, its unit ('' where it has none), its function and what it is."""

    title: str
    unit: str
    of: Function
    meaning: str


def _mean(values: Array, weights: Array) -> float:
    known = np.isfinite(values)
    total = float(weights[known].sum())
    return float(values[known] @ weights[known]) / total if total > 0.0 else math.nan


def _mae(pairs: Pairs, weights: Array) -> float:
    return _mean(np.abs(pairs.error_bpm), weights)


def _median(pairs: Pairs, weights: Array) -> float:
    order = pairs.by_error
    if weights[order].sum() <= 0.0:
        return math.nan
    reached = np.cumsum(weights[order])
    below = np.searchsorted(reached, reached[-1] / 2.0)
    above = np.searchsorted(reached, reached[-1] / 2.0, side="right")
    middle = np.abs(pairs.error_bpm[order[[below, min(above, len(order) - 1)]]])
    return float(middle.mean())


def _rmse(pairs: Pairs, weights: Array) -> float:
    return math.sqrt(_mean(pairs.error_bpm**2, weights))


def _mape(pairs: Pairs, weights: Array) -> float:
    return 100.0 * _mean(np.abs(pairs.error_bpm) / pairs.reference_bpm, weights)


def _bias(pairs: Pairs, weights: Array) -> float:
    return _mean(pairs.error_bpm, weights)


def _pearson_r(pairs: Pairs, weights: Array) -> float:
    known = pairs.covered
    w, x, y = weights[known], pairs.reference_bpm[known], pairs.estimate_bpm[known]
    if np.count_nonzero(w) < 2:
        return math.nan
    x, y = x - np.average(x, weights=w), y - np.average(y, weights=w)
    scale = math.sqrt(float((w @ x**2) * (w @ y**2)))
    return float((w * x) @ y) / scale if scale > 1e-9 else math.nan


def _within(pairs: Pairs, weights: Array) -> float:
    hit = np.where(pairs.covered, np.abs(pairs.error_bpm) <= HIT_BPM, np.nan)
    return 100.0 * _mean(hit, weights)


def _coverage(pairs: Pairs, weights: Array) -> float:
    return 100.0 * _mean(pairs.covered.astype(float), weights)


METRICS = {
    "mae_bpm": Metric("MAE", "bpm", _mae, "mean absolute error"),
    "median_ae_bpm": Metric("Median error", "bpm", _median, "median absolute error"),
    "rmse_bpm": Metric("RMSE", "bpm", _rmse, "root of the mean squared error"),
    "mape_percent": Metric("MAPE", "%", _mape, "mean absolute error in percent of the reference"),
    "bias_bpm": Metric("Bias", "bpm", _bias, "mean of estimate minus reference"),
    "pearson_r": Metric("Pearson r", "", _pearson_r, "correlation of estimate and reference"),
    "within_3_bpm_percent": Metric(
        "Within 3 bpm", "%", _within, f"share of estimates at most {HIT_BPM:g} bpm off"
    ),
    "snr_db": Metric(
        "SNR",
        "dB",
        lambda p, w: _mean(p.snr_db, w),
        "of the pulse waveform, at the reference rate and its double against the band's rest",
    ),
    "macc": Metric(
        "MACC",
        "",
        lambda p, w: _mean(p.macc, w),
        "largest correlation of estimated and reference waveform over all shifts",
    ),
    "coverage_percent": Metric("Coverage", "%", _coverage, "share of rows with an estimate"),
    "auroc": Metric(
        "AUROC", "", auroc, "confidence telling errors above 5 bpm from those of at most 2 bpm"
    ),
    "ece": Metric("ECE", "", ece, f"gap of confidence and share within {HIT_BPM:g} bpm, over bins"),
}
"""By name; the unit is in the name."""
