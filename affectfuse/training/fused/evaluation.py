"""What a trained model says of held-out subjects: predictions and the metrics table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from affectfuse.containers import Array
from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import FUSED, Calibration
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fused.data import as_batch
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.targets import labelled

__all__ = ["estimates", "format_metrics", "metrics_table", "predict"]


@torch.inference_mode()
def predict(
    model: FusionModel, table: SampleTable, present: Mapping[str, Array] | None = None
) -> FusionOutput:
    """Return the model's output for all rows of a table.

    Args:
        model: put in evaluation mode.
        table: its rows.
        present: by modality (row,), in place of the table's own.
    """
    batch = as_batch(table)
    if present is not None:
        batch["present"] = {name: torch.from_numpy(found) for name, found in present.items()}
    known = {name: torch.from_numpy(found) for name, found in table.embeddings.items()}
    embeddings = known | model.eval().embed(batch["samples"], batch["present"])
    return model.fuse(embeddings, batch["present"], batch["quality"])


def estimates(
    output: FusionOutput, outputs: Outputs, model: FusionModel, calibration: Calibration
) -> dict[str, Array]:
    """Return calibrated probabilities and values (row, output), of 'fused' and each modality."""
    logits = {FUSED: output.logits, **output.modality_logits}
    return {
        name: outputs.activate(
            outputs.calibrated(found, model.prior_logits, calibration.of(name))
        ).numpy()
        for name, found in logits.items()
    }


def metrics_table(
    model: FusionModel, outputs: Outputs, table: SampleTable, calibration: Calibration
) -> list[dict[str, Any]]:
    """Return one row of metrics an estimate, target and subset of the samples.

    Subset 'all' is every tick that the target labels, whatever was present at it. Subset 'matched'
    is those of them at which every modality is present: there, and only there, the fused estimate
    and those of the single modalities can be compared.
    """
    if not len(table):
        return []
    found = estimates(predict(model, table), outputs, model, calibration)
    matched = np.logical_and.reduce(list(table.present.values()))
    rows = []
    for target in outputs.targets:
        named = {"target": target.name} if len(outputs.targets) > 1 else {}
        truths = table.labels[target.name]
        known = labelled({target.name: truths})
        for name, subset, chosen in [
            (FUSED, "all", known),
            *((name, "matched", known & matched) for name in found),
        ]:
            truth = truths[chosen]
            values = found[name][chosen][:, outputs.of(target)]
            rows.append(
                {
                    **named,
                    "estimate": name,
                    "subset": subset,
                    "samples": int(chosen.sum()),
                    "subjects": len(set(table.subjects[chosen].tolist())),
                    **target_metrics(target, truth, values),
                }
            )
    return rows


def format_metrics(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the metrics tables as aligned text, one a kind of target; NaN where undefined."""
    if not rows:
        return "no held-out subject, so nothing was measured"
    tables: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for row in rows:
        tables.setdefault(tuple(row), []).append(row)
    return "\n\n".join(map(_table, tables.values()))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    header = [name.upper() if isinstance(rows[0][name], float) else name for name in rows[0]]
    body = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *body]
    )
