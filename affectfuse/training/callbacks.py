"""What Lightning calls as it trains: log, best weights, progress, and the training's state."""

from __future__ import annotations

import csv
import io
import math
import pickle
import time
import zipfile
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from lightning_fabric.plugins.io.checkpoint_io import CheckpointIO
from pytorch_lightning.callbacks import Callback, Checkpoint
from torch import Tensor

from affectfuse.datasets.base import Progress
from affectfuse.errors import ConfigError
from affectfuse.files import write_whole

__all__ = ["BestWeights", "EpochLog", "EpochProgress", "TrainingState", "WholeFiles"]

_SHARE_OF_TIME = 0.02
"""Training's state is written so seldom that it takes no more of the time than this."""

_DAMAGED = (
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    KeyError,
    zipfile.BadZipFile,
    pickle.UnpicklingError,
)
"""What reading a file raises that is not there, or not as it was written."""


class EpochProgress(Callback):
    """Tells how many epochs are done."""

    def __init__(self, progress: Progress, what: str) -> None:
        self._progress = progress
        self._what = what

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        self._progress(self._what, trainer.current_epoch + 1, trainer.max_epochs or 0)

    def on_train_end(self, trainer: lightning.Trainer, module: Any) -> None:
        total = trainer.max_epochs or 0  # stopped early is finished too
        self._progress(self._what, total, total)


class EpochLog(Callback):
    """Collects, one row an epoch, the mean training loss and what was logged in validation.

    The training loss is taken from the steps, not logged in them: that costs a quarter of a step.
    Each row also goes to the trainer's loggers, by epoch.
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(outputs["loss"])

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        mean = torch.stack(self._losses).mean() * trainer.accumulate_grad_batches
        self._losses.clear()
        train_loss = float(trainer.strategy.reduce(mean, reduce_op="mean"))
        if not math.isfinite(train_loss):
            raise ConfigError(
                f"training diverged in epoch {trainer.current_epoch}: the loss is {train_loss}. "
                "Lower learning_rate in the recipe."
            )
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        row = {"train_loss": train_loss, **logged}
        self.rows.append({"epoch": trainer.current_epoch, **row})
        for logger in trainer.loggers:
            logger.log_metrics(row, trainer.current_epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self.rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = state_dict["rows"]

    def csv(self) -> str:
        """Return the rows as CSV text, an undefined metric as NaN."""
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="NaN", lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {n: "NaN" if math.isnan(v) else f"{v:.6g}" for n, v in row.items()} for row in self.rows
        )
        return text.getvalue()


class BestWeights(Callback):
    """Keeps the weights of the epoch with the lowest metric and puts them back at the end."""

    def __init__(self, monitor: str) -> None:
        self._monitor = monitor
        self._best = math.inf
        self._weights: dict[str, Tensor] | None = None

    def on_validation_end(self, trainer: lightning.Trainer, module: Any) -> None:
        value = float(trainer.callback_metrics[self._monitor])
        if value < self._best:
            self._best = value
            self._weights = {name: w.detach().clone() for name, w in module.state_dict().items()}

    def on_fit_end(self, trainer: lightning.Trainer, module: Any) -> None:
        if self._weights is not None:
            module.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        return {"best": self._best, "weights": self._weights}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._best, self._weights = state_dict["best"], state_dict["weights"]


class TrainingState(Checkpoint):
    """Writes the whole state of the training at the ends of epochs, so that it can go on.

    It is Lightning's checkpoint (weights, optimiser, loops, the state of every callback), and here
    also that of torch's random numbers. Lightning calls a `Checkpoint` after all other callbacks:
    what they know of the epoch is in it.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._finished = False
        self._wait_s = 0.0
        self._written_s = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        # Of the last epoch `finish` keeps the state: there is nothing to go on with.
        if trainer.should_stop or trainer.current_epoch + 1 == trainer.max_epochs:
            return
        if trainer.strategy.broadcast(time.monotonic() - self._written_s >= self._wait_s):
            self._write(trainer)

    def finish(self, trainer: lightning.Trainer) -> None:
        """Keep the outcome, so that training again takes no time."""
        self._finished = True
        self._write(trainer)

    def _write(self, trainer: lightning.Trainer) -> None:
        began_s = time.monotonic()
        trainer.save_checkpoint(self._path)
        self._written_s = time.monotonic()
        self._wait_s = (self._written_s - began_s) / _SHARE_OF_TIME

    def found(self, module: lightning.LightningModule, log: EpochLog) -> bool | None:
        """Return whether the state that is there is that of a finished training; None: none is.

        A finished training's weights and log are put in place.
        """
        try:
            content = WholeFiles().load_checkpoint(self._path)
            state = content["callbacks"][self.state_key]
            if state["finished"]:
                module.load_state_dict(content["state_dict"])
                log.load_state_dict(content["callbacks"][log.state_key])
                self.load_state_dict(state)
        except _DAMAGED:
            return None  # not there, or damaged: training begins anew
        return bool(state["finished"])

    def state_dict(self) -> dict[str, Any]:
        return {"finished": self._finished, "random": torch.get_rng_state()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        torch.set_rng_state(state_dict["random"])


class WholeFiles(CheckpointIO):
    """Checkpoints that are written whole or not at all, and read without running code in them."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        write_whole(Path(path), buffer.getvalue())

    def load_checkpoint(
        self, path: Any, map_location: Any = "cpu", weights_only: bool | None = True
    ) -> dict[str, Any]:
        with zipfile.ZipFile(path) as parts:
            damaged = parts.testzip()  # torch does not look at the checksums that it writes
        if damaged:
            raise zipfile.BadZipFile(f"{damaged} in {path} is damaged")
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return content

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)
