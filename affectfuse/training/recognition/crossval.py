"""Cross-validation from a recipe: honest folds, several seeds, pooled scores."""

from __future__ import annotations

import csv
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from affectfuse.config import build, cache_dir
from affectfuse.containers import Array
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.evaluation.bootstrap import interval_notes
from affectfuse.evaluation.nuisance import Probe, probe_nuisance
from affectfuse.evaluation.recipe import whole_number
from affectfuse.evaluation.recognition import (
    Difference,
    Predictions,
    RecognitionGroup,
    chance_uf1,
    compare,
    measure_recognition,
)
from affectfuse.modalities.base import Modality
from affectfuse.training.collector import SampleCollector
from affectfuse.training.folds import Examples, FoldPlan, plan_folds, run_folds
from affectfuse.training.recipes import container, seeds_of, settings_of, workers_of
from affectfuse.training.recognition.clip_learner import ClipLearner
from affectfuse.training.recognition.clips import ClipTable, LabelMap, ready_clips
from affectfuse.training.recognition.recognisers import RecogniserSettings
from affectfuse.versions import package_versions

__all__ = ["CrossValidation", "cross_validate", "read_predictions"]

EXAMPLE = "crossval"
_KEYS = (
    "dataset", "modalities", "recognisers", "classes", "label_map", "split", "seeds",
    "permuted", "recogniser_training", "side_by_side", "draws", "workers", "cache",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class CrossValidation:
    """What a cross-validation found.

    Attributes:
        dataset: its name.
        plan: how the subjects were divided.
        folds: how many folds.
        predictions: pooled over the folds.
        groups: the scores of all clips, then of each database's.
        seeds: of the models.
        chance: UF1 of predictions that know nothing of the clips: mean and 97.5th percentile.
        permuted: whether the labels were in random order.
        probes: what the input tells that it should not.
        difference: against the run it was compared with.
        parameters: learnt numbers of a model.
        seconds: wall time of the folds; only those that were not there yet.
        left_out: clips by coded word that stands for no class.
        skipped: recordings that could not be used, with the reason.
        notes: what a reader must know.
        provenance: facts by name.
    """

    dataset: str
    plan: FoldPlan
    folds: int
    predictions: Predictions
    groups: tuple[RecognitionGroup, ...]
    seeds: tuple[int, ...]
    chance: tuple[float, float]
    permuted: bool
    probes: Sequence[Probe]
    difference: Difference | None
    parameters: int
    seconds: float
    left_out: Mapping[str, int]
    skipped: Mapping[str, str]
    notes: Sequence[str]
    provenance: Mapping[str, Any]


def cross_validate(
    recipe: DictConfig, out: Path, against: Path | None = None, progress: Progress | None = None
) -> CrossValidation:
    """Train and test in every fold of a recipe's protocol; measure the pooled predictions.

    What each group of folds gave is kept in `out`/folds, so that an ended run goes on.

    Args:
        recipe: a filled recipe, see `configs/crossval.yaml`.
        out: folder of the run.
        against: `predictions.csv` of another run on the same clips, to compare with.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe or the data set cannot be used.
    """
    _check_keys(recipe)
    plan = settings_of(recipe, "split", FoldPlan, EXAMPLE)
    settings = settings_of(recipe, "recogniser_training", RecogniserSettings, EXAMPLE)
    seeds, workers = seeds_of(recipe), workers_of(recipe)
    draws = whole_number(recipe, "draws", 1)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare(progress)
    items = dataset.items()
    clips, labels, skipped, learner_of = _clips(recipe, items, settings, workers, progress)
    if recipe.permuted:
        shuffled = np.random.default_rng([*seeds, len(clips)]).permutation(clips.labels)
        clips = replace(clips, labels=shuffled)
    learner = learner_of(clips)
    folds = plan_folds(plan, learner.examples)
    began = time.monotonic()
    found = run_folds(learner, folds, seeds, out / "folds", workers, progress)
    seconds = time.monotonic() - began
    predictions = _tested(learner.examples, found["probabilities"])
    groups = measure_recognition(predictions, draws, plan.seed)
    chance = chance_uf1(predictions.labels, len(labels.classes), draws, plan.seed)
    return CrossValidation(
        dataset.name,
        plan,
        len(folds),
        predictions,
        groups,
        seeds,
        (float(chance.mean()), float(np.percentile(chance, 97.5))),
        bool(recipe.permuted),
        probe_nuisance(clips.arrays, clips.labels, clips.subjects, clips.databases),
        None
        if against is None
        else compare(predictions, read_predictions(against), draws, plan.seed),
        learner.parameters(),
        seconds,
        dict(sorted(labels.left_out.items())),
        {**dataset.skipped, **skipped},
        _notes(recipe, groups, learner.seeded),
        {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "dataset_provenance": dataset.provenance,
            "clips": _made(learner.modality, items),
            "configuration": container(recipe),
            "versions": package_versions(),
        },
    )


def _check_keys(recipe: DictConfig) -> None:
    for key in _KEYS:
        if key not in recipe:
            raise ConfigError(f"the recipe lacks '{key}': begin it with 'extends: {EXAMPLE}'.")


def _clips(
    recipe: DictConfig,
    items: Sequence[DatasetItem],
    settings: RecogniserSettings,
    workers: int,
    progress: Progress | None,
) -> tuple[ClipTable, LabelMap, dict[str, str], Any]:
    """Return the labelled clips, the mapping of their labels, what was skipped, and what makes a
    learner of clips."""
    words = None if recipe.label_map is None else container(recipe.label_map)
    recognisers = {str(name): container(node) for name, node in (recipe.recognisers or {}).items()}
    skipped: dict[str, str] = {}
    if not recipe.modalities:
        if not recipe.classes or not recognisers:
            raise ConfigError(
                "ready-made clips need 'classes' and 'recognisers' in the recipe; clips cut from "
                "video need 'modalities'."
            )
        labels = LabelMap([str(name) for name in recipe.classes], words)
        modality, config, clips = None, {}, ready_clips(items, labels)
    else:
        [node] = recipe.modalities.values()
        modality, config = build(node, Modality), container(node)  # type: ignore[type-abstract]
        target = modality.recogniser_target
        if target is None:
            raise ConfigError(f"modality '{modality.name}' has no recogniser to train.")
        labels = LabelMap(target.classes, words)
        folder = Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples"
        collector = SampleCollector(
            {modality.name: modality}, {modality.name: config}, folder, workers, progress
        )
        clips = collector.clips(items, modality.name, labels)
        skipped = dict(collector.skipped)

    def learner(clips: ClipTable) -> ClipLearner:
        return ClipLearner(
            clips, labels.classes, recognisers, modality, config, settings, recipe.side_by_side
        )

    return clips, labels, skipped, learner


def _tested(examples: Examples, probabilities: Array) -> Predictions:
    rows = np.asarray(np.isfinite(probabilities).all(axis=(0, 2)))
    everything = Predictions(
        examples.classes,
        examples.keys,
        examples.subjects,
        examples.databases,
        examples.labels,
        probabilities,
    )
    return everything.take(rows)


def _made(modality: Modality | None, items: Sequence[DatasetItem]) -> dict[str, Any]:
    """Return how the clips were made: the steps, and how many intervals have no coded apex."""
    if modality is None:
        return {"steps": "ready-made"}
    intervals = [i for item in items for i in item.annotations.get(modality.name, ())]
    uncoded = sum(math.isnan(interval.apex_s) for interval in intervals)
    return {
        "steps": list(modality.clip_steps()),
        "apex_not_coded": f"{uncoded} of {len(intervals)} coded intervals",
    }


def _notes(recipe: DictConfig, groups: Sequence[RecognitionGroup], seeded: bool) -> list[str]:
    notes = interval_notes(groups[0].subjects)
    if not seeded:
        notes.append("what is trained here is solved, not drawn: every seed gives the same")
    if recipe.permuted:
        notes.append("labels in random order: what is above chance here is a leak")
    if seeded and len(recipe.seeds) < 3:
        notes.append("fewer than three seeds: their spread is not known")
    return notes


def read_predictions(path: Path) -> Predictions:
    """Return what `predictions.csv` of a run holds.

    Raises:
        DatasetError: when the file is none.
    """
    try:
        with path.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        classes = tuple(name[2:] for name in rows[0] if name.startswith("p_"))
        seeds = list(dict.fromkeys(row["seed"] for row in rows))
        first = [row for row in rows if row["seed"] == seeds[0]]
        values = [[float(row[f"p_{name}"]) for name in classes] for row in rows]
        return Predictions(
            classes,
            np.array([row["clip"] for row in first]),
            np.array([row["subject"] for row in first]),
            np.array([row["database"] for row in first]),
            np.array([classes.index(row["label"]) for row in first], np.int64),
            np.array(values).reshape(len(seeds), len(first), len(classes)),
        )
    except (OSError, KeyError, IndexError, ValueError) as error:
        raise DatasetError(
            f"{path} is no predictions.csv of 'affectfuse crossval' ({error}): check the path."
        ) from None
