"""Events in tables: BIDS `events.tsv`, CSV, BORIS's aggregated events."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from affectfuse.errors import EventsError, did_you_mean
from affectfuse.scoring.events.layout import NAMES, Layout
from affectfuse.scoring.events.rows import Row, Rows, bounded, decoded, one_line

__all__ = ["read_table"]

_OBSERVATION = "observation id"
_TIMES = ("onset", "duration", "end", "answer", "presentation")


def read_table(path: Path, layout: Layout) -> Rows:
    """Read a table separated by tabs, commas or semicolons (then with decimal commas).

    A byte-order mark and Windows line ends are accepted. Needed are an onset, a duration or an
    end, and a label; columns without a purpose are passed over.

    Raises:
        EventsError: when it is no such table, or holds several of BORIS's observations.
    """
    text = decoded(path, bounded(path))
    head = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = next((mark for mark in "\t;" if mark in head), ",")
    lines = _lines(path, text, delimiter)
    header = [one_line(cell) for cell in next(lines, (0, []))[1]]
    if not any(header):
        raise EventsError(f"{path} is empty: it needs a header with onset, duration, trial_type.")
    columns = _columns(path, header, layout)
    rows = tuple(_row(*line, len(header), columns, delimiter == ";") for line in lines)
    observations = {one_line(row.cells.get(_OBSERVATION, "")) for row in rows if not row.problem}
    if len(observations) > 1:
        raise EventsError(
            f"{path} holds {len(observations)} observations ({', '.join(sorted(observations)[:3])}"
            "...): export one from BORIS for each session."
        )
    return Rows(rows)


def _lines(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells) of every row that is not blank."""
    # BIDS tables know no quoting: a quotation mark in a TSV is part of the text.
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=delimiter,
        quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL,
    )
    try:
        for line in reader:
            cells = [cell.strip() for cell in line]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise EventsError(f"{path}: row {reader.line_num} cannot be read: {error}.") from None


def _columns(path: Path, header: Sequence[str], layout: Layout) -> dict[str, int]:
    found = layout.find(header, path)
    names = [name.lower() for name in header]
    missing = [purpose for purpose in ("onset", "label") if purpose not in found]
    if "duration" not in found and "end" not in found:
        missing.append("duration")
    if missing:
        raise EventsError(f"{path} {_lacks(header, missing[0])}")
    for name in found.values():
        if names.count(name.lower()) > 1:
            raise EventsError(f"{path} has two columns '{name}': rename one.")
    columns = {purpose: header.index(name) for purpose, name in found.items()}
    if _OBSERVATION in names and "behavior" in names:
        columns[_OBSERVATION] = names.index(_OBSERVATION)
    return columns


def _lacks(header: Sequence[str], purpose: str) -> str:
    names = [name.lower() for name in header]
    if purpose == "onset" and {"behavior", "time"} <= set(names):
        return "lists starts and stops by themselves: export 'aggregated events' from BORIS."
    allowed = NAMES[purpose]
    hints = (did_you_mean(name, allowed) for name in names)
    near = next((hint for hint in hints if "Did you mean" in hint), did_you_mean("", allowed))
    shown = ", ".join(header[:12]) + (", ..." if len(header) > 12 else "")
    return f"has no column '{allowed[0]}', only {shown[:300]}. {near}"


def _row(
    number: int, cells: Sequence[str], width: int, columns: dict[str, int], decimal_commas: bool
) -> Row:
    place = f"row {number}"
    if len(cells) != width:
        return Row(place, {}, f"has {len(cells)} cells, the header {width}")
    chosen = {purpose: cells[i] for purpose, i in columns.items()}
    if decimal_commas:
        chosen |= {name: chosen[name].replace(",", ".") for name in _TIMES if name in chosen}
    return Row(place, chosen)
