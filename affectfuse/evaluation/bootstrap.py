"""Confidence intervals by resampling subjects, since moments of one subject are not independent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.evaluation.base import Pairs
from affectfuse.evaluation.metrics import METRICS

__all__ = ["FEW_SUBJECTS", "Measured", "draw_subjects", "interval_notes", "measure"]

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
    subjects = len(np.unique(pairs.subjects))
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
    measured = {}
    for name, metric in METRICS.items():
        value = metric.of(pairs, once)
        drawn = np.array([metric.of(pairs, weight) for weight in weights])
        drawn = drawn[np.isfinite(drawn)]
        enough = len(drawn) > 0 and len(drawn) >= _DEFINED * len(draws) and math.isfinite(value)
        low, high = np.percentile(drawn, [2.5, 97.5]) if enough else (math.nan, math.nan)
        measured[name] = Measured(value, float(low), float(high))
    return measured


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
