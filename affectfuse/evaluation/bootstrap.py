"""Confidence intervals by resampling subjects, since moments of one subject are not independent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.evaluation.base import Pairs
from affectfuse.evaluation.metrics import METRICS

__all__ = [
    "FEW_SUBJECTS",
    "Measured",
    "draw_subjects",
    "draw_weights",
    "interval_notes",
    "measure",
    "measured",
    "two_sided_p",
]

FEW_SUBJECTS = 10
"""With fewer, percentile intervals are known to come out too narrow."""

_DEFINED = 0.9


@dataclass(frozen=True, slots=True)
class Measured:
    """A metric's value and its 95 % interval; NaN where undefined."""

    value: float
    low: float
    high: float


def draw_subjects(pairs: Pairs, count: int, seed: int) -> Array:
    """Return how often each subject is in each bootstrap draw: (draw, subject).

    Without draws (0, subject) when there are fewer than two subjects.
    """
    return draw_weights(len(np.unique(pairs.subjects)), count, seed)


def draw_weights(subjects: int, count: int, seed: int) -> Array:
    """Return how often each of so many subjects is in each draw, (draw, subject); see above."""
    if subjects < 2:
        return np.zeros((0, subjects))
    rng = np.random.default_rng(seed)
    drawn: Array = rng.multinomial(subjects, np.full(subjects, 1.0 / subjects), size=count)
    return drawn.astype(float)


def measure(pairs: Pairs, draws: Array) -> dict[str, Measured]:
    """Return every metric with its percentile interval over the draws (Efron 1979).

    The interval is NaN without draws, and when the metric is defined in fewer than nine draws of
    ten. Reference: doi:10.1214/aos/1176344552.
    """
    once = np.ones(len(pairs))
    weights = [draw[pairs.subject_index] for draw in draws] if len(pairs) else []
    return {
        name: measured(
            metric.of(pairs, once), np.array([metric.of(pairs, weight) for weight in weights])
        )
        for name, metric in METRICS.items()
    }


def measured(value: float, drawn: Array) -> Measured:
    """Return a value with the percentile interval of what it was in the draws, (draw,).

    The interval is NaN where the value is, and when it is known in fewer than nine draws of ten.
    """
    known = drawn[np.isfinite(drawn)]
    enough = len(known) > 0 and len(known) >= _DEFINED * len(drawn) and math.isfinite(value)
    low, high = np.percentile(known, [2.5, 97.5]) if enough else (math.nan, math.nan)
    return Measured(value, float(low), float(high))


def two_sided_p(difference: Array) -> float:
    """Return twice the smaller share of the draws (draw,) at or beyond 0, at least 1 / draws.

    Draws in which the difference is not defined are left out; NaN when none is left.
    """
    known = difference[np.isfinite(difference)]
    if not len(known):
        return math.nan
    beyond = min((known <= 0).mean(), (known >= 0).mean())
    return float(np.clip(2 * beyond, 1 / len(known), 1.0))


def interval_notes(subjects: int) -> list[str]:
    """Return what a reader must know of intervals over so many subjects."""
    if subjects < 2:
        return ["one subject: a confidence interval over subjects is not defined (NaN)"]
    if subjects < FEW_SUBJECTS:
        return [
            f"only {subjects} subjects: the confidence intervals are likely too narrow, and say "
            "little of people in general"
        ]
    return []
