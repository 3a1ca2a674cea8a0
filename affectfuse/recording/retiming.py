"""A video whose container has wrong times, read with the right ones."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from affectfuse.containers import Array, Frame, Observation
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording
from affectfuse.recording.reader import open_recording

__all__ = ["open_retimed"]


def open_retimed(
    path: Path, *, times_s: Array | None = None, duration_s: float | None = None
) -> Recording:
    """Open a video and give its frames other times than its container does.

    A frame's place is told from the container's time and constant rate, so that a frame which
    cannot be decoded does not shift those after it.

    Args:
        path: a video file of constant rate, however wrong that is.
        times_s: (frame,) the true times; frames beyond them are left out, with a note.
        duration_s: or the true length of the video, over which its frames are spread evenly.

    Raises:
        RecordingError: when the video cannot be read or declares no rate.
    """
    if (times_s is None) == (duration_s is None):
        raise ValueError("give the frames' times or the video's length, one of the two")
    recording = open_recording(path)
    declared = recording.info.duration_s if times_s is None else recording.info.nominal_rate_hz
    if not declared > 0:
        recording.close()
        raise RecordingError(
            f"'{path}' declares no {'length' if times_s is None else 'frame rate'}, without which "
            "its frames cannot be counted; copy it again."
        )
    return _Retimed(recording, times_s, duration_s)


class _Retimed(Recording):
    def __init__(
        self, recording: Recording, times_s: Array | None, duration_s: float | None
    ) -> None:
        self._recording, self._times_s = recording, times_s
        self._scale = math.nan if duration_s is None else duration_s / recording.info.duration_s
        self._beyond = self._disordered = self._seen = 0
        self._complete = False
        self.info = replace(recording.info, retimed=True)

    def observations(self) -> Iterator[Observation]:
        """Yield the frames at their true times; can be read once."""
        last_s = -math.inf
        for seen in self._recording.observations():
            if not isinstance(seen, Frame):
                continue
            time_s = self._true_s(seen.time_s)
            if math.isnan(time_s):
                self._beyond += 1
            elif time_s <= last_s:
                self._disordered += 1
            else:
                last_s = time_s
                yield Frame(time_s, seen.image, seen.face)
        self._complete = True

    def _true_s(self, container_s: float) -> float:
        if self._times_s is None:
            return container_s * self._scale
        index = round(container_s * self.info.nominal_rate_hz)
        self._seen = max(self._seen, index + 1)
        return float(self._times_s[index]) if index < len(self._times_s) else math.nan

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, a phrase each."""
        notes = list(self._recording.notes)
        if self._beyond:
            notes.append(f"{self._beyond} frames more than there are timestamps: left out")
        if self._disordered:
            notes.append(f"{self._disordered} frames whose timestamps repeat or go back: left out")
        times = 0 if self._times_s is None else len(self._times_s)
        if self._complete and times > self._seen:
            notes.append(f"{times - self._seen} timestamps more than there are frames")
        return notes

    @property
    def cut_short(self) -> bool:
        return self._recording.cut_short

    def stop(self) -> None:
        self._recording.stop()

    def close(self) -> None:
        self._recording.close()
