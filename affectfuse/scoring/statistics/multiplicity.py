"""Control of the family-wise error where only p values are known."""

from __future__ import annotations

import numpy as np

from affectfuse.containers import Array

__all__ = ["holm"]


def holm(p_values: Array) -> Array:
    """Return p values (test,) adjusted by Holm's step-down method; NaN stays and does not count.

    Reference:
        Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal
        of Statistics 6(2), 65-70.
    """
    adjusted = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    steps = p_values[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0) if len(order) else steps
    return adjusted
