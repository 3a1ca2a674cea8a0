"""The outputs of a cross-validation of fused models: predictions, scores, printed table, page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from affectfuse.evaluation.fused_table import fused_table
from affectfuse.reports.evaluations.crossval import CROSSVAL_OUTPUTS
from affectfuse.reports.evaluations.fused_page import FusedPage, render_fused
from affectfuse.reports.evaluations.fused_tables import (
    differences_csv,
    fused_lines,
    fused_summary,
    scores_csv,
)
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.text_tables import csv_text
from affectfuse.reports.writing import write_files
from affectfuse.training.fused.crossval import FusedCrossValidation

__all__ = ["FUSED_CROSSVAL_OUTPUTS", "fused_crossval_table", "write_fused_crossval"]

SCHEMA_VERSION = "2.0"
FUSED_CROSSVAL_OUTPUTS = (
    "predictions.csv",
    "scores.csv",
    "differences.csv",
    "crossval.json",
    "crossval.html",
)
"""Every file of a cross-validation of fused models, beside the folder of its folds."""


def write_fused_crossval(result: FusedCrossValidation, out: Path) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the page.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    files = {
        "predictions.csv": csv_text(*fused_table(result.predictions, result.seeds)),
        "scores.csv": scores_csv(result.evaluation),
        "differences.csv": differences_csv(result.evaluation),
        "crossval.json": strict_json(_summary(result)) + "\n",
        "crossval.html": _page(result),
    }
    owned = dict.fromkeys((*FUSED_CROSSVAL_OUTPUTS, *CROSSVAL_OUTPUTS))
    write_files(out, files, owned=tuple(owned))
    return out / "crossval.html"


def fused_crossval_table(result: FusedCrossValidation) -> str:
    """Return what was found as aligned text: scores, differences, trust, side doors, notes."""
    lines = [
        f"{result.dataset}, {result.plan.protocol}, {result.folds} folds, seeds "
        f"{', '.join(map(str, result.seeds))}; {result.parameters:,} trained parameters"
    ]
    if result.permuted:
        lines.append("labels in random order: what is above chance here is a leak")
    return "\n".join([*lines, *fused_lines(result)])


def _summary(result: FusedCrossValidation) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": result.dataset,
        "split": asdict(result.plan),
        "folds": result.folds,
        "seeds": result.seeds,
        "permuted": result.permuted,
        "seconds": result.seconds,
        **fused_summary(result),
    }


def _page(result: FusedCrossValidation) -> str:
    protocol, folds, seeds = result.plan.protocol, result.folds, len(result.seeds)
    banner = (
        "Labels in random order",
        "This run looks for leaks: what is above chance here is one.",
    )
    page = FusedPage(
        title=f"{result.dataset} \u00b7 affectfuse cross-validation",
        kicker="Cross-validation of fused models",
        about=(
            protocol.replace("_", " "),
            f"{folds} fold{'' if folds == 1 else 's'}",
            f"{seeds} seed{'' if seeds == 1 else 's'}",
        ),
        of_what="the predictions of all folds together, means over the seeds",
        by_seed=True,
        summary="crossval.json",
        banner=banner if result.permuted else None,
    )
    return render_fused(result, page)
