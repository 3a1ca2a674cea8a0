"""A scored session read back from its folder, for comparing it with others."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from affectfuse.errors import ResultError
from affectfuse.reports.summary import SCHEMA_VERSION
from affectfuse.scoring.base import Contrast

__all__ = ["ScoredSession", "read_scored"]


@dataclass(frozen=True, slots=True, eq=False)
class ScoredSession:
    """What a comparison needs of a scored session.

    Attributes:
        name: of its folder; what the comparison calls it.
        folder: where it was read.
        subject: who was recorded; None when not said.
        began: date and time of day at its time 0; None when not said.
        created: when it was scored, ISO 8601.
        duration_s: how long it lasted.
        mode: 'live', 'replay' or 'offline causal'.
        protocol: by which it was scored.
        parameters: of the protocol, by name.
        modalities: configuration of each, by name.
        questions: how many were marked.
        presentations: passes through the list of questions.
        contrasts: within the session.
        coverage: by channel, the mean share of the evaluated time for which it was known.
        known: share of the cells question x channel that have a value.
        disturbed: share of those cells that have an artefact.
        face_visible: share of the frames that show a face; NaN without pictures.
        recordings: SHA-256 of what it was made from, of those that are known.
        version: of affectfuse.
        model: the checkpoint and when it was written; '' without one.
        warnings: what must be said first.
    """

    name: str
    folder: Path
    subject: str | None
    began: datetime | None
    created: str
    duration_s: float
    mode: str
    protocol: str
    parameters: Mapping[str, Any]
    modalities: Mapping[str, Any]
    questions: int
    presentations: int
    contrasts: Sequence[Contrast]
    coverage: Mapping[str, float]
    known: float
    disturbed: float
    face_visible: float
    recordings: frozenset[str]
    version: str
    model: str
    warnings: Sequence[str]


def read_scored(folder: Path) -> ScoredSession:
    """Read the `session.json` of a scored session.

    Raises:
        ResultError: when the folder holds none, it is of another schema, or has no score.
    """
    path = folder / "session.json"
    try:
        said = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise ResultError(
            f"{folder} holds no session.json: give the folders that 'affectfuse score' wrote."
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ResultError(f"{path} cannot be read as JSON ({reason}): score it again.") from None
    version = said.get("schema_version") if isinstance(said, Mapping) else None
    if version != SCHEMA_VERSION:
        raise ResultError(
            f"{path} is of schema version {str(version)[:40]!r}, this affectfuse compares "
            f"'{SCHEMA_VERSION}': score the session again."
        )
    if said.get("score") is None:
        raise ResultError(
            f"{path} has no score: no questions were marked (--events, or 'events' in a session "
            "file)."
        )
    try:
        return _session(folder, said)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise ResultError(
            f"{path} is not as its schema says ({reason}): score the session again."
        ) from None


def _session(folder: Path, said: Mapping[str, Any]) -> ScoredSession:
    score, provenance = said["score"], said["provenance"]
    rows: Sequence[Mapping[str, Any]] = score["rows"]
    by_channel: dict[str, list[float]] = {}
    for row in rows:
        by_channel.setdefault(_text(row["channel"]), []).append(_number(row["coverage"]))
    configuration = provenance["configuration"]
    return ScoredSession(
        name=folder.resolve().name,
        folder=folder,
        subject=_text(said["subject"]) if said["subject"] is not None else None,
        began=_moment(provenance.get("session_start")),
        created=_text(provenance["created"]),
        duration_s=_number(said["duration_s"]),
        mode=_text(said["mode"]),
        protocol=_text(score["protocol"]),
        parameters=dict(configuration.get("protocol") or {}),
        modalities=dict(configuration.get("modalities") or {}),
        questions=len(said["events"]),
        presentations=len({(e["series"], e["presentation"]) for e in said["events"]}),
        contrasts=tuple(map(_contrast, score["contrasts"])),
        coverage={name: _mean(shares) for name, shares in by_channel.items()},
        known=_mean([float(row["value"] is not None) for row in rows]),
        disturbed=_mean([float(bool(row["artefact"])) for row in rows]),
        face_visible=_number(said["coverage"]["face_visible"]),
        recordings=frozenset(_hashes(provenance["recording"])),
        version=_text(provenance["versions"]["affectfuse"]),
        model=_model(provenance["checkpoint"]),
        warnings=tuple(map(_text, said["warnings"])),
    )


def _contrast(said: Mapping[str, Any]) -> Contrast:
    return Contrast(
        channel=_text(said["channel"]),
        name=_text(said["name"]),
        value=_number(said["value"]),
        unit=_text(said["unit"]),
        low=_number(said["low"]),
        high=_number(said["high"]),
        confidence=_number(said["confidence"]),
        p_value=_number(said["p_value"]),
        p_adjusted=_number(said["p_adjusted"]),
        pairs=int(_number(said["pairs"])),
        note=_text(said["note"]),
    )


def _number(said: Any) -> float:
    """Return a number, NaN for null."""
    if said is None:
        return math.nan
    if isinstance(said, bool) or not isinstance(said, int | float):
        raise TypeError(f"{str(said)[:40]!r} is no number")
    return float(said)


def _text(said: Any) -> str:
    if not isinstance(said, str):
        raise TypeError(f"{str(said)[:40]!r} is no text")
    return said


def _moment(said: Any) -> datetime | None:
    return datetime.fromisoformat(_text(said)) if said is not None else None


def _model(said: Mapping[str, Any] | None) -> str:
    return f"{said['source']}, {said.get('created', 'undated')}" if said else ""


def _hashes(recording: Mapping[str, Any]) -> list[str]:
    if "parts" in recording:
        return [found for part in recording["parts"].values() for found in _hashes(part)]
    found = recording.get("sha256")
    return list(found.values()) if isinstance(found, Mapping) else [found] if found else []


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan
