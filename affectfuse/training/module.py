"""The fused model in training: its losses, modality dropout and validation metrics."""

from __future__ import annotations

from dataclasses import dataclass

import pytorch_lightning as lightning
import torch
from torch import Tensor

from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.data import Batch
from affectfuse.training.targets import loss

__all__ = ["AffectModule", "TrainingSettings"]

_SHOWN = ("uar", "uf1", "auroc", "ccc")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How the fused model is trained.

    Attributes:
        max_epochs: at most so many passes.
        patience: epochs without a better validation loss before training stops.
        batch_size: samples a step.
        learning_rate: of AdamW.
        weight_decay: of AdamW.
        modality_dropout: probability that a present modality is hidden from one sample in
            training; one is always left.
        modality_loss: weight of the unimodal losses beside the fused one.
        class_weights: weigh classes equally in the loss, however rare they are.
        inner_folds: 0: validation subjects choose the epoch, the temperatures and the conformal
            thresholds; 2 or more: as many folds inside the training subjects do, each subject by a
            model that has not seen it, and the model then learns from all of them.
        coverage: of the conformal prediction sets, in (0, 1).
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
    """

    max_epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    modality_dropout: float
    modality_loss: float
    class_weights: bool
    inner_folds: int
    coverage: float
    accelerator: str

    def __post_init__(self) -> None:
        if not 0 <= self.modality_dropout < 1:
            raise ValueError(
                f"modality_dropout is {self.modality_dropout}; it must be at least 0 and below 1."
            )
        if self.inner_folds < 0 or self.inner_folds == 1:
            raise ValueError(f"inner_folds is {self.inner_folds}; it must be 0, or 2 or more.")
        if not 0 < self.coverage < 1:
            raise ValueError(f"coverage is {self.coverage}; it must be above 0 and below 1.")
        for name in ("max_epochs", "patience", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")


class AffectModule(lightning.LightningModule):
    """Trains a fusion model.

    The loss is the fused one plus `modality_loss` times that of the present modalities, each on its
    own logits, all of them pooled; see `affectfuse.training.targets.loss`.

    Args:
        model: in place.
        outputs: what it predicts.
        settings: see there.
        seed: of the modality dropout, which differs by epoch.
    """

    def __init__(
        self, model: FusionModel, outputs: Outputs, settings: TrainingSettings, seed: int
    ) -> None:
        super().__init__()
        self.model = model
        self.outputs = outputs
        self.settings = settings
        self._seed = seed
        self._generator = torch.Generator()
        self._validated: list[tuple[Tensor, dict[str, Tensor]]] = []

    def on_train_epoch_start(self) -> None:
        self._generator.manual_seed(self._seed * 1_000_003 + self.current_epoch)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        present = self.drop_modalities(batch["present"])
        output = self.model(batch["samples"], present, batch["quality"])
        labels: dict[str, Tensor] = batch["labels"]
        own = output.modality_logits
        pooled = {name: torch.cat([found] * len(own)) for name, found in labels.items()}
        rows = torch.cat([present[name] for name in own])
        modality_loss = self._loss(torch.cat(list(own.values())), pooled, rows)
        return self._loss(output.logits, labels) + self.settings.modality_loss * modality_loss

    def drop_modalities(self, present: dict[str, Tensor]) -> dict[str, Tensor]:
        """Hide present modalities at random; a sample that had some keeps at least one."""
        rate = self.settings.modality_dropout
        if rate == 0:
            return present
        names = sorted(present)
        before = torch.stack([present[name] for name in names], 1)
        drawn = torch.rand(before.shape, generator=self._generator).to(before.device)
        # The largest draw among the present ones always stays.
        best = torch.where(before, drawn, -1.0).argmax(1, keepdim=True)
        kept = before & (drawn >= rate).scatter(1, best, True)
        return {name: kept[:, index] for index, name in enumerate(names)}

    def _loss(
        self, logits: Tensor, labels: dict[str, Tensor], rows: Tensor | None = None
    ) -> Tensor:
        return loss(
            logits,
            labels,
            self.outputs,
            self.model.prior_logits,
            self.model.output_scale,
            self.settings.class_weights,
            rows,
        )

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        output = self.model(batch["samples"], batch["present"], batch["quality"])
        self._validated.append((output.logits, batch["labels"]))

    def on_validation_epoch_end(self) -> None:
        logits = torch.cat([part for part, _ in self._validated])
        labels = {
            name: torch.cat([part[name] for _, part in self._validated])
            for name in self._validated[0][1]
        }
        self._validated.clear()
        self.log("val_loss", self._loss(logits, labels))
        values = self.outputs.activate(logits).cpu().numpy()
        for target in self.outputs.targets:
            truth, part = labels[target.name].cpu().numpy(), self.outputs.of(target)
            for name, value in target_metrics(target, truth, values[:, part]).items():
                if name in _SHOWN:
                    suffix = f"_{target.name}" if len(self.outputs.targets) > 1 else ""
                    self.log(f"val_{name}{suffix}", value)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
