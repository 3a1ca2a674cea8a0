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

__all__ = ["Probe", "class_unseen", "probe_nuisance", "value_unseen"]

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
    classes = int(truth.max()) + 1
    said = class_unseen(features, truth, subjects, classes)
    if np.isnan(said).any():
        return float("nan")
    return float(scores(confusion_matrix(truth, said.argmax(1), classes))["uar"])


def class_unseen(features: Array, truth: Array, subjects: Array, classes: int) -> Array:
    """Return what a class-weighted ridge classifier says of subjects it has not seen, (row, class).

    Args:
        features: (row, feature).
        truth: (row,) class indices.
        subjects: (row,).
        classes: how many; of each a score, the highest being the one told.
    """

    def fit(known: Array, labels: Array) -> Callable[[Array], Array]:
        counts = np.bincount(labels, minlength=classes)
        weights = len(labels) / (classes * counts[labels])
        return _ridge(known, np.eye(classes)[labels] - 1.0 / classes, weights)

    return _by_fold(features, truth, subjects, fit, classes)


def value_unseen(features: Array, truth: Array, subjects: Array) -> Array:
    """Return what a ridge regression says of subjects it has not seen, (row, 1).

    Args:
        features: (row, feature).
        truth: (row,) values.
        subjects: (row,).
    """

    def fit(known: Array, values: Array) -> Callable[[Array], Array]:
        mean = float(values.mean())
        told = _ridge(known, (values - mean)[:, None], np.ones(len(values)))
        return lambda asked: told(asked) + mean

    return _by_fold(features, truth, subjects, fit, 1)


def _by_fold(
    features: Array,
    truth: Array,
    subjects: Array,
    fit: Callable[[Array, Array], Callable[[Array], Array]],
    outputs: int,
) -> Array:
    """Return what each subject's rows are told by a fit to others, NaN with one subject."""
    found = np.full((len(truth), outputs), np.nan)
    folds = min(_FOLDS, len(np.unique(subjects)))
    for split in grouped_k_fold(subjects.tolist(), folds, 0.0, 0) if folds > 1 else ():
        test = np.isin(subjects, split.test)
        found[test] = fit(features[~test], truth[~test])(features[test])
    return found


def _ridge(features: Array, targets: Array, weights: Array) -> Callable[[Array], Array]:
    """Return a weighted ridge fit to targets (row, output), in the smaller of its two spaces."""
    rows, width = features.shape
    centre, scale = features.mean(0), features.std(0) + 1e-9
    known = (features - centre) / scale / np.sqrt(width)
    if width < rows:
        weighted = known * weights[:, None]
        inner = known.T @ weighted + _RIDGE * np.eye(width)
        slope = np.linalg.solve(inner, weighted.T @ targets)
    else:
        slope = known.T @ np.linalg.solve(known @ known.T + _RIDGE * np.diag(1 / weights), targets)
    return lambda asked: np.asarray((asked - centre) / scale / np.sqrt(width) @ slope)
