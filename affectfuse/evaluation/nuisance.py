"""Does the input tell what it should not: the source database, or the label by a side door?

Probes are ridge classifiers on clips of people they have not seen, five groups of subjects in turn.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.splits import grouped_k_fold
from affectfuse.evaluation.confusion import confusion_matrix, scores

__all__ = ["Probe", "probe_nuisance"]

_FOLDS = 5
_RIDGE = 0.1


@dataclass(frozen=True, slots=True)
class Probe:
    """What could be told from what: unweighted average recall on unseen subjects, and by chance."""

    question: str
    uar: float
    chance: float


def probe_nuisance(arrays: Array, labels: Array, subjects: Array, databases: Array) -> list[Probe]:
    """Return the probes of a set of clips.

    Args:
        arrays: (row, *clip_shape).
        labels: (row,) class indices.
        subjects: (row,).
        databases: (row,); with one alone, the questions about databases are not asked.
    """
    pixels = arrays.reshape(len(arrays), -1).astype(np.float64)
    flat = arrays.reshape(*arrays.shape[:2], -1).astype(np.float64)
    whole = np.concatenate([flat.mean(2), flat.std(2)], axis=1)
    names, database = np.unique(databases, return_inverse=True)
    probes = [("the class, from each channel's mean and deviation alone", whole, labels)]
    if len(names) > 1:
        one_hot = np.eye(len(names))[database]
        probes += [
            ("the source database, from the clips", pixels, database),
            ("the source database, from each channel's mean and deviation", whole, database),
            ("the class, from the source database alone", one_hot, labels),
        ]
    return [
        Probe(question, _told(features, truth, subjects), 1.0 / len(np.unique(truth)))
        for question, features, truth in probes
    ]


def _told(features: Array, truth: Array, subjects: Array) -> float:
    folds = min(_FOLDS, len(np.unique(subjects)))
    if folds < 2:
        return float("nan")
    classes = int(truth.max()) + 1
    predicted = np.full(len(truth), -1)
    for split in grouped_k_fold(subjects.tolist(), folds, 0.0, 0):
        test = np.isin(subjects, split.test)
        predicted[test] = _ridge(features[~test], truth[~test], classes)(features[test])
    return float(scores(confusion_matrix(truth, predicted, classes))["uar"])


def _ridge(features: Array, truth: Array, classes: int) -> Callable[[Array], Array]:
    """Return a class-weighted ridge classifier, solved in the space of the samples."""
    centre, scale = features.mean(0), features.std(0) + 1e-9
    known = (features - centre) / scale / np.sqrt(features.shape[1])
    counts = np.bincount(truth, minlength=classes)
    weights = len(truth) / (classes * counts[truth])
    targets = np.eye(classes)[truth] - 1.0 / classes
    dual = np.linalg.solve(known @ known.T + _RIDGE * np.diag(1.0 / weights), targets)

    def predict(asked: Array) -> Array:
        near = (asked - centre) / scale / np.sqrt(features.shape[1])
        return np.asarray((near @ known.T @ dual).argmax(1))

    return predict
