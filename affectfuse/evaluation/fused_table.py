"""The predictions of fused models as a table, one row a seed and sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.fused import BEST_SINGLE, FUSED, FusedPredictions

__all__ = ["fused_table", "label_column", "value_column"]


def fused_table(
    predictions: FusedPredictions, seeds: Sequence[int]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """Return header and rows of `predictions.csv`.

    Columns: seed, recording, subject, database, segment, time_s, duration_s; label_NAME of each
    target of classes, label and scale, empty where not labelled; p_NAME of each class and label and
    value_NAME of each scale as fused, and NAME_by_ESTIMATE of the others; best_single;
    set_TARGET, its classes with a bar between; half_width_SCALE; present_MODALITY; the attributes.
    """
    header: list[str] = []
    rows: list[tuple[str, ...]] = []
    for place, seed in enumerate(seeds):
        columns = {"seed": [str(seed)] * len(predictions), **_columns(predictions, place)}
        header = list(columns)
        rows += zip(*columns.values(), strict=True)
    return header, rows


def label_column(target: Target, name: str) -> str:
    """Return the name of the column of a label or scale, or of a target of classes."""
    return f"label_{target.name if target.kind == 'classes' else name}"


def value_column(target: Target, name: str, estimate: str = FUSED) -> str:
    """Return the name of the column of an estimate of a class, label or scale."""
    column = f"{'value' if target.kind == 'scales' else 'p'}_{name}"
    return column if estimate == FUSED else f"{column}_by_{estimate.replace(' ', '_')}"


def _columns(predictions: FusedPredictions, place: int) -> dict[str, list[str]]:
    columns: dict[str, list[str]] = {
        "recording": predictions.keys.tolist(),
        "subject": predictions.subjects.tolist(),
        "database": predictions.databases.tolist(),
        "segment": [str(int(index)) for index in predictions.segments],
        "time_s": [f"{time_s:.3f}" for time_s in predictions.times_s],
        "duration_s": [f"{time_s:.3f}" for time_s in predictions.durations_s],
    }
    for target in predictions.targets:
        truth = predictions.labels[target.name]
        if target.kind == "classes":
            words = [target.classes[index] if index >= 0 else "" for index in truth]
            columns[label_column(target, "")] = words
            continue
        for name, column in zip(target.classes, truth.T, strict=True):
            columns[label_column(target, name)] = _cells(column)
    for estimate, values in predictions.estimates.items():
        for target in predictions.targets:
            said = values[place][:, predictions.outputs_of(target)]
            for name, column in zip(target.classes, said.T, strict=True):
                columns[value_column(target, name, estimate)] = _cells(column)
    named = np.array([*predictions.modalities, ""])  # the last where none could be chosen
    columns[BEST_SINGLE.replace(" ", "_")] = named[predictions.chosen[place].astype(int)].tolist()
    for target in predictions.targets:
        if target.name in predictions.sets:
            inside = predictions.sets[target.name][place]
            columns[f"set_{target.name}"] = ["|".join(np.array(target.classes)[row])
                                             for row in inside]  # fmt: skip
    for name, widths in predictions.half_widths.items():
        columns[f"half_width_{name}"] = _cells(widths[place])
    for name, present in predictions.present.items():
        columns[f"present_{name}"] = ["1" if there else "0" for there in present]
    return columns | {name: words.tolist() for name, words in predictions.attributes.items()
                      if name not in columns}  # fmt: skip


def _cells(values: Array) -> list[str]:
    return ["" if np.isnan(value) else f"{value:.6g}" for value in values]
