"""The area under the ROC curve in every bootstrap draw, exactly, without sorting in each."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from affectfuse.containers import Array
from affectfuse.evaluation.resampling import Resampling

__all__ = ["drawn_auroc"]

_BLOCK = 32
"""Rows whose order is compared pair by pair; of whole blocks only counts are."""


def drawn_auroc(positive: Array, score: Array, draws: Resampling) -> Array:
    """Return the AUROC by draw, ties counted half; NaN where one class alone is drawn.

    The pairs of a positive row of one subject and a negative row of another that are in order are
    counted once, in a matrix (subject, subject) C; in a draw that holds the subjects w times each
    the area is w' C w over the number of all pairs. It equals that of the rows, repeated.

    Args:
        positive: (row,) bool.
        score: (row,) higher for positives.
        draws: of the rows.
    """
    weights = draws.weights
    counts = draws.by_unit(np.stack([positive, ~positive], 1))
    in_order = _in_order(positive, score, draws.units, weights.shape[1])
    positives, negatives = (weights @ counts).T
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(((weights @ in_order) * weights).sum(1) / (positives * negatives))


def _in_order(positive: Array, score: Array, units: Array, count: int) -> Array:
    """Return how many (positive, negative) pairs of rows are in order, (unit, unit), ties half."""
    found = np.zeros((count, count))
    for first in (positive, ~positive):  # of equal scores the negative first, then the positive
        order = np.lexsort((first, score))
        found += 0.5 * _after(positive[order], units[order], count)
    return found


def _after(positive: Array, units: Array, count: int) -> Array:
    """Return how many pairs have the positive of a unit after the negative of one, (unit, unit)."""
    rows = len(positive)
    block = np.arange(rows) // _BLOCK
    blocks = rows // _BLOCK + 1

    def table(kept: Array) -> csr_array:
        here = (block[kept], units[kept])
        return csr_array((np.ones(len(here[0])), here), shape=(blocks, count))

    negatives = table(~positive).toarray()
    before = np.cumsum(negatives, axis=0) - negatives
    found = np.asarray(table(positive).T @ before)

    room = blocks * _BLOCK - rows
    is_positive = np.append(positive, np.zeros(room, bool)).reshape(blocks, _BLOCK)
    is_negative = np.append(~positive, np.zeros(room, bool)).reshape(blocks, _BLOCK)
    owner = np.append(units, np.zeros(room, np.int64)).reshape(blocks, _BLOCK)
    earlier = np.tri(_BLOCK, k=-1, dtype=bool)
    at, later, sooner = np.nonzero(is_positive[:, :, None] & is_negative[:, None, :] & earlier)
    pairs = owner[at, later] * count + owner[at, sooner]
    within = np.bincount(pairs, minlength=count * count)
    return np.asarray(found + within.reshape(count, count))
