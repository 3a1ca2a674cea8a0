"""One fused model, fitted on one split of a table of samples: what a fold is."""

from __future__ import annotations

import gc
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from affectfuse.checkpoint import build_model
from affectfuse.containers import Target
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import Split, check_classes, grouped_k_fold
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import Calibration
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.base import Modality
from affectfuse.training.calibration import fit_calibration
from affectfuse.training.data import SampleData, as_batch
from affectfuse.training.evaluation import metrics_table, predict
from affectfuse.training.fitting import EpochLog, fit
from affectfuse.training.learning_rate import LOWEST_RATE, find_learning_rate
from affectfuse.training.module import AffectModule, TrainingSettings
from affectfuse.training.pooling import fit_pool_weights
from affectfuse.training.pretrained import PretrainedEncoders
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
        learning_rate: as the recipe says, or as it was found.
        metrics: see `metrics_table`.
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
    samples: Mapping[str, int]
    log: EpochLog


@dataclass(frozen=True, slots=True, eq=False)
class FusionPlan:
    """What is trained: everything but the samples, the subjects and the seed.

    `encoders`, if any, is what the modalities' encoders begin with.
    """

    modalities: Mapping[str, Modality]
    fusion: Mapping[str, Any]
    targets: tuple[Target, ...]
    settings: TrainingSettings
    encoders: PretrainedEncoders | None = None


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
    the folds say of the subjects that each left out calibrates. With neither it makes all epochs,
    and nothing is calibrated.

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
    sides = {side: table.of_subjects(who) for side, who in split.as_dict().items()}
    for side, subjects in split.as_dict().items():
        if subjects and not len(sides[side]):
            raise DatasetError(
                f"the {side} subjects ({', '.join(subjects)}) have no labelled sample: choose "
                "others, or look at which recordings were skipped."
            )
    if plan.encoders:
        plan.encoders.check_unseen(split)
    run = _Run(table, plan, seed, progress, state, logs)
    held_out, inner, max_epochs = sides["validation"], None, settings.max_epochs
    if settings.inner_folds:
        inner, max_epochs = _inner_folds(run, split)
        held_out = inner.rows
        split = Split(tuple(sorted({*split.train, *split.validation})), (), split.test)
    model, log, learning_rate = run.train(split, max_epochs, "fused model")
    if inner is None:
        said = predict(model, held_out)
    elif isinstance(model.head, LogLinearPool):
        said = _pooled(model, model.head, inner, outputs)
    else:
        said = inner.said
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
        {side: len(table.of_subjects(who)) for side, who in split.as_dict().items()},
        log,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """One or more trainings on a table of samples."""

    table: SampleTable
    plan: FusionPlan
    seed: int
    progress: Progress | None
    state: Path | None
    logs: Path | None

    def train(
        self, split: Split, max_epochs: int, name: str
    ) -> tuple[FusionModel, EpochLog, float]:
        """Return a trained model, what was logged, and the learning rate."""
        plan, settings, folder = self.plan, self.plan.settings, name.replace(" ", "_")
        data = SampleData(self.table, split, settings.batch_size, self.seed)
        model = _untrained(data.sides["train"], plan)
        if settings.freeze_encoders:
            _freeze(model, plan)
            data.embed(model)
        outputs = Outputs(plan.targets)
        if settings.learning_rate is None:
            slow = AffectModule(model, outputs, replace(settings, learning_rate=LOWEST_RATE))
            rate = find_learning_rate(slow, data.train_dataloader())
            settings = replace(settings, learning_rate=rate)
        assert settings.learning_rate is not None
        log = fit(
            AffectModule(model, outputs, settings),
            data,
            max_epochs=max_epochs,
            patience=settings.patience if split.validation else None,
            accumulate=settings.accumulate,
            gradient_clip=settings.gradient_clip,
            accelerator=settings.accelerator,
            precision=settings.precision,
            devices=settings.devices,
            nodes=settings.nodes,
            strategy=settings.strategy,
            threads=settings.threads,
            state=self.state / f"{folder}.ckpt" if self.state else None,
            logs=self.logs / folder if self.logs and settings.tensorboard else None,
            what=f"training the {name}",
            progress=self.progress,
        )
        gc.collect()  # Lightning's objects hold each other, and with them a copy of the samples
        return model, log, settings.learning_rate


