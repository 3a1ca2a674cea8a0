"""Weights of the log-linear pool, fitted on what models said of people they had not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor
from torch.autograd.functional import hessian
from torch.nn import functional

from affectfuse.containers import Array
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fused.targets import Labels

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
    subjects: Array,
    outputs: Outputs,
    prior_logits: Tensor,
    output_scale: Tensor,
) -> dict[str, float]:
    """Return one weight a modality, from 0 to 2, for all outputs alike.

    Stacked generalisation (Wolpert 1992, doi:10.1016/S0893-6080(05)80023-1) with weights that are
    not negative (Breiman 1996, doi:10.1007/BF00117832): those under which the held-out labels are
    most likely, on the mean over all subsets of the modalities, so that what is left when some are
    missing stays calibrated. The problem is convex, and deterministic. A modality whose weight is
    less than its standard error over subjects gets none, and the others are fitted again: it says
    nothing, as far as these subjects show, of people whom its model has not seen, or it repeats
    what others say. Deviations: the likelihood in place of squared errors; the weights have a
    normal prior about 0 of standard deviation 1, as much as one row says, by which one that is
    never present gets 0.

    Args:
        evidence: by modality (row, output), what it adds to the prior, times its quality, in the
            targets' own units; 0 where it is absent. Of rows that its model has not learnt from.
        labels: of those rows.
        subjects: (row,) who.
        outputs: what is predicted.
        prior_logits: (output,) in the targets' own units.
        output_scale: (output,), standard deviation in training of a scale.
    """
    names = sorted(evidence)
    parts = torch.stack([evidence[name] for name in names], -1).double()
    prior, scale = prior_logits.double(), output_scale.double()
    shown = torch.tensor([[name in subset for name in names] for subset in subsets(names)])

    def by_row(weights: Tensor) -> Tensor:
        total = (weights.square().sum() / (2 * len(parts)) / len(parts)).expand(len(parts))
        for subset in shown:
            said = prior + (parts * (weights * subset)).sum(-1)
            total = total + _losses(said, labels, outputs, scale) / len(shown)
        return total

    weights = _least(by_row, np.full(len(names), _HIGHEST))
    known = weights > _standard_errors(by_row, weights, subjects)
    weights = _least(by_row, np.where(known, _HIGHEST, 0.0))
    return dict(zip(names, weights.tolist(), strict=True))


def _least(by_row: Callable[[Tensor], Tensor], highest: Array) -> Array:
    """Return the weights, from 0 to `highest`, under which the rows lose least."""

    def objective(values: Array) -> tuple[float, Array]:
        weights = torch.tensor(values, requires_grad=True)
        total = by_row(weights).sum()
        total.backward()  # type: ignore[no-untyped-call]
        assert weights.grad is not None
        return total.item(), weights.grad.numpy()

    start = np.minimum(highest, 1.0)
    bounds = [(0.0, high) for high in highest]
    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B")
    return np.asarray(found.x)


def _standard_errors(by_row: Callable[[Tensor], Tensor], weights: Array, subjects: Array) -> Array:
    """Return each weight's standard error: rows of one subject go together.

    The sandwich estimator (Liang and Zeger 1986, doi:10.1093/biomet/73.1.13).
    """
    at = torch.tensor(weights)
    curvature = hessian(lambda w: by_row(w).sum(), at)  # type: ignore[no-untyped-call]
    bread = np.linalg.inv(curvature.numpy())
    who = np.unique(subjects, return_inverse=True)[1]
    each = np.stack([np.bincount(who, _slope(by_row, at, step)) for step in _steps(at)], -1)
    spread = each.T @ each * len(each) / max(len(each) - 1, 1)
    return np.asarray(np.sqrt(np.diag(bread @ spread @ bread)))


def _steps(at: Tensor) -> Tensor:
    return 1e-5 * torch.eye(len(at), dtype=at.dtype)


def _slope(by_row: Callable[[Tensor], Tensor], at: Tensor, step: Tensor) -> Array:
    """Return the derivative of each row's loss along a small step, by central differences."""
    return np.asarray((by_row(at + step) - by_row(at - step)) / (2 * step.sum()))


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
