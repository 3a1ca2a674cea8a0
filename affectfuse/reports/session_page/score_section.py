"""What the page says of a protocol's result: headline, references by chance, contrasts, quality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page.chance import chance, norms_given
from affectfuse.reports.session_page.forest import forest, is_total
from affectfuse.reports.session_page.question_tables import (
    ABSENT,
    channels_by_modality,
    question_tables,
)
from affectfuse.scoring.base import Contrast, Question, QuestionScore, SessionScore

__all__ = ["score_section"]

_ABOUT: Mapping[str, str] = {
    "baseline_shift": (
        "How each channel changes after an event, against just before it, less the same at other "
        "times of this session. 0 means: as at any other time. p: how often as many moments "
        "elsewhere in the session show at least as much."
    ),
    "comparison_question": (
        "Relevant questions against the comparison questions beside them. A total below 0 means "
        "that the stronger reactions were to the relevant questions, one above 0 that they were "
        "to the comparison questions. p: how often the same reactions show at least as much when "
        "the kinds are dealt anew among the questions of each presentation."
    ),
    "concealed_information": (
        "The probe against the irrelevant items of the same presentation, in standard deviations. "
        "Above 0 means that the probe had the stronger reaction. p: how often the same reactions "
        "show at least as much when any item of each presentation is taken for the probe."
    ),
    "oss3": (
        "Relevant questions against the comparison questions of the same presentation, as mean "
        "log ratios, standardised. Below 0 means that the stronger reactions were to the relevant "
        "questions, above 0 that they were to the comparison questions. p: how often the same "
        "reactions show at least as much when the kinds are dealt anew among the questions of each "
        "presentation."
    ),
}
"""What a protocol compares, and what its sign means; of another the page says its name only."""

_LACKING: Mapping[str, str] = {
    "electrodermal_rise": "a camera has no skin conductance; a wearable or electrodes measure it",
    "cardio_rise": "a camera has no blood pressure; a cuff or a pressure sensor measures it",
    "respiration_line_length": "no track of respiration; a belt measures it",
    "heart_rate_bpm": "no heart rate was measured",
    "pulse_amplitude": "no pulse amplitude was measured",
    "micro_expression_count": "no modality looked for micro-expressions",
}
"""Why a session lacks a channel that protocols ask for."""

_EFFECTS: Mapping[str, str] = {"standardised_shift": "Effect size", "d_prime": "d'", "auc": "AUC"}
"""Figures of a summary that stand beside a channel's contrast."""

_SAID_ELSEWHERE = ("by chance alone", "norms: ", "by these norms: ", "channels that are absent")
"""Beginnings of a protocol's notes that the page says in their own places."""

_LEVEL = 0.05
_FIRST = 3


def score_section(score: SessionScore, result: SessionResult) -> dict[str, Any]:
    """Return what the partial templates of the score show."""
    return {
        "protocol": score.protocol,
        "about": _ABOUT.get(score.protocol, ""),
        "headline": _headline(score),
        "chance": chance(score),
        "norms": (norms := norms_given(score)),
        "accuracy": not norms and any(is_total(contrast) for contrast in score.contrasts),
        "forest": forest(score),
        "contrasts": _contrasts(score),
        "questions": question_tables(score, result),
        "quality": _quality(score, result),
        "remarks": [n for n in score.notes if not n.startswith(_SAID_ELSEWHERE)],
    }


def _headline(score: SessionScore) -> dict[str, Any]:
    """Return the total where there is one, else the channels of the smallest adjusted p."""
    totals = [contrast for contrast in score.contrasts if contrast.channel == "all"]
    if totals:
        return {"contrasts": [_said(contrast) for contrast in totals], "lead": ""}
    known = [c for c in score.contrasts if math.isfinite(c.p_adjusted) and not is_total(c)]
    if not known:
        lead = "No channel could be tested. Why is said of each under All contrasts."
        return {"contrasts": [], "lead": lead}
    below = sum(contrast.p_adjusted < _LEVEL for contrast in known)
    first = sorted(known, key=lambda contrast: (contrast.p_adjusted, contrast.p_value))[:_FIRST]
    lead = (
        f"{below or 'None'} of {len(known)} tested channels {'has' if below == 1 else 'have'} an "
        f"adjusted p below {_LEVEL:g}. Those with the smallest:"
    )
    return {"contrasts": [_said(contrast) for contrast in first], "lead": lead}


def _said(contrast: Contrast) -> dict[str, Any]:
    """Return a contrast with what its interval says, in words."""
    if not math.isfinite(contrast.value):
        words = ""
    elif not math.isfinite(contrast.low):
        words = "There is no interval, so how certain it is cannot be said."
    elif contrast.low <= 0.0 <= contrast.high:
        words = "Inconclusive: the interval holds 0, so no direction is shown."
    else:
        words = "The interval does not hold 0."
    return {"contrast": contrast, "words": words}


def _contrasts(score: SessionScore) -> dict[str, Any]:
    """Return every contrast by what it compares, with what the summary adds."""
    effects = {
        key: words
        for key, words in _EFFECTS.items()
        if any(f"{key}.{c.channel}" in score.summary for c in score.contrasts)
    }
    by_name: dict[str, list[dict[str, Any]]] = {}
    for contrast in score.contrasts:
        added = [score.summary.get(f"{key}.{contrast.channel}") for key in effects]
        by_name.setdefault(contrast.name, []).append({"contrast": contrast, "effects": added})
    return {
        "by_name": by_name,
        "effects": list(effects.values()),
        "noted": any(contrast.note for contrast in score.contrasts),
    }


def _quality(score: SessionScore, result: SessionResult) -> dict[str, Any]:
    """Return coverage by modality and by question, and the channels that are absent."""
    channels = channels_by_modality(score)
    lacking = channels.pop(ABSENT, [])
    rows = [
        {
            "modality": modality,
            "channels": names,
            **_counted([row for row in score.rows if row.channel in names]),
        }
        for modality, names in channels.items()
    ]
    silent = [name for name in result.modality_quality if name not in channels]
    unusable = [name for name in score.absent if name not in lacking]
    return {
        "modalities": rows,
        "silent": silent,
        "absent": {n: _LACKING.get(n, "the session has no track that gives it") for n in lacking},
        "unusable": unusable,
        "questions": [
            {"number": place, "event": event, "shares": _shares(score.rows, event, channels)}
            for place, event in enumerate(result.events, start=1)
        ],
    }


def _counted(rows: Sequence[QuestionScore]) -> dict[str, Any]:
    unknown = sum(not math.isfinite(row.value) for row in rows)
    return {
        "coverage": _mean([row.coverage for row in rows]),
        "least": min((row.coverage for row in rows), default=math.nan),
        "unknown": unknown,
        "disturbed": sum(bool(row.artefact) for row in rows),
        "cells": len(rows),
    }


def _shares(
    rows: Sequence[QuestionScore], event: Question, channels: Mapping[str, Sequence[str]]
) -> list[float]:
    asked = (event.label, event.onset_s, event.presentation)
    here = [row for row in rows if (row.question, row.onset_s, row.presentation) == asked]
    return [
        _mean([row.coverage for row in here if row.channel in names]) for names in channels.values()
    ]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else math.nan
