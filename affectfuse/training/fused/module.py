"""The fused model in training: its losses, modality dropout and validation metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as lightning
import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor

from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fused.data import Batch
from affectfuse.training.fused.targets import loss

__all__ = ["AffectModule", "TrainingSettings", "drop_modalities"]

_SHOWN = ("uar", "uf1", "auroc", "ccc")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How the fused model is trained.

    Attributes:
        max_epochs: at most so many passes.
        patience: epochs without a better validation loss before training stops.
        batch_size: samples a batch, of all devices together.
        accumulate: batches a step of the optimiser.
        learning_rate: of AdamW; None: found by a range test, see `find_learning_rate`.
        weight_decay: of AdamW.
        modality_dropout: probability that a present modality is hidden from one sample in
            training; one is always left.
        modality_loss: weight of the unimodal losses beside the fused one.
        class_weights: weigh classes equally in the loss, however rare they are.
        inner_folds: 0: validation subjects choose the epoch, the temperatures and the conformal
            thresholds; 2 or more: as many folds inside the training subjects do, each subject by a
            model that has not seen it, and the model then learns from all of them; they also weigh
            the modalities of a log-linear pool. Each fold is trained twice, see
            `affectfuse.training.fused.inner_folds`.
        coverage: of the conformal prediction sets, in (0, 1).
        encoders_from: a checkpoint of affectfuse; the encoders of its modalities, and what
            standardises their samples, begin with its weights. None: all encoders begin anew.
        freeze_encoders: leave the encoders as they are: embeddings are computed once, and the head
            alone learns. False: encoders and head learn together.
        gradient_clip: largest norm of a step's gradient; None: any.
        precision: Lightning's: '32-true', 'bf16-mixed' or '16-mixed'.
        compile: compile the model with torch.compile: worth it for large encoders.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        devices: to train on at once, on each of the `nodes`; each takes its share of every batch.
        nodes: machines, each of which runs the same command.
        strategy: Lightning's: 'auto', 'ddp', 'ddp_find_unused_parameters_true'.
        threads: of torch on the CPU; more round differently.
        tensorboard: also write TensorBoard's event files.
    """

    max_epochs: int
    patience: int
    batch_size: int
    accumulate: int
    learning_rate: float | None
    weight_decay: float
    modality_dropout: float
    modality_loss: float
    class_weights: bool
    inner_folds: int
    coverage: float
    encoders_from: str | None
    freeze_encoders: bool
    gradient_clip: float | None
    precision: str
    compile: bool
    accelerator: str
    devices: int
    nodes: int
    strategy: str
    threads: int
    tensorboard: bool

    def __post_init__(self) -> None:
        if not 0 <= self.modality_dropout < 1:
            raise ValueError(
                f"modality_dropout is {self.modality_dropout}; it must be at least 0 and below 1."
            )
        if self.inner_folds < 0 or self.inner_folds == 1:
            raise ValueError(f"inner_folds is {self.inner_folds}; it must be 0, or 2 or more.")
        if not 0 < self.coverage < 1:
            raise ValueError(f"coverage is {self.coverage}; it must be above 0 and below 1.")
        for name in ("max_epochs", "patience", "batch_size", "accumulate", "devices", "nodes",
                     "threads"):  # fmt: skip
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} is {value}; it must be a whole number, 1 or more.")
        for name in ("weight_decay", "modality_loss"):
            value = getattr(self, name)
            if not value >= 0:
                raise ValueError(f"{name} is {value}; it must be 0 or more.")
        for name in ("learning_rate", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} is {value}; it must be above 0, or null.")


