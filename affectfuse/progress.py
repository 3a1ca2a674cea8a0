"""Progress of long work, on the error stream."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from affectfuse.containers import Reading, Tick, Track

__all__ = ["ScoreProgress", "StepProgress"]


class _Bar:
    def __init__(self, *columns: object) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(*columns, console=self._console)  # type: ignore[arg-type]

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        self._console.print(text, markup=False, highlight=False)


class ScoreProgress(_Bar):
    """Seconds of the recording scored, frames a second, time left, the newest heart rate."""

    def __init__(self) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.fields[where]}"),
            BarColumn(),
            TextColumn("{task.fields[speed]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[heart_rate]}"),
        )
        self._task = self._progress.add_task(
            "", total=None, where="opening", speed="", heart_rate=""
        )
        self._began_s: float | None = None
        self._frames_at_start = 0

    def expect(self, duration_s: float) -> None:
        """Say how long the recording is; NaN or nothing said: no time left is shown."""
        if duration_s == duration_s:
            self._progress.update(self._task, total=duration_s)

    def watch(self, frames: int, time_s: float, reading: Reading | Tick | None) -> None:
        """Take note of how far the scoring has come."""
        if isinstance(reading, Track) and reading.name == "heart_rate_bpm":
            bpm, confidence = reading.values[-1], reading.quality[-1]
            shown = f"heart {bpm:.0f} bpm ({confidence:.0%} sure)" if bpm == bpm else "heart -"
            self._progress.update(self._task, heart_rate=shown)
        if not isinstance(reading, Tick):
            return
        now = time.monotonic()
        if self._began_s is None:
            self._began_s, self._frames_at_start = now, frames
        elapsed_s = now - self._began_s
        speed = (frames - self._frames_at_start) / elapsed_s if elapsed_s else 0.0
        self._progress.update(
            self._task, completed=time_s, where=f"{time_s:6.0f} s", speed=f"{speed:.0f} frames/s"
        )


class StepProgress(_Bar):
    """Named steps of long work, each done out of a total."""

    def __init__(self) -> None:
        super().__init__(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
        )
        self._tasks: dict[str, TaskID] = {}

    def step(self, what: str, done: int, total: int) -> None:
        """Report that `done` of `total` of a step is finished."""
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)
