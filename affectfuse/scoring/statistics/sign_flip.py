"""Exact tests and intervals for the mean of a few differences: their signs are flipped."""

from __future__ import annotations

import math

import numpy as np
from scipy.stats import t as student

from affectfuse.containers import Array

__all__ = ["LEAST_PAIRS", "mean_interval", "sign_flip_p"]

LEAST_PAIRS = 6
"""With five pairs no sign flip is rarer than 1 in 16, so there is no interval at 95 %."""

_MOST_EXACT = 14


def sign_flip_p(differences: Array) -> float:
    """Return the exact two-sided p that differences are symmetric about zero; NaN below six.

    Of all 2^n ways to flip signs the share whose mean is as far from zero as the given one; of more
    than 14 differences Student's t test.
    """
    known = differences[np.isfinite(differences)]
    if len(known) < LEAST_PAIRS:
        return math.nan
    if len(known) > _MOST_EXACT:
        error = _standard_error(known)
        if error == 0.0:
            return math.nan
        return float(2.0 * student.sf(abs(known.mean()) / error, len(known) - 1))
    sums = known.sum() - 2.0 * _subset_sums(known)
    return float(np.mean(np.abs(sums) >= abs(known.sum()) * (1.0 - 1e-9) - 1e-12))


def mean_interval(differences: Array, confidence: float = 0.95) -> tuple[float, float]:
    """Return an interval for the mean of differences; NaN below six.

    Up to 14 differences it is exact: the means that the sign-flip test does not reject, whose ends
    are order statistics of the means of all subsets. With more it is Student's.

    Args:
        differences: (pair,) NaN where missing.
        confidence: at least this much, exactly what the subsets allow.

    Reference:
        Hartigan (1969), Using subsample values as typical values, Journal of the American
        Statistical Association 64. DOI 10.1080/01621459.1969.10501057.
    """
    known = differences[np.isfinite(differences)]
    if len(known) < LEAST_PAIRS:
        return math.nan, math.nan
    if len(known) > _MOST_EXACT:
        reach = _standard_error(known) * float(student.ppf(0.5 + confidence / 2.0, len(known) - 1))
        return float(known.mean() - reach), float(known.mean() + reach)
    means = np.sort(_subset_sums(known)[1:] / _subset_sums(np.ones(len(known)))[1:])
    outside = math.floor((1.0 - confidence) / 2.0 * 2 ** len(known) + 1e-9)
    if outside < 1:
        return math.nan, math.nan
    return float(means[outside - 1]), float(means[-outside])


def _standard_error(known: Array) -> float:
    return float(known.std(ddof=1)) / math.sqrt(len(known))


def _subset_sums(values: Array) -> Array:
    """Return the sum of every subset (2^n,), the empty one first."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums
