"""Marked events: read from BIDS `events.tsv` or CSV, checked row by row, written as BIDS."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from affectfuse.containers import Interval
from affectfuse.errors import EventsError, did_you_mean
from affectfuse.scoring.base import Question

__all__ = ["bids_events", "event_notes", "read_events"]

_COLUMNS = {
    "onset": ("onset", "onset_s"),
    "duration": ("duration", "duration_s"),
    "label": ("question", "label", "trial_type"),
}
"""What is needed, and the names it may have; of several, the first that is there is taken."""

_SHOWN = 3


def read_events(path: str | Path, *, duration_s: float = math.nan) -> tuple[Question, ...]:
    """Read marked events, ordered by onset.

    A BIDS `events.tsv`, or a CSV with commas or semicolons (then decimal commas are understood);
    a byte-order mark and Windows line ends are accepted. Columns: `onset` and `duration` in
    seconds, and the event's name in `question`, `label` or `trial_type`. A duration of 'n/a' is a
    moment (0 s). Other columns are passed over.

    Args:
        path: the file.
        duration_s: of the recording; an event wholly outside it is refused. NaN: not checked.

    Raises:
        EventsError: when the file cannot be read, lacks a column, or has rows that cannot be used;
            the message names the rows.
    """
    path = Path(path)
    rows = _rows(path)
    _, header = next(rows, (0, []))
    if not any(header):
        raise EventsError(f"{path} is empty: it needs a header with onset, duration, trial_type.")
    columns = {need: _column(path, header, need) for need in _COLUMNS}
    events, problems = [], []
    for number, cells in rows:
        try:
            if len(cells) != len(header):
                raise ValueError(f"has {len(cells)} cells, the header {len(header)}")
            events.append(_event({need: cells[i] for need, i in columns.items()}, duration_s))
        except ValueError as error:
            problems.append(f"row {number} {error}")
    if problems:
        rest = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise EventsError(f"{path}: {'; '.join(problems[:_SHOWN])}{rest}. Correct the file.")
    return tuple(sorted(events, key=lambda event: (event.onset_s, event.offset_s)))


def event_notes(events: Sequence[Question], duration_s: float = math.nan) -> tuple[str, ...]:
    """Return what a reader of the score should know of the events: overlaps, cut ends."""
    notes = ["no events: nothing to score"] if not events else []
    for earlier, later in pairwise(sorted(events, key=lambda event: event.onset_s)):
        if later.onset_s < earlier.offset_s:
            notes.append(f"events '{earlier.label}' and '{later.label}' overlap")
    for event in events:
        if event.onset_s < 0 or event.offset_s > duration_s:
            notes.append(f"event '{event.label}' reaches beyond the recording")
    return tuple(notes)


def bids_events(intervals: Iterable[Interval], *, estimated: bool = False) -> str:
    """Return intervals as the text of a BIDS `events.tsv`; 'n/a' where a value is not known.

    Args:
        intervals: in the order of the rows.
        estimated: add the columns `apex` (seconds) and `confidence` of what was spotted.
    """
    header = ["onset", "duration", "trial_type"] + (["apex", "confidence"] if estimated else [])
    rows = [header]
    for interval in intervals:
        row = [_number(interval.onset_s), _number(interval.duration_s)]
        row.append(" ".join(interval.label.split()) or "n/a")
        rows.append(row + [_number(interval.apex_s), _number(interval.confidence)] * estimated)
    return "".join("\t".join(row) + "\n" for row in rows)


def _number(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".") if math.isfinite(value) else "n/a"


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every row that is not blank."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise EventsError(f"cannot read the events in {path}: {error.strerror}.") from None
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError:
        raise EventsError(f"{path} is not text in UTF-8: save it as UTF-8 TSV or CSV.") from None
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in "\t;" if mark in head), ",")
    # BIDS tables know no quoting: a quotation mark in a TSV is part of the text.
    quoted = delimiter != "\t"
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE,
    )
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                number = reader.line_num
                yield number, [_decimal(cell) for cell in cells] if delimiter == ";" else cells
    except csv.Error as error:
        raise EventsError(f"{path}: row {reader.line_num} cannot be read: {error}.") from None


def _decimal(cell: str) -> str:
    whole, comma, part = cell.partition(",")
    number = comma and part.isdigit() and whole.lstrip("+-").isdigit()
    return f"{whole}.{part}" if number else cell


def _column(path: Path, header: Sequence[str], need: str) -> int:
    names = [name.lower() for name in header]
    for name in _COLUMNS[need]:
        if name in names:
            return names.index(name)
    allowed = _COLUMNS[need]
    near = next(
        (hint for name in names if "Did you mean" in (hint := did_you_mean(name, allowed))),
        did_you_mean("", allowed),
    )
    raise EventsError(f"{path} has no column '{allowed[0]}', only {', '.join(header)}. {near}")


def _event(cells: dict[str, str], duration_s: float) -> Question:
    onset_s = _seconds("onset", cells["onset"])
    length_s = (
        0.0 if cells["duration"].lower() in {"n/a", ""} else _seconds("duration", cells["duration"])
    )
    if length_s < 0:
        raise ValueError(f"has a negative duration of {length_s:g} s")
    if not cells["label"] or cells["label"].lower() == "n/a":
        raise ValueError("has no label")
    if onset_s >= duration_s or onset_s + length_s < 0:
        raise ValueError(
            f"lies outside the recording: onset {onset_s:g} s, recording 0 to {duration_s:g} s"
        )
    return Question(onset_s, onset_s + length_s, cells["label"])


def _seconds(name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"has {name} '{cell}', which is not a number of seconds")
    return value
