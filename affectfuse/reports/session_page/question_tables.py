"""The tables of a score by question: which channels stand side by side, and what each cell says."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from string import ascii_lowercase
from typing import Any

from affectfuse.reports.html import figure, number
from affectfuse.reports.session import SessionResult
from affectfuse.scoring.base import Question, QuestionScore, SessionScore

__all__ = ["ABSENT", "channels_by_modality", "question_tables"]

ABSENT = "absent"
"""Modality, on the page, of channels that the session lacks."""

OTHER = "other"
"""Modality, on the page, of channels that do not say theirs."""

COUNTED = "counted"
"""What the table of the channels that make up the total is called on the page."""

_SIDE_BY_SIDE = 8
"""Channels in one table; of more, those of the total come first, the others by modality."""

_SCORES: Mapping[str, tuple[str, int]] = {
    "comparison_question": ("score", 0),
    "concealed_information": ("z score within the presentation", 2),
    "oss3": ("log ratio", 2),
}
"""By protocol, what the score of one question is called, and its decimals."""


_DIGITS: Mapping[str, int] = {
    "ms": 0,
    "bpm": 2,
    "uS": 3,
    "per minute": 1,
    "probability": 3,
    "share": 2,
    "after / before": 3,
}
"""Decimals by unit, so that no cell is written otherwise for another's sake; else three digits."""


def channels_by_modality(score: SessionScore) -> dict[str, list[str]]:
    """Return the channels of a score by modality, those that are absent last.

    A channel whose modality nobody said is absent when nothing of it was ever known.
    """
    found: dict[str, list[str]] = {}
    known = {row.channel for row in score.rows if row.coverage > 0.0}
    for name, modality in {row.channel: row.modality for row in score.rows}.items():
        found.setdefault(modality or (OTHER if name in known else ABSENT), []).append(name)
    measured = {name for names in found.values() for name in names}
    lacking = found.pop(ABSENT, []) + [name for name in score.absent if name not in measured]
    return found | ({ABSENT: lacking} if lacking else {})


def question_tables(score: SessionScore, result: SessionResult) -> dict[str, Any]:
    """Return the tables, and the notes and flags that their cells refer to.

    Notes (why a value is not known) are numbered and flags (what disturbed it) lettered in the
    order in which they first come, over all tables. What disturbed every channel of a question is
    flagged at the question, once. Questions have the numbers of the timeline.
    """
    sheet = _Sheet(score)
    asked = _in_groups(list(enumerate(result.events, start=1)))
    parts = _parts(score)
    tables = [sheet.table(title, names, asked) for title, names in parts.items()]
    return {
        "tables": [table | {"open": index == 0} for index, table in enumerate(tables)],
        "score_is": sheet.score_is,
    }


def _parts(score: SessionScore) -> dict[str, list[str]]:
    """Return which channels stand in one table: all, or those of the total and the others."""
    channels = channels_by_modality(score)
    every = [name for names in channels.values() for name in names]
    if len(every) <= _SIDE_BY_SIDE:
        return {"": every}
    if not score.counted:
        return channels
    counted = [name for name in every if name in score.counted] + channels.pop(ABSENT, [])
    others = {
        modality: [name for name in names if name not in counted]
        for modality, names in channels.items()
    }
    return {COUNTED: counted} | {modality: names for modality, names in others.items() if names}


class _Sheet:
    """Arranges the cells of one score; numbers their notes and letters their flags."""

    def __init__(self, score: SessionScore) -> None:
        self.score_is, self._digits = _SCORES.get(score.protocol, ("score", 2))
        self._rows = {(_place(row), row.channel): row for row in score.rows}
        self._absent = set(channels_by_modality(score).get(ABSENT, []))
        self._columns: dict[str, list[QuestionScore]] = {}
        self._shared: dict[tuple[str, float, int], list[str]] = {}
        self._notes: dict[str, int] = {}
        self._flags: dict[str, str] = {}
        for row in score.rows:
            self._columns.setdefault(row.channel, []).append(row)
            if row.channel not in self._absent:
                shared = self._shared.setdefault(_place(row), _disturbed(row))
                self._shared[_place(row)] = [part for part in shared if part in _disturbed(row)]

    def table(self, title: str, names: Sequence[str], asked: _Groups) -> dict[str, Any]:
        columns = [_column(name, self._columns.get(name, [])) for name in names]
        groups: list[dict[str, Any]] = [
            {"heading": heading, "questions": [self._question(*each, columns) for each in members]}
            for heading, members in asked
        ]
        questions = [question for group in groups for question in group["questions"]]
        cells = [cell for question in questions for cell in question["cells"]]
        flagged = {flag for each in (*questions, *cells) for flag in each["flags"]}
        return {
            "title": title,
            "columns": columns,
            "groups": groups,
            "unknown": sum(not cell["known"] for cell in cells),
            "cells": len(cells),
            "scored": any(cell["score"] for cell in cells),
            "partly": any(cell["coverage"] for cell in cells),
            "notes": {n: at for n, at in self._notes.items() if any(c["note"] == n for c in cells)},
            "flags": {flag: letter for flag, letter in self._flags.items() if flag in flagged},
        }

    def _question(
        self, number: int, event: Question, columns: Sequence[Mapping[str, Any]]
    ) -> dict[str, Any]:
        place = (event.label, event.onset_s, event.presentation)
        shared = self._shared.get(place, [])
        return {
            "number": number,
            "event": event,
            "kind": event.kind.replace("_", " "),
            "flags": self._lettered(shared),
            "cells": [self._cell(place, shared, column) for column in columns],
        }

    def _cell(
        self, place: tuple[str, float, int], shared: Sequence[str], column: Mapping[str, Any]
    ) -> dict[str, Any]:
        row = self._rows.get((place, column["name"]))
        partly = column["name"] not in self._absent and row is not None and row.coverage < 0.995
        if row is None:
            note = f"the session has no track for {column['name']}"
            row = QuestionScore(place[0], place[1], column["name"], math.nan, "", 0.0, note)
        if row.note:
            self._notes.setdefault(row.note, len(self._notes) + 1)
        score = number(row.score, self._digits, sign=True)
        return {
            "known": math.isfinite(row.value),
            "text": _written(row.value, column["digits"]),
            "score": score if math.isfinite(row.score) else "",
            "coverage": f"{row.coverage:.0%}" if partly else "",
            "note": row.note,
            "number": self._notes.get(row.note),
            "flags": self._lettered(part for part in _disturbed(row) if part not in shared),
        }

    def _lettered(self, artefacts: Iterable[str]) -> dict[str, str]:
        found = list(artefacts)
        for artefact in found:
            letter = ascii_lowercase[len(self._flags) % len(ascii_lowercase)]
            self._flags.setdefault(artefact, letter)
        return {artefact: self._flags[artefact] for artefact in found}


def _place(row: QuestionScore) -> tuple[str, float, int]:
    return row.question, row.onset_s, row.presentation


def _written(value: float, digits: int | None) -> str:
    return figure(value) if digits is None else number(value, digits)


def _disturbed(row: QuestionScore) -> list[str]:
    return [part for part in row.artefact.split("; ") if part]


_Groups = Sequence[tuple[str, Sequence[tuple[int, Question]]]]
"""Headings, each with its questions and their numbers."""


def _in_groups(asked: Sequence[tuple[int, Question]]) -> _Groups:
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
    unit = next((row.unit for row in rows), "")
    return {"name": name, "unit": unit, "digits": _DIGITS.get(unit)}
