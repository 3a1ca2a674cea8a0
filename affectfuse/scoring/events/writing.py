"""Questions and spotted intervals written for others: BIDS `events.tsv`, ELAN."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from affectfuse.containers import Interval
from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question
from affectfuse.scoring.events.elan_writing import elan_document
from affectfuse.scoring.events.layout import KINDS
from affectfuse.scoring.events.rows import one_line

__all__ = ["bids_events", "bids_questions", "bids_sidecar", "write_events"]

_KINDS_SAY = {
    "relevant": "About what is examined.",
    "comparison": "What a relevant question is compared with.",
    "sacrifice_relevant": "First about what is examined; not scored.",
    "neutral": "About nothing of weight; not scored.",
    "probe": "The item that only someone who knows would recognise.",
    "irrelevant": "An item like the probe that is not it.",
}


def bids_events(intervals: Iterable[Interval], *, estimated: bool = False) -> str:
    """Return intervals as the text of a BIDS `events.tsv`; 'n/a' where a value is not known.

    Args:
        intervals: in the order of the rows.
        estimated: add the columns `apex` (seconds) and `confidence` of what was spotted.
    """
    header = ["onset", "duration", "trial_type"] + (["apex", "confidence"] if estimated else [])
    rows = [header]
    for interval in intervals:
        row = [_number(interval.onset_s, 4), _number(interval.duration_s, 4)]
        row.append(one_line(interval.label) or "n/a")
        rows.append(
            row + [_number(interval.apex_s, 4), _number(interval.confidence, 4)] * estimated
        )
    return _table(rows)


def bids_questions(questions: Sequence[Question]) -> str:
    """Return questions as the text of a BIDS `events.tsv`, times to the microsecond.

    `trial_type` is the kind, or the label where no question is of a kind.
    """
    kinds = any(question.kind for question in questions)
    asked = ["question"] if kinds else []
    rows = [["onset", "duration", "trial_type", *asked, "series", "presentation", "answer"]]
    for question in questions:
        label = one_line(question.label) or "n/a"
        rows.append(
            [
                _number(question.onset_s, 6),
                _number(question.duration_s, 6),
                *([question.kind or "n/a", label] if kinds else [label]),
                one_line(question.series) or "n/a",
                str(question.presentation),
                _number(question.answer_s, 6),
            ]
        )
    return _table(rows)


def bids_sidecar(questions: Sequence[Question]) -> Mapping[str, Any]:
    """Return the description of the columns of `bids_questions`, as BIDS has it in JSON."""
    kinds = any(question.kind for question in questions)
    described: dict[str, Any] = {
        "onset": {"Description": "Begin of the question.", "Units": "s"},
        "duration": {"Description": "From the begin to the end of the question.", "Units": "s"},
        "trial_type": {"Description": "The question's text or name."},
    }
    if kinds:
        described["trial_type"] = {
            "LongName": "Kind of question",
            "Description": "What the question is for.",
            "Levels": {kind: _KINDS_SAY[kind] for kind in KINDS},
        }
        described["question"] = {"Description": "The question's text or name."}
    return {
        **described,
        "series": {"Description": "The fixed list of questions that it belongs to."},
        "presentation": {"Description": "How manieth pass through that list, from 1."},
        "answer": {"Description": "Begin of the answer, on the clock of onset.", "Units": "s"},
    }


def write_events(
    questions: Sequence[Question], out: Path, *, media: Path | None = None
) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Write questions as BIDS `events.tsv` with its JSON, or as ELAN `.eaf`, by the ending.

    Args:
        questions: ordered by onset.
        out: the file to write.
        media: the recording that the .eaf links.

    Returns:
        the files written, and notes on what the format cannot hold.

    Raises:
        EventsError: for another ending, a file that is there, or what ELAN cannot hold.
    """
    beside = out.with_suffix(".json")
    if out.suffix.lower() == ".tsv":
        text = json.dumps(bids_sidecar(questions), indent=2, ensure_ascii=False) + "\n"
        content = {out: bids_questions(questions).encode(), beside: text.encode()}
        notes: list[str] = []
    elif out.suffix.lower() == ".eaf":
        document, notes = elan_document(questions, out, media)
        content = {out: document}
    else:
        raise EventsError(f"'{out}' names no format that events are written in: .tsv or .eaf.")
    for path in content:
        if path.exists():
            raise EventsError(f"{path} exists: remove it, or name another file.")
    for path, data in content.items():
        path.write_bytes(data)
    return tuple(content), tuple(notes)


def _table(rows: Iterable[Sequence[str]]) -> str:
    return "".join("\t".join(row) + "\n" for row in rows)


def _number(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return "n/a"
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
