"""How well the hidden state could be told at best: by each kind of evidence, and by both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.behaviour import STATES
from affectfuse.datasets.synthetic.physiology import mean_heart_rate
from affectfuse.datasets.synthetic.script import draw_session

__all__ = ["Separability", "separability"]


@dataclass(frozen=True)
class Separability:
    """Area under the ROC curve of an observer who knows how sessions are drawn.

    Attributes:
        heart_rate: sees the true heart rate of the window.
        micro_expression: counts the true micro-expressions of the window.
        both: adds the evidence of the two.
    """

    heart_rate: float
    micro_expression: float
    both: float


def separability(
    sessions: int = 100, seed: int = 0, window_s: float = 10.0, **parameters: Any
) -> Separability:
    """Return how well the state can be told, once a second, from the window before.

    Each observer's evidence is the log likelihood ratio of what it sees under the two states: a
    Gaussian for the heart rate, whose mean and variance are taken from the drawn sessions, and a
    Poisson count of micro-expressions at the stated rates. Windows that reach over a change of
    state are kept, so that no observer is perfect. One subject a session.

    Args:
        sessions: how many to draw.
        seed: of the drawing.
        window_s: how much of the past is seen.
        parameters: of the sessions.
    """
    rates, counts, tense = [], [], []
    for number in range(1, sessions + 1):
        script = draw_session(seed + number, number, variant_seed=seed, **parameters)
        times_s = np.arange(window_s, script.parameters.duration_s + 1e-9)
        rates.append(mean_heart_rate(np.array(script.beats_s), times_s, window_s))
        ends = np.array([e.offset_s for e in script.micro_expressions])
        seen = (ends > times_s[:, None] - window_s) & (ends <= times_s[:, None])
        counts.append(seen.sum(axis=1))
        onsets = np.array([s.onset_s for s in script.states])
        index = np.searchsorted(onsets, times_s, side="left") - 1
        tense.append(np.array([script.states[i].label == STATES[1] for i in index]))
    rate, count, is_tense = np.concatenate(rates), np.concatenate(counts), np.concatenate(tense)
    p = script.parameters
    low, high = rate[~is_tense], rate[is_tense]
    heart = _log_normal(rate, high) - _log_normal(rate, low)
    calm_rate, tense_rate = (
        max(r, 1e-3) * window_s / 60.0
        for r in (p.micro_expressions_per_min, p.tense_micro_expressions_per_min)
    )
    micro = count * np.log(tense_rate / calm_rate) - (tense_rate - calm_rate)
    return Separability(
        _auroc(heart, is_tense), _auroc(micro, is_tense), _auroc(heart + micro, is_tense)
    )


def _log_normal(values: Array, like: Array) -> Array:
    return np.asarray(-0.5 * ((values - like.mean()) / like.std()) ** 2 - np.log(like.std()))


def _auroc(evidence: Array, positive: Array) -> float:
    """Area under the ROC curve, ties counted one half (Mann-Whitney U)."""
    ranks = rankdata(evidence)
    count = int(positive.sum())
    above = ranks[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))
