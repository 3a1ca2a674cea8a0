"""Norms that the user supplies: what they allow to say, and nothing without them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

__all__ = ["Norms"]

_SIDES = ("negative", "inconclusive", "positive")


@dataclass(frozen=True, slots=True)
class Norms:
    """How often a protocol is right, from a study of the same test, channels and population.

    Attributes:
        source: the study, for the report.
        sensitivity: share of deceptive persons beyond the negative cut.
        specificity: share of truthful persons not beyond it.
        base_rates: shares of deceptive persons at which predictive values are given.
        labels: words for the sides 'negative', 'inconclusive' and 'positive' (DI, INC, NDI).

    Raises:
        ValueError: when a share is not in (0, 1), the source is empty or a side unknown.
    """

    source: str
    sensitivity: float
    specificity: float
    base_rates: Sequence[float] = (0.001, 0.01, 0.1, 0.5)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.source.strip():
            raise ValueError("norms need a source: name the study that they are from")
        for share in (self.sensitivity, self.specificity, *self.base_rates):
            if not 0.0 < share < 1.0:
                raise ValueError(f"norms hold a share of {share}; it must lie between 0 and 1")
        for side in self.labels:
            if side not in _SIDES:
                raise ValueError(f"norms label '{side}'; allowed: {', '.join(_SIDES)}")

    def predictive_values(self) -> dict[str, float]:
        """Return, at each base rate, the chance that a score beyond either cut is right (Bayes)."""
        found = {}
        for rate in self.base_rates:
            hits, false = self.sensitivity * rate, (1.0 - self.specificity) * (1.0 - rate)
            right, missed = self.specificity * (1.0 - rate), (1.0 - self.sensitivity) * rate
            found[f"predictive_value.negative.base_rate_{rate:g}"] = hits / (hits + false)
            found[f"predictive_value.positive.base_rate_{rate:g}"] = right / (right + missed)
        return found

    def label(self, side: float) -> str:
        """Return the word for a side (-1, 0, 1), or '' where the norms have none."""
        if side != side:
            return ""
        return self.labels.get(_SIDES[round(side) + 1], "")
