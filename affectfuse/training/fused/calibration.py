"""Temperatures and conformal thresholds, fitted on subjects that training has not seen."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from affectfuse.containers import Array, Target
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import FUSED, Calibration, conformal_threshold
from affectfuse.fusion.outputs import Outputs, calibrated
from affectfuse.training.fused.targets import Labels

__all__ = ["fit_calibration", "fit_temperature"]

_RANGE = (0.5, 5.0)


def fit_temperature(
    logits: Tensor, labels: Tensor, prior_logits: Tensor, kind: str = "classes"
) -> float:
    """Return the temperature that makes held-out labels most likely, between 0.5 and 5.

    The likelihood is concave in 1 / temperature, so a bounded scalar search finds the best. The
    bounds are narrow because held-out subjects are few: one or two who happen to fit the model
    perfectly, or not at all, must not make it certain of everything, or of nothing. With
    no sample, or with logits that say nothing beyond the prior, the temperature is 1.

    Args:
        logits: (row, output), of samples that training has not seen.
        labels: of classes (row,) index or -1; of labels (row, output), NaN where not labelled.
        prior_logits: (output,).
        kind: of the target, 'classes' or 'labels'.
    """
    logits, prior_logits = logits.double(), prior_logits.double()
    known = labels >= 0 if kind == "classes" else torch.isfinite(labels)
    if not bool(known.any()) or torch.allclose(logits, prior_logits.expand_as(logits)):
        return 1.0

    def negative_log_likelihood(inverse: float) -> float:
        cooled = calibrated(logits, prior_logits, 1.0 / inverse)
        if kind == "classes":
            return float(functional.cross_entropy(cooled[known], labels[known]))
        truth = labels[known].double()
        return float(functional.binary_cross_entropy_with_logits(cooled[known], truth))

    bounds = (1.0 / _RANGE[1], 1.0 / _RANGE[0])
    best = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded")
    return float(1.0 / best.x)


def fit_calibration(
    output: FusionOutput,
    labels: Labels,
    present: Mapping[str, Array],
    outputs: Outputs,
    prior_logits: Tensor,
    coverage: float,
) -> Calibration:
    """Fit temperatures of the fused estimate and of each modality's where it is present, then the
    conformal thresholds of the fused estimate.

    Args:
        output: of the model, for rows that it has not learnt from; without a row nothing is fitted.
        labels: of those rows.
        present: by modality (row,).
        outputs: what is predicted.
        prior_logits: (output,) of the model.
        coverage: of the prediction sets.
    """
    if not len(output.logits):
        return Calibration()
    everything = np.ones(len(output.logits), bool)
    estimates = {FUSED: (output.logits, everything)}
    estimates |= {name: (own, present[name]) for name, own in output.modality_logits.items()}
    temperatures = {
        name: {
            target.name: fit_temperature(
                logits[rows][:, outputs.of(target)],
                torch.from_numpy(labels[target.name][rows]),
                prior_logits[outputs.of(target)],
                target.kind,
            )
            for target in outputs.targets
            if target.kind != "scales"
        }
        for name, (logits, rows) in estimates.items()
    }
    cooled = outputs.calibrated(output.logits, prior_logits, temperatures[FUSED])
    values = outputs.activate(cooled).numpy()
    thresholds: dict[str, float] = {}
    for target in outputs.targets:
        thresholds |= _thresholds(
            target, labels[target.name], values[:, outputs.of(target)], coverage
        )
    return Calibration(temperatures, coverage, thresholds)


def _thresholds(target: Target, truth: Array, values: Array, coverage: float) -> dict[str, float]:
    if target.kind == "classes":
        known = truth >= 0
        scores = 1.0 - values[known][np.arange(known.sum()), truth[known]]
        return {target.name: conformal_threshold(scores, coverage)}
    if target.kind == "scales":
        errors = np.abs(values - truth)
        return {
            name: conformal_threshold(errors[np.isfinite(errors[:, column]), column], coverage)
            for column, name in enumerate(target.classes)
        }
    return {}
