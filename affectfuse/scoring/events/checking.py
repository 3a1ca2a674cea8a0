"""What is wrong with marked events, row by row, before a session is scored."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

from affectfuse.scoring.base import Question
from affectfuse.scoring.events.needs import EventNeeds, Finding, unmet_needs
from affectfuse.scoring.events.table import EventIssue, EventTable, Severity

__all__ = ["check_events", "event_notes"]


def check_events(
    table: EventTable, duration_s: float = math.nan, needs: EventNeeds | None = None
) -> tuple[EventIssue, ...]:
    """Return what is wrong with a table of events, in the order of the file's events.

    Args:
        table: as `load_events` gives it.
        duration_s: of the recording; NaN: whether events lie within it is not checked.
        needs: of the protocol; None: what holds for every protocol.
    """
    questions, places = table.questions, table.places
    found = [
        *_outside(questions, duration_s),
        *_times(questions),
        *_overlapping(questions, places, "error" if needs and needs.against else "warning"),
        *_repeats(questions, places),
        *_uneven(questions),
        *unmet_needs(questions, needs),
    ]
    found.sort(key=lambda finding: finding[0])
    placed = [
        EventIssue(severity, places[index] if index >= 0 else "", message)
        for index, severity, message in found
    ]
    if not questions and not table.issues:
        placed.append(EventIssue("warning", "", "no events: nothing to score"))
    return (*table.issues, *placed)


def event_notes(events: Sequence[Question], duration_s: float = math.nan) -> tuple[str, ...]:
    """Return what a reader of the score should know of the events: overlaps, cut ends."""
    events = sorted(events, key=lambda event: event.onset_s)
    notes = ["no events: nothing to score"] if not events else []
    notes += [
        f"events '{events[earlier].label}' and '{events[later].label}' overlap"
        for earlier, later in overlaps(events)
    ]
    notes += [
        f"event '{event.label}' reaches beyond the recording"
        for event in events
        if event.onset_s < 0 or event.offset_s > duration_s
    ]
    return tuple(notes)


def overlaps(questions: Sequence[Question]) -> Iterator[tuple[int, int]]:
    """Yield (earlier, later) of questions, ordered by onset, that begin before another ends."""
    longest = 0
    for index, question in enumerate(questions):
        if index and question.onset_s < questions[longest].offset_s:
            yield longest, index
        if question.offset_s >= questions[longest].offset_s:
            longest = index


def _outside(questions: Sequence[Question], duration_s: float) -> Iterator[Finding]:
    outside = [q.onset_s >= duration_s or q.offset_s < 0 for q in questions]
    if len(questions) > 1 and all(outside):
        told = (
            f"all {len(questions)} events lie outside the recording: they last from "
            f"{questions[0].onset_s:g} to {questions[-1].offset_s:g} s, it from 0 to "
            f"{duration_s:g} s: their clocks differ"
        )
        yield -1, "error", told
        return
    for index, question in enumerate(questions):
        if outside[index]:
            told = (
                f"lies outside the recording: onset {question.onset_s:g} s, recording 0 to "
                f"{duration_s:g} s"
            )
            yield index, "error", told
        elif question.onset_s < 0 or question.offset_s > duration_s:
            told = f"reaches beyond the recording, which lasts from 0 to {duration_s:g} s"
            yield index, "warning", told


def _times(questions: Sequence[Question]) -> Iterator[Finding]:
    for index, question in enumerate(questions):
        following = questions[index + 1].onset_s if index + 1 < len(questions) else math.inf
        if question.answer_s < question.onset_s:
            told = f"is answered at {question.answer_s:g} s, before its onset"
            yield index, "error", told
        elif question.answer_s >= following:
            told = f"is answered at {question.answer_s:g} s, after the next question began"
            yield index, "warning", told


def _overlapping(
    questions: Sequence[Question], places: Sequence[str], severity: Severity
) -> Iterator[Finding]:
    for earlier, later in overlaps(questions):
        yield later, severity, f"overlaps {places[earlier]} ('{questions[earlier].label}')"


def _repeats(questions: Sequence[Question], places: Sequence[str]) -> Iterator[Finding]:
    same: dict[tuple[object, ...], int] = {}
    kinds: dict[tuple[str, str], int] = {}
    for index, question in enumerate(questions):
        asked = question.series, question.label
        times = *asked, question.onset_s, question.offset_s
        numbered = *asked, "presentation", question.presentation
        where = f" of series '{question.series}'" if question.series else ""
        first = kinds.setdefault(asked, index)
        if (copy := same.setdefault(times, index)) != index:
            told = f"repeats {places[copy]} ('{question.label}' at {question.onset_s:g} s)"
            yield index, "error", told
        elif (copy := same.setdefault(numbered, index)) != index:
            told = (
                f"asks '{question.label}' again in presentation {question.presentation}{where}, "
                f"as {places[copy]} does"
            )
            yield index, "error", told
        if questions[first].kind != question.kind:
            told = (
                f"asks '{question.label}' as {question.kind or 'of no kind'}, {places[first]} as "
                f"{questions[first].kind or 'of no kind'}"
            )
            yield index, "error", told


def _uneven(questions: Sequence[Question]) -> Iterator[Finding]:
    """Yield the questions that are asked less often than others of their series."""
    asked: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, question in enumerate(questions):
        asked[question.series, question.label].append(index)
    most: dict[str, int] = defaultdict(int)
    for (series, _), indices in asked.items():
        most[series] = max(most[series], len(indices))
    for (series, label), indices in asked.items():
        if len(indices) < most[series]:
            told = f"asks '{label}' {len(indices)} times in all, others {most[series]} times"
            yield indices[0], "warning", told
