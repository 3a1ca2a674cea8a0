"""The folder that an Empatica E4 wristband exports, as a recording without pictures."""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from affectfuse.containers import Array, Observation, SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.text_tables import number

__all__ = ["EmpaticaRecording", "is_empatica"]

_BLOCK_S = 0.25
_MOST_NAMED = 3
_LATEST_START_S = 86400.0


class _Sensor(NamedTuple):
    source: str
    channels: tuple[str, ...]
    unit: str
    scale: float


_SENSORS = {
    "BVP.csv": _Sensor("bvp", ("bvp",), "1", 1.0),
    "EDA.csv": _Sensor("eda", ("eda",), "uS", 1.0),
    "TEMP.csv": _Sensor("temperature", ("temperature",), "degC", 1.0),
    "ACC.csv": _Sensor("acceleration", ("x", "y", "z"), "g", 1.0 / 64.0),
}
_DERIVED = {"HR.csv": _Sensor("heart_rate", ("heart_rate",), "bpm", 1.0)}
_INTERVALS, _TAGS = "IBI.csv", "tags.csv"
_INTERVAL = _Sensor("beat_interval", ("beat_interval",), "s", 1.0)


class _Readings(NamedTuple):
    """Readings after the start of their own file, whose own time is in seconds since 1970."""

    sensor: _Sensor
    start_unix_s: float
    times_s: Array
    values: Array


def is_empatica(source: str | Path) -> bool:
    """Whether a source is a folder with a sensor's file of an Empatica E4."""
    if "://" in str(source):
        return False
    return any((Path(source) / name).is_file() for name in _SENSORS)


