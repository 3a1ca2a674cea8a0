"""Cross-validation of fused models from a recipe: the same recipe that `train` takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from affectfuse.datasets.base import Progress
from affectfuse.errors import ConfigError
from affectfuse.evaluation.fused import FusedPredictions
from affectfuse.evaluation.fused_evaluation import FusedEvaluation, evaluate_fused
from affectfuse.evaluation.permutation import exchange, segments_of
from affectfuse.evaluation.recipe import whole_number
from affectfuse.training.fitting import deterministic, torch_threads
from affectfuse.training.folds import FoldPlan, plan_folds, run_folds
from affectfuse.training.fused.learner import FusionLearner
from affectfuse.training.fused.predictions import pooled_predictions
from affectfuse.training.fused.preparation import prepare
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.recipes import check_keys, container, seeds_of, workers_of
from affectfuse.versions import package_versions

__all__ = ["FusedCrossValidation", "cross_validate_fused"]


@dataclass(frozen=True, slots=True, eq=False)
class FusedCrossValidation:
    """What a cross-validation of fused models found.

    Attributes:
        dataset: its name.
        plan: how the subjects were divided.
        folds: how many folds.
        predictions: pooled over the folds, of samples that were tested.
        evaluation: what was measured on them.
        seeds: of the models.
        permuted: whether labels were in random order.
        draws: bootstrap draws of subjects behind the intervals.
        parameters: learnt numbers of a model.
        seconds: wall time of the folds; only those that were not there yet.
        skipped: recordings and rows that could not be used, with the reason.
        notes: what the data set corrected, by its place.
        provenance: facts by name.
    """

    dataset: str
    plan: FoldPlan
    folds: int
    predictions: FusedPredictions
    evaluation: FusedEvaluation
    seeds: tuple[int, ...]
    permuted: bool
    draws: int
    parameters: int
    seconds: float
    skipped: Mapping[str, str]
    notes: Mapping[str, str]
    provenance: Mapping[str, Any]


def cross_validate_fused(
    recipe: DictConfig, out: Path, against: Path | None = None, progress: Progress | None = None
) -> FusedCrossValidation:
    """Train and test fused models in every fold of a recipe's protocol; measure what they say.

    What each fold gave is kept in `out`/folds, so that an ended run goes on.

    Args:
        recipe: a filled recipe, see `configs/train.yaml`.
        out: folder of the run.
        against: `predictions.csv` of another run, to compare with on the samples of both.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe or the data set cannot be used.
    """
    check_keys(recipe, ("seeds", "permuted", "draws"), "train")
    seeds, draws = seeds_of(recipe), whole_number(recipe, "draws", 1)
    prepared = prepare(recipe, progress)
    settings = prepared.plan.settings
    if settings.devices * settings.nodes > 1:
        raise ConfigError(
            f"training.devices={settings.devices}, nodes={settings.nodes}: crossval trains its "
            "folds side by side, each on one device: set both to 1, and 'workers' as you like."
        )
    with deterministic(recipe.seed), torch_threads(1):
        prepared.train_recognisers(None, progress)
        table = prepared.embedded(prepared.samples(), progress)
    if recipe.permuted:
        table = permute_segments(table, seeds)
    learner = FusionLearner(table, prepared.plan, prepared.configs)
    folds = plan_folds(prepared.split, learner.examples)
    began = time.monotonic()
    found = run_folds(learner, folds, seeds, out / "folds", workers_of(recipe), progress)
    seconds = time.monotonic() - began
    plan = prepared.plan
    predictions = pooled_predictions(
        plan.targets, table, found, plan.settings.coverage, prepared.items
    )
    say = progress or (lambda *_: None)
    say("measuring what they said", 0, 1)
    evaluation = evaluate_fused(predictions, draws, prepared.split.seed, against)
    say("measuring what they said", 1, 1)
    return FusedCrossValidation(
        prepared.dataset.name,
        prepared.split,
        len(folds),
        predictions,
        evaluation,
        seeds,
        bool(recipe.permuted),
        draws,
        learner.parameters(),
        seconds,
        prepared.skipped,
        prepared.notes,
        {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "dataset_provenance": prepared.dataset.provenance,
            "modalities": sorted(prepared.plan.modalities),
            "recognisers": {n: dict(r.metrics) for n, r in prepared.recognisers.items()},
            "configuration": container(recipe),
            "versions": package_versions(),
        },
    )


def permute_segments(table: SampleTable, seeds: Sequence[int]) -> SampleTable:
    """Return the table with the labels of each subject's labelled intervals in random order.

    Samples of one interval keep one label, as they had; with one interval a subject, labels are
    exchanged between subjects. What is above chance then is a leak.
    """
    index, first = segments_of(table.keys, table.segments)
    source = exchange(table.subjects[first], np.random.default_rng([*seeds, len(table)]))
    rows = first[source][index]
    return replace(table, labels={name: found[rows] for name, found in table.labels.items()})
