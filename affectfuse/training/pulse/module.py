"""The pulse network in training: its losses, on windows of every length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.modalities.heart_rate.posterior import RATES_BPM
from affectfuse.modalities.heart_rate.pulse_network import PulseNetwork
from affectfuse.training.fused.data import Batch, Batches
from affectfuse.training.pulse.data import PulseWindows

__all__ = ["PulseData", "PulseModule", "PulseSettings", "correlation_loss", "two_hot"]

_SETTLED_S = 2.0


@dataclass(frozen=True, slots=True)
class PulseSettings:
    """How a pulse network is trained.

    Attributes:
        max_epochs: at most so many passes.
        patience: epochs without a better validation loss before training stops.
        batch_size: windows a step.
        learning_rate: highest one, of AdamW; it rises for a tenth of the steps, then falls to zero.
        weight_decay: of AdamW.
        wave_loss: weight of the waveform's loss beside that of the heart rate.
        least_s: half of the batches are cut to a length drawn between this and the whole window.
        width: of the network's convolutions.
        embedding_dim: of the network's embedding.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        threads: of torch on the CPU.
    """

    max_epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    wave_loss: float
    least_s: float
    width: int
    embedding_dim: int
    accelerator: str
    threads: int


class PulseData(lightning.LightningDataModule):
    """Windows to train on, and those of other seeds and subjects to stop early by."""

    def __init__(
        self, train: PulseWindows, validation: PulseWindows, batch_size: int, seed: int
    ) -> None:
        super().__init__()
        self._train, self._validation = train.batch(), validation.batch()
        self._batch_size = batch_size
        self._first_seed = seed

    def train_dataloader(self) -> Batches:
        return Batches(self._train, self._batch_size, self._seed)

    def val_dataloader(self) -> Batches:
        return Batches(self._validation, 4 * self._batch_size)

    def _seed(self) -> int:
        epoch = self.trainer.current_epoch if self.trainer else 0
        return self._first_seed * 1_000_003 + epoch


class PulseModule(lightning.LightningModule):
    """Trains a pulse network.

    The loss is the cross-entropy of the rate, a proper score, so that its probabilities come out
    calibrated on the kind of data it is trained on; and 1 less the correlation of the wave with the
    true one.

    Args:
        network: in place.
        settings: see there.
        seed: of the lengths that windows are cut to.
    """

    def __init__(self, network: PulseNetwork, settings: PulseSettings, seed: int) -> None:
        super().__init__()
        self.network = network
        self.settings = settings
        self._rate_hz = network.resonators.rate_hz
        self._generator = torch.Generator().manual_seed(seed)
        self._validated: list[Tensor] = []

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        length = batch["signals"].shape[-1]
        least = round(self.settings.least_s * self._rate_hz)
        if torch.rand((), generator=self._generator) < 0.5:
            length = int(torch.randint(least, length + 1, (), generator=self._generator))
        rate_loss, wave_loss = self.losses(batch, length)
        return rate_loss.mean() + self.settings.wave_loss * wave_loss

    def losses(self, batch: Batch, length: int) -> tuple[Tensor, Tensor]:
        """Return the losses of the rates (batch,) and of the waves, from each window's end."""
        signals, bvp = batch["signals"][..., -length:], batch["bvp"][:, -length:]
        (_, logits, wave), _ = self.network.step(signals, self.network.initial_state(len(signals)))
        rate_loss = functional.cross_entropy(logits, two_hot(batch["rates_bpm"]), reduction="none")
        settled = round(_SETTLED_S * self._rate_hz)
        return rate_loss, correlation_loss(wave[:, settled:], bvp[:, settled:])

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        self._validated.append(self.losses(batch, batch["signals"].shape[-1])[0])

    def on_validation_epoch_end(self) -> None:
        self.log("val_loss", torch.cat(self._validated).mean())
        self._validated.clear()

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=self.settings.learning_rate,
            weight_decay=self.settings.weight_decay,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            self.settings.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=0.1,
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def two_hot(rates_bpm: Tensor) -> Tensor:
    """Return targets (batch, rate + 1): a rate's two neighbours on the grid, with it as their mean.

    A rate of 0 is 'no pulse', the last class.
    """
    step_bpm = RATES_BPM[1] - RATES_BPM[0]
    place = ((rates_bpm - RATES_BPM[0]) / step_bpm).clamp(0, len(RATES_BPM) - 1)
    grid = torch.arange(len(RATES_BPM), device=rates_bpm.device)
    shares = (1 - (place[:, None] - grid).abs()).clamp_min(0)
    silent = (rates_bpm == 0)[:, None].to(shares.dtype)
    return torch.cat([shares * (1 - silent), silent], dim=1)


def correlation_loss(wave: Tensor, bvp: Tensor) -> Tensor:
    """Return 1 less the mean correlation, over the rows whose true wave is known and not flat."""
    wave, bvp = wave - wave.mean(1, keepdim=True), bvp - bvp.mean(1, keepdim=True)
    norm = (wave.square().sum(1) * bvp.square().sum(1)).clamp_min(1e-8).sqrt()
    known = bvp.square().sum(1) > 0
    correlation = torch.where(known, (wave * bvp).sum(1) / norm, 0.0)
    return 1 - correlation.sum() / known.sum().clamp_min(1)
