"""The page and the files of a comparison of scored sessions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from affectfuse.reports.comparison import COLUMNS, Column, Comparison, comparison_csv
from affectfuse.reports.html import render_page
from affectfuse.reports.scored_folder import ScoredSession
from affectfuse.reports.session_page.forest import forest_plot
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.titles import title
from affectfuse.reports.writing import write_files

__all__ = ["COMPARISON_OUTPUTS", "render_comparison", "write_comparison"]

COMPARISON_OUTPUTS = ("comparison.csv", "comparison.json", "comparison.html")
"""Every file of a comparison."""

_WIDTH = 6
"""Columns of one table, at most: as many as a page of paper holds."""


def write_comparison(comparison: Comparison, out: Path) -> Path:
    """Write all outputs into the folder `out`, all or none; return the path of the page.

    Raises:
        OutputError: when the folder cannot be written to.
    """
    said = list(dict.fromkeys(text for s in comparison.sessions for text in s.warnings))
    described = {**({"Warnings": said} if said else {}), **COLUMNS}
    files = {
        "comparison.csv": comparison_csv(comparison),
        "comparison.json": strict_json(described) + "\n",
        "comparison.html": render_comparison(comparison),
    }
    write_files(out, files, owned=COMPARISON_OUTPUTS)
    return out / "comparison.html"


def render_comparison(comparison: Comparison) -> str:
    """Return the page as HTML."""
    notes: dict[str, int] = {}
    banners: dict[str, list[str]] = {}
    for session in comparison.sessions:
        for text in session.warnings:
            banners.setdefault(text, []).append(session.name)
    return render_page(
        "comparison.html.j2",
        [],
        None,
        styles=["score.css", "comparison.css"],
        comparison=comparison,
        created=datetime.now(UTC).isoformat(" ", timespec="minutes").removesuffix("+00:00"),
        banners=banners,
        alike=_alike(comparison.sessions),
        tables=[_table(comparison, protocol, notes) for protocol in comparison.protocols],
        notes=notes,
        chance=comparison.chance_of_any(),
        totals=any(c.is_total for name in comparison.protocols for c in comparison.columns(name)),
    )


def _alike(sessions: Sequence[ScoredSession]) -> dict[str, str]:
    """Return what is the same of all sessions and need not stand in every row."""
    facts = {
        "Person": [session.subject or "not said" for session in sessions],
        "Protocol": [title(session.protocol) for session in sessions],
        "Model": [session.model or "none" for session in sessions],
        "affectfuse": [session.version for session in sessions],
    }
    return {name: values[0] for name, values in facts.items() if len(set(values)) == 1}


def _table(comparison: Comparison, protocol: str, notes: dict[str, int]) -> dict[str, Any]:
    """Return what is shown of one protocol's sessions: a table and a small figure a column."""
    sessions, columns = comparison.of_protocol(protocol), comparison.columns(protocol)
    names = {column.name for column in columns}
    return {
        "protocol": protocol,
        "name": names.pop() if len(names) == 1 else "",
        "parts": [
            {"columns": part, "rows": [(s, _cells(comparison, s, part, notes)) for s in sessions]}
            for part in _parts(columns)
        ],
        "figures": [_figure(comparison, sessions, column) for column in columns],
    }


def _parts(columns: Sequence[Column]) -> list[Sequence[Column]]:
    """Return the columns in parts of nearly one width."""
    count = math.ceil(len(columns) / _WIDTH)
    ends = [round(len(columns) * part / count) for part in range(count + 1)] if count else [0]
    return [columns[begin:end] for begin, end in pairwise(ends)]


def _cells(
    comparison: Comparison, session: ScoredSession, columns: Sequence[Column], notes: dict[str, int]
) -> list[dict[str, Any]]:
    """Return the cells of one row, each with its contrast and the number of its note."""
    cells = []
    for column in columns:
        found = comparison.contrast(session, column)
        note = found.note if found else ""
        number = notes.setdefault(note, len(notes) + 1) if note else 0
        cells.append({"contrast": found, "note": number})
    return cells


def _figure(
    comparison: Comparison, sessions: Sequence[ScoredSession], column: Column
) -> dict[str, Any]:
    """Return the small forest plot of one column: one row a session that has it."""
    found = [(session, comparison.contrast(session, column)) for session in sessions]
    there = [(session, contrast) for session, contrast in found if contrast]
    plot = forest_plot("channels", [contrast for _, contrast in there], column.unit)
    return {
        "column": column,
        "plot": plot,
        "rows": list(zip([session for session, _ in there], plot["rows"], strict=True)),
        "without": [session.name for session, contrast in found if contrast is None],
    }
