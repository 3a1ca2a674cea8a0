"""The page of a session: one HTML file that loads nothing from anywhere."""

from __future__ import annotations

from collections import Counter
from typing import Any

from affectfuse.containers import Interval, IntervalTrack
from affectfuse.reports.html import data_uri, render_page
from affectfuse.reports.session import (
    FACE_VISIBLE,
    MICRO_EXPRESSION,
    SessionResult,
    interval_tracks,
    public,
    session_notes,
    warnings,
)
from affectfuse.reports.session_page.media import Pictures, media_sources
from affectfuse.reports.session_page.methods import methods
from affectfuse.reports.session_page.panels import gaps, is_waveform, timeline_panels
from affectfuse.reports.session_page.score_section import score_section
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import session_summary

__all__ = ["render"]

_FOLDED = {"versions", "configuration", "metrics"}
"""Provenance that the page keeps folded."""

_MAX_ROWS = 500
"""Rows of one table of events; the rest is counted."""


def render(result: SessionResult, pictures: Pictures | None = None) -> str:
    """Return the page as HTML.

    Args:
        result: the session.
        pictures: what is shown of the person, see `media.take_pictures`; None: the thumbnails.
    """
    pictures = pictures or Pictures()
    return render_page(
        "report.html.j2",
        ["chart.js", "timeline.js", "session.js", "player.js"],
        timeline_panels(result),
        name=_name(result),
        result=result,
        summary=session_summary(result),
        warnings=warnings(result),
        notes=session_notes(result),
        tables=[_interval_table(track, pictures) for track in interval_tracks(result)],
        plotly=False,
        styles=["timeline.css", "score.css", "media.css"],
        media=media_sources(pictures),
        video=pictures.video,
        picture_notes=pictures.notes,
        score=score_section(result.score, result) if result.score else None,
        methods=methods(result),
        missing=_missing(result),
        declared=public(result.declaration.facts()) if result.declaration else {},
        table_file="timeline.csv" if result.fused else "spotted.csv",
        summary_file="session.json" if result.fused else "spotted.json",
        provenance=_provenance(result),
    )


def _name(result: SessionResult) -> str:
    source = str(public(result.source))
    return source if "://" in source else source.replace("\\", "/").rpartition("/")[2] or source


def _interval_table(track: IntervalTrack, pictures: Pictures) -> dict[str, Any]:
    intervals = track.intervals
    pictured = pictures.thumbnails and any(interval.thumbnail_jpeg for interval in intervals)
    names = dict.fromkeys(name for interval in intervals for name in interval.values)
    return {
        "name": track.name,
        "note": track.note,
        "count": len(intervals),
        "labels": Counter(interval.label for interval in intervals).most_common(),
        "rows": [_interval_row(interval, pictures) for interval in intervals[:_MAX_ROWS]],
        "folded": track.name != MICRO_EXPRESSION,
        "left": max(len(intervals) - _MAX_ROWS, 0),
        "pictures": pictured,
        "clips": sum(interval in pictures.clips for interval in intervals),
        "values": [name for name in names if not name.startswith("p_")],
    }


def _interval_row(interval: Interval, pictures: Pictures) -> dict[str, Any]:
    jpeg = interval.thumbnail_jpeg if pictures.thumbnails else b""
    clip = pictures.clips.get(interval)
    return {
        "interval": interval,
        "picture": data_uri("image/jpeg", jpeg) if jpeg else "",
        "clip": data_uri("video/mp4", clip.mp4) if clip else "",
        "clip_start_s": clip.start_s if clip else None,
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
