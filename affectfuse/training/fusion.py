"""One fused model, fitted on one split of a table of samples: what a fold is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from affectfuse.checkpoint import build_model
from affectfuse.containers import Target
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import Split, check_classes, grouped_k_fold
from affectfuse.errors import DatasetError
from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import Calibration
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.base import Modality
from affectfuse.training.calibration import fit_calibration
from affectfuse.training.data import SampleData, as_batch
from affectfuse.training.evaluation import metrics_table, predict
from affectfuse.training.fitting import EpochLog, fit
from affectfuse.training.module import AffectModule, TrainingSettings
from affectfuse.training.samples import SampleTable
from affectfuse.training.targets import output_statistics

__all__ = ["Fitted", "FusionPlan", "fit_fusion"]

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
        metrics: see `metrics_table`.
        samples: labelled samples by side of the split.
        log: what was logged in training, by epoch.
    """

    model: FusionModel
    prior_logits: tuple[float, ...]
    calibration: Calibration
    best_single: str
    epochs: int
    metrics: list[dict[str, Any]]
    samples: Mapping[str, int]
    log: EpochLog


@dataclass(frozen=True, slots=True, eq=False)
class FusionPlan:
    """What is trained: everything but the samples, the subjects and the seed."""

    modalities: Mapping[str, Modality]
    fusion: Mapping[str, Any]
    targets: tuple[Target, ...]
    settings: TrainingSettings


def fit_fusion(
    table: SampleTable,
    split: Split,
    plan: FusionPlan,
    seed: int,
    progress: Progress | None = None,
) -> Fitted:
    """Build, train, calibrate and measure a fused model.

    With validation subjects training stops early and takes the best epoch, and they calibrate it.
    With inner folds (see `TrainingSettings`) the epochs are the median of the folds' best, and what
    the folds say of the subjects that each left out calibrates. With neither it makes all epochs,
    and nothing is calibrated.

    Raises:
        DatasetError: when a class has no training sample, or validation or test subjects have none.
    """
    outputs, settings = Outputs(plan.targets), plan.settings
    sides = {side: table.of_subjects(who) for side, who in split.as_dict().items()}
    for side, subjects in split.as_dict().items():
        if subjects and not len(sides[side]):
            raise DatasetError(
                f"the {side} subjects ({', '.join(subjects)}) have no labelled sample: choose "
                "others, or look at which recordings were skipped."
            )
    held_out, said, max_epochs = sides["validation"], None, settings.max_epochs
    if settings.inner_folds:
        held_out, said, max_epochs = _inner_folds(table, split, plan, seed, progress)
        split = Split(tuple(sorted({*split.train, *split.validation})), (), split.test)
    model, log = _train(table, split, plan, max_epochs, seed, progress)
    if said is None:
        said = predict(model, held_out)
    calibration = fit_calibration(
        said, held_out.labels, held_out.present, outputs, model.prior_logits, settings.coverage
    )
    return Fitted(
        model,
        tuple(model.head.prior_logits.tolist()),
        calibration,
        _best_single(said, held_out, outputs),
        len(log.rows),
        metrics_table(model, outputs, sides["test"], calibration),
        {side: len(table.of_subjects(who)) for side, who in split.as_dict().items()},
        log,
    )


def _train(
    table: SampleTable,
    split: Split,
    plan: FusionPlan,
    max_epochs: int,
    seed: int,
    progress: Progress | None,
) -> tuple[FusionModel, EpochLog]:
    outputs, settings = Outputs(plan.targets), plan.settings
    data = SampleData(table, split, settings.batch_size, seed)
    train = data.sides["train"]
    for target in plan.targets:
        if target.kind == "classes":
            found = train.labels[target.name]
            counts = np.bincount(found[found >= 0], minlength=len(target.classes)).tolist()
            check_classes(
                dict(zip(target.classes, counts, strict=True)), f"samples of '{target.name}'"
            )
    prior_logits, mean, scale = output_statistics(train.labels, outputs)
    model = build_model(plan.modalities, plan.fusion, prior_logits.tolist())
    model.output_mean.copy_(mean)
    model.output_scale.copy_(scale)
    rows = as_batch(train)
    model.fit_standardisation(rows["samples"], rows["present"])
    log = fit(
        AffectModule(model, outputs, settings, seed),
        data,
        max_epochs=max_epochs,
        patience=settings.patience if split.validation else None,
        accelerator=settings.accelerator,
        threads=1,  # small matrices: more threads wait for each other, and round differently
        what="training the fused model",
        progress=progress,
    )
    return model, log


def _inner_folds(
    table: SampleTable, split: Split, plan: FusionPlan, seed: int, progress: Progress | None
) -> tuple[SampleTable, FusionOutput, int]:
    """Return the training rows, what models that did not see their subject say, and the epochs."""
    subjects = (*split.train, *split.validation)
    rows, parts, best = [], [], []
    for inner in grouped_k_fold(subjects, plan.settings.inner_folds, 0.0, seed):
        fold = Split(inner.train, inner.test, ())
        model, log = _train(table, fold, plan, plan.settings.max_epochs, seed, progress)
        best.append(1 + int(np.argmin([row["val_loss"] for row in log.rows])))
        rows.append(np.flatnonzero(np.isin(table.subjects, inner.test)))
        parts.append(predict(model, table.take(rows[-1])))
    joined = FusionOutput(
        torch.cat([part.logits for part in parts]),
        {
            name: torch.cat([part.modality_logits[name] for part in parts])
            for name in parts[0].modality_logits
        },
        {name: torch.cat([part.weights[name] for part in parts]) for name in parts[0].weights},
    )
    return table.take(np.concatenate(rows)), joined, max(1, round(float(np.median(best))))


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
