"""The recordings of a session: what opens each, and how its clock is brought onto the session's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from affectfuse.errors import ConfigError
from affectfuse.recording.base import Recording, RecordingSource
from affectfuse.recording.clocks import Clock, between_starts, from_marks, own, stated
from affectfuse.recording.empatica import EmpaticaRecording
from affectfuse.recording.merged import OpenPart
from affectfuse.session_file.values import is_dated

__all__ = ["RECORDED", "TAGS", "SessionRecording", "clock_of", "marks_of", "refuse_apart"]

RECORDED: Literal["recorded"] = "recorded"
TAGS: Literal["tags"] = "tags"

_TIME_OF_DAY_S = 1e7


@dataclass(frozen=True, slots=True)
class SessionRecording:
    """One recording of a session; of `offset_s`, `start` and `marks_s` one at most is said.

    Attributes:
        name: in the session.
        path: of its file or folder.
        source: what opens it.
        offset_s: what must be added to its times to get the session's.
        start: the time of day at its time 0; 'recorded': as a wristband's folder says it.
        marks_s: shared events by its own clock; 'tags': the presses of a wristband's button.
    """

    name: str
    path: Path
    source: RecordingSource
    offset_s: float | None = None
    start: datetime | Literal["recorded"] | None = None
    marks_s: Sequence[float] | Literal["tags"] | None = None


def marks_of(said: SessionRecording, opened: Recording) -> Sequence[float]:
    """Return the shared events by a recording's own clock.

    Raises:
        ConfigError: for the tags of what has none.
    """
    if said.marks_s != TAGS:
        return said.marks_s or ()
    return _wristband(said, opened, "marks: tags").tags_s


def clock_of(
    said: SessionRecording,
    opened: Recording,
    session_start: datetime | None,
    session_marks_s: Sequence[float] | None,
    alone: bool,
) -> Clock:
    """Return the clock of a recording against the session's.

    Args:
        said: of it, in the session's file.
        opened: the recording.
        session_start: the time of day at the session's time 0, if it is known.
        session_marks_s: shared events by the session's clock; None where there are none, or where
            this recording's own are the session's.
        alone: whether its clock is the session's beyond doubt: it is the only recording, or the
            reference.

    Raises:
        RecordingError: when the clock cannot be, see `affectfuse.recording.clocks`.
        ConfigError: when the session does not say what is needed.
    """
    if said.offset_s is not None:
        return stated(said.offset_s)
    if said.start is not None:
        if session_start is None:
            raise ConfigError(
                f"recording '{said.name}' has a start and the session has none: say 'start', the "
                "time of day at the session's time 0, beside 'recordings'."
            )
        start = said.start
        if start == RECORDED:
            wristband = _wristband(said, opened, "start: recorded")
            if not is_dated(session_start):
                raise ConfigError(
                    f"recording '{said.name}' knows the date of its start: say the session's with "
                    "its date too, such as 2026-03-01T10:00:00+01:00."
                )
            start = datetime.fromtimestamp(wristband.start_unix_s, UTC)
        return between_starts(said.name, start, session_start)
    if said.marks_s is not None and session_marks_s is not None:
        return from_marks(said.name, marks_of(said, opened), session_marks_s)
    return own("" if alone else "no alignment was declared")


def refuse_apart(parts: Sequence[OpenPart]) -> None:
    """Refuse recordings that lie apart from all others, or before the session.

    Raises:
        ConfigError: that names one and says when it lasts.
    """
    spans_s = {part.name: part.span_s for part in parts}
    for part in sorted(parts, key=_is_trusted):
        begin, end = spans_s[part.name]
        others = {name: span for name, span in spans_s.items() if name != part.name}
        apart = [last <= begin or end <= first for first, last in others.values()]
        if not (end <= 0 or (apart and all(apart))):
            continue
        advice = "correct its offset_s, start or marks"
        if _says_time_of_day(part):
            advice = (
                "its times look like times of day: say offset_s: "
                f"-{part.recording.info.start_s:.0f}, or near it"
            )
        where = ", ".join(f"'{name}' {a:.0f} to {b:.0f} s" for name, (a, b) in others.items())
        raise ConfigError(
            f"recording '{part.name}' lasts from {begin:.0f} to {end:.0f} s of the session, at the "
            f"time of no other ({where or 'the session begins at 0 s'}): {advice}."
        )


def _is_trusted(part: OpenPart) -> bool:
    """Whether the fault lies rather with another: its clock was not declared to be off."""
    return part.clock.how == "own clock" and not _says_time_of_day(part)


def _says_time_of_day(part: OpenPart) -> bool:
    return part.recording.info.start_s > _TIME_OF_DAY_S


def _wristband(said: SessionRecording, opened: Recording, key: str) -> EmpaticaRecording:
    if not isinstance(opened, EmpaticaRecording):
        raise ConfigError(
            f"recording '{said.name}' says '{key}', which only the folder of an Empatica E4 knows: "
            "write the times."
        )
    return opened
