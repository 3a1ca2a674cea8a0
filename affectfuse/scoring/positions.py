"""Position scores: a relevant question against the adjacent comparison with the greater change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectfuse.containers import Array

__all__ = ["adjacent", "beside", "greater_change", "position_scores"]


def adjacent(chosen: Array, block: Array) -> tuple[Array, Array]:
    """Return the nearest item before and after each that is not chosen, within its block.

    Args:
        chosen: (arrangement, item) bool.
        block: (item,); the items of a block lie together.

    Shape: int (arrangement, item) twice, -1 where there is none.
    """
    items = np.arange(chosen.shape[1])
    before, after = np.full(chosen.shape, -1), np.full(chosen.shape, -1)
    for number in np.unique(block):
        inside = np.flatnonzero(block == number)
        other = ~chosen[:, inside]
        at = np.where(other, items[inside], -1)
        before[:, inside] = np.maximum.accumulate(at, axis=1)
        at = np.where(other, items[inside], chosen.shape[1])
        nearest = np.minimum.accumulate(at[:, ::-1], axis=1)[:, ::-1]
        after[:, inside] = np.where(nearest < chosen.shape[1], nearest, -1)
    return before, after


def beside(values: Array, places: tuple[Array, Array]) -> Array:
    """Return the values (item,) of the adjacent items (2, arrangement, item), NaN without one.

    Args:
        values: of all items.
        places: from `adjacent`.
    """
    padded = np.r_[values, np.nan]
    return np.stack([padded[place] for place in places])


def greater_change(values: Array, places: tuple[Array, Array]) -> Array:
    """Return the greater of the adjacent values (arrangement, item), NaN where none is known.

    Args:
        values: (item,) oriented: larger is stronger.
        places: from `adjacent`.
    """
    return np.asarray(np.fmax(*beside(values, places)))


def position_scores(
    relevant: Array, comparison: Array, steps: Sequence[float], *, ratio: bool
) -> Array:
    """Return the scores: positive where the comparison is stronger, one for each step reached.

    Args:
        relevant, comparison: values of any one shape, oriented: larger is stronger.
        steps: the ratios, or the differences, at which a score of 1, 2, ... begins.
        ratio: whether steps are ratios; then values are not negative, two zeros score 0, and
            anything is more than any ratio of zero.
    """
    known = np.isfinite(relevant) & np.isfinite(comparison)
    larger, smaller = np.maximum(relevant, comparison), np.minimum(relevant, comparison)
    size = np.zeros(np.shape(relevant))
    for step in steps:
        # Two equal values score 0, whatever the step.
        reached = larger >= step * smaller if ratio else larger - smaller >= step
        size = size + (reached & (larger > smaller))
    return np.asarray(np.where(known, np.sign(comparison - relevant) * size, np.nan))
