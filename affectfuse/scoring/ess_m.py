"""ESS-M: what a three-position total would be by chance, and where its cuts lie."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from affectfuse.containers import Array

__all__ = ["PRESENTATIONS", "WEIGHTS", "Cuts", "NullModel"]

WEIGHTS = {"respiration": 1, "electrodermal": 2, "cardio": 1, "vasomotor": 1}
"""Weight of each polygraph channel in the published model."""

PRESENTATIONS = 5
"""Presentations of each question in the published model."""

_LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Cuts:
    """Totals from which the odds for one side, at their lower limit, exceed the prior odds.

    NaN where no total gets there.
    """

    negative: float
    positive: float


class NullModel:
    """Totals of scores that are -1, 0 or +1 with equal chance, independent of one another.

    Each channel's score counts its weight, each question is asked `presentations` times and the sum
    is over the relevant questions. With the published weights and five presentations it gives
    the published cuts: -3 and +3 for grand totals of two, three and four questions.

    The cuts are thresholds on odds, not tests: by chance alone most sessions lie beyond them (72,
    77 and 80 % with two, three and four questions), so `tail` belongs beside them. For another
    set of channels it is a reference and no more: nobody has validated norms for it.

    Reference: Nelson (2017), Multinomial reference distributions for the Empirical Scoring System,
    Polygraph & Forensic Credibility Assessment 46(2), 81-115. Re-derived. Deviation: the trials of
    the confidence limit are presentations times the sum of the weights times the questions, which
    are the published 25 a question for the published channels.

    Args:
        weights: of the channels, whole numbers.
        presentations: of each question.
        relevant: number of relevant questions.

    Raises:
        ValueError: when one of them is not a positive whole number.
    """

    def __init__(self, weights: Sequence[int], presentations: int, relevant: int) -> None:
        for name, numbers in (
            ("weights", list(weights)),
            ("presentations", [presentations]),
            ("relevant", [relevant]),
        ):
            if not numbers or any(number != int(number) or number < 1 for number in numbers):
                raise ValueError(f"{name} is {numbers}; whole numbers from 1 are needed")
        self._weights, self._presentations, self.relevant = weights, presentations, relevant
        self.probabilities = _chances(weights, presentations * relevant)
        highest = len(self.probabilities) // 2
        self.totals = np.arange(-highest, highest + 1)

    def tail(self, total: float) -> float:
        """Return the chance of a total at least as far from zero; NaN of a total that is NaN."""
        if math.isnan(total):
            return math.nan
        return float(self.probabilities[np.abs(self.totals) >= abs(total) - 1e-9].sum())

    def cuts(self, prior_odds: float = 1.0) -> Cuts:
        """Return the cuts of the grand total."""
        return self._cuts(self.probabilities, self.relevant, 1.0, prior_odds)

    def subtotal_cuts(self, prior_odds: float = 1.0) -> Cuts:
        """Return the cuts of one question's total, corrected for there being several.

        The odds are taken to the power 1 / questions on the negative side, where any question may
        reach it, and to the power questions on the positive one, which all must reach.
        """
        one = _chances(self._weights, self._presentations)
        return self._cuts(one, 1, float(self.relevant), prior_odds)

    def _cuts(self, chances: Array, questions: int, power: float, prior_odds: float) -> Cuts:
        below = np.cumsum(chances) - chances / 2.0  # the mid-p distribution function
        highest = len(chances) // 2
        trials = self._presentations * int(sum(self._weights)) * questions
        found = []
        for side, exponent in ((-1, 1.0 / power), (1, power)):
            share = below[highest::side][1:]  # from the total nearest zero outward
            odds = ((1.0 - share) / share) ** (-side * exponent)
            p = odds / (1.0 + odds)
            limit = beta.ppf(_LEVEL, p * trials, (1.0 - p) * trials + 1.0)
            beyond = np.flatnonzero(limit / (1.0 - limit) > prior_odds)
            found.append(float(side * (beyond[0] + 1)) if len(beyond) else math.nan)
        return Cuts(*found)


def _chances(weights: Sequence[int], times: int) -> Array:
    """Return the chance of each total, from the lowest to the highest."""
    once = np.ones(1)
    for weight in weights:
        scores = np.zeros(2 * int(weight) + 1)
        scores[[0, int(weight), -1]] = 1.0 / 3.0
        once = np.convolve(once, scores)
    chances = np.ones(1)
    for _ in range(times):
        chances = np.convolve(chances, once)
    return chances
