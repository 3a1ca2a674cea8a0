"""Questions as an ELAN annotation file (.eaf, EAF 3.0)."""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question

__all__ = ["elan_document"]

Span = tuple[int, int]
"""Begin and end in milliseconds, ELAN's unit."""

_DOCUMENT = {
    "AUTHOR": "affectfuse",
    "FORMAT": "3.0",
    "VERSION": "3.0",
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xsi:noNamespaceSchemaLocation": "http://www.mpi.nl/tools/elan/EAFv3.0.xsd",
}
_TYPES: Sequence[Mapping[str, str]] = (
    {"GRAPHIC_REFERENCES": "false", "LINGUISTIC_TYPE_ID": "event", "TIME_ALIGNABLE": "true"},
    {
        "CONSTRAINTS": "Symbolic_Association",
        "GRAPHIC_REFERENCES": "false",
        "LINGUISTIC_TYPE_ID": "fact",
        "TIME_ALIGNABLE": "false",
    },
)
_CONSTRAINTS = {
    "Time_Subdivision": "Time subdivision of parent annotation's time interval, no time gaps "
    "allowed within this interval",
    "Symbolic_Subdivision": "Symbolic subdivision of a parent annotation. Annotations refering to "
    "the same parent are ordered",
    "Symbolic_Association": "1-1 association with a parent annotation",
    "Included_In": "Time alignable annotations within the parent annotation's time interval, gaps "
    "are allowed",
}
_ANSWER_MS = 500
"""How long a written answer lasts, so that it can be seen; only its begin is read."""


def elan_document(
    questions: Sequence[Question], out: Path, media: Path | None = None
) -> tuple[bytes, list[str]]:
    """Return questions as an ELAN document, and notes on what ELAN cannot hold.

    A tier 'questions' with 'kind', 'series' and 'presentation' as its children, and a tier
    'answer'.

    Args:
        questions: ordered by onset.
        out: where it will be written; the recording is linked relative to it.
        media: the recording, to be opened with it.

    Raises:
        EventsError: when ELAN cannot hold them: overlaps, times before zero, an answer that belongs
            to another question by its time.
    """
    spans = _spans(questions)
    answers = _answer_spans(questions, spans)
    written = _Document(out, media)
    written.order([*spans, *answers])
    asked = written.tier("questions", "event")
    ids = [
        written.aligned(asked, question.label, span)
        for question, span in zip(questions, spans, strict=True)
    ]
    for name in ("kind", "series", "presentation"):
        tier = written.tier(name, "fact", PARENT_REF="questions")
        for question, parent in zip(questions, ids, strict=True):
            if text := str(getattr(question, name)):
                written.referring(tier, text, parent)
    tier = written.tier("answer", "event")
    for span in answers:
        written.aligned(tier, "answer", span)
    return written.close(), _notes(questions)


