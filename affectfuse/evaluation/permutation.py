"""Are the estimates and the labels of a person's segments associated at all?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from affectfuse.containers import Array, Target
from affectfuse.evaluation.drawn_metrics import MAIN_METRIC
from affectfuse.evaluation.fused import FUSED, FusedPredictions

__all__ = ["Permutation", "exchange", "permutation_test", "segments_of"]

PERMUTATIONS = 1000

Statistic = Callable[[Array], float]
"""The main metric when each segment has the label of another: (segment,) index -> value."""


@dataclass(frozen=True, slots=True)
class Permutation:
    """The main metric of the fused estimate against that of labels in random order.

    Attributes:
        metric: the target's main metric.
        value: as it is, the mean over seeds, each segment having the label of its first sample.
        chance, chance_high: mean and 95th percentile in random order.
        p_value: one-sided, (1 + as high or higher) / (1 + permutations).
        segments: that were exchanged.
        between_subjects: whether between subjects, each having one segment.
    """

    metric: str
    value: float
    chance: float
    chance_high: float
    p_value: float
    segments: int
    between_subjects: bool


def segments_of(keys: Array, segments: Array) -> tuple[Array, Array]:
    """Return which labelled interval each row belongs to, (row,), and each one's first row."""
    _, recording = np.unique(keys, return_inverse=True)
    places = np.stack([recording, segments], 1)
    _, first, index = np.unique(places, axis=0, return_index=True, return_inverse=True)
    return index.reshape(-1), first


def exchange(owners: Array, rng: np.random.Generator) -> Array:
    """Return for each segment of an owner (segment,) another of that owner's, in random order.

    With one segment an owner they are exchanged between owners.
    """
    names, who = np.unique(owners, return_inverse=True)
    if len(names) == len(owners):
        return rng.permutation(len(owners))
    source = np.empty(len(owners), np.int64)
    source[np.argsort(who, kind="stable")] = np.lexsort((rng.random(len(who)), who))
    return source


def permutation_test(predictions: FusedPredictions, target: Target, seed: int) -> Permutation:
    """Exchange the labels of each subject's segments at random, a thousand times; train nothing.

    It tests whether the pooled predictions go with the labels beyond what the subject alone, and
    the number of segments of each class that subjects have, would give: a model that only tells
    people apart is at chance. It does not test whether training leaks (the models have seen the
    true labels of other subjects: `permuted=true` trains on labels in random order), nor whether
    the position in the session gives the label away (a model that tells the time is not at chance).
    Segments of a subject are taken for exchangeable.
    Reference: Ojala and Garriga 2010, https://jmlr.org/papers/v11/ojala10a.html.
    """
    here = predictions.take(predictions.labelled(target))
    truth, values = here.labels[target.name], here.estimates[FUSED][..., here.outputs_of(target)]
    _, first = segments_of(here.keys, here.segments)
    one_each = len(first) == len(np.unique(here.subjects[first]))
    asked: list[tuple[Array, Array, Callable[[Array, Array, Array], Statistic]]] = []
    if target.kind == "classes":
        columns = [1] if len(target.classes) == 2 else [c for c in np.unique(truth)]
        everywhere = np.ones(len(here), bool)
        asked += [(everywhere, truth == c, _auroc) for c in columns]
    else:
        kind = _auroc if target.kind == "labels" else _ccc
        columns = list(range(len(target.classes)))
        asked += [(np.isfinite(truth[:, c]), truth[:, c], kind) for c in columns]
    found = []
    for column, (known, labels, statistic) in zip(columns, asked, strict=True):
        index, first = segments_of(here.keys[known], here.segments[known])
        of = statistic(values[:, known, column], labels[known][first].astype(float), index)
        rng = np.random.default_rng(seed)  # the same exchanges for every class, label and scale
        owners = here.subjects[known][first]
        orders = (exchange(owners, rng) for _ in range(PERMUTATIONS))
        found.append([of(np.arange(len(first))), *map(of, orders)])
    value, *chance = _mean(np.array(found))
    p_value = (1 + np.sum(chance >= value)) / (1 + PERMUTATIONS) if np.isfinite(value) else np.nan
    return Permutation(
        MAIN_METRIC[target.kind],
        float(value),
        float(np.mean(chance)),
        float(np.percentile(chance, 95.0)),
        float(p_value),
        len(first),
        one_each,
    )


def _mean(found: Array) -> Array:
    defined = np.isfinite(found[:, 0])
    return np.asarray(found[defined].mean(0)) if defined.any() else np.full(found.shape[1], np.nan)


def _auroc(scores: Array, labels: Array, index: Array) -> Statistic:
    """Return the AUROC of scores (seed, row), its ranks summed once over each segment."""
    ranks = np.mean([rankdata(score) for score in scores], axis=0)
    of_segment = np.bincount(index, ranks, minlength=len(labels))
    rows = np.bincount(index, minlength=len(labels)).astype(float)
    total = rows.sum()

    def of(source: Array) -> float:
        positive = labels[source] > 0.5
        count = rows[positive].sum()
        if count in (0.0, total):
            return float("nan")
        above = of_segment[positive].sum() - count * (count + 1) / 2
        return float(above / (count * (total - count)))

    return of


def _ccc(said: Array, labels: Array, index: Array) -> Statistic:
    """Return the mean over seeds of the CCC of estimates (seed, row)."""
    rows = np.bincount(index, minlength=len(labels)).astype(float)
    total, middle = rows.sum(), said.mean(1, keepdims=True)
    of_segment = np.stack([np.bincount(index, one, minlength=len(labels)) for one in said - middle])
    spread = said.var(1)

    def of(source: Array) -> float:
        truth = labels[source]
        mean = float(rows @ truth / total)
        around = truth - mean
        variance = float(rows @ around**2 / total)
        below = variance + spread + (mean - middle[:, 0]) ** 2
        if (below <= 0).any():
            return float("nan")
        return float(np.mean(2 * (of_segment @ around) / total / below))

    return of
