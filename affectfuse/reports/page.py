"""The page of a session: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

from affectfuse.containers import Interval, IntervalTrack
from affectfuse.reports.html import render_page
from affectfuse.reports.panels import gaps, is_waveform, timeline_panels
from affectfuse.reports.session import (
    FACE_VISIBLE,
    MICRO_EXPRESSION,
    SessionResult,
    interval_tracks,
    public,
    session_notes,
    session_summary,
    warnings,
)
from affectfuse.reports.strict_json import strict_json
from affectfuse.scoring.base import SessionScore

__all__ = ["render"]

_FOLDED = {"versions", "configuration", "metrics"}
"""Provenance that the page keeps folded."""

_MAX_ROWS = 500
"""Rows of one table of events; the rest is counted."""


def render(result: SessionResult, *, thumbnails: bool = True) -> str:
    """Return the page as HTML.

    Args:
        result: the session.
        thumbnails: whether pictures of the face are embedded.
    """
    return render_page(
        "report.html.j2",
        "timeline.js",
        timeline_panels(result),
        name=_name(result),
        result=result,
        summary=session_summary(result),
        warnings=warnings(result),
        notes=session_notes(result),
        tables=[_interval_table(t, thumbnails=thumbnails) for t in interval_tracks(result)],
        score=_score_table(result.score, result) if result.score else None,
        missing=_missing(result),
        declared=public(result.declaration.facts()) if result.declaration else {},
        table_file="timeline.csv" if result.fused else "spotted.csv",
        summary_file="session.json" if result.fused else "spotted.json",
        provenance=_provenance(result),
    )


def _name(result: SessionResult) -> str:
    source = str(public(result.source))
    return source if "://" in source else source.replace("\\", "/").rpartition("/")[2] or source


def _interval_table(track: IntervalTrack, *, thumbnails: bool) -> dict[str, Any]:
    intervals = track.intervals
    pictures = thumbnails and any(interval.thumbnail_jpeg for interval in intervals)
    rows = [_interval_row(interval, thumbnails=thumbnails) for interval in intervals[:_MAX_ROWS]]
    names = dict.fromkeys(name for interval in intervals for name in interval.values)
    return {
        "name": track.name,
        "note": track.note,
        "count": len(intervals),
        "labels": Counter(interval.label for interval in intervals).most_common(),
        "rows": rows,
        "folded": track.name != MICRO_EXPRESSION,
        "left": max(len(intervals) - _MAX_ROWS, 0),
        "pictures": pictures,
        "values": [name for name in names if not name.startswith("p_")],
    }


def _interval_row(interval: Interval, *, thumbnails: bool) -> dict[str, Any]:
    jpeg = interval.thumbnail_jpeg if thumbnails else b""
    picture = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else ""
    return {"interval": interval, "picture": picture}


def _score_table(score: SessionScore, result: SessionResult) -> dict[str, Any]:
    """Arrange the score with one row a question and one column a channel; notes are numbered."""
    units = {row.channel: row.unit for row in score.rows}
    cells = {(row.question, row.onset_s, row.channel): row for row in score.rows}
    notes: dict[str, int] = {}
    for row in score.rows:
        if row.note:
            notes.setdefault(row.note, len(notes) + 1)
    questions = [
        {
            "number": number,
            "event": event,
            "cells": [cells.get((event.label, event.onset_s, name)) for name in units],
        }
        for number, event in enumerate(result.events, start=1)
    ]
    return {
        "protocol": score.protocol,
        "units": units,
        "questions": questions,
        "notes": notes,
        "summary": score.summary,
        "remarks": score.notes,
    }


def _missing(result: SessionResult) -> list[dict[str, Any]]:
    """Return where tracks are not known, longest first; waveforms stand in the timeline alone."""
    faces = result.tracks.get(FACE_VISIBLE)
    found = [
        {"track": track.name} | gap
        for track in result.tracks.values()
        if track.name != FACE_VISIBLE and not is_waveform(track)
        for gap in gaps(track, faces)
    ]
    return sorted(found, key=lambda gap: float(gap["start"] - gap["end"]))


def _provenance(result: SessionResult) -> dict[str, Any]:
    """Return the facts that a reader needs, and all there are."""
    everything = public({"source": result.source, **result.provenance})
    facts = {name: value for name, value in everything.items() if name not in _FOLDED}
    if "source" in (facts.get("recording") or {}):
        del facts["source"]
    if checkpoint := facts.get("checkpoint"):
        trained_on = checkpoint.get("trained_on") or {}
        recognisers = trained_on.get("recognisers") or {}
        facts["checkpoint"] = {
            **{name: value for name, value in checkpoint.items() if name not in _FOLDED},
            "trained_on": trained_on.get("provenance", trained_on.get("dataset")),
            "recognisers_trained_on": {n: r.get("provenance") for n, r in recognisers.items()},
        }
    return {"main": facts, "everything": strict_json(everything)}
