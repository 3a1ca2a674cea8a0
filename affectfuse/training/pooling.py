"""Weights of the log-linear pool, fitted on what models said of people they had not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import functional

from affectfuse.containers import Array
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.targets import Labels

__all__ = ["fit_pool_weights", "subsets"]

_HIGHEST = 2.0
"""As the lowest temperature allows: few held-out subjects may fit the model by accident."""

_MOST_SUBSETS_OF = 6


def subsets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Return every subset of the modalities but the empty one; of more than six modalities only
    the single ones, those that lack one, and all of them."""
    total = len(names)
    sizes = range(1, total + 1) if total <= _MOST_SUBSETS_OF else (1, total - 1, total)
    return [subset for size in sizes for subset in combinations(names, size)]


def fit_pool_weights(
    evidence: Mapping[str, Tensor],
    labels: Labels,
    outputs: Outputs,
    prior_logits: Tensor,
    output_scale: Tensor,
) -> dict[str, float]:
    """Return one weight a modality, from 0 to 2, for all outputs alike.

    Stacked generalisation (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1) with weights that are
    not negative (Breiman 1996, doi:10.1007/BF00117832): those under which the held-out labels are
    most likely, on the mean over all subsets of the modalities, so that what is left when some are
    missing stays calibrated. The problem is convex, and deterministic. A modality whose evidence
    says nothing of people whom its model has not seen gets no weight, or little; so does one that
    repeats what others say. Deviations: the likelihood in place of squared errors; the weights have
    a normal prior about 0 of standard deviation 1, as much as one row says, by which one that is
    never present gets 0.

    Args:
        evidence: by modality (row, output), what it adds to the prior, times its quality, in the
            targets' own units; 0 where it is absent. Of rows that its model has not learnt from.
        labels: of those rows.
        outputs: what is predicted.
        prior_logits: (output,) in the targets' own units.
        output_scale: (output,), standard deviation in training of a scale.
    """
    names = sorted(evidence)
    parts = torch.stack([evidence[name] for name in names], -1).double()
    prior, scale = prior_logits.double(), output_scale.double()

    def losses(weights: Tensor) -> Tensor:
        return _losses(prior + (parts * weights).sum(-1), labels, outputs, scale)

    shown = torch.tensor([[name in subset for name in names] for subset in subsets(names)])

    def objective(values: Array) -> tuple[float, Array]:
        weights = torch.tensor(values, requires_grad=True)
        total = weights.square().sum() / (2 * len(parts))
        for subset in shown:
            total = total + losses(weights * subset).sum() / len(shown)
        total.backward()  # type: ignore[no-untyped-call]
        assert weights.grad is not None
        return total.item(), weights.grad.numpy()

    best = minimize(
        objective,
        np.ones(len(names)),
        jac=True,
        bounds=[(0.0, _HIGHEST)] * len(names),
        method="L-BFGS-B",
    )
    return dict(zip(names, best.x.tolist(), strict=True))


def _losses(logits: Tensor, labels: Labels, outputs: Outputs, scale: Tensor) -> Tensor:
    """Return each row's share of the sum over targets of their mean negative log-likelihood.

    That of scales, up to a constant, with normal errors of their standard deviation in training.
    """
    total = logits.new_zeros(len(logits))
    for target in outputs.targets:
        truth, part = torch.from_numpy(labels[target.name]), outputs.of(target)
        said = logits[:, part]
        if target.kind == "classes":
            known = truth >= 0
            each = functional.cross_entropy(said, truth.clamp_min(0), reduction="none")
            total = total + torch.where(known, each, 0.0) / known.sum().clamp_min(1)
            continue
        known = torch.isfinite(truth)
        truth = torch.where(known, truth, 0.0).double()
        if target.kind == "labels":
            each = functional.binary_cross_entropy_with_logits(said, truth, reduction="none")
        else:
            each = ((said - truth) / scale[part]).square() / 2
        total = total + (torch.where(known, each, 0.0) / known.sum(0).clamp_min(1)).mean(1)
    return total