class AffectModule(lightning.LightningModule):
    """Trains a fusion model.

    The loss is the fused one plus `modality_loss` times that of the present modalities, each on its
    own logits, all of them pooled; see `affectfuse.training.fused.targets.loss`. Where several
    processes train, it is the loss of their whole batch, whichever of them holds which rows: what
    one process would have.

    Args:
        model: in place.
        outputs: what it predicts.
        settings: see there; a learning rate is given.
    """

    def __init__(self, model: FusionModel, outputs: Outputs, settings: TrainingSettings) -> None:
        super().__init__()
        self.model = model
        self.outputs = outputs
        self.settings = settings
        self._validated: list[tuple[Tensor, dict[str, Tensor]]] = []
        self._processes = 1
        self._whole: Callable[..., FusionOutput] = model.forward
        self._head: Callable[..., FusionOutput] = model.fuse

    def setup(self, stage: str) -> None:
        self._processes = self.trainer.world_size
        if self.settings.compile:
            self._whole = torch.compile(self.model.forward)
            self._head = torch.compile(self.model.fuse)

    def _output(self, batch: Batch, present: dict[str, Tensor]) -> FusionOutput:
        if "embeddings" in batch:
            return self._head(batch["embeddings"], present, batch["quality"])
        return self._whole(batch["samples"], present, batch["quality"])

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        present = batch["present"]
        if self.settings.modality_dropout:
            present = drop_modalities(present, batch["draws"], self.settings.modality_dropout)
        output = self._output(batch, present)
        said = torch.stack([output.logits, *output.modality_logits.values()], 1)
        rows = torch.stack([present[name] for name in output.modality_logits], 1)
        labels, own = batch["labels"], None
        if self._processes > 1:  # each takes the loss of the whole batch
            said = self._gathered(said)
            rows, labels, own = self._gathered((rows, labels, batch["own"]))
            rows = rows & own[:, None]
        modalities = rows.shape[1]
        pooled = {n: found.repeat_interleave(modalities, 0) for n, found in labels.items()}
        modality_loss = self._loss(said[:, 1:].flatten(0, 1), pooled, rows.flatten())
        total = self._loss(said[:, 0], labels, own) + self.settings.modality_loss * modality_loss
        if self._processes > 1:
            # Each has the gradient of its own rows; of these the mean is taken, not the sum.
            total = self._processes * total - (self._processes - 1) * total.detach()
        return total

    def _gathered(self, values: Any) -> Any:
        """Return the rows of all processes, one after another; own rows have a gradient."""

        def join(value: Tensor) -> Tensor:
            parts = [torch.empty_like(value) for _ in range(self._processes)]
            torch.distributed.all_gather(parts, value.detach().contiguous())
            parts[self.global_rank] = value
            return torch.cat(parts)

        return apply_to_collection(values, Tensor, join)

    def _loss(
        self, logits: Tensor, labels: dict[str, Tensor], rows: Tensor | None = None
    ) -> Tensor:
        return loss(
            logits.float(),
            labels,
            self.outputs,
            self.model.prior_logits,
            self.model.output_scale,
            self.settings.class_weights,
            rows,
        )

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        output = self._output(batch, batch["present"])
        self._validated.append((output.logits.float(), batch["labels"]))

    def on_validation_epoch_end(self) -> None:
        logits = torch.cat([part for part, _ in self._validated])
        labels = {
            name: torch.cat([part[name] for _, part in self._validated])
            for name in self._validated[0][1]
        }
        self._validated.clear()
        self._log("val_loss", self._loss(logits, labels))
        values = self.outputs.activate(logits).cpu().numpy()
        for target in self.outputs.targets:
            truth, part = labels[target.name].cpu().numpy(), self.outputs.of(target)
            for name, value in target_metrics(target, truth, values[:, part]).items():
                if name in _SHOWN:
                    suffix = f"_{target.name}" if len(self.outputs.targets) > 1 else ""
                    self._log(f"val_{name}{suffix}", value)

    def _log(self, name: str, value: float | Tensor) -> None:
        # Every process has seen all of the validation samples; the mean keeps them of one mind.
        self.log(name, value, sync_dist=True, logger=False)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        assert self.settings.learning_rate is not None
        return torch.optim.AdamW(
            [parameter for parameter in self.parameters() if parameter.requires_grad],
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
            # One kernel for all parameters; with 16-mixed Lightning could not clip gradients.
            fused=self.settings.precision != "16-mixed",
        )


def drop_modalities(
    present: dict[str, Tensor], draws: Tensor, probability: float
) -> dict[str, Tensor]:
    """Hide present modalities at random; a sample that had some keeps at least one.

    Args:
        present: by modality (batch,) bool.
        draws: (batch, modality), uniform in [0, 1), modalities by name.
        probability: that a present one is hidden.
    """
    names = sorted(present)
    before = torch.stack([present[name] for name in names], 1)
    # The largest draw among the present ones always stays.
    best = torch.where(before, draws, -1.0).argmax(1, keepdim=True)
    kept = before & (draws >= probability).scatter(1, best, True)
    return {name: kept[:, index] for index, name in enumerate(names)}
