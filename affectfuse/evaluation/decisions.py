"""What was decided of each sample, how sure, and whether rightly; the calibration of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.confidence import BINS, Bin, equal_mass_bins, reliability_bins
from affectfuse.evaluation.drawn_metrics import drawn_ece
from affectfuse.evaluation.resampling import Resampling

__all__ = [
    "DecisionCalibration",
    "Decisions",
    "decide",
    "measure_calibration",
]

_REDRAWS = 1000
_AT_ONCE = 4_000_000
"""Random numbers held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The most probable class of each sample; of labels, whether each is so, one after the other.

    Attributes:
        confidence: (seed, decision) probability of what was decided.
        correct: (seed, decision) bool.
        resampling: of the decisions.
    """

    confidence: Array
    correct: Array
    resampling: Resampling

    def pooled(self) -> Decisions:
        """Return the decisions of all seeds one after the other, as if of one."""
        seeds = len(self.confidence)
        drawn = replace(self.resampling, units=np.tile(self.resampling.units, seeds))
        return Decisions(self.confidence.reshape(1, -1), self.correct.reshape(1, -1), drawn)


def decide(target: Target, truth: Array, values: Array, resampling: Resampling) -> Decisions:
    """Return the decisions about a target of classes or labels.

    Args:
        target: what is predicted.
        truth: of classes (row,) index or -1; of labels (row, output), NaN where not labelled.
        values: (seed, row, output) probabilities.
        resampling: of the rows.
    """
    if target.kind == "classes":
        known = truth >= 0
        said = values[:, known]
        correct = said.argmax(-1) == truth[known]
        return Decisions(said.max(-1), correct, resampling.take(known))
    known = np.isfinite(truth)
    said = values[:, known]
    correct = (said > 0.5) == (truth[known] > 0.5)
    return Decisions(np.maximum(said, 1 - said), correct, resampling.take(np.nonzero(known)[0]))


@dataclass(frozen=True, slots=True, eq=False)
class DecisionCalibration:
    """Whether decisions are right as often as they are confident.

    Attributes:
        target: its name.
        ece: over ten bins of equal mass, the mean over seeds, with its interval over subjects.
        expected: mean ECE of labels redrawn from the model's own probabilities: its noise.
        expected_high: their 95th percentile.
        bins: the reliability curve, of all seeds together.
    """

    target: str
    ece: Measured
    expected: float
    expected_high: float
    bins: list[Bin]

    @property
    def within_noise(self) -> bool:
        """Whether a calibrated model would as often as 5 % of the time have an ECE as high."""
        return self.ece.value <= self.expected_high


def measure_calibration(target: Target, decisions: Decisions, seed: int) -> DecisionCalibration:
    """Return the calibration of decisions.

    The noise of the ECE is found by drawing, a thousand times, whether each decision is right with
    its own confidence for probability; all seeds of a model share the draws, as they share the
    labels. Samples are drawn one by one: those of one subject in truth go together, so the real
    noise is higher and the comparison strict. Reference: Vaicenavicius et al. 2019,
    arXiv:1902.06977 (consistency resampling: Broecker and Smith 2007, doi:10.1175/WAF993.1).
    """
    drawn = decisions.resampling
    each = zip(decisions.confidence, decisions.correct, strict=True)
    ece = drawn.interval(np.mean([drawn_ece(*said, drawn) for said in each], axis=0))
    redrawn = _redrawn_ece(decisions.confidence, np.random.default_rng(seed))
    pooled = decisions.pooled()
    return DecisionCalibration(
        target.name,
        ece,
        float(redrawn.mean()),
        float(np.percentile(redrawn, 95.0)),
        reliability_bins(
            pooled.confidence[0],
            pooled.correct[0],
            pooled.resampling.units,
            pooled.resampling.weights[1:],
        ),
    )


def _redrawn_ece(confidence: Array, rng: np.random.Generator) -> Array:
    """Return the mean over seeds of the ECE of labels drawn from the confidence, (redraw,)."""
    rows = confidence.shape[1]
    if rows < BINS:
        return np.full(_REDRAWS, np.nan)
    cut = [equal_mass_bins(said) for said in confidence]
    order = [np.argsort(bins, kind="stable") for bins in cut]
    edges = [np.unique(np.sort(bins), return_index=True)[1] for bins in cut]
    found = []
    step = max(1, _AT_ONCE // rows)
    for start in range(0, _REDRAWS, step):
        chance = rng.random((min(step, _REDRAWS - start), rows), dtype=np.float32)
        total = np.zeros(len(chance))
        for said, by_bin, first in zip(confidence, order, edges, strict=True):
            sure = said[by_bin]
            gaps = (chance[:, by_bin] < sure.astype(np.float32)) - sure
            total += np.abs(np.add.reduceat(gaps, first, axis=1)).sum(1) / rows
        found.append(total / len(confidence))
    return np.concatenate(found)
