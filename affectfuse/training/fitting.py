"""Lightning as it is used here: quiet, deterministic, told of nothing it need not know."""

from __future__ import annotations

import logging
import shutil
import signal
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.callbacks import Callback, EarlyStopping
from pytorch_lightning.loggers import Logger, TensorBoardLogger
from pytorch_lightning.utilities.exceptions import SIGTERMException

from affectfuse.datasets.base import Progress
from affectfuse.errors import ConfigError
from affectfuse.training.callbacks import (
    BestWeights,
    EpochLog,
    EpochProgress,
    TrainingState,
    WholeFiles,
)
from affectfuse.training.orphans import end_with_parent

__all__ = ["EpochLog", "deterministic", "first_process", "fit", "torch_threads"]


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
    # Devices found, processes begun, tips, "max_epochs reached".
    loggers = [logging.getLogger(name) for name in ("pytorch_lightning", "lightning_fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            # Few batches an epoch are intended: tables are small and lie in memory.
            warnings.filterwarnings("ignore", "The number of training batches")
            # A graphics card that the recipe does not ask for is left to others.
            warnings.filterwarnings("ignore", "GPU available but not used")
            # Frozen encoders are in evaluation mode, and stay so.
            warnings.filterwarnings("ignore", "Found .* module.s. in eval mode")
            # What the recipe asks for is done, or refused: nothing else in its place.
            warnings.filterwarnings("error", ".*AMP with fp16 is not supported on CPU")
            # What torch.compile imports is deprecated in torch itself.
            warnings.filterwarnings("ignore", ".*torch.jit", DeprecationWarning)
            # Lightning 2.6 asks torch 2.13 for a tree's leaves in the old way.
            warnings.filterwarnings("ignore", ".*LeafSpec", FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
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


def first_process() -> bool:
    """Return whether this process is the only one that trains, or the first of several."""
    rank: int = getattr(rank_zero_only, "rank", 0)
    return rank == 0


def fit(
    module: lightning.LightningModule,
    data: lightning.LightningDataModule | Iterable[Any],
    *,
    max_epochs: int,
    patience: int | None = None,
    accumulate: int = 1,
    gradient_clip: float | None = None,
    accelerator: str = "cpu",
    precision: str = "32-true",
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
    threads: int | None = None,
    state: Path | None = None,
    logs: Path | None = None,
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
        accumulate: batches a step of the optimiser.
        gradient_clip: largest norm of a step's gradient; None: any.
        accelerator: Lightning's: 'cpu', 'gpu' or 'auto'.
        precision: Lightning's: '32-true', 'bf16-mixed' or '16-mixed'.
        devices: to train on at once, on each of the `nodes`.
        nodes: machines.
        strategy: Lightning's: 'auto', 'ddp', 'ddp_find_unused_parameters_true'.
        threads: of torch on the CPU; None leaves them.
        state: file for the state of the training. Where it is there already, training goes on from
            it: give the same module, data and seed as then. At the end it holds the outcome.
        logs: folder for TensorBoard's event files, made anew; None: none.
        what: named in the progress.
        progress: told of each epoch.

    Raises:
        ConfigError: when the hardware is not there, or the loss is no longer finite.
    """
    if devices * nodes > 1 and not first_process():
        end_with_parent()
    log = EpochLog()
    callbacks: list[Callback] = [log]
    if progress:
        callbacks.append(EpochProgress(progress, what))
    if patience is not None:
        callbacks += [BestWeights("val_loss"), EarlyStopping("val_loss", patience=patience)]
    keeping = TrainingState(state) if state else None
    finished = keeping.found(module, log) if keeping else None
    if finished:
        if progress:
            progress(what, max_epochs, max_epochs)
        module.eval()
        return log
    if logs and finished is None and first_process():
        shutil.rmtree(logs, ignore_errors=True)  # of another training; its curves would be mixed in
    with _quiet(), torch_threads(threads):
        try:
            trainer = lightning.Trainer(
                max_epochs=max_epochs,
                accumulate_grad_batches=accumulate,
                gradient_clip_val=gradient_clip,
                accelerator=accelerator,
                precision=precision,  # type: ignore[arg-type]  # a str; Lightning checks it
                devices=devices,
                num_nodes=nodes,
                strategy=strategy,
                callbacks=[*callbacks, keeping] if keeping else callbacks,
                plugins=[WholeFiles()],
                logger=_tensorboard(logs) if logs else False,
                enable_checkpointing=keeping is not None,
                enable_progress_bar=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                limit_val_batches=None if patience is not None else 0,
                use_distributed_sampler=False,
            )
        except (MisconfigurationException, ValueError, UserWarning) as error:
            reason = " ".join(str(error).split())
            raise ConfigError(
                f"accelerator '{accelerator}', precision '{precision}', devices {devices}, "
                f"strategy '{strategy}': {reason} Use cpu or auto, 32-true, 1 and auto."
            ) from error
        resumed = state if finished is not None else None
        of_module = isinstance(data, lightning.LightningDataModule)
        source = {"datamodule": data} if of_module else {"train_dataloaders": data}
        on_interrupt = signal.getsignal(signal.SIGINT)
        try:
            trainer.fit(module, ckpt_path=resumed, **source)  # type: ignore[arg-type]
        except SIGTERMException as ended:  # to Lightning a success
            raise SystemExit(128 + signal.SIGTERM) from ended
        except SystemExit as ended:  # how Lightning answers Ctrl-C; it also stays deaf to the next
            if not isinstance(ended.__context__, KeyboardInterrupt):
                raise
            signal.signal(signal.SIGINT, on_interrupt)
            raise KeyboardInterrupt from ended
        module.to("cpu").eval()
        if keeping:
            keeping.finish(trainer)
    return log


def _tensorboard(folder: Path) -> Logger:
    try:
        return TensorBoardLogger(folder.parent, folder.name, version="")
    except ModuleNotFoundError as error:
        raise ConfigError(
            "TensorBoard is not installed: pip install 'affectfuse[tensorboard]', or set "
            "training.tensorboard=false."
        ) from error
