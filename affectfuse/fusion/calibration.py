"""How far a model's probabilities are trusted: temperatures and conformal thresholds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from affectfuse.containers import Array

__all__ = ["FUSED", "Calibration", "conformal_threshold", "prediction_set"]

FUSED = "fused"
"""Name of the fused estimate among the modalities' own."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was fitted on held-out subjects.

    Attributes:
        temperatures: by estimate ('fused' or a modality), then by target; 1 for those left out.
        coverage: share of held-out truths that the prediction sets are to hold; NaN without.
        thresholds: by target of kind 'classes' (see `prediction_set`), and by scale the half-width
            of its interval, in its unit.
    """

    temperatures: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    coverage: float = math.nan
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def of(self, estimate: str) -> Mapping[str, float]:
        """Return the temperatures of an estimate, by target."""
        return self.temperatures.get(estimate, {})


def conformal_threshold(scores: Array, coverage: float) -> float:
    """Return the score that a new example stays below with at least this probability.

    Split conformal prediction (Lei et al. 2018, doi:10.1080/01621459.2017.1307116): the
    ceil((n + 1) * coverage)-th smallest of n held-out scores; infinite when n is too small.

    Args:
        scores: (example,), how badly each held-out truth fits its prediction.
        coverage: in (0, 1).
    """
    rank = math.ceil((len(scores) + 1) * coverage)
    return float(np.sort(scores)[rank - 1]) if rank <= len(scores) else math.inf


def prediction_set(probabilities: Array, threshold: float) -> Array:
    """Return which classes are in the set, (..., class) bool: those with 1 - p <= threshold.

    The least ambiguous sets of Sadinle et al. 2019, doi:10.1080/01621459.2017.1395341.
    Deviation: the most probable class is always in, so that no set is empty.

    Args:
        probabilities: (..., class).
        threshold: of 1 less the probability of the truth, see `conformal_threshold`.
    """
    best = probabilities == probabilities.max(-1, keepdims=True)
    return np.asarray((1.0 - probabilities <= threshold) | best)
