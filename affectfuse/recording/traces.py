"""A table of a camera's mean colours, a row a frame, as a recording without pictures."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from affectfuse.containers import Array, Observation, SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.text_tables import read_numbers

__all__ = ["CHANNELS", "TraceRecording", "is_trace"]

CHANNELS = ("red", "green", "blue")

_NAMES = {"r": "red", "red": "red", "g": "green", "green": "green", "b": "blue", "blue": "blue"}
_TIMES = {"time_ms": 1e-3, "ms": 1e-3, "time_s": 1.0, "s": 1.0, "time": math.nan, "t": math.nan}
_BLOCK_S = 0.25


def is_trace(source: str | Path) -> bool:
    """Whether a source is a file whose name says that it is a table."""
    return Path(source).suffix.lower() in {".csv", ".tsv"} and "://" not in str(source)


class TraceRecording(Recording):
    """Time and mean red, green, blue of every frame, from a CSV file with a header.

    The columns are named 'time', 'time_s' or 'time_ms', and 'R', 'G', 'B' (or 'red', ...), in any
    order and case; others are passed over. A plain 'time' is in milliseconds when its median step
    is more than 2, else in seconds. Rows that are incomplete, or whose time repeats or goes back,
    are left out, and `notes` counts them. The first row is at 0 s.

    Args:
        path: of the file.
        replay: give the rows at the pace of their times, as if they came live.

    Raises:
        RecordingError: when the file cannot be read, lacks a column or holds no two rows.
    """

    def __init__(self, path: Path, *, replay: bool = False) -> None:
        self._replay = replay
        self._stopped = threading.Event()
        self._times_s, self._values = self._read(path)
        times_s = self._times_s
        self.info = RecordingInfo(
            str(path),
            "file",
            float(times_s[-1]),
            0,
            0,
            float(1.0 / np.median(np.diff(times_s))),
            False,
            "colour trace",
        )

    def _read(self, path: Path) -> tuple[Array, Array]:
        found = read_numbers(path)
        header = [name.lower() for name in found.columns]
        times = [name for name in header if name in _TIMES]
        places = {_NAMES[name]: place for place, name in enumerate(header) if name in _NAMES}
        if len(times) != 1 or len(places) != 3:
            raise RecordingError(
                f"'{path}' has the columns {', '.join(header) or 'none'}; a trace needs a header "
                "with 'time' (or 'time_s', 'time_ms'), 'R', 'G' and 'B'."
            )
        table = found.numbers[:, [header.index(times[0]), *(places[name] for name in CHANNELS)]]
        whole = np.isfinite(table).all(axis=1)
        self._incomplete = int((~whole).sum())
        table, unit = table[whole], _TIMES[times[0]]
        if math.isnan(unit) and len(table) > 1:
            unit = 1e-3 if float(np.median(np.diff(table[:, 0]))) > 2.0 else 1.0
        latest = np.maximum.accumulate(np.concatenate([[-np.inf], table[:, 0]]))[:-1]
        rising = table[:, 0] > latest
        self._disordered = int((~rising).sum())
        table = table[rising]
        if len(table) < 2:
            raise RecordingError(
                f"'{path}' holds {len(table)} rows with a time and three colours; give two or more."
            )
        return (table[:, 0] - table[0, 0]) * unit, table[:, 1:]

    def observations(self) -> Iterator[Observation]:
        """Yield the rows in blocks of a quarter of a second; can be read once."""
        origin_s = time.monotonic()
        ends = np.flatnonzero(np.diff(np.floor(self._times_s / _BLOCK_S))) + 1
        for rows in np.split(np.arange(len(self._times_s)), ends):
            block = SignalBlock(
                "camera", self._times_s[rows], self._values[rows], CHANNELS, ("grey level",) * 3
            )
            pause_s = origin_s + block.time_s - time.monotonic() if self._replay else 0.0
            if self._stopped.wait(pause_s) if pause_s > 0.0 else self._stopped.is_set():
                return
            yield block

    @property
    def notes(self) -> list[str]:
        """What was left out, a phrase each, and what a trace cannot show."""
        counted = (
            (self._incomplete, "{} rows without a time and three colours: left out"),
            (self._disordered, "{} rows whose timestamps repeat or go back: left out"),
        )
        notes = [text.format(count) for count, text in counted if count]
        return [*notes, "colours without pictures: no face, no expressions, no head motion"]

    def stop(self) -> None:
        """End `observations` after the block being read; callable from any thread."""
        self._stopped.set()

    def close(self) -> None:
        self.stop()
