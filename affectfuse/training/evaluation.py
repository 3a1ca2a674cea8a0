"""What a trained model says of held-out subjects: predictions, temperatures, the metrics table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.estimator import calibrated
from affectfuse.fusion.model import FusionModel
from affectfuse.training.calibration import fit_temperature
from affectfuse.training.data import as_batch
from affectfuse.training.metrics import classification_metrics
from affectfuse.training.samples import SampleTable

__all__ = ["FUSED", "fit_temperatures", "format_metrics", "metrics_table", "predict"]

FUSED = "fused"
"""Name of the fused estimate among the modalities' own."""


@torch.inference_mode()
def predict(model: FusionModel, table: SampleTable) -> FusionOutput:
    """Return the model's output for all rows of a table."""
    batch = as_batch(table)
    output: FusionOutput = model.eval()(batch["samples"], batch["present"], batch["quality"])
    return output


def fit_temperatures(model: FusionModel, table: SampleTable) -> dict[str, float]:
    """Fit temperatures on validation subjects: each modality's where it is present, and the fused.

    Without a validation sample they are 1.
    """
    if not len(table):
        return {name: 1.0 for name in (FUSED, *table.samples)}
    output, labels = predict(model, table), torch.from_numpy(table.labels)
    log_prior = model.head.log_prior
    fitted = {FUSED: fit_temperature(output.logits, labels, log_prior)}
    for name, logits in output.modality_logits.items():
        here = torch.from_numpy(table.present[name])
        fitted[name] = fit_temperature(logits[here], labels[here], log_prior)
    return fitted


def metrics_table(
    model: FusionModel, table: SampleTable, temperatures: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Return one row of metrics an estimate and subset of the samples.

    Subset 'all' is every labelled tick, whatever was present at it. Subset 'matched' is the ticks
    at which every modality is present: there, and only there, the fused estimate and those of the
    single modalities can be compared.
    """
    if not len(table):
        return []
    output = predict(model, table)
    matched = np.logical_and.reduce(list(table.present.values()))
    everything = np.ones(len(table), bool)
    logits = {FUSED: output.logits, **output.modality_logits}
    rows = []
    for name, subset, chosen in [
        (FUSED, "all", everything),
        *((name, "matched", matched) for name in logits),
    ]:
        log_probabilities = calibrated(
            logits[name][torch.from_numpy(chosen)], model.head.log_prior, temperatures[name]
        )
        rows.append(
            {
                "estimate": name,
                "subset": subset,
                "samples": int(chosen.sum()),
                "subjects": len(set(table.subjects[chosen].tolist())),
                **classification_metrics(table.labels[chosen], log_probabilities.exp().numpy()),
            }
        )
    return rows


def format_metrics(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the metrics table as aligned text; NaN where a metric is undefined."""
    if not rows:
        return "no held-out subject, so nothing was measured"
    header = [name.upper() if isinstance(rows[0][name], float) else name for name in rows[0]]
    body = [[f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [header, *body]
    )
