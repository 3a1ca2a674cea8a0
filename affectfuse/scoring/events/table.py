"""The one internal table: rows of any format, understood as questions."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from affectfuse.errors import EventsError, did_you_mean
from affectfuse.scoring.base import Question, QuestionKind
from affectfuse.scoring.events.layout import KINDS, Layout
from affectfuse.scoring.events.rows import Row, Rows, one_line

__all__ = ["EventIssue", "EventTable", "Severity", "understand"]

Severity = Literal["error", "warning"]

_UNKNOWN = {"", "n/a"}
_NO_NUMBER = {*_UNKNOWN, "na", "nan"}
_END_TOLERANCE_S = 0.01
_MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class EventIssue:
    """Something wrong with a file of events.

    Attributes:
        severity: 'error' when it must be corrected, 'warning' when a reader must know.
        place: where in the file, such as 'row 3'; '' for the file as a whole.
        message: what was found there, beginning with a verb.
    """

    severity: Severity
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place} {self.message}".strip()


@dataclass(frozen=True, slots=True)
class EventTable:
    """The questions of a file.

    Attributes:
        path: the file.
        questions: ordered by onset.
        places: where each of them stands in the file, for messages.
        issues: rows that are no question.
        notes: what a reader must know of how they were read.
    """

    path: Path
    questions: tuple[Question, ...]
    places: tuple[str, ...]
    issues: tuple[EventIssue, ...] = ()
    notes: tuple[str, ...] = ()


def understand(path: Path, read: Rows, layout: Layout) -> EventTable:
    """Return rows as questions; a row that is none becomes an issue.

    Presentations that the file does not number are numbered by order: the first time that a label
    occurs in a series is its first presentation.

    Raises:
        EventsError: when there are more rows than any session has events.
    """
    if len(read.rows) > _MAX_ROWS:
        raise EventsError(
            f"{path} holds {len(read.rows)} rows, more than any session has events: check the path."
        )
    rows, notes = _answers_are_times(read.rows, layout)
    found: list[tuple[Question, str]] = []
    issues = []
    numbered = any(_stated(row.cells.get("presentation", "")) for row in rows)
    for row in rows:
        try:
            found.append((_question(row, layout, numbered), row.place))
        except ValueError as error:
            issues.append(EventIssue("error", row.place, str(error)))
    found.sort(key=lambda pair: (pair[0].onset_s, pair[0].offset_s))
    questions = tuple(question for question, _ in found)
    if not numbered:
        questions = _numbered(questions)
        if any(question.presentation > 1 for question in questions):
            notes.append(
                "presentations are numbered by order: the first time that a question is asked in a "
                "series is its presentation 1"
            )
    places = tuple(place for _, place in found)
    return EventTable(path, questions, places, tuple(issues), (*read.notes, *notes))


def _answers_are_times(rows: Sequence[Row], layout: Layout) -> tuple[list[Row], list[str]]:
    """Pass over a column of answers that holds words ('yes'), unless it was asked for."""
    answers = [cell for row in rows if (cell := _stated(row.cells.get("answer", "")))]
    if not answers or "answer" in layout.columns or any(map(_is_number, answers)):
        return list(rows), []
    kept = [replace(row, cells={**row.cells, "answer": ""}) for row in rows]
    return kept, ["the answers are words, not times, and are passed over"]


def _question(row: Row, layout: Layout, numbered: bool) -> Question:
    if row.problem:
        raise ValueError(row.problem)
    cells = {purpose: one_line(cell) for purpose, cell in row.cells.items()}
    onset_s = _seconds("onset", cells["onset"])
    label, kind = _label_and_kind(cells, layout)
    answer = _stated(cells.get("answer", ""))
    return Question(
        onset_s,
        _end_s(onset_s, cells),
        label,
        kind,
        _known(cells.get("series", "")),
        _presentation(cells.get("presentation", "")) if numbered else 1,
        _seconds("answer", answer) if answer else math.nan,
    )


def _label_and_kind(cells: Mapping[str, str], layout: Layout) -> tuple[str, QuestionKind]:
    label, word = _known(cells.get("label", "")), _known(cells.get("kind", ""))
    if layout.prefixed:
        prefix, colon, rest = label.partition(":")
        if not colon or not layout.kind(prefix.strip()):
            raise ValueError(f"has the label '{_short(label)}', which begins with no kind and ':'")
        if word and layout.kind(word) != layout.kind(prefix.strip()):
            raise ValueError(f"has the kind '{_short(word)}', but its label begins '{prefix}:'")
        label, word = rest.strip(), prefix.strip()
    if not label:
        raise ValueError("has no label")
    kind = layout.kind(word)
    if kind is None:
        raise ValueError(f"has the unknown kind '{_short(word)}'. {did_you_mean(word, KINDS)}")
    return label, kind


def _end_s(onset_s: float, cells: Mapping[str, str]) -> float:
    end, duration = _stated(cells.get("end", "")), _stated(cells.get("duration", ""))
    if not end:
        length_s = _seconds("duration", duration) if duration else 0.0
        if length_s < 0:
            raise ValueError(f"has a negative duration of {length_s:g} s")
        return round(onset_s + length_s, 9)
    end_s = _seconds("end", end)
    if end_s < onset_s:
        raise ValueError(f"runs backwards: it ends at {end_s:g} s, before its onset {onset_s:g} s")
    if duration and abs(onset_s + _seconds("duration", duration) - end_s) > _END_TOLERANCE_S:
        raise ValueError(
            f"ends at {end_s:g} s, which is not its onset {onset_s:g} s and duration {duration} s"
        )
    return end_s


def _presentation(cell: str) -> int:
    if not _stated(cell):
        raise ValueError("has no presentation, while other rows have one")
    number = float(cell) if _is_number(cell) else 0.0
    if number < 1 or not number.is_integer():
        raise ValueError(f"has presentation '{_short(cell)}', which is no whole number from 1")
    return int(number)


def _numbered(questions: Sequence[Question]) -> tuple[Question, ...]:
    times: Counter[tuple[str, str]] = Counter()
    numbered = []
    for question in questions:
        times[question.series, question.label] += 1
        number = times[question.series, question.label]
        numbered.append(replace(question, presentation=number))
    return tuple(numbered)


def _seconds(name: str, cell: str) -> float:
    if not _is_number(cell):
        raise ValueError(f"has {name} '{_short(cell)}', which is not a number of seconds")
    return float(cell)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell))
    except ValueError:
        return False


def _known(cell: str) -> str:
    """Return the text of a cell, '' for none."""
    return "" if cell.strip().lower() in _UNKNOWN else cell


def _stated(cell: str) -> str:
    """Return the text of a cell of numbers, '' where none is stated."""
    return "" if cell.strip().lower() in _NO_NUMBER else cell


def _short(cell: str) -> str:
    return cell if len(cell) <= 40 else f"{cell[:40]}..."
