"""A trained, fused model held against a data set: people it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from affectfuse.checkpoint import Checkpoint, load_checkpoint
from affectfuse.config import build
from affectfuse.containers import Target
from affectfuse.datasets.base import Dataset, Progress
from affectfuse.errors import ConfigError
from affectfuse.evaluation.fused import FusedPredictions
from affectfuse.evaluation.fused_evaluation import FusedEvaluation, evaluate_fused
from affectfuse.evaluation.recipe import evaluation_recipe, whole_number
from affectfuse.training.fitting import deterministic, torch_threads
from affectfuse.training.fused.checkpoint_samples import (
    collect_samples,
    sample_collector,
    sampling_of,
    shown_modalities,
    training_recipe,
    with_hidden,
)
from affectfuse.training.fused.predictions import pooled_predictions, said_over_subsets
from affectfuse.training.fused.unseen import map_labels, take_unseen, targets_of, unseen_notes
from affectfuse.training.recipes import check_seed, container
from affectfuse.versions import package_versions

__all__ = ["CheckpointEvaluation", "evaluate_checkpoint", "fused_recipe"]

RECIPE = "evaluate_fused"


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointEvaluation:
    """What the evaluation of a trained model found.

    Attributes:
        dataset: name of the data set it was held against.
        checkpoint: the model's file, or name.
        trained_on: name of the data set that the model learnt from.
        predictions: of samples of people it has not learnt from.
        evaluation: what was measured on them.
        seed: that the model was trained with.
        draws: bootstrap draws of subjects behind the intervals.
        parameters: numbers of the model that were learnt, or could be.
        left_out: subjects of the data set that took part in the training, with what they did there.
        skipped: recordings and rows that could not be used, with the reason.
        notes: what the data set corrected, by its place.
        provenance: facts by name.
    """

    dataset: str
    checkpoint: str
    trained_on: str
    predictions: FusedPredictions
    evaluation: FusedEvaluation
    seed: int
    draws: int
    parameters: int
    left_out: Mapping[str, str]
    skipped: Mapping[str, str]
    notes: Mapping[str, str]
    provenance: Mapping[str, Any]


def fused_recipe(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Load the recipe of an evaluation of a fused model, see `evaluation_recipe`."""
    return evaluation_recipe(RECIPE, name, overrides)


def evaluate_checkpoint(
    recipe: DictConfig, against: Path | None = None, progress: Progress | None = None
) -> CheckpointEvaluation:
    """Hold a trained, fused model against the labels of a data set.

    Modalities, their recognisers, targets and calibration are the checkpoint's; the recordings are
    the data set's. Subjects that the model learnt from, or was chosen or calibrated by, are left
    out, see `take_unseen`.

    Args:
        recipe: filled, see `fused_recipe`.
        against: `predictions.csv` of another run, to compare with on the samples of both.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe, the checkpoint or the data set cannot be used, or when
            nobody is left.
    """
    check_seed(recipe)
    draws = whole_number(recipe, "draws", 1)
    if not isinstance(recipe.checkpoint, str):
        raise ConfigError("the recipe names no trained model: give checkpoint=FILE, or 'demo'.")
    checkpoint = load_checkpoint(recipe.checkpoint)
    model, names = checkpoint.model(), shown_modalities(recipe, checkpoint)
    sampling = sampling_of(recipe, checkpoint)
    node = recipe.dataset or training_recipe(checkpoint).get("dataset")
    if node is None:
        raise ConfigError(
            f"{checkpoint.source} does not say what it learnt from: give dataset=NAME."
        )
    dataset = build(node, Dataset)  # type: ignore[type-abstract]
    words = None if recipe.label_map is None else container(recipe.label_map)
    targets = targets_of(checkpoint, dataset, words)
    dataset.prepare(progress)
    unseen, left_out = take_unseen(checkpoint, dataset)
    items, unnamed = map_labels(unseen, targets, words)
    collector = sample_collector(recipe, checkpoint, names, progress)
    say = progress or (lambda *_: None)
    with deterministic(recipe.seed), torch_threads(1):
        table = collect_samples(checkpoint, names, collector, items, targets, sampling)
        say("measuring what it says", 0, 1)
        found = said_over_subsets(
            model,
            checkpoint.targets,
            checkpoint.calibration,
            _best_single(checkpoint, targets, names),
            names,
            with_hidden(table, model.sample_shapes),
            targets,
        )
    of_one_seed = {name: array.astype(np.float32)[None] for name, array in found.items()}
    predictions = pooled_predictions(
        targets, table, of_one_seed, checkpoint.calibration.coverage, items
    )
    evaluation = evaluate_fused(predictions, draws, recipe.seed, against)
    say("measuring what it says", 1, 1)
    notes = (*unseen_notes(checkpoint, dataset, targets, left_out), *evaluation.notes)
    return CheckpointEvaluation(
        dataset.name,
        checkpoint.source,
        str(checkpoint.trained_on.get("dataset")),
        predictions,
        replace(evaluation, notes=notes),
        int(training_recipe(checkpoint).get("seed", 0)),
        draws,
        sum(p.numel() for p in model.parameters()),
        left_out,
        {**dataset.skipped, **{dataset.place(k): v for k, v in collector.skipped.items()}},
        {**dataset.notes, **{dataset.place(k): v for k, v in collector.notes.items()}, **unnamed},
        _provenance(recipe, checkpoint, dataset, names),
    )


def _best_single(checkpoint: Checkpoint, targets: Sequence[Target], names: Sequence[str]) -> str:
    """Return the modality that was chosen inside training, for the main target alone."""
    best = str(checkpoint.trained_on.get("best_single") or "")
    main = targets[0].name == checkpoint.target.name
    return best if main and best in names else ""


def _provenance(
    recipe: DictConfig, checkpoint: Checkpoint, dataset: Dataset, names: Sequence[str]
) -> dict[str, Any]:
    trained = checkpoint.trained_on
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "dataset_provenance": dataset.provenance,
        "checkpoint": checkpoint.source,
        "checkpoint_created": checkpoint.created,
        "checkpoint_digest": checkpoint.digest(),
        "trained_on": f"{trained.get('dataset')}: {trained.get('provenance')}",
        "modalities": list(names),
        "configuration": container(recipe),
        "versions": package_versions(),
    }
