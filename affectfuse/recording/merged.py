"""Several recordings of one session, each with its own clock, read side by side as one."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from affectfuse.containers import Frame, Observation, SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording, RecordingSource
from affectfuse.recording.clocks import Clock

__all__ = ["MergedRecording", "OpenPart", "Part", "open_merged"]

_LATEST_START_S = 1e7
_AFTER_S = 30.0
"""How far the others are read after the part with which all ends: what is slow becomes known."""


@dataclass(frozen=True, slots=True)
class Part:
    """One recording of a session.

    Attributes:
        name: what its notes begin with.
        source: what opens it; can be pickled.
        clock: its clock against the session's; a number is what must be added to its times, in
            seconds.
    """

    name: str
    source: RecordingSource
    clock: Clock | float = 0.0


class OpenPart(NamedTuple):
    """One open recording of a session, with its clock against the session's."""

    name: str
    recording: Recording
    clock: Clock

    @property
    def span_s(self) -> tuple[float, float]:
        """From when to when it lasts in the session, NaN where not known."""
        info = self.recording.info
        start_s, end_s = self.clock.to_session(np.array([info.start_s, info.duration_s]))
        return float(start_s), float(end_s)


class MergedRecording(Recording):
    """A video, a wristband's folder, tables of readings: all that one session was recorded by.

    Observations come in the order of the session's time. Each part is read only as far as the
    merging needs, so that memory does not grow with length. It ends when the last part does, or the
    one that `until` names.

    Args:
        parts: the open recordings, each with its name and its clock, or its offset in seconds;
            this recording closes them.
        until: name of the part with which it ends; None: the last.

    Attributes:
        parts, until: the same.
        end_s: when the part that `until` names ended; infinity as long as that is not known.
            Observations go on for half a minute, for what is known only after a while.

    Raises:
        RecordingError: when there is no part, two have one name, or two hold pictures.
    """

    def __init__(
        self, parts: Sequence[tuple[str, Recording, Clock | float]], *, until: str | None = None
    ) -> None:
        self.parts = tuple(
            OpenPart(name, part, clock if isinstance(clock, Clock) else Clock(clock))
            for name, part, clock in parts
        )
        self.until = until
        self.end_s = math.inf
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        names = [part.name for part in self.parts]
        if not names or len(set(names)) < len(names):
            raise RecordingError(
                f"a session has the parts {', '.join(map(repr, names)) or 'none'}; give at least "
                "one, each with a name of its own."
            )
        seen = [part for part in self.parts if part.recording.info.width]
        if len(seen) > 1:
            raise RecordingError(
                f"'{seen[0].name}' and '{seen[1].name}' of one session both hold pictures: name "
                "one video for a session."
            )
        infos = [part.recording.info for part in self.parts]
        starts_s = [part.span_s[0] for part in self.parts]
        ends_s = [part.span_s[1] for part in self.parts if until in (None, part.name)]
        self.info = replace(
            (seen or self.parts)[0].recording.info,
            source=" + ".join(info.source for info in infos),
            duration_s=max((end for end in ends_s if math.isfinite(end)), default=math.nan),
            has_audio=any(info.has_audio for info in infos),
            start_s=min(starts_s),
        )

    def observations(self) -> Iterator[Observation]:
        """Yield the observations of all parts at the session's times; can be read once."""
        merged = heapq.merge(
            *(self._shifted(part) for part in self.parts), key=lambda seen: seen.time_s
        )
        while True:
            with self._reading:
                if self._stopped.is_set():
                    return
                observation = next(merged, None)
            if observation is None or self._stopped.is_set():
                return
            if observation.time_s > self.end_s + _AFTER_S:
                return
            yield observation

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, a phrase each, which begins with the part's name."""
        return [f"{part.name}: {note}" for part in self.parts for note in part.recording.notes]

    @property
    def cut_short(self) -> bool:
        """Whether a part ended before its source did: it was stopped, or reading failed."""
        return super().cut_short or any(part.recording.cut_short for part in self.parts)

    def stop(self) -> None:
        """End `observations` after the one being read; callable from any thread."""
        self._stopped.set()
        for part in self.parts:
            part.recording.stop()

    def close(self) -> None:
        """Stop and close all parts; waits for a read in another thread to end."""
        self.stop()
        with self._reading, ExitStack() as stack:
            for part in self.parts:
                stack.callback(part.recording.close)

    def _shifted(self, part: OpenPart) -> Iterator[Observation]:
        began = False
        last_s = step_s = 0.0
        for own in part.recording.observations():
            seen = _at(own, part.clock)
            if not began and abs(seen.time_s) > _LATEST_START_S:
                raise RecordingError(
                    f"'{part.name}' begins at {seen.time_s:.0f} s of its session, which looks like "
                    "a time of day: say the seconds to add to its times (offset_s), such as "
                    f"{-math.floor(own.time_s)}."
                )
            step_s = seen.time_s - last_s if began and isinstance(seen, Frame) else 0.0
            last_s, began = seen.time_s, True
            yield seen
        if part.name == self.until:
            self.end_s = last_s + step_s


def _at(seen: Observation, clock: Clock) -> Observation:
    """Return an observation with its times on the session's clock."""
    if isinstance(seen, SignalBlock):
        return replace(seen, times_s=clock.to_session(seen.times_s))
    return replace(seen, time_s=float(clock.to_session(np.array(seen.time_s))))


def open_merged(parts: Sequence[Part]) -> MergedRecording:
    """Open all recordings of a session.

    Raises:
        RecordingError: when one cannot be read; the others are closed then.
    """
    from affectfuse.recording.reader import open_recording  # PyAV is slow to load

    with ExitStack() as stack:
        opened: list[tuple[str, Recording, Clock | float]] = []
        for part in parts:
            source = part.source
            try:
                found = source() if callable(source) else open_recording(source)
            except RecordingError as error:
                raise RecordingError(f"{part.name}: {error}") from None
            opened.append((part.name, stack.enter_context(found), part.clock))
        merged = MergedRecording(opened)
        stack.pop_all()
        return merged
