"""Events in tiers of annotations (ELAN, Praat): which tier holds what."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from affectfuse.errors import EventsError, did_you_mean
from affectfuse.scoring.events.layout import Layout
from affectfuse.scoring.events.rows import Row, Rows

__all__ = ["Annotation", "Tiers", "rows_of_tiers"]

_QUESTIONS = ("questions", "question")
_BESIDE = ("kind", "series", "presentation", "answer")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation of a tier.

    Attributes:
        onset_s, offset_s: in seconds; those of its parent where it has none of its own, NaN where
            that has none.
        text: what was written.
        place: where it stands, for messages.
        aligned: whether its times are its own.
    """

    onset_s: float
    offset_s: float
    text: str
    place: str
    aligned: bool = True


Tiers = Mapping[str, Sequence[Annotation]]
"""Annotations by the name of their tier."""


def rows_of_tiers(path: Path, tiers: Tiers, layout: Layout) -> Rows:
    """Return the questions of a file of tiers.

    The questions are in the tiers that `layout` names; else in the one called 'questions' or
    'question'; else in those that are named by a kind ('relevant', 'comparison'); else in the only
    tier that holds anything. Tiers called 'kind', 'series' and 'presentation' (or 'chart') say so
    of the questions in whose middle they hold; on a tier called 'answer', the begin of an
    annotation answers the question that began last before it.

    Raises:
        EventsError: when it is not clear which tiers hold the questions, or one is not there.
    """
    beside = {
        purpose: name
        for purpose, name in layout.find(list(tiers), path).items()
        if purpose in _BESIDE and name not in layout.tiers
    }
    chosen, notes = _chosen(path, tiers, layout, set(beside.values()))
    if layout.prefixed:
        beside.pop("kind", None)
    marked = [(annotation, name) for name in chosen for annotation in tiers[name]]
    asked = sorted(
        (pair for pair in marked if _is_timed(pair[0])), key=lambda pair: pair[0].onset_s
    )
    answers = _answers(tiers.get(beside.pop("answer", ""), ()), [a for a, _ in asked], notes)
    held = {purpose: _ordered(tiers[name]) for purpose, name in beside.items()}
    rows = []
    for index, (annotation, tier) in enumerate(asked):
        middle_s = (annotation.onset_s + annotation.offset_s) / 2
        cells = {purpose: _at(spans, middle_s) for purpose, spans in held.items()}
        if layout.kind(tier):
            cells["kind"] = tier
        cells |= {
            "onset": repr(annotation.onset_s),
            "end": repr(annotation.offset_s),
            "label": annotation.text,
            "answer": repr(answers[index]) if index in answers else "",
        }
        rows.append(Row(annotation.place, cells))
    rows += [
        Row(annotation.place, {}, "has no times of its own: align it")
        for annotation, _ in marked
        if not _is_timed(annotation)
    ]
    return Rows(tuple(rows), tuple(notes))


def _chosen(
    path: Path, tiers: Tiers, layout: Layout, beside: set[str]
) -> tuple[list[str], list[str]]:
    for name in layout.tiers:
        if name not in tiers:
            raise EventsError(f"{path} has no tier '{name}'. {did_you_mean(name, tiers)}")
    if layout.tiers:
        return list(layout.tiers), []
    named = [name for name in tiers if name.lower() in _QUESTIONS]
    kinds = [name for name in tiers if name and layout.kind(name)]
    filled = [name for name, annotations in tiers.items() if annotations and name not in beside]
    if named or kinds:
        return named or kinds, []
    if len(filled) == 1:
        return filled, [f"the questions are those of the only tier, '{filled[0]}'"]
    if not filled:
        raise EventsError(f"{path} has no tier with annotations: mark the questions on one.")
    known = ", ".join(map(repr, filled[:12])) + (", ..." if len(filled) > 12 else "")
    raise EventsError(f"{path} has the tiers {known}: say which hold the questions (--tier NAME).")


def _is_timed(annotation: Annotation) -> bool:
    return math.isfinite(annotation.onset_s + annotation.offset_s)


def _ordered(annotations: Sequence[Annotation]) -> list[Annotation]:
    return sorted(filter(_is_timed, annotations), key=lambda annotation: annotation.onset_s)


def _at(spans: Sequence[Annotation], time_s: float) -> str:
    last = bisect_right(spans, time_s, key=lambda span: span.onset_s) - 1
    return spans[last].text if last >= 0 and time_s <= spans[last].offset_s else ""


def _answers(
    answers: Sequence[Annotation], asked: Sequence[Annotation], notes: list[str]
) -> dict[int, float]:
    """Return when each question is answered, by its index, and note what was passed over."""
    found: dict[int, float] = {}
    onsets_s = [question.onset_s for question in asked]
    for answer in _ordered(answers):
        index = bisect_right(onsets_s, answer.onset_s) - 1
        if not answer.aligned:
            why = "has no time of its own"
        elif index < 0:
            why = "comes before the first question"
        elif index in found:
            why = f"is a second answer to '{asked[index].text}'"
        else:
            found[index] = answer.onset_s
            continue
        notes.append(f"{answer.place} {why} and is passed over")
    return found
