"""Error against confidence: does the confidence say when an estimate can be relied on?

The confidence of a heart rate means the probability that it is at most 3 bpm off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.evaluation.base import Pairs

__all__ = [
    "BINS",
    "FAR_BPM",
    "HIT_BPM",
    "NEAR_BPM",
    "Bin",
    "auroc",
    "ece",
    "equal_mass_bins",
    "reliability",
    "reliability_bins",
    "risk_coverage",
    "risk_curve",
]

HIT_BPM = 3.0
"""An error of at most this is what the confidence is the probability of."""

NEAR_BPM, FAR_BPM = 2.0, 5.0
"""AUROC tells errors above FAR_BPM from errors of at most NEAR_BPM; those between are left out."""

BINS = 10
"""Bins of equal mass of every ECE and reliability curve."""


def auroc(pairs: Pairs, weights: Array) -> float:
    """Return the probability that a near estimate is more confident than a far one, ties half.

    NaN when there is none of either kind.
    """
    order = pairs.by_confidence[::-1]  # least confident first
    error, score = np.abs(pairs.error_bpm[order]), pairs.confidence[order]
    near = weights[order] * (error <= NEAR_BPM)
    far = weights[order] * (error > FAR_BPM)
    if near.sum() <= 0.0 or far.sum() <= 0.0:
        return math.nan
    tie = np.concatenate([[0], np.cumsum(np.diff(score) > 0.0)])
    near_at, far_at = np.bincount(tie, near), np.bincount(tie, far)
    below = np.cumsum(far_at) - 0.5 * far_at
    return float(near_at @ below) / float(near.sum() * far.sum())


def equal_mass_bins(confidence: Array, bins: int = BINS) -> Array:
    """Return the bin of each row, (row,), 0 for the least confident.

    Bins hold numbers of rows that differ by at most one, but for ties: rows of equal confidence
    share the bin of the middle one of them, lest the order in which they came decide.

    Args:
        confidence: (row,).
        bins: how many.
    """
    _, level, counts = np.unique(confidence, return_inverse=True, return_counts=True)
    sizes = [len(part) for part in np.array_split(np.arange(len(confidence)), bins)]
    middle = np.cumsum(counts) - 1 - counts // 2
    return np.asarray(np.repeat(np.arange(bins), sizes)[middle][level])


def _rows_of_bins(confidence: Array) -> list[Array]:
    """Return the indices of the rows of each bin that has some, the least confident first."""
    bins = equal_mass_bins(confidence)
    return [np.flatnonzero(bins == index) for index in np.unique(bins)]


def _bin(pairs: Pairs, rows: Array, weights: Array) -> tuple[float, float, float]:
    """Return total weight, mean confidence and share within HIT_BPM of some rows."""
    w = weights[rows]
    total = float(w.sum())
    if total <= 0.0:
        return 0.0, math.nan, math.nan
    hit = np.abs(pairs.error_bpm[rows]) <= HIT_BPM
    return total, float(w @ pairs.confidence[rows]) / total, float(w @ hit) / total


def ece(pairs: Pairs, weights: Array) -> float:
    """Return the expected calibration error of 'at most 3 bpm off', over ten bins of equal mass.

    The mean over estimates of |share within 3 bpm - mean confidence| of their bin, see
    `equal_mass_bins`. The bins are cut by unweighted counts. NaN with fewer estimates than bins. It
    is never below its own noise: with few independent estimates a perfect confidence has an ECE
    above 0.
    Reference: Nixon et al. 2019, arXiv:1904.01685.
    """
    if np.count_nonzero(pairs.covered) < BINS:
        return math.nan
    order = pairs.by_confidence[::-1]
    parts = _rows_of_bins(pairs.confidence[order])
    bins = [_bin(pairs, order[rows], weights) for rows in parts]
    total = sum(mass for mass, _, _ in bins)
    if total <= 0.0:
        return math.nan
    return sum(mass * abs(hit - mean) for mass, mean, hit in bins if mass > 0.0) / total


@dataclass(frozen=True, slots=True)
class Bin:
    """One bin of the reliability plot.

    Attributes:
        rows: how many estimates.
        confidence: their mean confidence.
        share: of them that are right (of a heart rate: at most 3 bpm off).
        low, high: interval of the share.
    """

    rows: int
    confidence: float
    share: float
    low: float
    high: float


def reliability(pairs: Pairs, draws: Array) -> list[Bin]:
    """Return the share within 3 bpm by confidence, see `reliability_bins`.

    Args:
        pairs: of all recordings.
        draws: (draw, subject) how often each subject was drawn; empty gives no intervals.
    """
    order = pairs.by_confidence[::-1]
    hit = np.abs(pairs.error_bpm[order]) <= HIT_BPM
    return reliability_bins(pairs.confidence[order], hit, pairs.subject_index[order], draws)


def reliability_bins(confidence: Array, right: Array, units: Array, draws: Array) -> list[Bin]:
    """Return how often estimates are right by confidence, see `equal_mass_bins`.

    Args:
        confidence: (row,) probability of being right.
        right: (row,) bool.
        units: (row,) index of the subject.
        draws: (draw, subject) how often each subject was drawn; empty gives no intervals.
    """
    found, count = [], draws.shape[1]
    for rows in _rows_of_bins(confidence):
        mass = draws @ np.bincount(units[rows], minlength=count)
        hits = draws @ np.bincount(units[rows], right[rows], minlength=count)
        shares = hits[mass > 0.0] / mass[mass > 0.0]
        low, high = np.percentile(shares, [2.5, 97.5]) if len(shares) else (math.nan, math.nan)
        share = float(right[rows].mean())
        found.append(Bin(len(rows), float(confidence[rows].mean()), share, float(low), float(high)))
    return found


def risk_coverage(pairs: Pairs, points: int = 200) -> tuple[Array, Array]:
    """Return coverage and MAE of the most confident estimates, see `risk_curve`.

    Coverage is of all rows that count, so the curve ends where estimates end.
    """
    order = pairs.by_confidence
    error = np.abs(pairs.error_bpm[order])
    coverage, risk = risk_curve(pairs.confidence[order], error, points)
    return coverage * len(order) / max(len(pairs), 1), risk


def risk_curve(confidence: Array, loss: Array, points: int = 200) -> tuple[Array, Array]:
    """Return coverage and mean loss of the most confident rows, from few to all (point,).

    Rows of equal confidence enter together.
    """
    if not len(loss):
        return np.zeros(0), np.zeros(0)
    order = np.argsort(-confidence, kind="stable")
    score = confidence[order]
    ends = np.append(np.flatnonzero(np.diff(score) != 0.0), len(order) - 1)
    if len(ends) > points:
        ends = ends[np.unique(np.linspace(0, len(ends) - 1, points).round().astype(int))]
    running = np.cumsum(loss[order]) / np.arange(1, len(order) + 1)
    return (ends + 1) / len(order), running[ends]
