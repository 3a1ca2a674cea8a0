"""What recognisers said of clips they had not learnt from, measured over all folds at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import DatasetError
from affectfuse.evaluation.bootstrap import Measured, draw_weights, measured, two_sided_p
from affectfuse.evaluation.confusion import class_scores, confusion_matrix, scores

__all__ = [
    "Difference",
    "Predictions",
    "RecognitionGroup",
    "chance_uf1",
    "compare",
    "measure_recognition",
]


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """The pooled predictions of a cross-validation, one row a clip.

    Attributes:
        classes: in the order of the probabilities.
        keys: (row,) which clip.
        subjects: (row,) who.
        databases: (row,) from which database; empty words when there is one.
        labels: (row,) index of the class.
        probabilities: (seed, row, class), by a model that saw nothing of the row's subject.
    """

    classes: tuple[str, ...]
    keys: Array
    subjects: Array
    databases: Array
    labels: Array
    probabilities: Array

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> Array:
        """Index of the most probable class, (seed, row)."""
        return np.asarray(self.probabilities.argmax(-1))

    def take(self, rows: Array) -> Predictions:
        """Return some rows, given by a mask or by indices."""
        return replace(
            self,
            keys=self.keys[rows],
            subjects=self.subjects[rows],
            databases=self.databases[rows],
            labels=self.labels[rows],
            probabilities=self.probabilities[:, rows],
        )

    def confusion(self) -> Array:
        """Return the confusion matrix of each seed, (seed, class, class)."""
        return np.asarray(self.by_subject().sum(1))

    def by_subject(self) -> Array:
        """Return the confusion matrix of each seed and subject, (seed, subject, class, class)."""
        subjects, index = np.unique(self.subjects, return_inverse=True)
        n = len(self.classes)
        found = np.zeros((len(self.probabilities), len(subjects), n, n))
        for seed, predicted in enumerate(self.predicted):
            for subject in range(len(subjects)):
                here = index == subject
                found[seed, subject] = confusion_matrix(self.labels[here], predicted[here], n)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class RecognitionGroup:
    """The scores of all clips, or of one database's.

    Attributes:
        name: 'all', or the database.
        clips, subjects: how many.
        scores: 'uf1', 'uar', 'accuracy': the mean over seeds, its interval over subjects.
        f1, recall: by class, likewise.
        seeds: 'uf1', 'uar', 'accuracy' of each seed by itself.
        confusion: (class, class), the mean over seeds.
    """

    name: str
    clips: int
    subjects: int
    scores: Mapping[str, Measured]
    f1: Mapping[str, Measured]
    recall: Mapping[str, Measured]
    seeds: Mapping[str, Sequence[float]]
    confusion: Array


def measure_recognition(
    predictions: Predictions, draws: int, seed: int
) -> tuple[RecognitionGroup, ...]:
    """Return the scores of all clips and, where there are several databases, of each.

    Intervals: 95 % percentiles over so many draws of subjects with replacement (Efron 1979,
    doi:10.1214/aos/1176344552); in each draw the mean over seeds is taken.
    """
    groups = [_group("all", predictions, draws, seed)]
    databases = sorted(set(predictions.databases.tolist()))
    for name in databases if len(databases) > 1 else ():
        of_it = predictions.take(predictions.databases == name)
        groups.append(_group(name, of_it, draws, seed))
    return tuple(groups)


def _group(name: str, predictions: Predictions, draws: int, seed: int) -> RecognitionGroup:
    by_subject = predictions.by_subject()
    once = by_subject.sum(1)
    drawn = _drawn(by_subject, draw_weights(by_subject.shape[1], draws, seed))
    of_all, of_draws = scores(once), scores(drawn)
    of_classes, drawn_classes = class_scores(once), class_scores(drawn)
    by_class = {
        metric: {
            word: measured(float(values[:, i].mean()), drawn_classes[metric][..., i].mean(0))
            for i, word in enumerate(predictions.classes)
        }
        for metric, values in of_classes.items()
    }
    return RecognitionGroup(
        name,
        len(predictions),
        by_subject.shape[1],
        {m: measured(float(v.mean()), of_draws[m].mean(0)) for m, v in of_all.items()},
        by_class["f1"],
        by_class["recall"],
        {metric: values.tolist() for metric, values in of_all.items()},
        once.mean(0),
    )


def _drawn(by_subject: Array, weights: Array) -> Array:
    """Return the confusion matrix of each seed and draw, (seed, draw, class, class)."""
    return np.asarray(np.einsum("ds,ksij->kdij", weights, by_subject))


@dataclass(frozen=True, slots=True)
class Difference:
    """One set of predictions against another on the same clips, a draw holding the same subjects.

    Attributes:
        uf1: first minus second, the means over seeds, with its interval.
        p_value: two-sided, see `two_sided_p`.
    """

    uf1: Measured
    p_value: float


def compare(one: Predictions, other: Predictions, draws: int, seed: int) -> Difference:
    """Return the difference of UF1, paired by subject.

    Raises:
        DatasetError: when the two are not about the same clips with the same labels.
    """
    order, other_order = np.argsort(one.keys), np.argsort(other.keys)
    one, other = one.take(order), other.take(other_order)
    if one.keys.tolist() != other.keys.tolist() or (one.labels != other.labels).any():
        raise DatasetError(
            "the two runs predict different clips or labels; compare runs on the same data set and "
            "label_map."
        )
    first, second = one.by_subject(), other.by_subject()
    weights = draw_weights(first.shape[1], draws, seed)
    found = [scores(part.sum(1))["uf1"].mean() for part in (first, second)]
    drawn = [scores(_drawn(part, weights))["uf1"].mean(0) for part in (first, second)]
    difference = drawn[0] - drawn[1]
    return Difference(measured(float(found[0] - found[1]), difference), two_sided_p(difference))


def chance_uf1(labels: Array, classes: int, draws: int, seed: int) -> Array:
    """Return the UF1 of predictions that are the labels in random order, (draw,).

    They have the class frequencies of the labels and know nothing of the clips.
    """
    rng = np.random.default_rng(seed)
    shuffled = (confusion_matrix(labels, rng.permutation(labels), classes) for _ in range(draws))
    return np.asarray(scores(np.stack(list(shuffled)))["uf1"])
