"""Several recordings of one session, each with its own clock, read side by side as one."""

from __future__ import annotations

import heapq
import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from affectfuse.containers import Observation, SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording, RecordingSource

__all__ = ["MergedRecording", "Part", "open_merged"]

_LATEST_START_S = 1e7


@dataclass(frozen=True, slots=True)
class Part:
    """One recording of a session.

    Attributes:
        name: what its notes begin with.
        source: what opens it; can be pickled.
        offset_s: what must be added to its times to get the session's.
    """

    name: str
    source: RecordingSource
    offset_s: float = 0.0


class MergedRecording(Recording):
    """A video, a wristband's folder, tables of readings: all that one session was recorded by.

    Observations come in the order of the session's time. Each part is read only as far as the
    merging needs, so that memory does not grow with length. It ends when the last part does.

    Args:
        parts: the open recordings, each with its name and its offset in seconds; this recording
            closes them.

    Raises:
        RecordingError: when there is no part, two have one name, or two hold pictures.
    """

    def __init__(self, parts: Sequence[tuple[str, Recording, float]]) -> None:
        self._parts = list(parts)
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        names = [name for name, _, _ in self._parts]
        if not names or len(set(names)) < len(names):
            raise RecordingError(
                f"a session has the parts {', '.join(map(repr, names)) or 'none'}; give at least "
                "one, each with a name of its own."
            )
        seen = [(name, part, offset_s) for name, part, offset_s in self._parts if part.info.width]
        if len(seen) > 1:
            raise RecordingError(
                f"'{seen[0][0]}' and '{seen[1][0]}' of one session both hold pictures: name one "
                "video for a session."
            )
        main = (seen or self._parts)[0][1].info
        ends_s = [part.info.duration_s + offset_s for _, part, offset_s in self._parts]
        self.info = replace(
            main,
            source=" + ".join(part.info.source for _, part, _ in self._parts),
            duration_s=max((end for end in ends_s if math.isfinite(end)), default=math.nan),
            has_audio=any(part.info.has_audio for _, part, _ in self._parts),
        )

    def observations(self) -> Iterator[Observation]:
        """Yield the observations of all parts at the session's times; can be read once."""
        merged = heapq.merge(
            *(self._shifted(*part) for part in self._parts), key=lambda seen: seen.time_s
        )
        while True:
            with self._reading:
                if self._stopped.is_set():
                    return
                observation = next(merged, None)
            if observation is None or self._stopped.is_set():
                return
            yield observation

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, a phrase each, which begins with the part's name."""
        return [f"{name}: {note}" for name, part, _ in self._parts for note in part.notes]

    def stop(self) -> None:
        """End `observations` after the one being read; callable from any thread."""
        self._stopped.set()
        for _, part, _ in self._parts:
            part.stop()

    def close(self) -> None:
        """Stop and close all parts; waits for a read in another thread to end."""
        self.stop()
        with self._reading, ExitStack() as stack:
            for _, part, _ in self._parts:
                stack.callback(part.close)

    def _shifted(self, name: str, part: Recording, offset_s: float) -> Iterator[Observation]:
        began = False
        for seen in part.observations():
            if isinstance(seen, SignalBlock):
                seen = replace(seen, times_s=seen.times_s + offset_s)
            else:
                seen = replace(seen, time_s=seen.time_s + offset_s)
            if not began and abs(seen.time_s) > _LATEST_START_S:
                raise RecordingError(
                    f"'{name}' begins at {seen.time_s:.0f} s of its session, which looks like a "
                    "time of day: say the seconds to add to its times (offset_s), such as "
                    f"{-math.floor(seen.time_s - offset_s)}."
                )
            began = True
            yield seen


def open_merged(parts: Sequence[Part]) -> MergedRecording:
    """Open all recordings of a session.

    Raises:
        RecordingError: when one cannot be read; the others are closed then.
    """
    from affectfuse.recording.reader import open_recording  # PyAV is slow to load

    with ExitStack() as stack:
        opened: list[tuple[str, Recording, float]] = []
        for part in parts:
            source = part.source
            try:
                found = source() if callable(source) else open_recording(source)
            except RecordingError as error:
                raise RecordingError(f"{part.name}: {error}") from None
            opened.append((part.name, stack.enter_context(found), part.offset_s))
        merged = MergedRecording(opened)
        stack.pop_all()
        return merged
