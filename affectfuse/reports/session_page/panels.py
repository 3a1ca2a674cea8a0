"""What the page's timeline shows: panels of series, marks and gaps over one time axis."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from affectfuse.containers import Array, IntervalTrack, Track
from affectfuse.reports.session import (
    FACE_VISIBLE,
    HEART_RATE,
    SessionResult,
    has_evidence,
    interval_tracks,
)
from affectfuse.reports.titles import title

__all__ = ["gaps", "is_waveform", "timeline_panels"]

_MAX_POINTS = 200_000
"""Readings of one series on the page; of a longer track, the least and greatest of a stretch."""

_TIME_ERROR_S = 5e-4

_WAVEFORM_STEP_S = 0.2


def timeline_panels(result: SessionResult) -> dict[str, Any]:
    """Return the timeline as plain data; NaN where not known, times in seconds.

    A series is packed: its `values` are 32-bit floats, least byte first, in base64; its `times` are
    `first_s` and `step_s` or, where they do not keep to a step, 32-bit `ms` likewise.
    """
    faces = result.tracks.get(FACE_VISIBLE)
    panels = []
    if faces is not None:
        seen = _series("Face visible", faces.times_s, faces.values, fill=True, step=True)
        panels.append(_panel("Face visible", "share of frames", 44, [seen], [0, 1]))
    for name, track in result.tracks.items():
        if name != FACE_VISIBLE:
            panels.append(_track_panel(track, faces))
    rows = [_marks(track) for track in interval_tracks(result)]
    if rows:
        panels.append(_panel("Events", "", 26 * len(rows), []) | {"rows": rows})
    if result.target:
        panels += _fused_panels(result)
    if result.modality_quality:
        series = [
            _series(title(name), track.times_s, track.values, colour=index, step=True)
            for index, (name, track) in enumerate(result.modality_quality.items())
        ]
        panels.append(
            _panel("Signal quality", "0 where absent", 64, series, [0, 1], None, "quality: ")
        )
    questions = [
        {"number": number, "label": e.label, "onset": e.onset_s, "offset": e.offset_s}
        for number, e in enumerate(result.events, start=1)
    ]
    return {"duration": result.duration_s, "panels": panels, "questions": questions}


def gaps(track: Track, faces: Track | None) -> list[dict[str, Any]]:
    """Return the stretches in which a track is not known, each with the reason.

    A reading stands for the time since the one before it.
    """
    times = track.times_s
    if not len(times):
        return []
    starts = np.r_[max(0.0, 2 * times[0] - times[1]) if len(times) > 1 else 0.0, times[:-1]]
    found: list[dict[str, Any]] = []
    away = _away(times, faces)
    note = _note(track)
    for index in np.flatnonzero(~np.isfinite(track.values)):
        start, end = float(starts[index]), float(times[index])
        reason = "no face" if away[index] else note
        if found and found[-1]["end"] == start and found[-1]["reason"] == reason:
            found[-1]["end"] = end
        else:
            found.append({"start": start, "end": end, "reason": reason})
    return found


def _away(times: Array, faces: Track | None) -> Array:
    """Return at which times most frames of the second showed no face."""
    if faces is None or not len(faces.times_s):
        return np.zeros(len(times), bool)
    second = np.searchsorted(faces.times_s, times - 1e-6).clip(max=len(faces.times_s) - 1)
    return np.asarray(faces.values[second] < 0.5)


def _note(track: Track) -> str:
    # A track's notes are those of all its readings; where a face was seen, that is not the reason.
    notes = [note for note in track.note.split("; ") if note and not note.startswith("no face")]
    return ", or ".join(notes) or "not known"


def is_waveform(track: Track) -> bool:
    """Return whether a track is told so often that it shows each beat, not a level."""
    return len(track.times_s) > 1 and float(np.median(np.diff(track.times_s))) < _WAVEFORM_STEP_S


def _panel(
    name: str,
    unit: str,
    height: int,
    series: list[dict[str, Any]],
    span: list[float] | None = None,
    missing: list[dict[str, Any]] | None = None,
    prefix: str = "",
) -> dict[str, Any]:
    """Return one panel; `prefix` goes before the names of its series under the cursor."""
    unit = "" if unit == "1" else unit  # a number without one
    panel = {"title": name, "unit": unit, "height": height, "range": span, "prefix": prefix}
    return panel | {"series": series, "gaps": missing or []}


def _series(
    name: str,
    times: Array,
    values: Array,
    *,
    colour: int = 0,
    fill: bool = False,
    step: bool = False,
) -> dict[str, Any]:
    times, values = _thin(times, values)
    look = {"colour": colour, "fill": fill, "step": step}
    return {"name": name, "times": _packed_times(times), "values": _packed(values, "<f4")} | look


def _packed(values: Array, kind: str) -> str:
    return base64.b64encode(np.asarray(values).astype(kind).tobytes()).decode()


def _packed_times(times_s: Array) -> dict[str, Any]:
    count = len(times_s)
    first_s = float(times_s[0]) if count else 0.0
    step_s = (float(times_s[-1]) - first_s) / (count - 1) if count > 1 else 1.0
    if np.all(np.abs(first_s + step_s * np.arange(count) - times_s) < _TIME_ERROR_S):
        return {"first_s": first_s, "step_s": step_s}
    return {"ms": _packed(np.round(1000.0 * times_s), "<i4")}


def _thin(times: Array, values: Array) -> tuple[Array, Array]:
    if len(times) <= _MAX_POINTS:
        return times, values
    kept = []
    for part in np.array_split(np.arange(len(times)), _MAX_POINTS // 2):
        known = part[np.isfinite(values[part])]
        ends = (known[values[known].argmin()], known[values[known].argmax()]) if known.size else ()
        kept += sorted(ends) or [part[0], part[-1]]
    return times[kept], values[kept]


def _track_panel(track: Track, faces: Track | None) -> dict[str, Any]:
    unit = "bpm" if track.name == HEART_RATE else track.unit
    series = _series(title(track.name), track.times_s, track.values)
    height = 64 if is_waveform(track) else 120
    panel = _panel(title(track.name), unit, height, [series], None, gaps(track, faces))
    if is_waveform(track):
        return panel | {"thin": True}
    return panel | {"confidence": _series("confidence", track.times_s, track.quality)}


def _marks(track: IntervalTrack) -> dict[str, Any]:
    return {
        "name": title(track.name),
        "onset": [i.onset_s for i in track.intervals],
        "offset": [i.offset_s for i in track.intervals],
        "apex": [i.apex_s for i in track.intervals],
        "label": [i.label for i in track.intervals],
        "confidence": [i.confidence for i in track.intervals],
    }


def _fused_panels(result: SessionResult) -> list[dict[str, Any]]:
    assert result.target is not None
    estimates = result.estimates
    times = np.array([estimate.time_s for estimate in estimates])
    known = np.array([np.nan if not has_evidence(e) else 1.0 for e in estimates])
    classes = [
        _series(
            name, times, known * np.array([e.probabilities[name] for e in estimates]), colour=index
        )
        for index, name in enumerate(result.target.classes)
    ]
    weights = [
        _series(
            title(name),
            times,
            np.array([e.weights.get(name, 0.0) for e in estimates]),
            colour=index,
            step=True,
        )
        for index, name in enumerate(result.modality_quality)
    ]
    evidence = Track("evidence", "", times, known, known, "no evidence")
    name = f"Fused estimate: {title(result.target.name).lower()}"
    panels = [_panel(name, "probability", 120, classes, [0, 1], gaps(evidence, None))]
    if weights:
        panels.append(_panel("Weight of each modality", "", 64, weights, prefix="weight: "))
    return panels
