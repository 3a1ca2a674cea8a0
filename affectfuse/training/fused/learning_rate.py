"""A learning rate found on the training samples themselves."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from itertools import chain, repeat

import numpy as np
import torch

from affectfuse.errors import ConfigError
from affectfuse.training.fused.data import Batch
from affectfuse.training.fused.module import AffectModule

__all__ = ["LOWEST_RATE", "find_learning_rate"]

LOWEST_RATE, _HIGHEST_RATE = 1e-5, 1.0
_STEPS = 100
_BEGINNING = 10
_SMOOTHING = 0.9
_DIVERGED = 4.0


def find_learning_rate(module: AffectModule, batches: Iterable[Batch]) -> float:
    """Return the rate at which the loss falls fastest, as the rate grows from step to step.

    The range test of Smith 2017, "Cyclical learning rates for training neural networks",
    doi:10.1109/WACV.2017.58: the rate grows by the same factor in each of 100 steps from 1e-5 to 1;
    the losses, of the training batches, are smoothed; it ends when the loss is four times its
    lowest. The module is left as it was. Deterministic, on the CPU, in every process alike.

    Args:
        module: what is to be trained, at any rate.
        batches: of the training samples, repeated as often as needed.

    Raises:
        ConfigError: when the loss never falls.
    """
    tried = copy.deepcopy(module).train()
    optimizer = tried.configure_optimizers()
    rates = np.geomspace(LOWEST_RATE, _HIGHEST_RATE, _STEPS)
    losses: list[float] = []
    mean = 0.0
    with torch.random.fork_rng():
        endless = chain.from_iterable(repeat(batches))
        for step, rate in enumerate(rates):
            for group in optimizer.param_groups:
                group["lr"] = float(rate)
            optimizer.zero_grad()
            total = 0.0
            for _ in range(module.settings.accumulate):
                part = tried.training_step(next(endless), step) / module.settings.accumulate
                part.backward()  # type: ignore[no-untyped-call]
                total += float(part.detach())
            optimizer.step()
            mean = _SMOOTHING * mean + (1 - _SMOOTHING) * total
            losses.append(mean / (1 - _SMOOTHING ** (step + 1)))
            if step >= _BEGINNING and not losses[-1] < _DIVERGED * min(losses):
                losses.pop()
                break
    slope = np.gradient(losses, np.log(rates[: len(losses)]))[_BEGINNING:]
    if not len(slope) or not math.isfinite(slope.min()) or slope.min() >= 0:
        raise ConfigError(
            "no learning rate was found: the loss of the training samples falls at none from "
            f"{LOWEST_RATE:g} to {_HIGHEST_RATE:g}. Set training.learning_rate, such as 0.01."
        )
    return float(rates[_BEGINNING + int(np.argmin(slope))])
