"""The fused model in training: its losses, modality dropout and validation metrics."""

from __future__ import annotations

from dataclasses import dataclass

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.fusion.model import FusionModel
from affectfuse.training.data import Batch
from affectfuse.training.metrics import auroc, uar, uf1

__all__ = ["AffectModule", "TrainingSettings"]


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
    accelerator: str

    def __post_init__(self) -> None:
        if not 0 <= self.modality_dropout < 1:
            raise ValueError(
                f"modality_dropout is {self.modality_dropout}; it must be at least 0 and below 1."
            )
        for name in ("max_epochs", "patience", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")


class AffectModule(lightning.LightningModule):
    """Trains a fusion model.

    The loss is the fused cross-entropy plus `modality_loss` times the mean cross-entropy of the
    present modalities, each on its own logits. With class weights both are taken on the evidence
    (logits less log prior): the model then learns likelihood ratios, and its probabilities, prior
    included, still stand for the frequencies in training.

    Args:
        model: in place.
        settings: see there.
        seed: of the modality dropout, which differs by epoch.
    """

    def __init__(self, model: FusionModel, settings: TrainingSettings, seed: int) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self._seed = seed
        self._generator = torch.Generator()
        self._validated: list[tuple[Tensor, Tensor]] = []

    def on_train_epoch_start(self) -> None:
        self._generator.manual_seed(self._seed * 1_000_003 + self.current_epoch)

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        present = self.drop_modalities(batch["present"])
        output = self.model(batch["samples"], present, batch["quality"])
        labels: Tensor = batch["labels"]
        loss = self._cross_entropy(output.logits, labels)
        rows = torch.stack([present[name] for name in output.modality_logits])
        losses = torch.stack(
            [
                self._cross_entropy(logits, labels, reduction="none")
                for logits in output.modality_logits.values()
            ]
        )
        modality_loss = torch.where(rows, losses, 0.0).sum() / rows.sum().clamp_min(1)
        return loss + self.settings.modality_loss * modality_loss

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

    def _cross_entropy(self, logits: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
        if not self.settings.class_weights:
            return functional.cross_entropy(logits, labels, reduction=reduction)
        log_prior = self.model.head.log_prior
        weight = (-log_prior).exp() / len(log_prior)
        return functional.cross_entropy(
            logits - log_prior, labels, weight=weight, reduction=reduction
        )

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        output = self.model(batch["samples"], batch["present"], batch["quality"])
        self._validated.append((output.logits, batch["labels"]))

    def on_validation_epoch_end(self) -> None:
        logits = torch.cat([part for part, _ in self._validated])
        labels = torch.cat([part for _, part in self._validated])
        self._validated.clear()
        self.log("val_loss", self._cross_entropy(logits, labels))
        truth, probabilities = labels.cpu().numpy(), torch.softmax(logits, -1).cpu().numpy()
        predictions = probabilities.argmax(1)
        self.log("val_uar", uar(truth, predictions))
        self.log("val_uf1", uf1(truth, predictions))
        self.log("val_auroc", auroc(truth, probabilities))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            self.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