def _untrained(train: SampleTable, plan: FusionPlan) -> FusionModel:
    """Return a model that knows the samples' scale and the prior, and trained encoders if any."""
    for target in plan.targets:
        if target.kind == "classes":
            found = train.labels[target.name]
            counts = np.bincount(found[found >= 0], minlength=len(target.classes)).tolist()
            check_classes(
                dict(zip(target.classes, counts, strict=True)), f"samples of '{target.name}'"
            )
    prior_logits, mean, scale = output_statistics(train.labels, Outputs(plan.targets))
    model = build_model(plan.modalities, plan.fusion, prior_logits.tolist())
    model.output_mean.copy_(mean)
    model.output_scale.copy_(scale)
    rows = as_batch(train)
    model.fit_standardisation(rows["samples"], rows["present"])
    if plan.encoders:
        plan.encoders.load(model)
    return model


def _freeze(model: FusionModel, plan: FusionPlan) -> None:
    """Leave the encoders as they are, which must have learnt something.

    Raises:
        ConfigError: naming one that has not.
    """
    learnt = plan.encoders.weights if plan.encoders else {}
    for name, encoder in model.encoders.items():
        if name not in learnt and any(True for _ in encoder.parameters()):
            raise ConfigError(
                f"freeze_encoders: the encoder of '{name}' has learnt nothing yet: name a "
                "checkpoint that holds it, training.encoders_from=FILE."
            )
        encoder.eval().requires_grad_(False)


@dataclass(frozen=True, slots=True, eq=False)
class _Inner:
    """What models say of subjects that they have not seen.

    `priors` (row, output): of the model that spoke.
    """

    rows: SampleTable
    said: FusionOutput
    priors: torch.Tensor


def _inner_folds(run: _Run, split: Split) -> tuple[_Inner, int]:
    """Return what is said of all training subjects, each time by a model of others; the epochs."""
    table, settings = run.table, run.plan.settings
    subjects = (*split.train, *split.validation)
    rows, parts, priors, best = [], [], [], []
    folds = grouped_k_fold(subjects, settings.inner_folds, 0.0, run.seed)
    for number, inner in enumerate(folds, start=1):
        fold = Split(inner.train, inner.test, ())
        model, log, _ = run.train(fold, settings.max_epochs, f"inner fold {number}")
        best.append(1 + int(np.argmin([row["val_loss"] for row in log.rows])))
        rows.append(np.flatnonzero(np.isin(table.subjects, inner.test)))
        parts.append(predict(model, table.take(rows[-1])))
        priors.append(model.prior_logits.expand_as(parts[-1].logits))
    joined = FusionOutput(
        torch.cat([part.logits for part in parts]),
        {
            name: torch.cat([part.modality_logits[name] for part in parts])
            for name in parts[0].modality_logits
        },
        {name: torch.cat([part.weights[name] for part in parts]) for name in parts[0].weights},
    )
    found = _Inner(table.take(np.concatenate(rows)), joined, torch.cat(priors))
    return found, max(1, round(float(np.median(best))))


def _pooled(
    model: FusionModel, head: LogLinearPool, inner: _Inner, outputs: Outputs
) -> FusionOutput:
    """Weigh the pool by the inner folds' evidence; return what it would so have said there."""
    rows, prior = inner.rows, model.prior_logits
    alone = {name: own - inner.priors for name, own in inner.said.modality_logits.items()}
    trust = {
        name: torch.from_numpy(np.where(rows.present[name], rows.quality[name], 0.0)).clamp(0, 1)
        for name in alone
    }
    evidence = {name: trust[name].unsqueeze(-1) * own for name, own in alone.items()}
    weights = fit_pool_weights(evidence, rows.labels, outputs, prior, model.output_scale)
    head.set_weights(weights)
    return FusionOutput(
        prior + sum(weights[name] * own for name, own in evidence.items()),
        {name: prior + own for name, own in alone.items()},
        {name: weights[name] * trust[name] for name in alone},
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
