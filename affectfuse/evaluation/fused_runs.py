"""One run of fused models against another, of which the table of predictions is left."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.errors import DatasetError
from affectfuse.evaluation.fused import FUSED, FusedPredictions
from affectfuse.evaluation.fused_scores import FusedDifference, difference_by_draw, drawn_by_seed
from affectfuse.evaluation.fused_table import label_column, value_column
from affectfuse.evaluation.resampling import resample

__all__ = ["OTHER_RUN", "compare_runs"]

OTHER_RUN = "the other run"


def compare_runs(
    predictions: FusedPredictions, other: Path, draws: int, seed: int
) -> list[FusedDifference]:
    """Return the fused estimates less those of another run on the samples that both predict.

    Samples are the same by recording, segment and time to the millisecond; each run is the mean
    over its own seeds. Targets that the other run does not have are left out.

    Args:
        predictions: of this run.
        other: `predictions.csv` of the other.
        draws, seed: of the bootstrap.

    Raises:
        DatasetError: when the file is none, or no sample or target is in both, or labels differ.
    """
    rows = _read(other)
    shared = [t for t in predictions.targets if _columns(t) <= set(rows[0])]
    if not shared:
        names = ", ".join(t.name for t in predictions.targets)
        raise DatasetError(f"{other} has no predictions of {names}: compare runs on one target.")
    seeds = list(dict.fromkeys(row["seed"] for row in rows))
    rows.sort(key=lambda row: (seeds.index(row["seed"]), _sample(row)))
    each = len(rows) // len(seeds)
    blocks = [rows[start : start + each] for start in range(0, len(rows), each)]
    theirs = {_sample(row): index for index, row in enumerate(blocks[0])}
    if any([*theirs] != [_sample(row) for row in block] for block in blocks):
        raise DatasetError(f"{other} does not hold every sample once a seed: write it anew.")
    mine = [
        (str(key), str(int(segment)), f"{time_s:.3f}")
        for key, segment, time_s in zip(
            predictions.keys, predictions.segments, predictions.times_s, strict=True
        )
    ]
    both = np.array([index for index, name in enumerate(mine) if name in theirs], np.int64)
    if not len(both):
        raise DatasetError(f"{other} predicts none of these samples: compare runs on one data set.")
    there = [theirs[mine[index]] for index in both]
    found = []
    for target in shared:
        here = predictions.take(both)
        known = here.labelled(target)
        here, places = here.take(known), np.array(there)[known]
        if not _same(here.labels[target.name], _labels(target, [rows[i] for i in places])):
            raise DatasetError(
                f"{other} has other labels of '{target.name}' for these samples: compare runs on "
                "one data set, with labels in their true order."
            )
        values = np.stack([_values(target, [block[i] for i in places]) for block in blocks])
        found += _differences(here, target, values, draws, seed)
    return found


def _differences(
    here: FusedPredictions, target: Target, values: Array, draws: int, seed: int
) -> list[FusedDifference]:
    """Return fused less other values (seed, row, output) of the same rows."""
    truth, part = here.labels[target.name], here.outputs_of(target)
    resampling = resample(here.subjects, draws, seed)
    own = drawn_by_seed(target, truth, here.estimates[FUSED][..., part], resampling)
    other = drawn_by_seed(target, truth, values, resampling)
    counts = len(here), len(np.unique(here.subjects))
    return [
        FusedDifference(target.name, metric, OTHER_RUN, value, p_value, *counts)
        for metric, (value, p_value) in difference_by_draw(own, other, resampling).items()
    ]


def _read(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as opened:
            rows = list(csv.DictReader(opened))
        needed = {"seed", "recording", "segment", "time_s"}
        if not rows or not needed <= set(rows[0]):
            raise ValueError("it lacks rows, or columns of a fused run")
    except (OSError, ValueError, csv.Error) as error:
        raise DatasetError(
            f"{path} is no predictions.csv of a fused 'affectfuse crossval' or 'evaluate' "
            f"({error}): check the path."
        ) from None
    return rows


def _columns(target: Target) -> set[str]:
    return {f(target, name) for name in target.classes for f in (label_column, value_column)}


def _sample(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(str(row[name]) for name in ("recording", "segment", "time_s"))


def _labels(target: Target, rows: Sequence[dict[str, str]]) -> Array:
    if target.kind == "classes":
        words = [row[label_column(target, "")] for row in rows]
        return np.array([target.classes.index(w) if w in target.classes else -1 for w in words])
    names = [label_column(target, name) for name in target.classes]
    return np.array([[float(row[name] or "nan") for name in names] for row in rows])


def _values(target: Target, rows: Sequence[dict[str, str]]) -> Array:
    names = [value_column(target, name) for name in target.classes]
    return np.array([[float(row[name] or "nan") for name in names] for row in rows])


def _same(truth: Array, other: Array) -> bool:
    return truth.shape == other.shape and bool(
        np.allclose(truth, other, rtol=1e-5, atol=1e-6, equal_nan=True)
    )
