"""What is written down of the recordings that a result was made from: which files, which clocks."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from affectfuse.files import file_sha256
from affectfuse.recording.base import Recording
from affectfuse.recording.merged import MergedRecording, OpenPart

__all__ = ["recording_facts", "session_notes"]


def recording_facts(recording: Recording) -> dict[str, Any]:
    """Return the facts of a recording for a result's provenance, None where not known.

    Of several recordings read as one, `parts` has those of each, with its `alignment`: how it was
    found, its offset, drift and residual, and from when to when it lasts in the session.
    """
    info = recording.info
    if isinstance(recording, MergedRecording):
        parts = {part.name: _part_facts(part) for part in recording.parts}
        return {"source": info.source, "kind": "session", "parts": parts}
    facts: dict[str, Any] = {
        "source": info.source,
        "kind": info.kind,
        "codec": info.codec,
        "width": info.width or None,
        "height": info.height or None,
        "container_duration_s": _known(info.duration_s),
        "retimed": info.retimed or None,
    }
    path = Path(info.source)
    if info.kind == "file" and path.is_dir():
        files = sorted(file for file in path.iterdir() if file.is_file())
        facts["sha256"] = {file.name: file_sha256(file) for file in files}
    elif info.kind == "file":
        facts["sha256"] = file_sha256(path)
        facts["bytes"] = path.stat().st_size
    return facts


def session_notes(recording: Recording) -> list[str]:
    """Return how the recordings of a session were brought onto its clock, and what they lack."""
    if not isinstance(recording, MergedRecording):
        return []
    parts = recording.parts if len(recording.parts) > 1 else ()
    notes = [
        f"{part.name}: {part.clock}" + (f"; {part.clock.note}" if part.clock.note else "")
        for part in parts
    ]
    if not recording.info.width:
        notes.append("no recording of this session holds pictures: no face, no expressions")
    return notes


def _part_facts(part: OpenPart) -> dict[str, Any]:
    clock, (start_s, end_s) = part.clock, part.span_s
    alignment = {
        "how": clock.how,
        "offset_s": clock.offset_s,
        "drift_ppm": _known(clock.drift_ppm),
        "residual_s": _known(clock.residual_s),
        "from_s": _known(start_s),
        "to_s": _known(end_s),
        "note": clock.note,
    }
    return {**recording_facts(part.recording), "alignment": alignment}


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
