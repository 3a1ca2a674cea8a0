"""The result of scoring one session, and the summary that `session.json` and the page share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from affectfuse.containers import Array, Estimate, IntervalTrack, Target, Track
from affectfuse.errors import ConfigError
from affectfuse.scoring.base import Question, SessionScore

__all__ = [
    "FACE_VISIBLE",
    "HEART_RATE",
    "HOW_TO_DECLARE",
    "MICRO_EXPRESSION",
    "NO_CHECKPOINT",
    "NO_RECOGNISER",
    "SCHEMA_VERSION",
    "SYNTHETIC",
    "SYNTHETIC_ONLY",
    "Declaration",
    "Mode",
    "SessionResult",
    "coverage",
    "has_evidence",
    "interval_tracks",
    "public",
    "session_notes",
    "session_summary",
    "ticks_s",
    "warnings",
]

SCHEMA_VERSION = "1.1"
"""Of `session.json`, whose schema is `schemas/session.schema.json`."""

# Names that a page knows; held equal to those of their rooms by a test, so that a report
# needs no video library.
FACE_VISIBLE = "face_visible"
HEART_RATE = "heart_rate_bpm"
MICRO_EXPRESSION = "micro_expression"
SYNTHETIC = "synthetic"

SYNTHETIC_ONLY = (
    "The model behind the fused estimate was trained on synthetic recordings only. "
    "It has seen no real person: its estimates show how the software works, not how anyone felt."
)
SPOTTED_BY_SYNTHETIC = (
    "What spots the expressions, or names them, was trained on synthetic recordings only. It has "
    "seen no real person: what it finds shows how the software works, not what anyone felt."
)
NO_RECOGNISER = (
    "no checkpoint was given, so what is spotted has no class: give --checkpoint FILE, or "
    "--checkpoint demo for the embedded one"
)
NO_CHECKPOINT = (
    "no checkpoint was given, so there is no fused estimate: give --checkpoint FILE, or "
    "--checkpoint demo for the embedded one"
)

HOW_TO_DECLARE = (
    "write into the session file 'purpose: TEXT' and 'consent: {given: true, record: TEXT}', where "
    "the record says which form, signed when, kept where"
)

Mode = Literal["live", "replay", "offline causal"]

_CREDENTIALS = re.compile(r"(\b[a-z][a-z0-9+.-]*://)[^/?#\s]*@", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What a session is declared to be for, and that the person who was recorded agreed to it.

    Attributes:
        purpose: what the score is for.
        consent: the record of the consent that was given: which form, signed when, kept where.
        subject: who was recorded, best a pseudonym; '' when not said.

    Raises:
        ConfigError: when the purpose or the record is empty.
    """

    purpose: str
    consent: str
    subject: str = ""

    def __post_init__(self) -> None:
        if not self.purpose.strip() or not self.consent.strip():
            raise ConfigError(f"a session lacks a purpose or record of consent: {HOW_TO_DECLARE}")

    def facts(self) -> dict[str, Any]:
        """Return the declaration as outputs say it."""
        consent = {"given": True, "record": self.consent}
        return {"subject": self.subject or None, "purpose": self.purpose, "consent": consent}


_UNDECLARED: Mapping[str, Any] = {"subject": None, "purpose": None, "consent": None}


@dataclass(frozen=True, slots=True, eq=False)
class SessionResult:
    """Everything the outputs of one session are made from.

    Attributes:
        source: the recording's path, camera or address.
        duration_s: how long it lasted.
        mode: 'live' (a camera or stream), 'replay' (a file at its own pace) or 'offline causal'
            (a file at full speed); all three see only the past.
        tracks: by name; `face_visible` says once a second which share of frames shows a face.
        intervals: by name.
        estimates: one a second; empty without a checkpoint.
        target: what the estimates say; None without a checkpoint.
        modality_quality: by modality, one reading in [0, 1] a tick; 0 where it was absent.
        events: marked questions.
        score: of the events; None without.
        provenance: facts by name. `checkpoint`, when one was used, says in `trained_on` the
            `dataset` of the fused model, and of each of its `recognisers`.
        notes: what a reader should know.
        fused: whether a fused estimate was asked for, or expressions spotted only.
        declaration: purpose and consent, as the session's file declares them; None without one.
    """

    source: str
    duration_s: float
    mode: Mode
    tracks: Mapping[str, Track]
    intervals: Mapping[str, IntervalTrack] = field(default_factory=dict)
    estimates: Sequence[Estimate] = ()
    target: Target | None = None
    modality_quality: Mapping[str, Track] = field(default_factory=dict)
    events: Sequence[Question] = ()
    score: SessionScore | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()
    fused: bool = True
    declaration: Declaration | None = None


def public(value: Any) -> Any:
    """Return a value whose texts, at any depth, hold no user name and password of an address."""
    if isinstance(value, Mapping):
        return {key: public(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [public(item) for item in value]
    return _CREDENTIALS.sub(r"\1", value) if isinstance(value, str) else value


def ticks_s(result: SessionResult) -> Array:
    """Return the times of the session's whole seconds: one row of the timeline each."""
    if FACE_VISIBLE in result.tracks:
        return result.tracks[FACE_VISIBLE].times_s
    return np.arange(1.0, np.floor(result.duration_s + 1e-6) + 1.0)


def coverage(result: SessionResult, track: Track) -> float:
    """Return the share of the session's seconds in which the track was known at least once."""
    ticks = ticks_s(result)
    if not len(ticks):
        return float("nan")
    known = track.times_s[np.isfinite(track.values)]
    seconds = np.unique(np.searchsorted(ticks, known - 1e-6))
    return np.count_nonzero(seconds < len(ticks)) / len(ticks)


def has_evidence(estimate: Estimate) -> bool:
    """Return whether any modality stood behind the estimate; without one it is the prior."""
    return any(weight > 0 for weight in estimate.weights.values())


def warnings(result: SessionResult) -> list[str]:
    """Return what every output of the session must say first."""
    checkpoint = result.provenance.get("checkpoint") or {}
    if not result.fused:
        recognisers = (checkpoint.get("trained_on") or {}).get("recognisers") or {}
        seen = [str(r.get("provenance", "")) for r in recognisers.values()]
        seen += (result.provenance.get("learned_parts") or {}).values()
        return [SPOTTED_BY_SYNTHETIC] if any(SYNTHETIC in s.lower() for s in seen) else []
    trained_on = checkpoint.get("trained_on") or {}
    trained = [trained_on, *(trained_on.get("recognisers") or {}).values()]
    return [SYNTHETIC_ONLY] if all(t.get("dataset") == SYNTHETIC for t in trained) else []


def interval_tracks(result: SessionResult) -> list[IntervalTrack]:
    """Return the interval tracks, micro-expressions first; watched and none found is a track too.

    A modality that was never present found nothing because it saw nothing: no track.
    """
    tracks = dict(result.intervals)
    watched = result.modality_quality.get(MICRO_EXPRESSION)
    if watched is not None and np.any(watched.values > 0):
        tracks.setdefault(MICRO_EXPRESSION, IntervalTrack(MICRO_EXPRESSION, ()))
    first = {MICRO_EXPRESSION: 0, "macro_expression": 1}
    return [tracks[name] for name in sorted(tracks, key=lambda name: (first.get(name, 2), name))]


def session_notes(result: SessionResult) -> list[str]:
    """Return the session's notes, once each, with that on a missing checkpoint."""
    without = result.fused and result.target is None
    notes = [*result.notes] + [NO_CHECKPOINT] * without
    return list(dict.fromkeys(public(notes)))


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
