"""Tracks in which each question has a reaction of a given strength, channel by channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectfuse.containers import Array, Interval, IntervalTrack, Track
from affectfuse.scoring.base import Question, QuestionKind

__all__ = ["CHANNELS", "ask", "plant"]

CHANNELS = (
    "electrodermal_rise",
    "cardio_rise",
    "respiration_line_length",
    "pulse_amplitude",
    "heart_rate_bpm",
    "micro_expression_count",
)
FIRST_S, APART_S, PAUSE_S = 30.0, 30.0, 20.0


def ask(kinds: Sequence[QuestionKind], presentations: int) -> tuple[Question, ...]:
    """Return questions of these kinds, 30 s apart, asked so often, named by kind and place."""
    found, at_s = [], FIRST_S
    for presentation in range(1, presentations + 1):
        for number, kind in enumerate(kinds, start=1):
            label = f"{kind} {number}"
            found.append(Question(at_s, at_s + 3, label, kind, presentation=presentation))
            at_s += APART_S
        at_s += PAUSE_S
    return tuple(found)


def plant(
    channel: str, questions: Sequence[Question], strengths: Sequence[float]
) -> dict[str, Track | IntervalTrack]:
    """Return tracks of one channel, whose reaction at each question is so strong (1: usual)."""
    end_s = questions[-1].offset_s + 40
    times_s = np.arange(1, round(10 * end_s) + 1) / 10
    since_s = times_s[:, None] - np.array([question.onset_s for question in questions])
    strong = np.array(strengths, float)
    inside = (since_s > 0) & (since_s <= 16)
    at = np.where(inside.any(axis=1), inside @ strong, 1.0)
    if channel == "electrodermal_rise":
        shape = np.exp(-0.5 * ((since_s - 5) / 1.2) ** 2)
        return _only("eda_us", times_s, 5 + shape @ strong)
    if channel == "cardio_rise":
        shape = np.clip((since_s - 1) / 3, 0, 1) * np.clip((20 - since_s) / 5, 0, 1)
        return _only("cardio", times_s, 80 + shape @ strong)
    if channel == "respiration_line_length":
        return _only("respiration", times_s, np.sin(2 * np.pi * 0.3 * times_s) / at)
    if channel == "pulse_amplitude":
        late = (since_s > 4) & (since_s <= 11)
        drop = np.where(late.any(axis=1), late @ strong, 1.0)
        return _only("pulse_amplitude_percent", times_s + 6.3, 2 / drop)
    if channel == "heart_rate_bpm":
        return _only("heart_rate_bpm", times_s + 5.0, 70 + np.where(inside.any(axis=1), at, 0))
    onsets_s = [
        question.onset_s + 1 + k
        for question, strength in zip(questions, strengths, strict=True)
        for k in range(round(strength))
    ]
    found = tuple(Interval(t, t + 0.2, "micro_expression") for t in onsets_s)
    return {
        "micro_expression": IntervalTrack("micro_expression", found),
        **_only("face_visible", times_s, np.ones(len(times_s))),
    }


def _only(name: str, times_s: Array, values: Array) -> dict[str, Track | IntervalTrack]:
    return {name: Track(name, "1", times_s, values, np.ones(len(times_s)))}
