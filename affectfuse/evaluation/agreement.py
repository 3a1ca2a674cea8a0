"""Bland-Altman agreement when each subject was measured many times."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.evaluation.base import Pairs

__all__ = ["Agreement", "bland_altman"]

_QUANTILE = 1.959963984540054


@dataclass(frozen=True, slots=True)
class Agreement:
    """Bias and 95 % limits of agreement, in bpm; NaN where undefined; and how they were found."""

    bias_bpm: float
    low_bpm: float
    high_bpm: float
    note: str


def bland_altman(pairs: Pairs) -> Agreement:
    """Return bias and limits of agreement of estimate minus reference.

    The variance of a single difference is that within subjects plus that between them, from a
    one-way analysis of variance with unequal counts, for a true value that varies.
    Reference: Bland and Altman 2007, doi:10.1080/10543400701329422.
    """
    error = pairs.error_bpm[pairs.covered]
    _, subject = np.unique(pairs.subjects[pairs.covered], return_inverse=True)
    if len(error) < 2:
        return Agreement(*_limits(error, math.nan), "Fewer than two estimates: no limits")
    counts = np.bincount(subject)
    if len(counts) == 1:
        spread = float(error.var(ddof=1))
        note = "One subject: the limits hold for that subject alone"
        return Agreement(*_limits(error, spread), note)
    if counts.max() == 1:
        spread = float(error.var(ddof=1))
        return Agreement(*_limits(error, spread), "One estimate a subject")
    means = np.bincount(subject, error) / counts
    within = float(((error - means[subject]) ** 2).sum()) / (len(error) - len(counts))
    between_square = float((counts * (means - error.mean()) ** 2).sum()) / (len(counts) - 1)
    size = (len(error) - float((counts**2).sum()) / len(error)) / (len(counts) - 1)
    between = max(0.0, (between_square - within) / size)
    note = (
        f"Repeated measures: variance within subjects {within:.2f} plus between subjects "
        f"{between:.2f} bpm\u00b2 (Bland and Altman 2007)"
    )
    return Agreement(*_limits(error, within + between), note)


def _limits(error: Array, variance: float) -> tuple[float, float, float]:
    bias = float(error.mean()) if len(error) else math.nan
    reach = _QUANTILE * math.sqrt(variance)
    return bias, bias - reach, bias + reach
