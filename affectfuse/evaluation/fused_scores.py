"""Scores of fused models, each modality's own beside them on the same samples, and differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.bootstrap import Measured, two_sided_p
from affectfuse.evaluation.drawn_metrics import drawn_metrics
from affectfuse.evaluation.fused import FUSED, FusedPredictions
from affectfuse.evaluation.resampling import Resampling, resample

__all__ = [
    "ALL",
    "MATCHED",
    "FusedDifference",
    "FusedScore",
    "difference_by_draw",
    "drawn_by_seed",
    "measure_fused",
    "over_seeds",
    "score_subset",
]

ALL, MATCHED = "all", "matched"
"""Every labelled sample; those at which every modality is present."""


@dataclass(frozen=True, slots=True)
class FusedScore:
    """One metric of one estimate.

    Attributes:
        target: its name.
        estimate: FUSED, BEST_SINGLE or a modality.
        subset: ALL or MATCHED.
        metric: see `metric_names`.
        found: the mean over seeds, with its interval over subjects.
        seeds: of each seed by itself.
        rows, subjects: behind it.
    """

    target: str
    estimate: str
    subset: str
    metric: str
    found: Measured
    seeds: tuple[float, ...]
    rows: int
    subjects: int


@dataclass(frozen=True, slots=True)
class FusedDifference:
    """The fused estimate less another on the same samples, a draw holding the same subjects.

    Attributes:
        target, metric: what was measured.
        other: BEST_SINGLE, a modality, or 'the other run'.
        found: the difference of the means over seeds, with its interval over subjects.
        p_value: two-sided, see `two_sided_p`.
        rows, subjects: behind it.
    """

    target: str
    metric: str
    other: str
    found: Measured
    p_value: float
    rows: int
    subjects: int


def drawn_by_seed(
    target: Target, truth: Array, values: Array, resampling: Resampling
) -> dict[str, Array]:
    """Return every metric of values (seed, row, output) by seed and draw, (seed, 1 + draw)."""
    each = [drawn_metrics(target, truth, said, resampling) for said in values]
    return {name: np.stack([found[name] for found in each]) for name in each[0]}


def over_seeds(
    drawn: Mapping[str, Array], resampling: Resampling
) -> dict[str, tuple[Measured, tuple[float, ...]]]:
    """Return of every metric by seed and draw the mean over seeds, and each seed's value."""
    return {
        name: (resampling.interval(found.mean(0)), tuple(found[:, 0].tolist()))
        for name, found in drawn.items()
    }


def difference_by_draw(
    one: Mapping[str, Array], other: Mapping[str, Array], resampling: Resampling
) -> dict[str, tuple[Measured, float]]:
    """Return of every metric the difference of the means over seeds, and its p-value."""
    found = {name: one[name].mean(0) - other[name].mean(0) for name in one}
    return {n: (resampling.interval(d), two_sided_p(d[1:])) for n, d in found.items()}


def measure_fused(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> tuple[list[FusedScore], list[FusedDifference]]:
    """Return the scores of one target, and the differences of fused less every other estimate.

    FUSED on ALL samples, then every estimate on the MATCHED ones; differences on the latter.
    Intervals are 95 % percentiles over draws of subjects; in each draw the mean over seeds is
    taken.
    """
    labelled = predictions.labelled(target)
    everything, _ = score_subset(predictions, target, ALL, labelled, [FUSED], draws, seed)
    beside, differences = score_subset(
        predictions, target, MATCHED, labelled & predictions.matched, None, draws, seed
    )
    return everything + beside, differences


def score_subset(
    predictions: FusedPredictions,
    target: Target,
    subset: str,
    rows: Array,
    estimates: Sequence[str] | None,
    draws: int,
    seed: int,
) -> tuple[list[FusedScore], list[FusedDifference]]:
    """Return scores and differences on some rows (row,), a mask; see `measure_fused`.

    Args:
        predictions: of all rows.
        target: what is predicted.
        subset: name of the rows.
        rows: which of them.
        estimates: FUSED first; None: all there are of the target.
        draws, seed: of the bootstrap.
    """
    here = predictions.take(rows)
    names = list(estimates or here.names_of(target))
    truth, part = here.labels[target.name], here.outputs_of(target)
    resampling = resample(here.subjects, draws, seed)
    counts = len(here), len(np.unique(here.subjects))
    scores, differences = [], []
    drawn: dict[str, dict[str, Array]] = {}
    for name in names:
        drawn[name] = drawn_by_seed(target, truth, here.estimates[name][..., part], resampling)
        for metric, (found, seeds) in over_seeds(drawn[name], resampling).items():
            scores.append(FusedScore(target.name, name, subset, metric, found, seeds, *counts))
        if name != FUSED:
            apart = difference_by_draw(drawn[FUSED], drawn[name], resampling)
            for metric, (found, p_value) in apart.items():
                differences.append(
                    FusedDifference(target.name, metric, name, found, p_value, *counts)
                )
    return scores, differences
