"""Labels of one or more targets: which ticks have them, what is known before, and the losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from affectfuse.containers import Array, Interval, Target
from affectfuse.errors import DatasetError, did_you_mean
from affectfuse.fusion.outputs import Outputs

__all__ = [
    "Labels",
    "check_labels",
    "concordance",
    "labelled",
    "labels_at",
    "loss",
    "output_statistics",
]

Labels = Mapping[str, Array]
"""By target: of 'classes' (row,) int64, the class's index or -1; of 'labels' and 'scales'
(row, output) float32, NaN where it is not labelled."""


def check_labels(key: str, intervals: Sequence[Interval], targets: Sequence[Target]) -> None:
    """Refuse a label that no target knows.

    Raises:
        DatasetError: naming the recording, the label and what is allowed.
    """
    classes = [c for target in targets if target.kind == "classes" for c in target.classes]
    names = ", ".join(f"'{target.name}'" for target in targets)
    for interval in intervals:
        if interval.label and classes and interval.label not in classes:
            raise DatasetError(
                f"recording '{key}' has the label '{interval.label}', which is no class of "
                f"{names}. {did_you_mean(interval.label, classes)}"
            )
        for target in targets:
            for name in target.classes if target.kind == "labels" else ():
                value = interval.values.get(name, np.nan)
                if not (np.isnan(value) or value in (0, 1)):
                    raise DatasetError(
                        f"recording '{key}' has {name} = {value:g}, a label of '{target.name}': "
                        "allowed are 0, 1 and nothing."
                    )


def labels_at(which: Array, intervals: Sequence[Interval], targets: Sequence[Target]) -> Labels:
    """Return the labels of rows, by target.

    Args:
        which: (row,) index of the interval that a row lies in, -1 for none.
        intervals: of the recording.
        targets: what is labelled.
    """
    found: dict[str, Array] = {}
    for target in targets:
        if target.kind == "classes":
            index = {name: place for place, name in enumerate(target.classes)}
            of_interval = np.array([*(index.get(i.label, -1) for i in intervals), -1], np.int64)
            found[target.name] = of_interval[which]
        else:
            values = [[i.values.get(n, np.nan) for n in target.classes] for i in intervals]
            nothing = [np.nan] * len(target.classes)
            found[target.name] = np.array([*values, nothing], np.float32)[which]
    return found


def labelled(labels: Labels) -> Array:
    """Return which rows have a label of any target, (row,) bool."""
    known = [
        found >= 0 if found.ndim == 1 else np.isfinite(found).any(1) for found in labels.values()
    ]
    return np.asarray(np.logical_or.reduce(known))


def output_statistics(labels: Labels, outputs: Outputs) -> tuple[Tensor, Tensor, Tensor]:
    """Return what is known before any evidence: prior logits, mean and scale, (output,) each.

    Of classes the log frequencies, of labels the log odds with half a label added on either side
    (a label that always holds would have infinite odds); of scales mean and standard deviation.
    """
    prior, mean, scale = (torch.zeros(len(outputs)) for _ in range(3))
    scale += 1.0
    for target in outputs.targets:
        part, found = outputs.of(target), labels[target.name]
        if target.kind == "classes":
            counts = np.bincount(found[found >= 0], minlength=len(target.classes))
            share = counts / max(1, counts.sum())
            prior[part] = torch.tensor(share, dtype=torch.float32).clamp_min(1e-6).log()
        elif target.kind == "labels":
            positive, known = np.nansum(found, 0), np.isfinite(found).sum(0)
            odds = (positive + 0.5) / (known - positive + 0.5)
            prior[part] = torch.from_numpy(np.log(odds)).float()
        else:
            known = np.isfinite(found)
            count = np.maximum(known.sum(0), 1)
            centre = np.where(known, found, 0).sum(0, dtype=np.float64) / count
            spread = np.sqrt(np.square(np.where(known, found - centre, 0.0)).sum(0) / count)
            mean[part] = torch.from_numpy(centre).float()
            scale[part] = torch.from_numpy(np.where(spread > 1e-9, spread, 1.0)).float()
    return prior, mean, scale


def loss(
    logits: Tensor,
    labels: Mapping[str, Tensor],
    outputs: Outputs,
    prior_logits: Tensor,
    output_scale: Tensor,
    class_weights: bool,
    rows: Tensor | None = None,
) -> Tensor:
    """Return the sum over targets of each one's mean loss over the rows that it labels.

    Classes: cross-entropy. Labels: the mean over labels of their cross-entropies. Scales: the mean
    over scales of 1 less the concordance correlation coefficient, plus the mean squared error in
    standard deviations of training, which tells where the coefficient does not (few rows, or all
    alike). A target that labels no row adds 0, so that a NaN never reaches the loss; its gradient
    is 0 too, so that every parameter has one in every batch, as training on several devices needs.

    Args:
        logits: (row, output).
        labels: see `Labels`, as tensors.
        outputs: what the logits stand for.
        prior_logits: (output,) of the model.
        output_scale: (output,), standard deviation in training of a scale.
        class_weights: weigh classes, and a label's two sides, equally. They are then taken on the
            evidence alone (logits less prior): the model learns likelihood ratios, and its
            probabilities, prior included, still stand for the frequencies in training.
        rows: (row,) bool, those that count; None: all.
    """
    total = logits.new_zeros(())
    for target in outputs.targets:
        part, truth = outputs.of(target), labels[target.name]
        said, prior = logits[:, part], prior_logits[part]
        known = truth >= 0 if target.kind == "classes" else torch.isfinite(truth)
        if rows is not None:
            known = known & (rows if known.ndim == 1 else rows[:, None])
        truth = torch.where(known, truth, 0)
        if target.kind == "classes":
            total = total + _class_loss(said, truth, known, prior, class_weights)
        elif target.kind == "labels":
            total = total + _label_loss(said, truth, known, prior, class_weights)
        else:
            scale = output_scale[part]
            total = total + _scale_loss(said / scale, truth / scale, known)
    return total


def concordance(estimates: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Return the concordance correlation coefficient of each column, (column,).

    Over its known rows, with population variances (1 / n). Lin 1989, doi:10.2307/2532051. NaN
    where no row is known, or the truth is constant.

    Args:
        estimates: (row, column).
        truth: (row, column), finite throughout.
        known: (row, column) bool.
    """
    weight = known.to(estimates.dtype)
    count = weight.sum(0).clamp_min(1.0)

    def mean(values: Tensor) -> Tensor:
        return (weight * values).sum(0) / count

    off, true_off = estimates - mean(estimates), truth - mean(truth)
    spread = mean(true_off.square())
    both = mean(off.square()) + spread + (mean(estimates) - mean(truth)).square()
    return torch.where(spread > 1e-9, 2 * mean(off * true_off) / both.clamp_min(1e-9), math.nan)


