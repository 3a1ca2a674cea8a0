"""A trained, fused model held against a data set: people it has not learnt from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from affectfuse.caching import digest
from affectfuse.checkpoint import Checkpoint, load_checkpoint
from affectfuse.config import build, cache_dir
from affectfuse.containers import Target
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.evaluation.fused import FusedPredictions
from affectfuse.evaluation.fused_evaluation import FusedEvaluation, evaluate_fused
from affectfuse.evaluation.recipe import evaluation_recipe, whole_number
from affectfuse.modalities.recognition import FrozenRecogniser
from affectfuse.training.fitting import deterministic, torch_threads
from affectfuse.training.fused_predictions import pooled_predictions, said_over_subsets
from affectfuse.training.recipes import check_seed, container, settings_of, workers_of
from affectfuse.training.samples import SampleCollector, SampleTable, Sampling
from affectfuse.training.unseen import map_labels, take_unseen, targets_of, unseen_notes
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
    model, names = checkpoint.model(), _shown(recipe, checkpoint)
    sampling = _sampling(recipe, checkpoint)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    words = None if recipe.label_map is None else container(recipe.label_map)
    targets = targets_of(checkpoint, dataset, words)
    dataset.prepare(progress)
    unseen, left_out = take_unseen(checkpoint, dataset)
    items, unnamed = map_labels(unseen, targets, words)
    collector = _collector(recipe, checkpoint, names, progress)
    say = progress or (lambda *_: None)
    with deterministic(recipe.seed), torch_threads(1):
        table = _samples(checkpoint, names, collector, items, targets, sampling)
        _check_present(table)
        say("measuring what it says", 0, 1)
        found = said_over_subsets(
            model,
            checkpoint.targets,
            checkpoint.calibration,
            _best_single(checkpoint, targets, names),
            names,
            _with_hidden(table, model.sample_shapes),
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
        int(_trained(checkpoint).get("seed", 0)),
        draws,
        sum(p.numel() for p in model.parameters()),
        left_out,
        {**dataset.skipped, **{dataset.place(k): v for k, v in collector.skipped.items()}},
        {**dataset.notes, **{dataset.place(k): v for k, v in collector.notes.items()}, **unnamed},
        _provenance(recipe, checkpoint, dataset, names),
    )


def _trained(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the recipe that the model was trained by."""
    return dict(checkpoint.trained_on.get("recipe") or {})


def _shown(recipe: DictConfig, checkpoint: Checkpoint) -> list[str]:
    """Return the names of the modalities that are shown to the model, sorted."""
    known, without = sorted(checkpoint.modality_configs), recipe.without or []
    hidden = [without] if isinstance(without, str) else list(without)
    for name in hidden:
        if name not in known:
            raise ConfigError(
                f"without: {checkpoint.source} has no modality '{name}'. "
                f"{did_you_mean(str(name), known)}"
            )
    names = [name for name in known if name not in hidden]
    if not names:
        raise ConfigError(
            f"without=[{', '.join(known)}] hides every modality of the model: keep one."
        )
    return names


def _sampling(recipe: DictConfig, checkpoint: Checkpoint) -> Sampling:
    given = recipe.sampling
    if given is None:
        given = _trained(checkpoint).get("sampling")
    if given is None:
        raise ConfigError(
            f"{checkpoint.source} does not say which ticks it learnt from: say which to test on, "
            "sampling={start_s: 0.0, settle_s: 10.0, every_s: 1.0}."
        )
    return settings_of(OmegaConf.create({"sampling": given}), "sampling", Sampling, "train")


def _collector(
    recipe: DictConfig,
    checkpoint: Checkpoint,
    names: Sequence[str],
    progress: Progress | None,
) -> SampleCollector:
    modalities = checkpoint.modalities()
    folder = Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples"
    return SampleCollector(
        {name: modalities[name] for name in names},
        {name: checkpoint.modality_configs[name] for name in names},
        folder,
        workers_of(recipe),
        progress,
    )


def _samples(
    checkpoint: Checkpoint,
    names: Sequence[str],
    collector: SampleCollector,
    items: Sequence[DatasetItem],
    targets: Sequence[Target],
    sampling: Sampling,
) -> SampleTable:
    recognise = {
        name: FrozenRecogniser(module)
        for name, module in checkpoint.recognisers().items()
        if name in names
    }
    return collector.samples(
        items,
        targets,
        sampling,
        recognise=recognise,
        recogniser_digest=digest({name: found.digest() for name, found in recognise.items()}),
    )


def _check_present(table: SampleTable) -> None:
    """Refuse a modality of the model of which there is no sample at all."""
    absent = [name for name, present in table.present.items() if not present.any()]
    if absent:
        raise DatasetError(
            f"'{absent[0]}', which the model was trained with, is absent from all {len(table)} "
            "samples: see that the data set gives its source under the name that the modality "
            f"reads, or test the model without it, without=[{', '.join(absent)}]."
        )


def _best_single(checkpoint: Checkpoint, targets: Sequence[Target], names: Sequence[str]) -> str:
    """Return the modality that was chosen inside training, for the main target alone."""
    best = str(checkpoint.trained_on.get("best_single") or "")
    main = targets[0].name == checkpoint.target.name
    return best if main and best in names else ""


def _with_hidden(table: SampleTable, shapes: Mapping[str, Sequence[int]]) -> SampleTable:
    """Return the table with the model's other modalities too, absent from every row."""
    rows = len(table)
    hidden = {name: shape for name, shape in shapes.items() if name not in table.present}
    empty = {n: np.zeros((rows, *shape), np.float32) for n, shape in hidden.items()}
    return replace(
        table,
        samples={**table.samples, **empty},
        present={**table.present, **{n: np.zeros(rows, bool) for n in hidden}},
        quality={**table.quality, **{n: np.zeros(rows, np.float32) for n in hidden}},
    )


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