class _Document:
    """An ELAN document while it is written, part by part in the order that EAF asks for."""

    def __init__(self, out: Path, media: Path | None) -> None:
        date = datetime.now(UTC).isoformat(timespec="seconds")
        self._root = ElementTree.Element("ANNOTATION_DOCUMENT", {**_DOCUMENT, "DATE": date})
        header = self._add(self._root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
        if media is not None:
            near = os.path.relpath(media.resolve(), out.resolve().parent).replace(os.sep, "/")
            url = near if near.startswith("../") else f"./{near}"  # ELAN takes it as it stands
            kind = mimetypes.guess_type(media.name)[0] or "unknown"
            names = {"MEDIA_URL": url, "MIME_TYPE": kind, "RELATIVE_MEDIA_URL": url}
            self._add(header, "MEDIA_DESCRIPTOR", **names)
        self._last_id = self._add(header, "PROPERTY", NAME="lastUsedAnnotationId")
        self._slots: dict[Span, list[tuple[str, str]]] = {}
        self._used = 0

    def order(self, spans: Sequence[Span]) -> None:
        """Give each span two time slots of its own: a shared one would move with its neighbour."""
        order = self._add(self._root, "TIME_ORDER")
        ends = [(span[end], index, end) for index, span in enumerate(spans) for end in (0, 1)]
        names: dict[tuple[int, int], str] = {}
        for number, (time_ms, index, end) in enumerate(sorted(ends), start=1):
            names[index, end] = f"ts{number}"
            self._add(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{number}", TIME_VALUE=str(time_ms))
        for index, span in reversed(list(enumerate(spans))):
            self._slots.setdefault(span, []).append((names[index, 0], names[index, 1]))

    def tier(self, name: str, type_: str, **attributes: str) -> ElementTree.Element:
        names = {"LINGUISTIC_TYPE_REF": type_, "TIER_ID": name}
        return self._add(self._root, "TIER", **names, **attributes)

    def aligned(self, tier: ElementTree.Element, text: str, span: Span) -> str:
        begin, end = self._slots[span].pop()
        slots = {"TIME_SLOT_REF1": begin, "TIME_SLOT_REF2": end}
        return self._annotate(tier, "ALIGNABLE_ANNOTATION", text, slots)

    def referring(self, tier: ElementTree.Element, text: str, parent: str) -> str:
        return self._annotate(tier, "REF_ANNOTATION", text, {"ANNOTATION_REF": parent})

    def close(self) -> bytes:
        self._last_id.text = str(self._used)
        for type_ in _TYPES:
            self._add(self._root, "LINGUISTIC_TYPE", **type_)
        for stereotype, description in _CONSTRAINTS.items():
            self._add(self._root, "CONSTRAINT", DESCRIPTION=description, STEREOTYPE=stereotype)
        ElementTree.indent(self._root, "    ")
        written: bytes = ElementTree.tostring(self._root, "UTF-8", xml_declaration=True)
        return written + b"\n"

    def _annotate(
        self, tier: ElementTree.Element, tag: str, text: str, at: Mapping[str, str]
    ) -> str:
        self._used += 1
        name = f"a{self._used}"
        inner = self._add(self._add(tier, "ANNOTATION"), tag, ANNOTATION_ID=name, **at)
        self._add(inner, "ANNOTATION_VALUE").text = text
        return name

    @staticmethod
    def _add(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
        return ElementTree.SubElement(parent, tag, attributes)


def _spans(questions: Sequence[Question]) -> list[Span]:
    """Return the questions' times in whole milliseconds, each at least one long."""
    spans: list[Span] = []
    for question in questions:
        onset_ms, offset_ms = round(question.onset_s * 1000), round(question.offset_s * 1000)
        if onset_ms < 0:
            raise EventsError(
                f"'{question.label}' begins at {question.onset_s:g} s; ELAN knows no time before 0."
            )
        if spans and onset_ms < spans[-1][1]:
            raise EventsError(
                f"'{question.label}' at {question.onset_s:g} s overlaps the question before it; "
                "a tier of ELAN cannot hold both."
            )
        spans.append((onset_ms, max(offset_ms, onset_ms + 1)))
    return spans


def _answer_spans(questions: Sequence[Question], spans: Sequence[Span]) -> list[Span]:
    answers = []
    for index, (question, (onset_ms, _)) in enumerate(zip(questions, spans, strict=True)):
        if question.answer_s != question.answer_s:
            continue
        answer_ms = round(question.answer_s * 1000)
        next_ms = spans[index + 1][0] if index + 1 < len(spans) else answer_ms + _ANSWER_MS
        if not onset_ms <= answer_ms < next_ms:
            raise EventsError(
                f"the answer to '{question.label}' at {question.answer_s:g} s does not lie between "
                "its question and the next one: correct it first."
            )
        answers.append((answer_ms, min(answer_ms + _ANSWER_MS, next_ms)))
    return answers


def _notes(questions: Sequence[Question]) -> list[str]:
    notes = []
    moments = sum(round(question.duration_s * 1000) < 1 for question in questions)
    if moments:
        notes.append(f"{moments} event(s) without a duration last 1 ms, as ELAN needs one")
    times_ms = [1000 * time for q in questions for time in (q.onset_s, q.offset_s, q.answer_s)]
    if any(abs(time_ms - round(time_ms)) > 1e-6 for time_ms in times_ms if time_ms == time_ms):
        notes.append("times are rounded to the millisecond, ELAN's unit")
    return notes
