"""Do conformal sets and intervals hold the truth as often as they promise, and for whom?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.fused import FUSED, FusedPredictions
from affectfuse.evaluation.resampling import Resampling, resample

__all__ = ["ConformalCoverage", "SubjectCoverage", "measure_conformal"]


@dataclass(frozen=True, slots=True)
class SubjectCoverage:
    """Of one subject: how many samples, and the share whose truth was held."""

    subject: str
    rows: int
    coverage: float


@dataclass(frozen=True, slots=True, eq=False)
class ConformalCoverage:
    """What the sets of a target, or the intervals of a scale, hold; means over the seeds.

    The promise is made of a new subject like those before, not of each subject or each class.

    Attributes:
        name: of the target of classes, or of the scale.
        promised: share that is to be held.
        overall: share that is held, with its interval over subjects.
        by_class: likewise of the samples of each class; empty for a scale.
        by_subject: of each subject, sorted by name.
        size: mean number of classes in a set; of a scale the mean width of its interval, infinite
            where too few samples were held out to bound it.
        singletons: share of sets of one class; NaN for a scale.
        rows: samples behind it.
    """

    name: str
    promised: float
    overall: Measured
    by_class: Mapping[str, Measured]
    by_subject: tuple[SubjectCoverage, ...]
    size: Measured
    singletons: Measured
    rows: int

    @property
    def holds(self) -> bool:
        """Whether the promised share lies in the interval of what is held."""
        return self.overall.low <= self.promised <= self.overall.high

    @property
    def spread(self) -> tuple[float, float, float]:
        """Least, median and greatest coverage of a subject."""
        found = [one.coverage for one in self.by_subject]
        return (min(found), float(np.median(found)), max(found)) if found else (np.nan,) * 3


def measure_conformal(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> list[ConformalCoverage]:
    """Return the coverage of a target's sets, or of each of its scales; [] where there are none."""
    if target.kind == "classes" and target.name in predictions.sets:
        return _sets(predictions.take(predictions.labelled(target)), target, draws, seed)
    if target.kind != "scales":
        return []
    found = []
    for column, name in enumerate(target.classes):
        if name not in predictions.half_widths:
            continue
        known = np.isfinite(predictions.labels[target.name][:, column])
        known &= ~np.isnan(predictions.half_widths[name]).any(0)
        found.append(_intervals(predictions.take(known), target, column, draws, seed))
    return found


def _sets(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> list[ConformalCoverage]:
    truth, sets = predictions.labels[target.name], predictions.sets[target.name]
    held = sets[:, np.arange(len(truth)), truth].mean(0)
    size = sets.sum(-1)
    resampling = resample(predictions.subjects, draws, seed)
    by_class = {
        name: _mean(held[truth == index], resampling.take(truth == index))
        for index, name in enumerate(target.classes)
    }
    return [
        ConformalCoverage(
            target.name,
            predictions.coverage,
            _mean(held, resampling),
            by_class,
            _by_subject(predictions.subjects, held),
            _mean(size.mean(0), resampling),
            _mean((size == 1).mean(0), resampling),
            len(predictions),
        )
    ]


def _intervals(
    predictions: FusedPredictions, target: Target, column: int, draws: int, seed: int
) -> ConformalCoverage:
    name = target.classes[column]
    truth = predictions.labels[target.name][:, column]
    said = predictions.estimates[FUSED][..., predictions.outputs_of(target)][..., column]
    reach = predictions.half_widths[name]
    held = (np.abs(said - truth) <= reach).mean(0)
    resampling = resample(predictions.subjects, draws, seed)
    width = 2.0 * reach.mean(0)
    unbounded = Measured(np.inf, np.nan, np.nan)
    return ConformalCoverage(
        name,
        predictions.coverage,
        _mean(held, resampling),
        {},
        _by_subject(predictions.subjects, held),
        _mean(width, resampling) if np.isfinite(width).all() else unbounded,
        Measured(np.nan, np.nan, np.nan),
        len(predictions),
    )


def _mean(values: Array, resampling: Resampling) -> Measured:
    return resampling.interval(resampling.mean(values))


def _by_subject(subjects: Array, held: Array) -> tuple[SubjectCoverage, ...]:
    return tuple(
        SubjectCoverage(str(who), int((subjects == who).sum()), float(held[subjects == who].mean()))
        for who in np.unique(subjects)
    )
