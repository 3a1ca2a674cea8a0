"""A declared session: opened as one recording on one clock, and its questions on that clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording
from affectfuse.recording.merged import MergedRecording, OpenPart
from affectfuse.reports.session import Declaration
from affectfuse.scoring.base import Question
from affectfuse.scoring.events import Layout, read_events
from affectfuse.session_file.recordings import (
    SessionRecording,
    clock_of,
    marks_of,
    refuse_apart,
)
from affectfuse.session_file.values import is_dated

__all__ = ["SessionEvents", "SessionFile"]


@dataclass(frozen=True, slots=True)
class SessionEvents:
    """The marked questions of a session.

    Attributes:
        path: of their file.
        layout: what the file leaves unsaid.
        clock: name of the recording by whose clock they are marked; None: by the session's.
    """

    path: Path
    layout: Layout = field(default_factory=Layout)
    clock: str | None = None


@dataclass(frozen=True, slots=True)
class SessionFile:
    """What a session file says, checked; nothing is opened yet.

    Attributes:
        path: of the file.
        declaration: who was recorded, for what purpose, and the record of consent.
        recordings: one or more.
        start: the time of day at the session's time 0, where recordings are aligned by it.
        marks_s: events that recordings share, by the session's clock.
        reference: name of the recording whose clock is the session's, with which it ends, and
            whose marks are the session's where `marks_s` says none.
        events: the questions, if there are any.
        checkpoint: of a trained model, or its name.
        recipe: `modalities` and `protocol`, as far as they are said, for `load_recipe`.
    """

    path: Path
    declaration: Declaration
    recordings: Sequence[SessionRecording]
    start: datetime | None = None
    marks_s: Sequence[float] | None = None
    reference: str | None = None
    events: SessionEvents | None = None
    checkpoint: str | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    @property
    def began(self) -> str | None:
        """Date and time of day at the session's time 0, ISO 8601; None when one is not said."""
        return self.start.isoformat() if self.start and is_dated(self.start) else None

    def open(self) -> MergedRecording:
        """Open all recordings as one, on the session's clock.

        Raises:
            RecordingError: when one cannot be read, or its clock cannot be the one declared.
            ConfigError: when recordings do not overlap in time, or two hold pictures.
        """
        from affectfuse.recording.reader import open_recording  # PyAV is slow to load

        with ExitStack() as stack:
            opened: dict[str, Recording] = {}
            for said in self.recordings:
                try:
                    found = said.source() if callable(said.source) else open_recording(said.source)
                except RecordingError as error:
                    raise RecordingError(f"{said.name}: {error}") from None
                found.opener = said.source
                opened[said.name] = stack.enter_context(found)
            merged = MergedRecording(self._parts(opened), until=self.reference)
            refuse_apart(merged.parts)
            merged.info = replace(merged.info, source=str(self.path))
            stack.pop_all()
            return merged

    def questions(self, opened: MergedRecording) -> tuple[Question, ...]:
        """Return the marked questions on the clock of the session, which is open.

        Raises:
            EventsError: when their file cannot be read or has errors, or they lie outside.
        """
        if self.events is None:
            return ()
        path, layout, name = self.events.path, self.events.layout, self.events.clock
        end_s = opened.info.duration_s
        if name is None:
            return read_events(path, duration_s=end_s, layout=layout)
        clock = next(part.clock for part in opened.parts if part.name == name)
        own_end_s = float(clock.from_session(np.array(end_s)))
        found = read_events(path, duration_s=own_end_s, layout=layout)
        marks = np.array([[q.onset_s, q.offset_s, q.answer_s] for q in found]).reshape(-1, 3)
        return tuple(
            replace(question, onset_s=onset_s, offset_s=offset_s, answer_s=answer_s)
            for question, (onset_s, offset_s, answer_s) in zip(
                found, clock.to_session(marks).tolist(), strict=True
            )
        )

    def _parts(self, opened: Mapping[str, Recording]) -> list[OpenPart]:
        marks_s = self.marks_s
        for said in self.recordings:
            if said.name == self.reference and marks_s is None and said.marks_s is not None:
                marks_s = marks_of(said, opened[said.name])
        parts = []
        for said in self.recordings:
            first = said.name == self.reference
            shared = None if first and self.marks_s is None else marks_s
            alone = first or len(self.recordings) == 1
            clock = clock_of(said, opened[said.name], self.start, shared, alone)
            parts.append(OpenPart(said.name, opened[said.name], clock))
        return parts
