"""What a recording is, whatever its frames are kept in."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from affectfuse.containers import Observation

__all__ = ["Kind", "Recording", "RecordingInfo", "RecordingSource"]

Kind = Literal["file", "camera", "stream"]


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """What is known of a recording before it is read.

    Attributes:
        source: its name, without a password.
        kind: 'file', 'camera' or 'stream'.
        duration_s: of the video as its container declares it; NaN when unknown.
        width: of the upright image, in pixels.
        height: of the upright image, in pixels.
        nominal_rate_hz: frames a second as declared, for display only; NaN when unknown.
        has_audio: whether there is sound, asked for or not.
        codec: name of the video's codec.
        start_s: time of the first reading, where its own times do not begin at 0.
        retimed: whether its frames have other times than their container gives them.
    """

    source: str
    kind: Kind
    duration_s: float
    width: int
    height: int
    nominal_rate_hz: float
    has_audio: bool
    codec: str
    start_s: float = 0.0
    retimed: bool = False


class Recording(ABC):
    """An open recording; a context manager. One thread reads it; any thread may call `stop`.

    Attributes:
        info: what is known of it before it is read.
        opener: what opened it, where that is known: what a table is read by is not in its file.
    """

    info: RecordingInfo
    opener: RecordingSource | None = None
    _stopped: threading.Event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def observations(self) -> Iterator[Observation]:
        """Yield the observations, ordered by time; can be read once."""

    @property
    @abstractmethod
    def notes(self) -> list[str]:
        """What went wrong so far, a phrase each."""

    @property
    def cut_short(self) -> bool:
        """Whether `observations` ended before the source did: it was stopped, or reading failed."""
        return self._stopped.is_set()

    @abstractmethod
    def stop(self) -> None:
        """End `observations` after the one being read; callable from any thread."""

    @abstractmethod
    def close(self) -> None:
        """Stop and release the source; waits for a read in another thread to end."""


RecordingSource = str | Path | Callable[[], Recording]
"""A name that `open_recording` knows, or a function that opens the recording."""
