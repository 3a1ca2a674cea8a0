"""Marked events, read from what they are marked with, by the file's ending."""

from __future__ import annotations

import math
from pathlib import Path

from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question
from affectfuse.scoring.events.checking import check_events
from affectfuse.scoring.events.elan import read_elan
from affectfuse.scoring.events.layout import Layout
from affectfuse.scoring.events.rows import Rows
from affectfuse.scoring.events.table import EventTable, understand
from affectfuse.scoring.events.text_tables import read_table
from affectfuse.scoring.events.textgrid import read_textgrid
from affectfuse.scoring.events.tiers import rows_of_tiers
from affectfuse.scoring.events.xdf import read_xdf

__all__ = ["load_events", "read_events"]

_TIERS = {".eaf": read_elan, ".textgrid": read_textgrid}
_TABLES = (".tsv", ".csv", ".txt")
_XDF = (".xdf", ".xdfz")
_SHOWN = 3


def load_events(path: str | Path, layout: Layout | None = None) -> EventTable:
    """Read marked events; rows that are none become issues of the table.

    BIDS `events.tsv`, CSV and BORIS's aggregated events (.tsv, .csv, .txt), ELAN (.eaf), Praat
    (.TextGrid) and markers in XDF (.xdf, .xdfz, .xdf.gz; needs pyxdf).

    Args:
        path: the file.
        layout: what the file leaves unsaid.

    Raises:
        EventsError: when the file cannot be read at all.
    """
    path, layout = Path(path), layout or Layout()
    return understand(path, _rows(path, layout), layout)


def read_events(
    path: str | Path, *, duration_s: float = math.nan, layout: Layout | None = None
) -> tuple[Question, ...]:
    """Read marked events, ordered by onset; see `load_events`, which also returns the notes.

    Args:
        path: the file.
        duration_s: of the recording; an event wholly outside it is refused. NaN: not checked.
        layout: what the file leaves unsaid.

    Raises:
        EventsError: when the file cannot be read or has errors; the message names the rows.
    """
    table = load_events(path, layout)
    errors = [issue for issue in check_events(table, duration_s) if issue.severity == "error"]
    if errors:
        rest = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        told = "; ".join(map(str, errors[:_SHOWN]))
        raise EventsError(f"{table.path}: {told}{rest}. Correct the file.")
    return table.questions


def _rows(path: Path, layout: Layout) -> Rows:
    ending = path.suffix.lower()
    if ending in _TIERS:
        tiers, notes = _TIERS[ending](path)
        read = rows_of_tiers(path, tiers, layout)
        return Rows(read.rows, (*notes, *read.notes))
    if ending in _XDF or path.name.lower().endswith(".xdf.gz"):
        return read_xdf(path, layout)
    if ending in _TABLES:
        return read_table(path, layout)
    raise EventsError(
        f"{path} has an ending that no file of events has; read are .tsv, .csv, .txt, .eaf, "
        ".TextGrid and .xdf."
    )
