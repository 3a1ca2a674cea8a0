"""The outputs of an evaluation of heart rate: predictions, metrics, page, printed table."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from affectfuse.evaluation.heart_rate import HeartRateEvaluation, MeasuredGroup
from affectfuse.evaluation.metrics import METRICS
from affectfuse.reports.evaluations.evaluation_page import render_evaluation, synthetic_warning
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.text_tables import aligned, cell, csv_text, interval
from affectfuse.reports.writing import write_files

__all__ = ["EVALUATION_OUTPUTS", "evaluation_table", "write_evaluation"]

SCHEMA_VERSION = "1.0"
EVALUATION_OUTPUTS = ("predictions.csv", "metrics.json", "metrics.csv", "evaluation.html")
"""Every file of an evaluation."""


def write_evaluation(result: HeartRateEvaluation, out: Path) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the page.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    files = {
        "predictions.csv": predictions_csv(result),
        "metrics.json": strict_json(_summary(result)) + "\n",
        "metrics.csv": metrics_csv(result),
        "evaluation.html": render_evaluation(result),
    }
    write_files(out, files, owned=EVALUATION_OUTPUTS)
    return out / "evaluation.html"


def evaluation_table(result: HeartRateEvaluation) -> str:
    """Return the metrics as aligned text, with what was left out and the notes."""
    overall = result.overall
    rows = [("", "value", "95 % interval")]
    for name, metric in METRICS.items():
        found = overall.metrics[name]
        interval = f"{_shown(found.low)} to {_shown(found.high)}"
        unit = f" {metric.unit}" if metric.unit else ""
        rows.append((metric.title, f"{_shown(found.value)}{unit}", interval))
    lines = [
        f"{result.dataset}, protocol {result.protocol}: subjects {overall.subjects}, recordings "
        f"{overall.recordings}, rows {overall.rows}"
    ]
    lines += aligned(rows)
    if warning := synthetic_warning(result):
        lines.append(f"note: {warning}")
    lines += [f"note: {note}" for note in result.notes]
    if result.skipped:
        lines.append(f"left out, {len(result.skipped)} of the recordings:")
        lines += [f"  {key}: {reason}" for key, reason in result.skipped.items()]
    return "\n".join(lines)


def predictions_csv(result: HeartRateEvaluation) -> str:
    """Return `predictions.csv`, one row a moment that counts; NaN where not known."""
    pairs = result.pairs
    columns = {
        "item": pairs.items,
        "subject": pairs.subjects,
        "time_s": pairs.times_s,
        "reference_bpm": pairs.reference_bpm,
        "estimate_bpm": pairs.estimate_bpm,
        "confidence": pairs.confidence,
        "error_bpm": pairs.error_bpm,
        "snr_db": pairs.snr_db,
        "macc": pairs.macc,
    }
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return csv_text(list(columns), ([cell(value) for value in row] for row in rows))


def metrics_csv(result: HeartRateEvaluation) -> str:
    """Return `metrics.csv`, one row a metric and group; NaN where undefined."""
    header = ["attribute", "value", "recordings", "subjects", "rows", "metric", "result"]
    rows = []
    for group in (result.overall, *result.groups):
        about = [group.attribute, group.value, group.recordings, group.subjects, group.rows]
        for name, found in group.metrics.items():
            numbers = (found.value, found.low, found.high)
            rows.append([cell(value) for value in (*about, name, *numbers)])
    return csv_text([*header, "low_95", "high_95"], rows)


def _summary(result: HeartRateEvaluation) -> dict[str, Any]:
    coverage, risk = result.risk_coverage
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": result.dataset,
        "protocol": result.protocol,
        "warning": synthetic_warning(result),
        "method": result.method,
        "notes": result.notes,
        "overall": _group(result.overall),
        "groups": [_group(group) for group in result.groups],
        "bland_altman": asdict(result.agreement),
        "reliability": [asdict(part) for part in result.reliability],
        "risk_coverage": {"coverage": coverage, "mae_bpm": risk},
        "left_out": result.skipped,
        "provenance": result.provenance,
    }


def _group(group: MeasuredGroup) -> dict[str, Any]:
    return {
        "attribute": group.attribute,
        "value": group.value,
        "recordings": group.recordings,
        "subjects": group.subjects,
        "rows": group.rows,
        "metrics": {name: interval(found) for name, found in group.metrics.items()},
    }


def _shown(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "NaN"
