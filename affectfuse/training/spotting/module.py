"""The spotter network in training: its losses, on windows drawn anew for each epoch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytorch_lightning as lightning
import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.modalities.micro_expression.spotter_network import SpotterNetwork
from affectfuse.training.spotting.data import WindowSampler

__all__ = ["SpotterModule", "SpotterSettings", "Windows", "spotting_losses"]

_BETA_S = 0.05


@dataclass(frozen=True, slots=True)
class SpotterSettings:
    """How a spotter network is trained.

    Attributes:
        steps: of the optimiser.
        batch_size: windows a step.
        window_s: length of a window.
        planted_per_min: expressions planted into the windows, on average.
        learning_rate: highest one, of AdamW; it rises for a tenth of the steps, then falls to zero.
        weight_decay: of AdamW.
        times_loss: weight of the losses of the times beside that of the kinds.
        most_false_alarms_per_min: on the validation subjects and as other faces show their motion,
            of either kind; of the thresholds that hold it, the one with the highest F1 is taken.
        least_confidence: no threshold is lower. Faces that are quite unlike those of the data set
            raise more false alarms than its validation subjects can show.
        width: of the network's convolutions.
        dilations: of its blocks, in steps.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        threads: of torch on the CPU.
    """

    steps: int
    batch_size: int
    window_s: float
    planted_per_min: float
    learning_rate: float
    weight_decay: float
    times_loss: float
    most_false_alarms_per_min: float
    least_confidence: float
    width: int
    dilations: list[int]
    accelerator: str
    threads: int

    def __post_init__(self) -> None:
        for name, least in {"steps": 20, "batch_size": 1, "width": 1}.items():
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        if not 0.0 < self.least_confidence < 1.0:
            raise ValueError(
                f"least_confidence is {self.least_confidence}; a probability must lie between 0 "
                "and 1."
            )
        if not self.window_s >= 4.0:
            raise ValueError(f"window_s is {self.window_s}; a window must hold at least 4 s.")


class Windows:
    """So many batches of windows, drawn as they are asked for."""

    def __init__(self, sampler: WindowSampler, batch_size: int, batches: int) -> None:
        self._sampler = sampler
        self._batch_size = batch_size
        self._batches = batches

    def __len__(self) -> int:
        return self._batches

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        for _ in range(self._batches):
            arrays = self._sampler.draw(self._batch_size)
            yield tuple(torch.from_numpy(np.ascontiguousarray(a, np.float32)) for a in arrays)


class SpotterModule(lightning.LightningModule):
    """Trains a spotter network, in place.

    Args:
        network: in place.
        settings: see there.
    """

    def __init__(self, network: SpotterNetwork, settings: SpotterSettings) -> None:
        super().__init__()
        self.network = network
        self.settings = settings

    def training_step(self, batch: tuple[Tensor, ...], batch_index: int) -> Tensor:
        signals, kinds, times_s = batch
        kinds_loss, times_loss = spotting_losses(self.network(signals), kinds, times_s)
        return kinds_loss + self.settings.times_loss * times_loss

    def configure_optimizers(self) -> Any:
        s = self.settings
        optimizer = torch.optim.AdamW(
            self.parameters(), lr=s.learning_rate, weight_decay=s.weight_decay
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            s.learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=0.1,
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        torch.nn.utils.clip_grad_norm_(self.parameters(), 1.0)


def spotting_losses(out: Tensor, kinds: Tensor, times_s: Tensor) -> tuple[Tensor, Tensor]:
    """Return the losses of the kinds and of the times.

    The first is the Kullback-Leibler divergence of the kinds' probabilities from the wanted ones,
    a mean over the steps that count; the second, over the steps that are asked, 1 less the
    intersection over union of the intervals, and a smooth absolute error of offset, fall and rise
    by the interval's length.

    Args:
        out: of the network, (batch, output, time).
        kinds: (batch, 3, time), NaN where a step is not to count.
        times_s: (batch, 3, time), NaN where it is not asked.
    """
    counted = ~torch.isnan(kinds[:, 0])
    wanted = torch.nan_to_num(kinds)
    said = functional.log_softmax(out[:, :3], dim=1)
    divergence = torch.special.xlogy(wanted, wanted).sum(1) - (wanted * said).sum(1)
    kinds_loss = (divergence * counted).sum() / counted.sum().clamp_min(1)
    asked = ~torch.isnan(times_s[:, 0]) & counted
    true = times_s.permute(0, 2, 1)[asked]
    told = out[:, 3:].permute(0, 2, 1)[asked]
    if not len(true):
        return kinds_loss, kinds_loss.new_zeros(())
    length = true[:, 1] + true[:, 2]
    error = functional.smooth_l1_loss(told, true, reduction="none", beta=_BETA_S)
    error = (error / (length[:, None] + 0.2)).mean()
    return kinds_loss, error + (1.0 - _overlap(told, true)).mean()


def _overlap(told: Tensor, true: Tensor) -> Tensor:
    """Return the intersection over union of intervals given as (offset, fall, rise)."""
    begins = [part[:, 0] - part[:, 1] - part[:, 2] for part in (told, true)]
    ends = [told[:, 0], true[:, 0]]
    common = (torch.minimum(*ends) - torch.maximum(*begins)).clamp_min(0.0)
    return common / (torch.maximum(*ends) - torch.minimum(*begins))
