"""Folds inside the training subjects: how long to train, and what is said of people not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affectfuse.datasets.splits import Split, grouped_k_fold
from affectfuse.errors import ConfigError
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fitting import EpochLog
from affectfuse.training.fused.evaluation import predict
from affectfuse.training.fused.pooling import fit_pool_weights
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.training import FusedTraining

__all__ = ["HeldOut", "ask_folds", "learn_inner_folds", "pool_held_out"]


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """What models say of subjects that they have not seen.

    Attributes:
        rows: of all training subjects.
        said: of those rows, each by the model that was trained without its subject.
        priors: (row, output), prior logits of the model that spoke.
    """

    rows: SampleTable
    said: FusionOutput
    priors: Tensor

    def said_with(self, prior_logits: Tensor) -> FusionOutput:
        """Return what is said of the rows, its evidence added to one prior (output,)."""
        apart = prior_logits - self.priors
        own = {name: logits + apart for name, logits in self.said.modality_logits.items()}
        return FusionOutput(self.said.logits + apart, own, self.said.weights)


def learn_inner_folds(training: FusedTraining, split: Split) -> tuple[HeldOut, int]:
    """Return what is said of all training subjects, each by a model of others; and the epochs.

    Each fold is trained twice. The first time its held-out subjects choose its best epoch; the
    median over the folds is how long to train. The second time every fold is trained for just so
    long, and only what it then says counts: an epoch that held-out subjects chose fits them better
    than new people, and what is calibrated on them would be too sure of itself.

    Raises:
        ConfigError: when there are fewer subjects than folds.
    """
    settings = training.plan.settings
    subjects = (*split.train, *split.validation)
    if len(subjects) < settings.inner_folds:
        raise ConfigError(
            f"training.inner_folds is {settings.inner_folds} and the training subjects are "
            f"{len(subjects)}: set it to as many at most, or to 0."
        )
    folds = list(grouped_k_fold(subjects, settings.inner_folds, 0.0, training.seed))
    _, logs = ask_folds(training, folds, settings.max_epochs, stop_early=True)
    best = [1 + int(np.argmin([row["val_loss"] for row in log.rows])) for log in logs]
    epochs = max(1, round(float(np.median(best))))
    held_out, _ = ask_folds(training, folds, epochs, stop_early=False)
    return held_out, epochs


def ask_folds(
    training: FusedTraining, folds: Sequence[Split], max_epochs: int, *, stop_early: bool
) -> tuple[HeldOut, list[EpochLog]]:
    """Train a model on each fold; return what they say of those held out, and their logs.

    Args:
        training: trains them.
        folds: those of side `test` are held out.
        max_epochs: at most so many.
        stop_early: by the subjects that are held out, whose best epoch is taken.
    """
    table = training.table
    rows, parts, priors, logs = [], [], [], []
    for number, fold in enumerate(folds, start=1):
        chosen = Split(fold.train, fold.test if stop_early else (), ())
        name = f"inner fold {number}" + ("" if stop_early else " again")
        model, log, _ = training.train(chosen, max_epochs, name)
        rows.append(np.flatnonzero(np.isin(table.subjects, fold.test)))
        parts.append(predict(model, table.take(rows[-1])))
        priors.append(model.prior_logits.expand_as(parts[-1].logits))
        logs.append(log)
    joined = FusionOutput(
        torch.cat([part.logits for part in parts]),
        {
            name: torch.cat([part.modality_logits[name] for part in parts])
            for name in parts[0].modality_logits
        },
        {name: torch.cat([part.weights[name] for part in parts]) for name in parts[0].weights},
    )
    return HeldOut(table.take(np.concatenate(rows)), joined, torch.cat(priors)), logs


def pool_held_out(
    model: FusionModel, head: LogLinearPool, held_out: HeldOut, outputs: Outputs
) -> FusionOutput:
    """Weigh the pool by what inner folds say; return what it would so have said of their rows.

    Args:
        model: trained on all training subjects; its head is changed.
        head: of the model.
        held_out: what the inner folds say.
        outputs: what is predicted.
    """
    rows, prior = held_out.rows, model.prior_logits
    said = held_out.said_with(prior)
    own = {name: logits - prior for name, logits in said.modality_logits.items()}
    present = {name: torch.from_numpy(rows.present[name]) for name in own}
    trust = {
        name: torch.where(here, torch.from_numpy(rows.quality[name]), 0.0).clamp(0.0, 1.0)
        for name, here in present.items()
    }
    evidence = {name: trust[name].unsqueeze(-1) * logits for name, logits in own.items()}
    head.set_weights(
        fit_pool_weights(evidence, rows.labels, rows.subjects, outputs, prior, model.output_scale)
    )
    with torch.no_grad():
        weights = head.weigh(present, trust)
    pooled = prior + sum(weights[name].unsqueeze(-1) * logits for name, logits in own.items())
    return FusionOutput(pooled, said.modality_logits, weights)