class EmpaticaRecording(Recording):
    """The readings of an Empatica E4 from the CSV files of its export, merged by time.

    Sources: 'bvp' (in the device's unit, rising with blood volume), 'eda' in uS, 'temperature' of
    the skin in degC, 'acceleration' (x, y, z) in g; and what the wristband itself derives of the
    first, 'heart_rate' in bpm and 'beat_interval' in s. Each file says when it starts and how many
    rows a second it has. Time 0 is the start of the earliest; the others may start later. A file
    that is empty or not there is a source less, with a note; a damaged row is left out and keeps
    its time, with a note that names file and row.

    Args:
        folder: that holds BVP.csv, EDA.csv, TEMP.csv and ACC.csv, and perhaps HR.csv, IBI.csv and
            tags.csv.
        replay: give the readings at the pace of their times, as if they came live.

    Attributes:
        start_unix_s: time 0, in seconds since 1970.
        tags_s: when the wristband's button was pressed.

    Raises:
        RecordingError: when no sensor's file is there, or one does not say its start and rate or
            holds no reading.
    """

    def __init__(self, folder: Path, *, replay: bool = False) -> None:
        self._replay = replay
        self._stopped = threading.Event()
        self._notes: list[str] = []
        self._fastest_hz = math.nan
        if not is_empatica(folder):
            raise RecordingError(
                f"'{folder}' holds none of {', '.join(_SENSORS)}; give the folder of one exported "
                "session."
            )
        found = []
        for name, sensor in (_SENSORS | _DERIVED).items():
            if _has_text(folder / name):
                found.append(self._regular(folder / name, sensor))
            elif name in _SENSORS:
                self._notes.append(f"no {name}: '{sensor.source}' was not recorded")
        if _has_text(folder / _INTERVALS):
            found.append(self._intervals(folder / _INTERVALS))
        if not found:
            raise RecordingError(f"the sensors' files in '{folder}' are empty; export it again.")
        start_s = min(readings.start_unix_s for readings in found)
        latest = max(found, key=lambda readings: readings.start_unix_s)
        if latest.start_unix_s - start_s > _LATEST_START_S:
            raise RecordingError(
                f"the files of '{folder}' are of several sessions: '{latest.sensor.source}' starts "
                f"{latest.start_unix_s - start_s:.0f} s after the first; export one session again."
            )
        self._readings = [
            readings._replace(times_s=readings.times_s + (readings.start_unix_s - start_s))
            for readings in found
            if len(readings.times_s)
        ]
        self.start_unix_s = start_s
        self.tags_s = self._tags(folder / _TAGS)
        self.info = RecordingInfo(
            str(folder),
            "file",
            max(float(readings.times_s[-1]) for readings in self._readings),
            0,
            0,
            self._fastest_hz,
            False,
            "Empatica E4",
        )

    def observations(self) -> Iterator[Observation]:
        """Yield the readings in blocks of a quarter of a second; can be read once."""
        sources = [_blocks(readings) for readings in self._readings]
        origin_s = time.monotonic()
        for block in heapq.merge(*sources, key=lambda block: block.time_s):
            pause_s = origin_s + block.time_s - time.monotonic() if self._replay else 0.0
            if self._stopped.wait(pause_s) if pause_s > 0.0 else self._stopped.is_set():
                return
            yield block

    @property
    def notes(self) -> list[str]:
        """What is missing or was left out, a phrase each."""
        return list(self._notes)

    def stop(self) -> None:
        """End `observations` after the block being read; callable from any thread."""
        self._stopped.set()

    def close(self) -> None:
        self.stop()

    def _regular(self, path: Path, sensor: _Sensor) -> _Readings:
        """Return the readings of a file with a start, a rate and a row a reading."""
        lines = _lines(path)
        width = len(sensor.channels)
        start_s, rate_hz = (number(line.split(",")[0]) for line in [*lines, "", ""][:2])
        if math.isnan(start_s) or not rate_hz > 0.0:
            raise RecordingError(
                f"'{path}' begins with {' and '.join(map(repr, lines[:2])) or 'nothing'}; its "
                "first line must be its start in seconds since 1970, its second the rows a second."
            )
        values = self._numbers(path, lines[2:], width, first_row=3) * sensor.scale
        whole = np.isfinite(values).all(axis=1)
        if not whole.any():
            raise RecordingError(f"'{path}' holds no reading; export the session again.")
        self._fastest_hz = max(rate_hz, self._fastest_hz) if self._fastest_hz > 0 else rate_hz
        times_s = np.arange(len(values)) / rate_hz
        return _Readings(sensor, start_s, times_s[whole], values[whole])

    def _intervals(self, path: Path) -> _Readings:
        """Return the time of each beat and the interval before it."""
        lines = _lines(path)
        start_s = number(lines[0].split(",")[0]) if lines else math.nan
        if math.isnan(start_s):
            raise RecordingError(
                f"'{path}' does not begin with its start in seconds since 1970; take it away."
            )
        rows = self._numbers(path, lines[1:], 2, first_row=2)
        latest = np.maximum.accumulate(np.concatenate([[-np.inf], rows[:, 0]]))[:-1]
        kept = np.isfinite(rows).all(axis=1) & (rows[:, 0] > latest)
        return _Readings(_INTERVAL, start_s, rows[kept, 0], rows[kept, 1:])

    def _tags(self, path: Path) -> tuple[float, ...]:
        if not path.is_file():
            return ()
        unix_s = self._numbers(path, _lines(path), 1, first_row=1)[:, 0]
        return tuple((unix_s[np.isfinite(unix_s)] - self.start_unix_s).tolist())

    def _numbers(self, path: Path, lines: Sequence[str], width: int, first_row: int) -> Array:
        """Return the rows, (row, width), those that are damaged as NaN and noted."""
        cells = ",".join(lines).split(",")
        try:
            values = np.array(cells, np.float64)
            intact = len(values) == width * len(lines)
            intact &= width == 1 or all(line.count(",") == width - 1 for line in lines)
        except ValueError:
            intact = False
        if intact and np.isfinite(values).all():
            return values.reshape(-1, width)
        rows, damaged = np.full((len(lines), width), np.nan), []
        for index, line in enumerate(lines):
            numbers = [number(cell) for cell in line.split(",")]
            if len(numbers) == width and not any(map(math.isnan, numbers)):
                rows[index] = numbers
            else:
                damaged.append(f"row {index + first_row} is '{line[:20]}'")
        more = f" and {len(damaged) - _MOST_NAMED} more" if len(damaged) > _MOST_NAMED else ""
        if damaged:
            named = ", ".join(damaged[:_MOST_NAMED])
            self._notes.append(f"{path.name}: {named}{more}: left out")
        return rows


def _has_text(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(f"'{path}' cannot be read as text ({error}).") from None


def _blocks(readings: _Readings) -> Iterator[SignalBlock]:
    sensor, _, times_s, values = readings
    ends = np.flatnonzero(np.diff(np.floor(times_s / _BLOCK_S + 1e-9))) + 1
    units = (sensor.unit,) * len(sensor.channels)
    for begin, end in zip([0, *ends.tolist()], [*ends.tolist(), len(times_s)], strict=True):
        yield SignalBlock(
            sensor.source, times_s[begin:end], values[begin:end], sensor.channels, units
        )
