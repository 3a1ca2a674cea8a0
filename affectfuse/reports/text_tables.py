"""Tables as text: CSV, aligned columns, and how a number is written in them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from typing import Any

from affectfuse.evaluation.bootstrap import Measured

__all__ = [
    "aligned",
    "cell",
    "csv_text",
    "interval",
    "interval_cells",
    "interval_text",
    "number_cell",
    "text_cell",
]

_FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What the cells that a spreadsheet would run begin with; the last four are full-width signs."""


def csv_text(header: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    """Return rows of text as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def cell(value: Any) -> str:
    """Return a value as text: numbers with five decimals at most, NaN where undefined."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.5f}".rstrip("0").rstrip(".") if math.isfinite(value) else "NaN"


def number_cell(value: float) -> str:
    """Return a number as text with eight significant digits, NaN where undefined."""
    return f"{value + 0.0:.8g}" if math.isfinite(value) else "NaN"  # + 0.0: no -0


def text_cell(text: str) -> str:
    """Return a text from outside as a cell on one line, never one that a spreadsheet would run."""
    line = " ".join(text.split())
    return f"'{line}" if line.startswith(_FORMULA) else line


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table whose columns are of one width each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def interval(found: Measured) -> dict[str, float]:
    """Return a measured value with its 95 % interval, by name."""
    return {"value": found.value, "low_95": found.low, "high_95": found.high}


def interval_cells(found: Measured) -> list[str]:
    """Return a measured value and the ends of its interval as three cells."""
    return [cell(value) for value in (found.value, found.low, found.high)]


def interval_text(found: Measured, *, sign: bool = False) -> str:
    """Return a measured value with its interval: 0.812 [0.760, 0.861]."""
    shown = [f"{v:{'+' if sign else ''}.3f}" for v in (found.value, found.low, found.high)]
    return f"{shown[0]} [{shown[1]}, {shown[2]}]".replace("nan", "NaN")
