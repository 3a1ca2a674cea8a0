"""Metrics of classification as pure functions of arrays. Undefined is NaN, never 0.

Shapes: labels (sample,) int class indices; probabilities (sample, class).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import rankdata

from affectfuse.containers import Array, Target
from affectfuse.evaluation.confidence import equal_mass_bins
from affectfuse.evaluation.confusion import confusion_matrix, scores

__all__ = [
    "auroc",
    "brier",
    "ccc",
    "classification_metrics",
    "ece",
    "target_metrics",
    "uar",
    "uf1",
]


def uar(labels: Array, predictions: Array) -> float:
    """Unweighted average recall, see `evaluation.confusion.scores`. NaN without samples.

    Equals scikit-learn's `balanced_accuracy_score`.
    """
    return float(scores(_confusion(labels, predictions))["uar"])


def uf1(labels: Array, predictions: Array) -> float:
    """Unweighted F1, see `evaluation.confusion.scores`. NaN without samples.

    Equals scikit-learn's `f1_score(average="macro")`.
    """
    return float(scores(_confusion(labels, predictions))["uf1"])


def _confusion(labels: Array, predictions: Array) -> Array:
    classes = int(max(labels.max(initial=0), predictions.max(initial=0))) + 1
    return confusion_matrix(labels, predictions, classes)


def auroc(labels: Array, probabilities: Array) -> float:
    """Area under the ROC curve, ties counted half.

    Two classes: of the second class's probability. More: the mean of one-against-rest over the
    classes that occur. NaN when fewer than two classes occur in the labels.
    """
    occurring = np.unique(labels)
    if len(occurring) < 2:
        return math.nan
    classes = [1] if probabilities.shape[1] == 2 else occurring
    return float(np.mean([_binary_auroc(labels == i, probabilities[:, i]) for i in classes]))


def _binary_auroc(positive: Array, score: Array) -> float:
    positives = int(positive.sum())
    negatives = len(positive) - positives
    rank_sum = rankdata(score)[positive].sum()  # Mann-Whitney U
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def ece(labels: Array, probabilities: Array, bins: int = 10) -> float:
    """Expected calibration error of the top class, over bins of equal mass.

    The mean over samples of |accuracy - mean confidence| of their bin, see `equal_mass_bins`. NaN
    with fewer samples than bins. Reference: Nixon et al. 2019, arXiv:1904.01685.
    """
    if len(labels) < bins:
        return math.nan
    confidence = probabilities.max(1)
    correct = probabilities.argmax(1) == labels
    gaps = np.bincount(equal_mass_bins(confidence, bins), correct - confidence.astype(float))
    return float(np.abs(gaps).sum() / len(labels))


def brier(labels: Array, probabilities: Array) -> float:
    """Brier score as Brier (1950) gave it: squared error summed over classes, in [0, 2].

    For two classes it is twice the one-class form. NaN without samples.
    """
    if len(labels) == 0:
        return math.nan
    truth = np.eye(probabilities.shape[1])[labels]
    return float(np.square(probabilities - truth).sum(1).mean())


def classification_metrics(labels: Array, probabilities: Array) -> dict[str, float]:
    """Return all of the above by name; the predicted class is the most probable one."""
    predictions = probabilities.argmax(1) if len(labels) else labels
    return {
        "uar": uar(labels, predictions),
        "uf1": uf1(labels, predictions),
        "auroc": auroc(labels, probabilities),
        "ece": ece(labels, probabilities),
        "brier": brier(labels, probabilities),
    }


def ccc(truth: Array, estimates: Array) -> float:
    """Concordance correlation coefficient, with population variances (1 / n).

    Lin 1989, doi:10.2307/2532051. NaN with fewer than two samples or when both are constant.
    """
    if len(truth) < 2:
        return math.nan
    covariance = float(np.mean((truth - truth.mean()) * (estimates - estimates.mean())))
    spread = float(truth.var() + estimates.var() + (truth.mean() - estimates.mean()) ** 2)
    return 2.0 * covariance / spread if spread > 0 else math.nan


def target_metrics(target: Target, truth: Array, values: Array) -> dict[str, float]:
    """Return the metrics of one target over the rows that it labels.

    Classes: see `classification_metrics`. Labels: the mean over labels of UF1 (at .5), UAR, AUROC,
    ECE and Brier score, each label as two classes. Scales: the mean over scales of CCC, Pearson's
    r and MAE. A label or scale for which a metric is undefined is left out of its mean.

    Args:
        target: what is predicted.
        truth: of classes (row,) index or -1; else (row, output), NaN where not labelled.
        values: (row, output), probabilities or values.
    """
    if target.kind == "classes":
        known = truth >= 0
        return classification_metrics(truth[known], values[known])
    each = []
    for column in range(truth.shape[1]):
        known = np.isfinite(truth[:, column])
        true, said = truth[known, column], values[known, column]
        if target.kind == "labels":
            both = np.stack([1.0 - said, said], 1)
            each.append(classification_metrics(true.astype(np.int64), both))
        else:
            varies = len(true) > 1 and true.std() > 0 and said.std() > 0
            each.append(
                {
                    "ccc": ccc(true, said),
                    "pearson_r": float(np.corrcoef(true, said)[0, 1]) if varies else math.nan,
                    "mae": float(np.abs(true - said).mean()) if len(true) else math.nan,
                }
            )
    return {name: _mean([row[name] for row in each]) for name in each[0]}


def _mean(values: list[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
