"""Lightning as it is used here: quiet, deterministic, told of nothing it need not know."""

from __future__ import annotations

import csv
import io
import logging
import math
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytorch_lightning as lightning
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from pytorch_lightning.callbacks import Callback, EarlyStopping
from torch import Tensor

from affectfuse.datasets.base import Progress
from affectfuse.errors import ConfigError

__all__ = ["BestWeights", "EpochLog", "EpochProgress", "deterministic", "fit", "torch_threads"]


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """Seed torch and ask for deterministic algorithms, for the length of the block."""
    before = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before, warn_only=warn_only)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning's own remarks off the user's screen; errors still come as exceptions."""
    logger = logging.getLogger("pytorch_lightning")  # devices found, tips, "max_epochs reached"
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Few batches an epoch are intended: tables are small and lie in memory.
            warnings.filterwarnings("ignore", "The number of training batches")
            # A graphics card that the recipe does not ask for is left to others.
            warnings.filterwarnings("ignore", "GPU available but not used")
            # Lightning 2.6 asks torch 2.13 for a tree's leaves in the old way.
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def torch_threads(count: int | None) -> Iterator[None]:
    """Let torch use so many threads, for the length of the block; None leaves them."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


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
    """

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self._losses: list[Tensor] = []

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self._losses.append(outputs["loss"])

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: Any) -> None:
        train_loss = float(torch.stack(self._losses).mean())
        self._losses.clear()
        if not math.isfinite(train_loss):
            raise ConfigError(
                f"training diverged in epoch {trainer.current_epoch}: the loss is {train_loss}. "
                "Lower learning_rate in the recipe."
            )
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        self.rows.append({"epoch": trainer.current_epoch, "train_loss": train_loss, **logged})

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


def fit(
    module: lightning.LightningModule,
    data: lightning.LightningDataModule | Iterable[Any],
    *,
    max_epochs: int,
    patience: int | None = None,
    accelerator: str = "cpu",
    precision: str = "32-true",
    threads: int | None = None,
    what: str = "training",
    progress: Progress | None = None,
) -> EpochLog:
    """Fit a module in place; return what was logged, by epoch.

    Args:
        module: what is trained.
        data: a data module, or the training batches.
        max_epochs: at most so many passes.
        patience: stop after so many epochs without a lower 'val_loss', and take the weights of the
            best one; None trains to the end.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        precision: Lightning's: '32-true', 'bf16-mixed' or '16-mixed'.
        threads: of torch on the CPU; None leaves them.
        what: named in the progress.
        progress: told of each epoch.

    Raises:
        ConfigError: when the accelerator is not there, or the loss is no longer finite.
    """
    log = EpochLog()
    callbacks: list[Callback] = [log]
    if progress:
        callbacks.append(EpochProgress(progress, what))
    if patience is not None:
        callbacks += [BestWeights("val_loss"), EarlyStopping("val_loss", patience=patience)]
    with _quiet(), torch_threads(threads):
        try:
            trainer = lightning.Trainer(
                max_epochs=max_epochs,
                accelerator=accelerator,
                precision=precision,  # type: ignore[arg-type]  # a str; Lightning checks it
                devices=1,
                callbacks=callbacks,
                logger=False,
                enable_checkpointing=False,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                limit_val_batches=None if patience is not None else 0,
            )
        except (MisconfigurationException, ValueError) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"accelerator '{accelerator}', precision '{precision}': {reason} Use cpu or auto, "
                "and 32-true."
            ) from error
        if isinstance(data, lightning.LightningDataModule):
            trainer.fit(module, datamodule=data)
        else:
            trainer.fit(module, train_dataloaders=data)
    module.to("cpu").eval()
    return log
