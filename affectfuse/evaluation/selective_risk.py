"""Is a decision the likelier wrong, the less sure it is? Risk against coverage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from affectfuse.containers import Array, Target
from affectfuse.evaluation.bootstrap import Measured, measured
from affectfuse.evaluation.confidence import equal_mass_bins, risk_curve
from affectfuse.evaluation.decisions import Decisions
from affectfuse.evaluation.resampling import Resampling

__all__ = ["SelectiveRisk", "selective_risk"]

_LEVELS = 1000
"""In the draws, of more confidences so many bins of them; the interval is hardly another."""


@dataclass(frozen=True, slots=True, eq=False)
class SelectiveRisk:
    """Share of wrong decisions among the most confident ones.

    Attributes:
        target: its name.
        coverage, risk: (point,) share of the samples that is decided, and the errors among them.
        area: mean risk over all coverages (AURC), with its interval over subjects.
        optimal: the same area if every wrong decision were less confident than every right one.
        random: the same area if confidence meant nothing: the share of errors.
    """

    target: str
    coverage: Array
    risk: Array
    area: Measured
    optimal: float
    random: float


def selective_risk(target: Target, decisions: Decisions) -> SelectiveRisk:
    """Return risk against coverage of the decisions of all seeds together.

    Decisions of equal confidence enter in random order: the area is its expectation.
    Reference: Geifman et al. 2019, arXiv:1805.08206.
    """
    pooled = decisions.pooled()
    confidence, wrong = pooled.confidence[0], (~pooled.correct[0]).astype(float)
    if not len(wrong):
        nothing = Measured(np.nan, np.nan, np.nan)
        return SelectiveRisk(target.name, wrong, wrong, nothing, np.nan, np.nan)
    drawn = pooled.resampling
    once = Resampling(np.zeros(len(wrong), np.int64), np.ones((1, 1)))
    area = float(_area(confidence, wrong, once)[0])
    levels = equal_mass_bins(confidence, _LEVELS) if len(wrong) > _LEVELS else confidence
    return SelectiveRisk(
        target.name,
        *risk_curve(confidence, wrong),
        measured(area, _area(levels, wrong, drawn)[1:]),
        float(_area(-wrong, wrong, once)[0]),
        float(wrong.mean()),
    )


def _area(confidence: Array, wrong: Array, drawn: Resampling) -> Array:
    """Return the mean risk over all coverages by draw, a row as often there as it is drawn.

    Of n decisions of equal confidence, e of them wrong, that follow upon N with E wrong, the j-th
    has the expected risk (E + j e / n) / (N + j); over j that adds up to harmonic numbers.
    """
    levels, level = np.unique(-confidence, return_inverse=True)
    shape = (drawn.weights.shape[1], len(levels))
    rows = csr_array((np.ones(len(wrong)), (drawn.units, level)), shape=shape)
    errors = csr_array((wrong, (drawn.units, level)), shape=shape)
    here, wrong_here = (np.asarray(drawn.weights @ part) for part in (rows, errors))
    total, wrong_total = np.cumsum(here, 1), np.cumsum(wrong_here, 1)
    before, wrong_before = total - here, wrong_total - wrong_here
    harmonic = np.append(0.0, np.cumsum(1.0 / np.arange(1, total.max() + 1)))
    share = wrong_here / np.maximum(here, 1.0)
    between = harmonic[total.astype(np.int64)] - harmonic[before.astype(np.int64)]
    with np.errstate(invalid="ignore"):
        summed = (wrong_here + (wrong_before - share * before) * between).sum(1)
        return np.asarray(summed / total[:, -1])
