"""One training of a fused model: from a table of samples and who is trained on to a model."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.checkpoint import build_model
from affectfuse.containers import Target
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import Split, check_classes
from affectfuse.errors import ConfigError
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.base import Modality
from affectfuse.training.fitting import EpochLog, fit
from affectfuse.training.fused.data import SampleData, as_batch
from affectfuse.training.fused.learning_rate import LOWEST_RATE, find_learning_rate
from affectfuse.training.fused.module import AffectModule, TrainingSettings
from affectfuse.training.fused.pretrained import PretrainedEncoders
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.targets import output_statistics

__all__ = ["FusedTraining", "FusionPlan"]


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


@dataclass(frozen=True, slots=True, eq=False)
class FusedTraining:
    """Trains models on subjects of one table of samples; see `fit_fusion` for its attributes."""

    table: SampleTable
    plan: FusionPlan
    seed: int
    progress: Progress | None
    state: Path | None
    logs: Path | None

    def train(
        self, split: Split, max_epochs: int, name: str
    ) -> tuple[FusionModel, EpochLog, float]:
        """Return a trained model, what was logged, and the learning rate.

        Args:
            split: with validation subjects training stops early and takes the best epoch.
            max_epochs: at most so many; without validation subjects all of them.
            name: of the model, in the progress and in the names of its files.

        Raises:
            ConfigError: when encoders that learnt nothing are to be frozen.
            DatasetError: when a class has no training sample.
        """
        plan, settings, folder = self.plan, self.plan.settings, name.replace(" ", "_")
        data = SampleData(self.table, split, settings.batch_size, self.seed)
        model = _untrained(data.sides["train"], plan, name)
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


def _untrained(train: SampleTable, plan: FusionPlan, name: str) -> FusionModel:
    """Return a model that knows the samples' scale and the prior, and trained encoders if any."""
    for target in plan.targets:
        if target.kind == "classes":
            found = train.labels[target.name]
            counts = np.bincount(found[found >= 0], minlength=len(target.classes)).tolist()
            check_classes(
                dict(zip(target.classes, counts, strict=True)),
                f"samples of '{target.name}', {name}",
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
