"""Heart rate evaluated: a recipe in, errors with confidence intervals out."""

from __future__ import annotations

from collections import Counter
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
from affectfuse.errors import DatasetError
from affectfuse.evaluation.agreement import Agreement, bland_altman
from affectfuse.evaluation.base import Compared, HeartRateProtocol, Pairs
from affectfuse.evaluation.bootstrap import Measured, draw_subjects, interval_notes, measure
from affectfuse.evaluation.confidence import Bin, reliability, risk_coverage
from affectfuse.evaluation.groups import split_by_attributes
from affectfuse.evaluation.recipe import evaluation_recipe, one_modality, whole_number
from affectfuse.evaluation.tracks import collect_tracks
from affectfuse.versions import EXTRACTION, package_versions

__all__ = ["HeartRateEvaluation", "MeasuredGroup", "evaluate_heart_rate", "heart_rate_recipe"]

RECIPE = "evaluate_heart_rate"


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredGroup:
    """The metrics of the recordings that share an attribute's value.

    Attributes:
        attribute, value: what they share; of all recordings together both are 'all'.
        recordings, subjects, rows: how many.
        metrics: by name, see `metrics.METRICS`.
    """

    attribute: str
    value: str
    recordings: int
    subjects: int
    rows: int
    metrics: Mapping[str, Measured]


@dataclass(frozen=True, slots=True, eq=False)
class HeartRateEvaluation:
    """What the evaluation of a data set found.

    Attributes:
        dataset: its name.
        protocol: name of the protocol.
        method: sentences that say how it was measured.
        pairs: all that was compared.
        overall: the metrics of all recordings.
        groups: those of each attribute's values.
        agreement: Bland-Altman bias and limits.
        reliability: share within 3 bpm by confidence.
        risk_coverage: coverage and MAE of the most confident estimates, (point,) each.
        skipped: recordings left out, by key with the reason.
        notes: what a reader must know.
        provenance: facts by name.
    """

    dataset: str
    protocol: str
    method: Sequence[str]
    pairs: Pairs
    overall: MeasuredGroup
    groups: Sequence[MeasuredGroup]
    agreement: Agreement
    reliability: Sequence[Bin]
    risk_coverage: tuple[Array, Array]
    skipped: Mapping[str, str]
    notes: Sequence[str]
    provenance: Mapping[str, Any]


def heart_rate_recipe(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Load the recipe of an evaluation.

    Args:
        name: of a recipe, of a data set (then everything else is as in
            `configs/evaluate_heart_rate.yaml`), or the path of a recipe's YAML file.
        overrides: key=value.

    Raises:
        ConfigError: for an unknown name or key.
    """
    return evaluation_recipe(RECIPE, name, overrides)


def evaluate_heart_rate(
    recipe: DictConfig, progress: Progress | None = None
) -> HeartRateEvaluation:
    """Estimate the heart rate in every recording of a data set and hold it against the reference.

    Args:
        recipe: filled, see `heart_rate_recipe`.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe or the data set cannot be used.
    """
    protocol = build(recipe.evaluation, HeartRateProtocol)  # type: ignore[type-abstract]
    modality, config = one_modality(recipe, "heart rate", "heart_rate")
    draws, seed = whole_number(recipe, "draws", 100), whole_number(recipe, "seed", 0)
    workers = available_cores() if recipe.workers is None else whole_number(recipe, "workers", 1)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare(progress)
    items = dataset.items()
    usable = [item for item in items if protocol.usable(item.references) is not None]
    wanted = ", ".join(f"'{name}'" for name in protocol.references)
    if not usable:
        raise DatasetError(
            f"data set '{dataset.name}' has {len(items)} recordings and none with a reference that "
            f"the protocol '{protocol.name}' can use ({wanted}): check its root, or give another "
            "data set or evaluation=NAME."
        )
    folder = Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "evaluation"
    tracks, skipped = collect_tracks(usable, modality, config, folder, workers, progress)
    known = {item.key for item in usable}
    skipped |= {
        item.key: f"no reference that can be used ({wanted})"
        for item in items
        if item.key not in known
    }
    compared: dict[str, Compared] = {}
    for item in usable:
        if item.key in tracks:
            found = protocol.compare(tracks[item.key], item.references)
            if len(found.times_s):
                compared[item.key] = found
            else:
                skipped[item.key] = "no moment with a known reference: too short, or apart in time"
    if not compared:
        key, reason = next(iter(skipped.items()))
        raise DatasetError(
            f"none of {len(items)} recordings of '{dataset.name}' could be evaluated; the first: "
            f"{key}: {reason}"
        )
    kept = [item for item in usable if item.key in compared]
    pairs = Pairs.join((item.key, item.subject, compared[item.key]) for item in kept)
    overall, groups = _measured(pairs, kept, draws, seed, progress)
    used = Counter(found.reference for found in compared.values())
    return HeartRateEvaluation(
        dataset=dataset.name,
        protocol=protocol.name,
        method=[*protocol.describe(used), _interval_sentence(draws)],
        pairs=pairs,
        overall=overall,
        groups=groups,
        agreement=bland_altman(pairs),
        reliability=reliability(pairs, draw_subjects(pairs, draws, seed)),
        risk_coverage=risk_coverage(pairs),
        skipped=skipped,
        notes=interval_notes(overall.subjects),
        provenance={
            "dataset": dataset.name,
            "dataset_provenance": dataset.provenance,
            "protocol": protocol.name,
            "modality": modality.name,
            "recordings": len(kept),
            "left_out": len(skipped),
            "references": dict(used),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "configuration": OmegaConf.to_container(recipe, resolve=True),
            "versions": package_versions(*EXTRACTION),
        },
    )


def _measured(
    pairs: Pairs,
    items: Sequence[DatasetItem],
    draws: int,
    seed: int,
    progress: Progress | None,
) -> tuple[MeasuredGroup, list[MeasuredGroup]]:
    every = [("all", "all", frozenset(item.key for item in items))]
    every += [(g.attribute, g.value, g.keys) for g in split_by_attributes(items)]
    measured = []
    for done, (attribute, value, keys) in enumerate(every):
        if progress:
            progress("confidence intervals", done, len(every))
        part = pairs.take(np.isin(pairs.items, sorted(keys)))
        metrics = measure(part, draw_subjects(part, draws, seed))
        subjects = len(np.unique(part.subjects))
        measured.append(MeasuredGroup(attribute, value, len(keys), subjects, len(part), metrics))
    if progress:
        progress("confidence intervals", len(every), len(every))
    return measured[0], measured[1:]


def _interval_sentence(draws: int) -> str:
    return (
        f"95 % confidence intervals: percentiles of {draws} bootstrap draws of whole subjects, all "
        "rows of a drawn subject together; the metric itself is over all rows."
    )
