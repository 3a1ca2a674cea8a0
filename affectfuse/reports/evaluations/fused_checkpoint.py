"""The outputs of an evaluation of a trained, fused model: as those of a cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from affectfuse.evaluation.fused_table import fused_table
from affectfuse.reports.evaluations.evaluation import EVALUATION_OUTPUTS
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
from affectfuse.training.fused.checkpoint_evaluation import CheckpointEvaluation

__all__ = [
    "CHECKPOINT_EVALUATION_OUTPUTS",
    "checkpoint_evaluation_table",
    "write_checkpoint_evaluation",
]

SCHEMA_VERSION = "1.0"
CHECKPOINT_EVALUATION_OUTPUTS = (
    "predictions.csv",
    "scores.csv",
    "differences.csv",
    "metrics.json",
    "evaluation.html",
)
"""Every file of an evaluation of a trained, fused model."""


def write_checkpoint_evaluation(result: CheckpointEvaluation, out: Path) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the page.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    files = {
        "predictions.csv": csv_text(*fused_table(result.predictions, [result.seed])),
        "scores.csv": scores_csv(result.evaluation),
        "differences.csv": differences_csv(result.evaluation),
        "metrics.json": strict_json(_summary(result)) + "\n",
        "evaluation.html": _page(result),
    }
    owned = dict.fromkeys((*CHECKPOINT_EVALUATION_OUTPUTS, *EVALUATION_OUTPUTS))
    write_files(out, files, owned=tuple(owned))
    return out / "evaluation.html"


def checkpoint_evaluation_table(result: CheckpointEvaluation) -> str:
    """Return what was found as aligned text: scores, differences, trust, side doors, notes."""
    said = f"{result.dataset}, {result.checkpoint}, trained on {result.trained_on}"
    return "\n".join([said, *fused_lines(result)])


def _summary(result: CheckpointEvaluation) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "dataset": result.dataset,
        "checkpoint": result.checkpoint,
        "seed": result.seed,
        "left_out": result.left_out,
        **fused_summary(result),
    }


def _page(result: CheckpointEvaluation) -> str:
    page = FusedPage(
        title=f"{result.dataset} · affectfuse evaluation",
        kicker="Evaluation of a trained, fused model",
        about=(f"{Path(result.checkpoint).name}, trained on {result.trained_on}",),
        of_what="what one trained model says of people it has not learnt from",
        by_seed=False,
        summary="metrics.json",
    )
    return render_fused(result, page)
