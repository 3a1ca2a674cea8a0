"""The tables of a score by question: which channels stand side by side, and what each cell says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from string import ascii_lowercase
from typing import Any

from affectfuse.reports.html import number
from affectfuse.reports.session import SessionResult
from affectfuse.scoring.base import Question, QuestionScore, SessionScore

__all__ = ["ABSENT", "channels_by_modality", "question_tables"]

ABSENT = "absent"
"""Modality, on the page, of channels that the session lacks."""

_SIDE_BY_SIDE = 8
"""Channels in one table; with more there is one a modality."""

_SCORES: Mapping[str, tuple[str, int]] = {
    "comparison_question": ("score", 0),
    "concealed_information": ("z score within the presentation", 2),
    "oss3": ("log ratio", 2),
}
"""By protocol, what the score of one question is called, and its decimals."""


def channels_by_modality(score: SessionScore) -> dict[str, list[str]]:
    """Return the channels of a score by modality, those that are absent last."""
    found: dict[str, list[str]] = {}
    for name, modality in {row.channel: row.modality for row in score.rows}.items():
        found.setdefault(modality or ABSENT, []).append(name)
    measured = {name for names in found.values() for name in names}
    lacking = [name for name in score.absent if name not in measured]
    lacking = found.pop(ABSENT, []) + lacking
    return found | ({ABSENT: lacking} if lacking else {})


def question_tables(score: SessionScore, result: SessionResult) -> dict[str, Any]:
    """Return the tables, and the notes and flags that their cells refer to.

    Notes (why a value is not known) are numbered and flags (what disturbed it) lettered in the
    order in which they first come, over all tables. Questions have the numbers of the timeline.
    """
    channels = channels_by_modality(score)
    cells = {(r.question, r.onset_s, r.presentation, r.channel): r for r in score.rows}
    notes: dict[str, int] = {}
    flags: dict[str, str] = {}
    together = sum(map(len, channels.values())) <= _SIDE_BY_SIDE
    parts = {"": [n for names in channels.values() for n in names]} if together else channels
    asked = _in_groups(list(enumerate(result.events, start=1)))
    what, digits = _SCORES.get(score.protocol, ("score", 2))
    tables = []
    for modality, names in parts.items():
        columns = [_column(name, [r for r in score.rows if r.channel == name]) for name in names]
        groups = [
            {
                "heading": heading,
                "questions": [
                    {
                        "number": place,
                        "event": event,
                        "kind": event.kind.replace("_", " "),
                        "cells": [
                            _cell(
                                cells.get((event.label, event.onset_s, event.presentation, name)),
                                name,
                                column["shown"],
                                digits,
                                (notes, flags),
                            )
                            for name, column in zip(names, columns, strict=True)
                        ],
                    }
                    for place, event in members
                ],
            }
            for heading, members in asked
        ]
        told = [cell for g in groups for q in g["questions"] for cell in q["cells"]]
        tables.append(
            {
                "modality": modality,
                "columns": columns,
                "groups": groups,
                "unknown": sum(not cell["known"] for cell in told),
                "cells": len(told),
                "scored": any(cell["score"] for cell in told),
                "partly": any(cell["coverage"] for cell in told),
                "notes": _those(notes, (cell["note"] for cell in told)),
                "flags": _those(flags, (flag for cell in told for flag in cell["flags"])),
                "open": modality in _opened(score, parts),
            }
        )
    return {"tables": tables, "score_is": what, "channels": sum(map(len, channels.values()))}


def _opened(score: SessionScore, parts: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the modalities that are not folded: those of the total, else the first."""
    left_out = {c.channel.removeprefix("all but ") for c in score.contrasts}
    return (left_out & set(parts)) or set(list(parts)[:1])


def _in_groups(asked: Sequence[tuple[int, Question]]) -> list[tuple[str, list[tuple[int, Any]]]]:
    """Return the questions by series and presentation; without a heading when there is one."""
    series = {event.series for _, event in asked}
    several = len({(event.series, event.presentation) for _, event in asked}) > 1

    def place(item: tuple[int, Question]) -> tuple[str, int]:
        return item[1].series, item[1].presentation

    first = {name: min(e.onset_s for _, e in asked if e.series == name) for name in series}
    inside = sorted(asked, key=lambda item: (first[item[1].series], *place(item), item[1].onset_s))
    found = []
    for (name, presentation), members in groupby(inside, key=place):
        words = [name] if name and len(series) > 1 else []
        words += [f"presentation {presentation}"]
        heading = " · ".join(words)
        found.append((heading[:1].upper() + heading[1:] if several else "", list(members)))
    return found


def _column(name: str, rows: Sequence[QuestionScore]) -> dict[str, Any]:
    known = [row.value for row in rows if math.isfinite(row.value)]
    largest = max(map(abs, known), default=0.0)
    digits = (
        0 if all(v == round(v) for v in known) else max(0, 2 - math.floor(math.log10(largest or 1)))
    )
    sign = any(value < 0 for value in known)
    return {
        "name": name,
        "unit": next((row.unit for row in rows if row.unit not in ("", "1")), ""),
        "shown": {"digits": digits, "sign": sign},
    }


def _cell(
    row: QuestionScore | None,
    channel: str,
    shown: Mapping[str, Any],
    digits: int,
    legends: tuple[dict[str, int], dict[str, str]],
) -> dict[str, Any]:
    notes, flags = legends
    if row is None:
        row = QuestionScore(
            "", 0.0, channel, math.nan, "", 0.0, f"the session has no track for {channel}"
        )
    if row.note:
        notes.setdefault(row.note, len(notes) + 1)
    disturbed = [part for part in row.artefact.split("; ") if part]
    for part in disturbed:
        flags.setdefault(part, ascii_lowercase[len(flags) % len(ascii_lowercase)])
    return {
        "known": math.isfinite(row.value),
        "text": number(row.value, shown["digits"], sign=shown["sign"]),
        "score": number(row.score, digits, sign=True) if math.isfinite(row.score) else "",
        "coverage": f"{row.coverage:.0%}" if row.coverage < 0.995 else "",
        "note": row.note,
        "number": notes.get(row.note),
        "flags": {part: flags[part] for part in disturbed},
    }


def _those(legend: Mapping[str, Any], used: Iterable[str]) -> dict[str, Any]:
    wanted = set(used)
    return {text: mark for text, mark in legend.items() if text in wanted}
