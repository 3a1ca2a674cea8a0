"""Folds inside the training subjects: how long to train, and what is said of people not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from affectfuse.datasets.splits import Split, grouped_k_fold
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.evaluation import predict
from affectfuse.training.fused_training import FusedTraining
from affectfuse.training.pooling import fit_pool_weights
from affectfuse.training.samples import SampleTable

__all__ = ["HeldOut", "learn_inner_folds", "pool_held_out"]


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
    """
    table, settings = training.table, training.plan.settings
    subjects = (*split.train, *split.validation)
    folds = list(grouped_k_fold(subjects, settings.inner_folds, 0.0, training.seed))
    best = []
    for number, fold in enumerate(folds, start=1):
        chosen = Split(fold.train, fold.test, ())
        _, log, _ = training.train(chosen, settings.max_epochs, f"inner fold {number}")
        best.append(1 + int(np.argmin([row["val_loss"] for row in log.rows])))
    epochs = max(1, round(float(np.median(best))))
    rows, parts, priors = [], [], []
    for number, fold in enumerate(folds, start=1):
        name = f"inner fold {number} again"
        model, _, _ = training.train(Split(fold.train, (), ()), epochs, name)
        rows.append(np.flatnonzero(np.isin(table.subjects, fold.test)))
        parts.append(predict(model, table.take(rows[-1])))
        priors.append(model.prior_logits.expand_as(parts[-1].logits))
    joined = FusionOutput(
        torch.cat([part.logits for part in parts]),
        {
            name: torch.cat([part.modality_logits[name] for part in parts])
            for name in parts[0].modality_logits
        },
        {name: torch.cat([part.weights[name] for part in parts]) for name in parts[0].weights},
    )
    return HeldOut(table.take(np.concatenate(rows)), joined, torch.cat(priors)), epochs


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
    head.set_weights(fit_pool_weights(evidence, rows.labels, outputs, prior, model.output_scale))
    with torch.no_grad():
        weights = head.weigh(present, trust)
    pooled = prior + sum(weights[name].unsqueeze(-1) * logits for name, logits in own.items())
    return FusionOutput(pooled, said.modality_logits, weights)
