"""Spotting evaluated: a recipe in; precision, recall, F1 and the spot-then-recognise score out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from affectfuse.caching import available_cores
from affectfuse.config import build, cache_dir
from affectfuse.containers import Array
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.evaluation.bootstrap import Measured, interval_notes
from affectfuse.evaluation.groups import split_by_attributes
from affectfuse.evaluation.recipe import evaluation_recipe, one_modality, whole_number
from affectfuse.evaluation.spotted import KINDS, collect_spotted
from affectfuse.evaluation.spotting_counts import (
    Match,
    RecordingCounts,
    count_recording,
    measure_spotting,
)
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.versions import EXTRACTION, package_versions

__all__ = ["SpottingEvaluation", "SpottingGroup", "evaluate_spotting", "spotting_recipe"]

RECIPE = "evaluate_spotting"
_FREE = {"spotter", "spotter_weights", "threshold", "micro_longest_s", "window_s", "max_age_s"}
_FREE |= {"quality_floor", "embedding_dim"}


@dataclass(frozen=True, slots=True, eq=False)
class SpottingGroup:
    """The metrics of the recordings that share an attribute's value.

    Attributes:
        attribute, value: what they share; of all recordings together both are 'all'.
        recordings, subjects: how many.
        minutes: how long a face was visible in them.
        counts: by kind, true positives, false positives and false negatives.
        metrics: by name, see `measure_spotting`.
    """

    attribute: str
    value: str
    recordings: int
    subjects: int
    minutes: float
    counts: Mapping[str, tuple[int, int, int]]
    metrics: Mapping[str, Measured]


@dataclass(frozen=True, slots=True, eq=False)
class SpottingEvaluation:
    """What the evaluation of a data set found.

    Attributes:
        dataset: its name.
        method: sentences that say how it was measured.
        overall: the metrics of all recordings.
        groups: those of each attribute's values.
        matches: every expression that is there or was spotted: (recording, subject, match).
        classes: of the recogniser; empty without one.
        confusion: (class, class) of the micro-expressions spotted, truth in rows.
        skipped: recordings left out, by key with the reason.
        notes: what a reader must know.
        provenance: facts by name.
    """

    dataset: str
    method: Sequence[str]
    overall: SpottingGroup
    groups: Sequence[SpottingGroup]
    matches: Sequence[tuple[str, str, Match]]
    classes: Sequence[str]
    confusion: Array
    skipped: Mapping[str, str]
    notes: Sequence[str]
    provenance: Mapping[str, Any]


def spotting_recipe(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Load the recipe of an evaluation of spotting, see `evaluation_recipe`."""
    return evaluation_recipe(RECIPE, name, overrides)


