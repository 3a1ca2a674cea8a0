"""What disturbs a reaction: other questions, answers, movement, a face that leaves, blinks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from affectfuse.scoring.base import Question
from affectfuse.scoring.reactions.channels import Channel, Sources

__all__ = ["artefacts"]

_MOTION = ("head_motion", "movement_g", "facial_motion")
_MOST_DEVIATIONS = 6.0
_CAMERA = ("heart_rate", "micro_expression")


def artefacts(
    sources: Sources, questions: Sequence[Question], channels: Sequence[Channel]
) -> dict[tuple[int, str], str]:
    """Return what disturbed each question and channel, where something did."""
    found: dict[tuple[int, str], str] = {}
    for index, question in enumerate(questions):
        general = [*_questions(sources, questions, index), *_movement(sources, question)]
        seen = _face(sources, question)
        blink = _blink(sources, question)
        for channel in channels:
            own = seen if channel.modality in _CAMERA else []
            own = own + (blink if channel.name.startswith("micro_expression") else [])
            if general or own:
                found[index, channel.name] = "; ".join([*general, *own])
    return found


def _questions(sources: Sources, questions: Sequence[Question], index: int) -> list[str]:
    windows, question = sources.windows, questions[index]
    others_s = np.array([q.onset_s for i, q in enumerate(questions) if i != index])
    away_s = others_s - question.onset_s
    said = []
    if np.any((away_s >= 0) & (away_s < windows.window_s)):
        said.append("next question within the window")
    if np.any((away_s < 0) & (away_s > -(windows.baseline_s + windows.window_s))):
        said.append("baseline within the window of the question before")
    answer_s = question.answer_s - question.onset_s
    if not math.isnan(answer_s) and windows.delay_s <= answer_s <= windows.window_s:
        said.append("answer within the window")
    return said


def _movement(sources: Sources, question: Question) -> list[str]:
    """Say when a track of movement reaches far beyond what is usual in the session."""
    windows = sources.windows
    for name in _MOTION:
        series = sources.series(name)
        if series is None or series.ends_s is None:
            continue
        median, deviation = series.usual
        grid_s = np.arange(-windows.baseline_s, windows.window_s, max(series.step_s, 0.1))
        values = series.at(question.onset_s + grid_s)
        if deviation > 0 and np.any(values > median + _MOST_DEVIATIONS * deviation):
            return ["movement"]
    return []


def _face(sources: Sources, question: Question) -> list[str]:
    watched = sources.series(sources.watched_by) if sources.watched_by else None
    if watched is None:
        return []
    start_s = np.array([question.onset_s - sources.windows.baseline_s])
    level, known = watched.mean(start_s, np.array([question.onset_s + sources.windows.window_s]))
    away = known[0] > 0 and level[0] < 1.0 - 1e-3
    return ["face partly out of sight"] if away else []


def _blink(sources: Sources, question: Question) -> list[str]:
    micro, blinks = sources.counts("micro_expression"), sources.counts("blink")
    if micro is None or blinks is None:
        return []
    first_s, last_s = (
        question.onset_s + sources.windows.delay_s,
        question.onset_s + sources.windows.window_s,
    )
    inside = [i for i in micro.intervals if first_s <= i.onset_s < last_s]
    overlap = any(
        blink.onset_s <= i.offset_s and blink.offset_s >= i.onset_s
        for i in inside
        for blink in blinks.intervals
    )
    return ["blink during a micro-expression"] if overlap else []
