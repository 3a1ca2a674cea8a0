"""The summary of a session: the content of `session.json`, of which the page takes its figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from affectfuse.containers import Array, IntervalTrack, Track
from affectfuse.reports.session import (
    FACE_VISIBLE,
    HEART_RATE,
    MICRO_EXPRESSION,
    SessionResult,
    coverage,
    has_evidence,
    interval_tracks,
    public,
    session_notes,
    warnings,
)

__all__ = ["SCHEMA_VERSION", "session_summary"]

SCHEMA_VERSION = "1.1"
"""Of `session.json`, whose schema is `schemas/session.schema.json`."""

_UNDECLARED: Mapping[str, Any] = {"subject": None, "purpose": None, "consent": None}


def session_summary(result: SessionResult) -> dict[str, Any]:
    """Return the content of `session.json`; NaN where a value is not known."""
    faces = result.tracks.get(FACE_VISIBLE)
    return {
        "schema_version": SCHEMA_VERSION,
        "source": public(result.source),
        **public(result.declaration.facts() if result.declaration else _UNDECLARED),
        "duration_s": result.duration_s,
        "mode": result.mode,
        "warnings": warnings(result),
        "notes": session_notes(result),
        "summary": _headline(result),
        "coverage": {
            "face_visible": _mean(faces.values) if faces else float("nan"),
            **{n: coverage(result, t) for n, t in result.tracks.items() if n != FACE_VISIBLE},
        },
        "modalities": {
            name: {
                "coverage": float(np.mean(track.values > 0)) if len(track.values) else None,
                "mean_quality_when_present": _mean(track.values[track.values > 0]),
            }
            for name, track in result.modality_quality.items()
        },
        "tracks": {name: _track(track) for name, track in result.tracks.items()},
        "intervals": {track.name: _intervals(track) for track in interval_tracks(result)},
        "target": asdict(result.target) if result.target else None,
        "events": [
            {
                "onset_s": e.onset_s,
                "offset_s": e.offset_s,
                "label": e.label,
                "kind": e.kind,
                "series": e.series,
                "presentation": e.presentation,
                "answer_s": e.answer_s,
            }
            for e in result.events
        ],
        "score": asdict(result.score) if result.score else None,
        "provenance": public(result.provenance),
    }


def _headline(result: SessionResult) -> dict[str, Any]:
    counts = {track.name: len(track.intervals) for track in interval_tracks(result)}
    summary: dict[str, Any] = {
        "heart_rate_median_bpm": (
            _median(result.tracks[HEART_RATE].values) if HEART_RATE in result.tracks else None
        ),
        "micro_expressions": counts.get(MICRO_EXPRESSION),
    }
    if result.target:
        known = [e.probabilities for e in result.estimates if has_evidence(e)]
        summary["mean_probabilities"] = {
            name: _mean(np.array([p[name] for p in known])) for name in result.target.classes
        }
        summary["share_with_evidence"] = (
            len(known) / len(result.estimates) if result.estimates else float("nan")
        )
    return summary


def _track(track: Track) -> dict[str, Any]:
    known = track.values[np.isfinite(track.values)]
    return {
        "unit": track.unit,
        "readings": len(track.values),
        "known": len(known),
        "median": _median(track.values),
        "minimum": float(known.min()) if len(known) else float("nan"),
        "maximum": float(known.max()) if len(known) else float("nan"),
        "mean_quality": _mean(track.quality),
        "note": track.note,
    }


def _intervals(track: IntervalTrack) -> dict[str, Any]:
    return {
        "count": len(track.intervals),
        "by_label": dict(Counter(interval.label for interval in track.intervals)),
        "note": track.note,
        "found": [
            {
                "onset_s": interval.onset_s,
                "offset_s": interval.offset_s,
                "apex_s": interval.apex_s,
                "label": interval.label,
                "confidence": interval.confidence,
                "values": interval.values,
            }
            for interval in track.intervals
        ],
    }


def _mean(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _median(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
