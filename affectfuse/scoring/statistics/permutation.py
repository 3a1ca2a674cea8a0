"""Permutation tests of several channels at once, from statistics of all arrangements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from affectfuse.containers import Array

__all__ = ["Permuted", "label_arrangements", "studentised"]

_TIE = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Permuted:
    """What a statistic of each channel is as observed, and in other arrangements of the session.

    A channel's statistic is centred and scaled by its mean and standard deviation over all
    arrangements, the observed one among them, and its size taken: so every test is two-sided and
    channels of any unit compare. The observed arrangement counts as one of all, so that p is
    (b + 1) / (m + 1). An arrangement in which a channel cannot be computed does not count for it.

    Attributes:
        channels: their names.
        statistics: (1 + arrangement, channel); row 0 is the observed one.
        distinct: how many arrangements there are that differ.
        least: how many there must be; with fewer every p is NaN.

    Reference:
        Phipson, Smyth (2010), Permutation p-values should never be zero, Statistical Applications
        in Genetics and Molecular Biology 9(1). DOI 10.2202/1544-6115.1585.
    """

    channels: tuple[str, ...]
    statistics: Array
    distinct: int
    least: int = 20

    @property
    def centre(self) -> Array:
        """Mean (channel,) over the arrangements: what to expect without an effect."""
        known = np.isfinite(self.statistics)
        count = known.sum(axis=0)
        total = np.where(known, self.statistics, 0.0).sum(axis=0)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

    def _sizes(self) -> Array:
        """Return |statistic - centre| / scale (1 + arrangement, channel); NaN where undefined."""
        away = np.abs(self.statistics - self.centre)
        known = np.isfinite(away)
        count = np.maximum(known.sum(axis=0), 1)
        scale = np.sqrt((np.where(known, away, 0.0) ** 2).sum(axis=0) / count)
        usable = np.isfinite(away[0]) & (scale > 1e-12) & (self.distinct >= self.least)
        return np.where(usable, away / np.where(usable, scale, 1.0), np.nan)

    def p_values(self, chance: Array | None = None) -> Array:
        """Return p (channel,), NaN where there are too few arrangements or nothing varies.

        Args:
            chance: (channel,) uniform in [0, 1), to break ties by: p is then uniform without an
                effect, which is of use to test the test only.
        """
        sizes = self._sizes()
        return np.array(
            [
                _p(sizes[:, c], 1.0 if chance is None else float(chance[c]))
                for c in range(sizes.shape[1])
            ]
        )

    def p_adjusted(self) -> Array:
        """Return p (channel,) adjusted for all channels: step-down max-T.

        Reference:
            Westfall, Young (1993), Resampling-based multiple testing, algorithm 4.1.
        """
        sizes = self._sizes()
        adjusted = np.full(sizes.shape[1], np.nan)
        known = np.flatnonzero(np.isfinite(sizes[0]))
        order = known[np.argsort(-sizes[0, known], kind="stable")]
        so_far = 0.0
        for rank, channel in enumerate(order):
            largest = np.nan_to_num(sizes[:, order[rank:]], nan=-1.0).max(axis=1)
            largest[0] = sizes[0, channel]
            so_far = max(so_far, _p(largest, 1.0))
            adjusted[channel] = so_far
        return adjusted

    def p_any(self, chance: float = 1.0) -> float:
        """Return the p that any channel at all shows something: the smallest adjusted one.

        Args:
            chance: see `p_values`.
        """
        sizes = self._sizes()
        sizes = sizes[:, np.isfinite(sizes[0])]
        if not sizes.shape[1]:
            return math.nan
        return _p(np.nan_to_num(sizes, nan=-1.0).max(axis=1), chance)


def _p(sizes: Array, chance: float) -> float:
    """Return the share of arrangements as large as the first, of ties only a share `chance`."""
    known = sizes[np.isfinite(sizes)]
    if math.isnan(sizes[0]):
        return math.nan
    larger = np.count_nonzero(known > known[0] + _TIE)
    ties = np.count_nonzero(np.abs(known - known[0]) <= _TIE)
    return float((larger + chance * ties) / len(known))


def studentised(values: Array, prior: float = 3.0) -> tuple[Array, float]:
    """Return the mean of each row over its standard error, and the mean of all rows, taken off.

    So that rows of which more is known, or whose values scatter less, compare with the others. The
    variance of a row is mixed with that of all rows, which counts as `prior` degrees of freedom;
    rows of which less than half is known are NaN.

    Args:
        values: (arrangement, item) NaN where not known.
        prior: see above.

    Shape: (arrangement,).
    """
    known = np.isfinite(values)
    count = known.sum(axis=1)
    if not known.any():
        return np.full(len(values), np.nan), math.nan
    centre, overall = float(values[known].mean()), float(values[known].var())
    away = np.where(known, values - centre, 0.0)
    mean = away.sum(axis=1) / np.maximum(count, 1)
    squares = np.where(known, (away - mean[:, None]) ** 2, 0.0).sum(axis=1)
    variance = (squares + prior * overall) / (np.maximum(count, 1) - 1 + prior)
    enough = (count >= max(1.0, 0.5 * values.shape[1])) & (variance > 0.0)
    error = np.sqrt(np.where(enough, variance, 1.0) / np.maximum(count, 1))
    return np.where(enough, mean / error, np.nan), centre


def label_arrangements(chosen: Array, blocks: Array, count: int, seed: int) -> tuple[Array, int]:
    """Return ways to choose as many of each block as were chosen, and how many ways there are.

    All of them when they are no more than `count`, else `count` drawn with `seed`. Row 0 is the
    given one.

    Args:
        chosen: (item,) bool.
        blocks: (item,) number of the block that an item belongs to.
        count: of arrangements besides the given one.
        seed: of the draw.

    Shape: bool (1 + arrangement, item).
    """
    chosen = np.asarray(chosen, dtype=bool)
    groups = [np.flatnonzero(blocks == block) for block in np.unique(blocks)]
    ways = math.prod(math.comb(len(group), int(chosen[group].sum())) for group in groups)
    if ways <= count + 1:
        rows = np.zeros((1, len(chosen)), dtype=bool)
        for group in groups:
            rows = _each_choice(rows, group, int(chosen[group].sum()))
        others = rows[(rows != chosen).any(axis=1)]
        return np.concatenate([chosen[None], others]), ways
    generator = np.random.default_rng(seed)
    drawn = np.zeros((count, len(chosen)), dtype=bool)
    for group in groups:
        ranks = generator.random((count, len(group))).argsort(axis=1).argsort(axis=1)
        drawn[:, group] = ranks < chosen[group].sum()
    return np.concatenate([chosen[None], drawn]), ways


def _each_choice(rows: Array, group: Array, count: int) -> Array:
    """Return every row with every choice of `count` items of the group set."""
    parts = []
    for choice in combinations(group.tolist(), count):
        part = rows.copy()
        part[:, list(choice)] = True
        parts.append(part)
    return np.concatenate(parts)
