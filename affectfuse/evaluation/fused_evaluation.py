"""Everything that is measured on the predictions of fused models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectfuse.containers import Target
from affectfuse.evaluation.bootstrap import interval_notes
from affectfuse.evaluation.conformal import ConformalCoverage, measure_conformal
from affectfuse.evaluation.decisions import (
    DecisionCalibration,
    decide,
    measure_calibration,
)
from affectfuse.evaluation.drawn_metrics import MAIN_METRIC
from affectfuse.evaluation.fused import FUSED, FusedPredictions
from affectfuse.evaluation.fused_groups import FusedGroup, measure_groups
from affectfuse.evaluation.fused_runs import compare_runs
from affectfuse.evaluation.fused_scores import (
    FusedDifference,
    FusedScore,
    measure_fused,
    score_subset,
)
from affectfuse.evaluation.permutation import Permutation, permutation_test
from affectfuse.evaluation.position import (
    Drift,
    SideDoor,
    measure_drift,
    middle_segments,
    probe_side_doors,
)
from affectfuse.evaluation.resampling import MOST_UNITS, resample
from affectfuse.evaluation.selective_risk import SelectiveRisk, selective_risk
from affectfuse.evaluation.subsets import Robustness, measure_subsets

__all__ = ["MIDDLE", "FusedEvaluation", "TargetEvaluation", "evaluate_fused"]

MIDDLE = "middle"
"""Matched samples whose segment is neither the first nor the last of its recording."""


@dataclass(frozen=True, slots=True, eq=False)
class TargetEvaluation:
    """What was found of one target.

    Attributes:
        target: what was predicted.
        metric: its main metric.
        rows, subjects: labelled samples, and whose.
        scores: of fused and of every other estimate, on all, the matched and the middle samples.
        differences: of fused less every other estimate, on the matched samples.
        against: of fused less that of another run, on the samples of both; () without one.
        calibration, risk: of decisions; None for scales.
        conformal: of its sets, or of each scale's intervals.
        robustness: by subset of the modalities; None with one modality or no matched sample.
        side_doors: what position, length and database alone tell.
        drift: late samples against early ones of a class.
        permutation: labels in random order.
        groups: the scores by attribute.
    """

    target: Target
    metric: str
    rows: int
    subjects: int
    scores: tuple[FusedScore, ...]
    differences: tuple[FusedDifference, ...]
    against: tuple[FusedDifference, ...]
    calibration: DecisionCalibration | None
    risk: SelectiveRisk | None
    conformal: tuple[ConformalCoverage, ...]
    robustness: Robustness | None
    side_doors: tuple[SideDoor, ...]
    drift: tuple[Drift, ...]
    permutation: Permutation
    groups: tuple[FusedGroup, ...]

    def score(self, estimate: str, subset: str, metric: str | None = None) -> FusedScore | None:
        """Return one score, by default of the main metric; None where it was not measured."""
        asked = (estimate, subset, metric or self.metric)
        found = (s for s in self.scores if (s.estimate, s.subset, s.metric) == asked)
        return next(found, None)


@dataclass(frozen=True, slots=True, eq=False)
class FusedEvaluation:
    """What was found of all targets.

    Attributes:
        targets: of each.
        chosen: share of samples, over the seeds, for which each modality was the best single one at
            the main target.
        notes: what a reader must know.
    """

    targets: tuple[TargetEvaluation, ...]
    chosen: Mapping[str, float]
    notes: tuple[str, ...]


def evaluate_fused(
    predictions: FusedPredictions, draws: int, seed: int, against: Path | None = None
) -> FusedEvaluation:
    """Measure the pooled predictions of fused models.

    Args:
        predictions: of samples of subjects that the models did not learn from.
        draws: bootstrap draws of subjects behind every interval.
        seed: of what is drawn.
        against: `predictions.csv` of another run, to compare with.

    Raises:
        DatasetError: when the other run cannot be compared with.
    """
    others = [] if against is None else compare_runs(predictions, against, draws, seed)
    targets = []
    for target in predictions.targets:
        compared = tuple(found for found in others if found.target == target.name)
        targets.append(_of_target(predictions, target, draws, seed, compared))
    modalities = predictions.modalities
    chosen = {n: float(np.mean(predictions.chosen == i)) for i, n in enumerate(modalities)}
    return FusedEvaluation(tuple(targets), chosen, tuple(_notes(predictions)))


def _of_target(
    predictions: FusedPredictions,
    target: Target,
    draws: int,
    seed: int,
    against: tuple[FusedDifference, ...],
) -> TargetEvaluation:
    labelled = predictions.labelled(target)
    here = predictions.take(labelled)
    scores, differences = measure_fused(predictions, target, draws, seed)
    middle = middle_segments(predictions, target) & predictions.matched
    if middle.any():
        scores += score_subset(predictions, target, MIDDLE, middle, None, draws, seed)[0]
    calibration = risk = None
    if target.kind != "scales" and len(here):
        values = here.estimates[FUSED][..., here.outputs_of(target)]
        resampling = resample(here.subjects, draws, seed)
        decisions = decide(target, here.labels[target.name], values, resampling)
        calibration = measure_calibration(target, decisions, seed)
        risk = selective_risk(target, decisions)
    several = len(predictions.modalities) > 1 and (labelled & predictions.matched).any()
    return TargetEvaluation(
        target,
        MAIN_METRIC[target.kind],
        len(here),
        len(np.unique(here.subjects)),
        tuple(scores),
        tuple(differences),
        against,
        calibration,
        risk,
        tuple(measure_conformal(predictions, target, draws, seed)),
        measure_subsets(predictions, target, draws, seed) if several else None,
        tuple(probe_side_doors(predictions, target, draws, seed)),
        tuple(measure_drift(predictions, target, draws, seed)),
        permutation_test(predictions, target, seed),
        tuple(measure_groups(predictions, target, draws, seed)),
    )


def _notes(predictions: FusedPredictions) -> list[str]:
    people = len(np.unique(predictions.subjects))
    notes = interval_notes(people)
    if people > MOST_UNITS:
        notes.append(f"{people} subjects: {MOST_UNITS} groups of them are drawn for the intervals")
    matched = int(predictions.matched.sum())
    if matched < len(predictions):
        notes.append(
            f"{matched} of {len(predictions)} samples have every modality; modalities are compared "
            "on those alone"
        )
    if len(predictions.chosen) == 1:
        notes.append("one seed: how far models of another would differ is not known")
    elif len(predictions.chosen) < 3:
        notes.append("fewer than three seeds: their spread is not known")
    if (predictions.chosen < 0).any():
        notes.append(
            "no best single modality: what was held out inside training does not always tell which "
            "one it is"
        )
    every = 2 ** len(predictions.modalities) - 2
    if len(predictions.subsets) < every:
        notes.append(
            f"{len(predictions.subsets)} of {every} smaller subsets of the modalities were tried"
        )
    return notes
