"""Confusion matrices, and the scores that are made of them. Undefined is NaN, never 0."""

from __future__ import annotations

import warnings

import numpy as np

from affectfuse.containers import Array

__all__ = ["class_scores", "confusion_matrix", "scores"]


def confusion_matrix(labels: Array, predictions: Array, classes: int) -> Array:
    """Return how often each class (row) was taken for each (column): (class, class) float64."""
    cells = labels.astype(np.int64) * classes + predictions.astype(np.int64)
    counts = np.bincount(cells, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.float64)


def class_scores(confusion: Array) -> dict[str, Array]:
    """Return 'f1' and 'recall' of each class, (..., class), of matrices (..., class, class).

    F1 is 2 TP / (2 TP + FP + FN): NaN for a class that is neither labelled nor predicted, 0 for one
    that is only predicted. Recall is NaN for a class that is not labelled.
    """
    hits = np.diagonal(confusion, axis1=-2, axis2=-1)
    labelled, predicted = confusion.sum(-1), confusion.sum(-2)
    with np.errstate(invalid="ignore"):
        return {"f1": 2.0 * hits / (labelled + predicted), "recall": hits / labelled}


def scores(confusion: Array) -> dict[str, Array]:
    """Return 'uf1', 'uar' and 'accuracy', (...,), of matrices (..., class, class).

    Unweighted F1 and unweighted average recall are the means of the classes' own, over the classes
    for which they are defined; the metrics of the micro-expression grand challenges. Sum the
    matrices of all folds first: a mean of folds is another, lower figure.

    Reference: See et al. 2019, doi:10.1109/FG.2019.8756611.
    """
    by_class = class_scores(confusion)
    hits = np.trace(confusion, axis1=-2, axis2=-1)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.filterwarnings("ignore", "Mean of empty slice", RuntimeWarning)
        return {
            "uf1": np.nanmean(by_class["f1"], axis=-1),
            "uar": np.nanmean(by_class["recall"], axis=-1),
            "accuracy": hits / confusion.sum((-2, -1)),
        }
