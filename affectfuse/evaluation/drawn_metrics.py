"""The metrics of `target_metrics` in every bootstrap draw at once, from sums by subject.

A statistic "by draw" is an array (1 + draw,), see `Resampling`; it is NaN in a draw in which it is
not defined, as the AUROC where one class alone was drawn.
"""

from __future__ import annotations

import warnings

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.confidence import BINS, equal_mass_bins
from affectfuse.evaluation.confusion import scores
from affectfuse.evaluation.drawn_auroc import drawn_auroc
from affectfuse.evaluation.resampling import Resampling

__all__ = ["MAIN_METRIC", "drawn_ece", "drawn_metrics", "metric_names"]

MAIN_METRIC = {"classes": "auroc", "labels": "auroc", "scales": "ccc"}
"""By kind of target, what it is judged by first."""

_NO_SPREAD = 1e-12
"""A variance below this share of that of all rows is rounding: the draw holds one value."""

_OF_CLASSES = ("auroc", "uar", "uf1", "accuracy", "ece", "brier")
_OF_SCALES = ("ccc", "pearson_r", "mae")


def metric_names(target: Target) -> tuple[str, ...]:
    """Return the names of a target's metrics, the order of every table."""
    return _OF_SCALES if target.kind == "scales" else _OF_CLASSES


def drawn_metrics(
    target: Target, truth: Array, values: Array, resampling: Resampling
) -> dict[str, Array]:
    """Return every metric of one target by draw; see `target_metrics`, and 'accuracy'.

    The bins of the ECE are cut once, by the rows as they are, and keep their bounds in the draws.
    Of labels and scales each metric is the mean over those for which it is defined.

    Args:
        target: what is predicted.
        truth: of classes (row,) index or -1; else (row, output), NaN where not labelled.
        values: (row, output), probabilities or values.
        resampling: of the rows.
    """
    if target.kind == "classes":
        known = truth >= 0
        return _classes(truth[known].astype(np.int64), values[known], resampling.take(known))
    each = []
    for column in range(truth.shape[1]):
        known = np.isfinite(truth[:, column])
        true, said, draws = truth[known, column], values[known, column], resampling.take(known)
        if target.kind == "labels":
            each.append(_classes(true.astype(np.int64), np.stack([1 - said, said], 1), draws))
        else:
            each.append(_scale(true, said, draws))
    return {name: _nan_mean([found[name] for found in each]) for name in metric_names(target)}


def _classes(labels: Array, probabilities: Array, draws: Resampling) -> dict[str, Array]:
    classes = probabilities.shape[1]
    predicted = probabilities.argmax(1)
    cells = np.eye(classes * classes)[labels * classes + predicted]
    confusion = draws.sums(cells).reshape(-1, classes, classes)
    asked = [1] if classes == 2 else range(classes)
    error = np.square(probabilities - np.eye(classes)[labels]).sum(1)
    found = {
        **scores(confusion),
        "auroc": _nan_mean([drawn_auroc(labels == i, probabilities[:, i], draws) for i in asked]),
        "ece": drawn_ece(probabilities.max(1), predicted == labels, draws),
        "brier": draws.mean(error),
    }
    return {name: found[name] for name in _OF_CLASSES}


def drawn_ece(confidence: Array, correct: Array, draws: Resampling) -> Array:
    """Return the expected calibration error over ten bins of equal mass, by draw; see `ece`.

    A draw adds noise to the bins, and the absolute value turns noise into error: percentile
    intervals of it lie high, and may lie above the value itself.

    Args:
        confidence: (row,) probability of being right.
        correct: (row,) bool.
        draws: of the rows.
    """
    rows = len(confidence)
    if rows < BINS:
        return np.full(len(draws.weights), np.nan)
    bins = np.eye(BINS)[equal_mass_bins(confidence)]
    gaps = draws.sums(bins * (correct - confidence)[:, None])
    total = draws.sums(np.ones(rows))
    with np.errstate(invalid="ignore"):
        return np.asarray(np.abs(gaps).sum(1) / total)


def _scale(truth: Array, said: Array, draws: Resampling) -> dict[str, Array]:
    if not len(truth):
        return {name: np.full(len(draws.weights), np.nan) for name in _OF_SCALES}
    middle = float(truth.mean())
    t, s = truth - middle, said - middle
    moments = np.stack([np.ones(len(t)), t, s, t * t, s * s, t * s, np.abs(t - s)], 1)
    count, *sums = draws.sums(moments).T
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_t, mean_s, square_t, square_s, product, error = (part / count for part in sums)
        var_t = _variance(square_t - mean_t**2)
        var_s = _variance(square_s - mean_s**2)
        covariance = product - mean_t * mean_s
        spread = var_t + var_s + (mean_t - mean_s) ** 2
        flat = (var_t == 0.0) | (var_s == 0.0) | (count < 2)
        return {
            "ccc": np.where((spread > 0) & (count > 1), 2 * covariance / spread, np.nan),
            "pearson_r": np.where(flat, np.nan, covariance / np.sqrt(var_t * var_s)),
            "mae": error,
        }


def _variance(found: Array) -> Array:
    return np.where(found <= _NO_SPREAD * max(float(found[0]), 0.0), 0.0, found)


def _nan_mean(parts: list[Array]) -> Array:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return np.asarray(np.nanmean(np.stack(parts), axis=0))
