"""Recognisers: the learned part inside an extractor, trained on labelled clips, then frozen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn
from torch.nn import functional

from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import check_classes
from affectfuse.modalities.base import Modality
from affectfuse.modalities.recognition import FrozenRecogniser
from affectfuse.training.data import Batch, Batches
from affectfuse.training.fitting import fit
from affectfuse.training.metrics import uar, uf1
from affectfuse.training.samples import ClipTable

__all__ = ["RecogniserModule", "RecogniserSettings", "TrainedRecogniser", "train_recogniser"]


@dataclass(frozen=True, slots=True)
class RecogniserSettings:
    """How a recogniser is trained.

    Attributes:
        max_epochs: passes over the clips; all of them are made.
        batch_size: clips a step.
        learning_rate: highest one, of AdamW; it falls to zero along a half cosine.
        weight_decay: of AdamW.
        gain: clips are scaled by a random factor of 1 - gain to 1 + gain.
        noise: random noise added, as a share of the clip's standard deviation.
        held_out: share of the subjects of a recogniser's own data set to test it on.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        threads: of torch on the CPU. More are faster on an idle machine, far slower on a busy one,
            and round differently.
    """

    max_epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    gain: float
    noise: float
    held_out: float
    accelerator: str
    threads: int


@dataclass(frozen=True, slots=True, eq=False)
class TrainedRecogniser:
    """A frozen recogniser, what it was trained on, and how it does on subjects it has not seen."""

    recognise: FrozenRecogniser
    metrics: dict[str, float]


class RecogniserModule(lightning.LightningModule):
    """Trains a recogniser with class-weighted cross-entropy on mildly varied clips.

    Args:
        recogniser: (batch, *clip_shape) -> (embedding, logits), in place.
        class_weights: (class,).
        settings: see there.
    """

    def __init__(
        self, recogniser: nn.Module, class_weights: Tensor, settings: RecogniserSettings
    ) -> None:
        super().__init__()
        self.recogniser = recogniser
        self.settings = settings
        self.class_weights: Tensor
        self.register_buffer("class_weights", class_weights)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        _, logits = self.recogniser(self.vary(batch["clips"]))
        labels: Tensor = batch["labels"]
        return functional.cross_entropy(logits, labels, weight=self.class_weights)

    def vary(self, clips: Tensor) -> Tensor:
        """Return the clips (batch, *clip_shape) with a random gain and noise each."""
        one_each = (len(clips), *[1] * (clips.ndim - 1))
        gain = 1 + self.settings.gain * (2 * torch.rand(one_each, device=clips.device) - 1)
        deviation = clips.flatten(1).std(1).reshape(one_each)
        return gain * clips + self.settings.noise * deviation * torch.randn_like(clips)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
        steps = int(self.trainer.estimated_stepping_batches)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def train_recogniser(
    modality: Modality,
    clips: ClipTable,
    train_subjects: Sequence[str],
    settings: RecogniserSettings,
    seed: int,
    progress: Progress | None = None,
) -> TrainedRecogniser:
    """Train a modality's recogniser on some subjects' clips, test it on the others', freeze it.

    Raises:
        DatasetError: when a class has no clip in training.
    """
    target, module = modality.recogniser_target, modality.recogniser()
    if target is None or module is None:
        raise ValueError(f"modality '{modality.name}' has no recogniser")
    train = clips.of_subjects(train_subjects)
    held_out = clips.of_subjects(set(clips.subjects.tolist()) - set(train_subjects))
    counts = np.bincount(train.labels, minlength=len(target.classes))
    check_classes(
        dict(zip(target.classes, counts.tolist(), strict=True)), f"clips of '{modality.name}'"
    )
    weights = torch.tensor(len(train) / (len(counts) * counts), dtype=torch.float32)
    rows = {"clips": torch.from_numpy(train.arrays), "labels": torch.from_numpy(train.labels)}
    passes = count()
    fit(
        RecogniserModule(module, weights, settings),
        Batches(rows, settings.batch_size, lambda: seed * 1_000_003 + next(passes)),
        max_epochs=settings.max_epochs,
        accelerator=settings.accelerator,
        threads=settings.threads,
        what=f"training the {modality.name.replace('_', ' ')} recogniser",
        progress=progress,
    )
    recognise = FrozenRecogniser(module)
    predictions = [int(recognise(clip)[1].argmax()) for clip in held_out.arrays]
    predicted = np.array(predictions, np.int64)
    metrics = {
        "uar": uar(held_out.labels, predicted),
        "uf1": uf1(held_out.labels, predicted),
        "chance_uar": 1 / len(target.classes),
        "training_clips": len(train),
        "held_out_clips": len(held_out),
        "held_out_subjects": len(set(held_out.subjects.tolist())),
    }
    return TrainedRecogniser(recognise, metrics)
