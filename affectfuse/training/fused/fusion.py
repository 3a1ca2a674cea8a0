"""One fused model, fitted on one split of a table of samples: what a fold is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import Split
from affectfuse.errors import DatasetError
from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import Calibration
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fitting import EpochLog
from affectfuse.training.fused.calibration import fit_calibration
from affectfuse.training.fused.embeddings import embed_frozen
from affectfuse.training.fused.evaluation import metrics_table, predict
from affectfuse.training.fused.inner_folds import learn_inner_folds, pool_held_out
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.training import FusedTraining, FusionPlan

__all__ = ["Fitted", "fit_fusion"]

_CHOSEN_BY = {"classes": "auroc", "labels": "auroc", "scales": "ccc"}


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fused model, calibrated on held-out training subjects and measured on test subjects.

    Attributes:
        prior_logits: of the head, (output,).
        calibration: fitted on validation subjects, or over the inner folds.
        best_single: the modality that by itself was best there at the main target (AUROC, or CCC of
            scales); '' when nothing was held out.
        epochs: how many the model was trained for.
        learning_rate: as the recipe says, or as it was found.
        metrics: see `metrics_table`.
        split: who it learnt from, chose by and was tested on: with inner folds there are no
            validation subjects, since it has learnt from them too.
        samples: labelled samples by side of the split.
        log: what was logged in training, by epoch.
    """

    model: FusionModel
    prior_logits: tuple[float, ...]
    calibration: Calibration
    best_single: str
    epochs: int
    learning_rate: float
    metrics: list[dict[str, Any]]
    split: Split
    samples: Mapping[str, int]
    log: EpochLog


def fit_fusion(
    table: SampleTable,
    split: Split,
    plan: FusionPlan,
    seed: int,
    progress: Progress | None = None,
    state: Path | None = None,
    logs: Path | None = None,
) -> Fitted:
    """Build, train, calibrate and measure a fused model.

    With validation subjects training stops early and takes the best epoch, and they calibrate it.
    With inner folds (see `TrainingSettings`) the epochs are the median of the folds' best, and what
    the folds, trained for so long, say of the subjects that each left out calibrates. With neither
    it makes all epochs, and nothing is calibrated.

    Args:
        table: of all subjects.
        split: who is on which side.
        plan: what is trained.
        seed: of the weights, the order of the samples and the inner folds.
        progress: told of each epoch.
        state: folder for the state of the training, by which it goes on where it was ended: give
            the same samples, split, plan and seed as then, in the same state of torch's random
            numbers. None: nothing is kept.
        logs: folder for TensorBoard's event files, should the plan ask for them.

    Raises:
        DatasetError: when a class has no training sample, or validation or test subjects have none.
        ConfigError: when pretrained encoders do not fit, or have seen held-out subjects.
    """
    outputs, settings = Outputs(plan.targets), plan.settings
    if plan.encoders:
        plan.encoders.check_unseen(split)
        table = embed_frozen(table, plan)
    sides = {side: table.of_subjects(who) for side, who in split.as_dict().items()}
    for side, subjects in split.as_dict().items():
        if subjects and not len(sides[side]):
            raise DatasetError(
                f"the {side} subjects ({', '.join(subjects)}) have no labelled sample: choose "
                "others, or look at which recordings were skipped."
            )
    training = FusedTraining(table, plan, seed, progress, state, logs)
    held_out, inner, max_epochs = sides["validation"], None, settings.max_epochs
    if settings.inner_folds:
        inner, max_epochs = learn_inner_folds(training, split)
        held_out = inner.rows
        split = Split(tuple(sorted({*split.train, *split.validation})), (), split.test)
    model, log, learning_rate = training.train(split, max_epochs, "fused model")
    if inner is None:
        said = predict(model, held_out)
    elif isinstance(model.head, LogLinearPool):
        said = pool_held_out(model, model.head, inner, outputs)
    else:
        said = inner.said_with(model.prior_logits)
    calibration = fit_calibration(
        said, held_out.labels, held_out.present, outputs, model.prior_logits, settings.coverage
    )
    return Fitted(
        model,
        tuple(model.head.prior_logits.tolist()),
        calibration,
        _best_single(said, held_out, outputs),
        len(log.rows),
        learning_rate,
        metrics_table(model, outputs, sides["test"], calibration),
        split,
        {side: len(table.of_subjects(who)) for side, who in split.as_dict().items()},
        log,
    )


def _best_single(said: FusionOutput, held_out: SampleTable, outputs: Outputs) -> str:
    target = outputs.targets[0]
    matched = np.logical_and.reduce(list(held_out.present.values()))
    found = {}
    for name, logits in said.modality_logits.items():
        values = outputs.activate(logits).numpy()[matched][:, outputs.of(target)]
        metrics = target_metrics(target, held_out.labels[target.name][matched], values)
        found[name] = metrics[_CHOSEN_BY[target.kind]]
    known = {name: value for name, value in found.items() if not math.isnan(value)}
    return max(known, key=lambda name: known[name]) if known else ""