def evaluate_spotting(recipe: DictConfig, progress: Progress | None = None) -> SpottingEvaluation:
    """Spot expressions in every recording of a data set and hold them against what was coded.

    Args:
        recipe: filled, see `spotting_recipe`.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe, the checkpoint or the data set cannot be used.
    """
    modality, config = one_modality(recipe, "spotting", "micro_expression")
    draws, seed = whole_number(recipe, "draws", 100), whole_number(recipe, "seed", 0)
    workers = available_cores() if recipe.workers is None else whole_number(recipe, "workers", 1)
    if not 0.0 < recipe.least_iou <= 1.0:
        raise ConfigError(f"'least_iou' is {recipe.least_iou}; allowed is above 0, up to 1.")
    recognise, facts = _recogniser(recipe, modality, config)
    classes = tuple(modality.recogniser_target.classes) if modality.recogniser_target else ()
    classes = classes if recognise else ()
    label_map = OmegaConf.to_container(recipe.label_map) if recipe.label_map else None
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare(progress)
    items = [item for item in dataset.items() if set(KINDS) & set(item.annotations)]
    if not items:
        raise DatasetError(
            f"data set '{dataset.name}' has no recording whose expressions are coded: give another."
        )
    folder = Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "evaluation"
    spotted, skipped = collect_spotted(
        items, modality, config, recognise, facts, folder, workers, progress
    )
    if not spotted:
        key, reason = next(iter(skipped.items()))
        raise DatasetError(
            f"none of {len(items)} recordings of '{dataset.name}' could be read; the first: "
            f"{key}: {reason}"
        )
    counts: dict[str, RecordingCounts] = {}
    matches: list[tuple[str, str, Match]] = []
    kept = [item for item in items if item.key in spotted]
    for item in kept:
        counts[item.key], found = count_recording(
            item.annotations,
            spotted[item.key],
            classes,
            label_map,  # type: ignore[arg-type]
            recipe.least_iou,
        )
        matches += [(item.key, item.subject, match) for match in found]
    every = [("all", "all", frozenset(counts))]
    every += [(g.attribute, g.value, g.keys) for g in split_by_attributes(kept)]
    groups = [_group(a, v, keys, kept, counts, draws, seed) for a, v, keys in every]
    return SpottingEvaluation(
        dataset=dataset.name,
        method=_method(recipe.least_iou, draws),
        overall=groups[0],
        groups=groups[1:],
        matches=matches,
        classes=classes,
        confusion=np.sum([c.confusion for c in counts.values()], axis=0),
        skipped={**dataset.skipped, **skipped},
        notes=interval_notes(groups[0].subjects),
        provenance={
            "dataset": dataset.name,
            "dataset_provenance": dataset.provenance,
            "modality": modality.name,
            "recogniser": facts,
            "recordings": len(kept),
            "left_out": len(skipped),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "configuration": OmegaConf.to_container(recipe, resolve=True),
            "versions": package_versions(*EXTRACTION),
        },
    )


def _recogniser(
    recipe: DictConfig, modality: Modality, config: Mapping[str, Any]
) -> tuple[Recognise | None, dict[str, Any]]:
    """Return the checkpoint's recogniser, made for clips as the recipe's modality cuts them."""
    if recipe.checkpoint is None:
        return None, {}
    from affectfuse.checkpoint import load_checkpoint  # torch, only where it is needed

    checkpoint = load_checkpoint(recipe.checkpoint)
    recognise = checkpoint.recognise().get(modality.name)
    if recognise is None:
        raise ConfigError(
            f"checkpoint '{recipe.checkpoint}' has no recogniser for '{modality.name}': give "
            "another, or checkpoint=null."
        )
    trained = checkpoint.modality_configs[modality.name]
    for key in sorted(set(trained) & set(config) - _FREE):
        if trained[key] != config[key]:
            raise ConfigError(
                f"'{key}' of the modality is {config[key]!r}, but the recogniser of "
                f"'{recipe.checkpoint}' was trained with {trained[key]!r}: use that, or "
                "checkpoint=null."
            )
    digest = recognise.digest() if hasattr(recognise, "digest") else ""
    return recognise, {"checkpoint": str(recipe.checkpoint), "weights": digest}


def _group(
    attribute: str,
    value: str,
    keys: frozenset[str],
    items: Sequence[DatasetItem],
    counts: Mapping[str, RecordingCounts],
    draws: int,
    seed: int,
) -> SpottingGroup:
    chosen = [(item.subject, counts[item.key]) for item in items if item.key in keys]
    total = np.sum([c.spotting for _, c in chosen], axis=0).astype(int)
    return SpottingGroup(
        attribute,
        value,
        len(chosen),
        len({subject for subject, _ in chosen}),
        sum(c.watched_s for _, c in chosen) / 60.0,
        {kind: tuple(total[row].tolist()) for row, kind in enumerate(KINDS)},
        measure_spotting(chosen, draws, seed),
    )


def _method(least_iou: float, draws: int) -> list[str]:
    return [
        f"A spotted interval is a true positive when it overlaps one coded interval of its kind, "
        f"not matched yet, with an intersection over union of at least {least_iou:g}; the best "
        "overlaps are matched first. True positives, false positives and false negatives are "
        "summed over all recordings, then scored.",
        "Recognition (UAR, UF1) is that of the micro-expressions spotted, not of those missed. The "
        "spot-then-recognise score STRS is the F1 of spotting micro-expressions times that UF1.",
        "False alarms a minute count the time in which a face was visible.",
        f"95 % confidence intervals: percentiles of {draws} bootstrap draws of whole subjects.",
    ]
