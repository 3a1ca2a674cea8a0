"""The result of scoring one session, and what every output says of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    "ticks_s",
    "warnings",
]

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
