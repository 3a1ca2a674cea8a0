"""The outputs of an evaluation of spotting: matches, metrics, printed table."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from affectfuse.containers import Interval
from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.spotting import SpottingEvaluation, SpottingGroup
from affectfuse.reports.evaluations.evaluation_page import synthetic_warning
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.text_tables import aligned, cell, csv_text, interval
from affectfuse.reports.writing import write_files

__all__ = ["SPOTTING_EVALUATION_OUTPUTS", "spotting_table", "write_spotting_evaluation"]

SPOTTING_EVALUATION_OUTPUTS = ("matches.csv", "metrics.json", "metrics.csv")
"""Every file of an evaluation of spotting."""

_TITLES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "false_alarms_per_min": "false alarms a minute",
}


def write_spotting_evaluation(result: SpottingEvaluation, out: Path) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the metrics.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    files = {
        "matches.csv": matches_csv(result),
        "metrics.json": strict_json(_summary(result)) + "\n",
        "metrics.csv": metrics_csv(result),
    }
    write_files(out, files, owned=SPOTTING_EVALUATION_OUTPUTS)
    return out / "metrics.json"


def spotting_table(result: SpottingEvaluation) -> str:
    """Return the metrics as aligned text, with what was left out and the notes."""
    overall = result.overall
    rows: list[tuple[str, ...]] = [("", "micro", "macro", "overall")]
    for name, title in _TITLES.items():
        found = [overall.metrics[f"{name}_{kind}"] for kind in rows[0][1:]]
        rows.append((title, *map(_interval, found)))
    counts = ["/".join(map(str, numbers)) for numbers in overall.counts.values()]
    rows.append(("true positives/false positives/false negatives", *counts, ""))
    lines = [
        f"{result.dataset}: subjects {overall.subjects}, recordings {overall.recordings}, "
        f"minutes {overall.minutes:.1f}"
    ]
    lines += aligned(rows)
    if result.classes:
        named = ", ".join(
            f"{title} {_interval(overall.metrics[name])}"
            for name, title in (("uar", "UAR"), ("uf1", "UF1"), ("strs", "STRS"))
        )
        lines.append(f"classes of the micro-expressions spotted: {named}")
    if warning := synthetic_warning(result):
        lines.append(f"note: {warning}")
    lines += [f"note: {note}" for note in result.notes]
    if result.skipped:
        lines.append(f"left out, {len(result.skipped)}:")
        lines += [f"  {key}: {reason}" for key, reason in result.skipped.items()]
    return "\n".join(lines)


def matches_csv(result: SpottingEvaluation) -> str:
    """Return `matches.csv`: one row an expression that is there, was spotted, or both."""
    header = ["recording", "subject", "kind", "outcome", "iou", "true_class", "found_class"]
    header += [f"{side}_{name}" for side in ("true", "found") for name in _TIMES] + ["confidence"]
    rows = []
    for recording, subject, match in result.matches:
        found = match.found
        confidence = found.values.get("p_spotted", found.confidence) if found else math.nan
        row = [recording, subject, match.kind, match.outcome, match.iou, match.true_class]
        row += [match.found_class, *_times(match.truth), *_times(found), confidence]
        rows.append([cell(value) for value in row])
    return csv_text(header, rows)


def metrics_csv(result: SpottingEvaluation) -> str:
    """Return `metrics.csv`, one row a metric and group; NaN where undefined."""
    header = ["attribute", "value", "recordings", "subjects", "minutes", "metric", "result"]
    rows = []
    for group in (result.overall, *result.groups):
        about = [group.attribute, group.value, group.recordings, group.subjects, group.minutes]
        for name, found in group.metrics.items():
            numbers = (found.value, found.low, found.high)
            rows.append([cell(value) for value in (*about, name, *numbers)])
    return csv_text([*header, "low_95", "high_95"], rows)


def _summary(result: SpottingEvaluation) -> dict[str, Any]:
    return {
        "dataset": result.dataset,
        "warning": synthetic_warning(result),
        "method": result.method,
        "notes": result.notes,
        "overall": _group(result.overall),
        "groups": [_group(group) for group in result.groups],
        "classes": result.classes,
        "confusion": result.confusion,
        "left_out": result.skipped,
        "provenance": result.provenance,
    }


def _group(group: SpottingGroup) -> dict[str, Any]:
    names = ("true_positives", "false_positives", "false_negatives")
    return {
        "attribute": group.attribute,
        "value": group.value,
        "recordings": group.recordings,
        "subjects": group.subjects,
        "minutes": group.minutes,
        "counts": {k: dict(zip(names, c, strict=True)) for k, c in group.counts.items()},
        "metrics": {name: interval(found) for name, found in group.metrics.items()},
    }


_TIMES = ("onset_s", "apex_s", "offset_s")


def _times(interval: Interval | None) -> list[float]:
    return [getattr(interval, name) if interval else math.nan for name in _TIMES]


def _interval(found: Measured) -> str:
    return f"{_shown(found.value)} ({_shown(found.low)} to {_shown(found.high)})"


def _shown(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "NaN"