def _class_loss(
    said: Tensor, truth: Tensor, known: Tensor, prior: Tensor, class_weights: bool
) -> Tensor:
    weight = known.to(said.dtype)
    if class_weights:
        said = said - prior
        weight = weight * (torch.softmax(prior, -1).reciprocal() / len(prior))[truth]
    return _means(functional.cross_entropy(said, truth, reduction="none"), weight)


def _label_loss(
    said: Tensor, truth: Tensor, known: Tensor, prior: Tensor, class_weights: bool
) -> Tensor:
    weight = known.to(said.dtype)
    if class_weights:
        positive = torch.sigmoid(prior)
        weight = weight * torch.where(truth > 0, 0.5 / positive, 0.5 / (1 - positive))
        said = said - prior
    each = functional.binary_cross_entropy_with_logits(said, truth, reduction="none")
    return _means(_means(each, weight), known.any(0).to(said.dtype))


def _scale_loss(said: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    squared = _means((said - truth).square(), known.to(said.dtype))
    agreement = concordance(said, truth, known)
    disagreement = torch.where(torch.isnan(agreement), 0.0, 1.0 - agreement)
    return _means(disagreement + squared, known.any(0).to(said.dtype))


def _means(values: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted means over the first axis, 0 where nothing has a weight."""
    return (weight * values).sum(0) / weight.sum(0).clamp_min(1e-12)
