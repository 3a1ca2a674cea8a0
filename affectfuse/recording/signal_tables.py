"""Tables of a sensor's readings as recordings without pictures."""

from __future__ import annotations

import heapq
import math
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from affectfuse.containers import Array, Observation, SignalBlock
from affectfuse.errors import RecordingError, did_you_mean
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.physio_sidecar import OWN_TIMES, Sidecar
from affectfuse.recording.text_tables import NumberTable, read_numbers

__all__ = ["TIME_COLUMNS", "SignalTableRecording", "TimeUnit"]

TimeUnit = Literal["s", "ms"]
TIME_COLUMNS: Mapping[str, TimeUnit | None] = {"time": None, "time_s": "s", "time_ms": "ms"}
"""Names of a time column, in any case, and the unit that the name says."""

_SECONDS = {"s": 1.0, "ms": 1e-3}
_BLOCK_S = 0.25
_COARSE_STEP = 2.0
_LONGEST_GAP_S = 1e6
_UNITS = {
    "us": "uS", "µs": "uS", "microsiemens": "uS", "v": "V", "mv": "mV", "uv": "uV", "g": "g",
    "degc": "degC", "celsius": "degC", "°c": "degC", "bpm": "bpm", "percent": "%", "%": "%",
    "hz": "Hz", "ms": "ms",
}  # fmt: skip
_IN_BRACKETS = re.compile(r"^(.*?)\s*[(\[](.+)[)\]]$")


class SignalTableRecording(Recording):
    """Readings in the rows of a text table: `.csv`, `.tsv` or `.txt`, as they are or as `.gz`.

    A header names the columns. Times stand in a column 'time_s' or 'time_ms', or in 'time' (in
    seconds, unless its steps are too coarse to tell: then `time_unit` must say), on the session's
    clock; or there are none, and the rows are `sampling_rate_hz` a second. A table of BIDS
    physiology (`_physio.tsv.gz`) has neither header nor times: its `sidecar` says both, unless it
    names a column 'time_s', where readings at uneven times have their own.

    The unit of a channel is what `units` or the sidecar says, or its name: 'eda (uS)', 'eda [uS]',
    'eda_us'; '1' where none does.

    Of each source, readings that lack a channel (a blank cell, text, NaN) are left out, and so are
    those whose time repeats or goes back; `notes` counts them, and names a source without any.

    Args:
        path: of the file.
        sources: the columns of each source, by the name that its blocks get; or one name: all
            columns that hold numbers, but for the time, are its channels.
        sampling_rate_hz: rows a second, of a table without times.
        start_s: time of the first row of such a table.
        time: name of the time column, if it is none of 'time', 'time_s', 'time_ms'.
        time_unit: 's' or 'ms', where the column's name does not say it.
        units: of the columns that do not say theirs.
        columns: their names, of a table without a header.
        sidecar: what the JSON file of BIDS physiology says.

    Raises:
        RecordingError: when the file cannot be read, lacks a column, says its times twice or not at
            all, or no source has a reading.
    """

    def __init__(
        self,
        path: Path,
        sources: str | Mapping[str, Sequence[str]],
        *,
        sampling_rate_hz: float | None = None,
        start_s: float = 0.0,
        time: str | None = None,
        time_unit: TimeUnit | None = None,
        units: Mapping[str, str] | None = None,
        columns: Sequence[str] | None = None,
        sidecar: Sidecar | None = None,
    ) -> None:
        self._stopped = threading.Event()
        self._notes: list[str] = []
        table = read_numbers(path, columns if sidecar is None else sidecar.columns)
        if sidecar is not None:
            sampling_rate_hz, start_s = sidecar.sampling_rate_hz, sidecar.start_s
            if OWN_TIMES in sidecar.columns:
                sampling_rate_hz = None
        timed = _time_column(table, time, sampling_rate_hz)
        if timed is None:
            times_s = start_s + np.arange(len(table)) / _rate_hz(table, sampling_rate_hz)
        else:
            times_s = _in_seconds(table, timed, time_unit)
        if isinstance(sources, str):
            sources = {sources: self._all_channels(table, timed)}
        readings = {
            name: self._whole(name, times_s, table.take(channels))
            for name, channels in sources.items()
        }
        self._readings = {name: found for name, found in readings.items() if len(found[0])}
        if not self._readings:
            raise RecordingError(
                f"'{table.path}' holds no reading of {', '.join(map(repr, sources))}: a row needs "
                "a time and a number in every column of a source, with a point before the decimals."
            )
        said = {**(sidecar.units if sidecar else {}), **(units or {})}
        self._channels = {
            name: [_channel(column, said.get(column)) for column in channels]
            for name, channels in sources.items()
        }
        begins_s = [float(times_s[0]) for times_s, _ in self._readings.values()]
        ends_s = [float(times_s[-1]) for times_s, _ in self._readings.values()]
        steps_s = [float(np.median(np.diff(t))) for t, _ in self._readings.values() if len(t) > 1]
        rate_hz = 1.0 / min(steps_s) if steps_s else math.nan
        self.info = RecordingInfo(
            str(path), "file", max(ends_s), 0, 0, rate_hz, False, "signal table", min(begins_s)
        )

    def observations(self) -> Iterator[Observation]:
        """Yield the readings in blocks of a quarter of a second; can be read once."""
        sources = [self._blocks(name) for name in self._readings]
        for block in heapq.merge(*sources, key=lambda block: block.time_s):
            if self._stopped.is_set():
                return
            yield block

    @property
    def notes(self) -> list[str]:
        """What was left out, a phrase each."""
        return list(self._notes)

    def stop(self) -> None:
        """End `observations` after the block being read; callable from any thread."""
        self._stopped.set()

    def close(self) -> None:
        self.stop()

    def _all_channels(self, table: NumberTable, timed: str | None) -> list[str]:
        usable = [column for column in table.hold_numbers() if column != timed]
        for column in table.columns:
            if column not in usable and column != timed:
                what = f"the column '{column}' holds no numbers" if column else "a nameless column"
                self._notes.append(f"{what}: left out")
        if not usable:
            raise RecordingError(
                f"'{table.path}' has the columns {_listed(table)}, and none but the time holds "
                "numbers; give readings, with a point before the decimals."
            )
        return usable

    def _whole(self, name: str, times_s: Array, values: Array) -> tuple[Array, Array]:
        """Return a source's times and values: complete readings in the order of time."""
        whole = np.isfinite(times_s) & np.isfinite(values).all(axis=1)
        times_s, values = times_s[whole], values[whole]
        latest_s = np.maximum.accumulate(np.concatenate([[-np.inf], times_s]))[:-1]
        rising = times_s > latest_s
        if not rising.any():
            self._notes.append(f"no reading of '{name}'")
            return times_s, values
        for count, what in (
            (int((~whole).sum()), "that are missing, or their times"),
            (int((~rising).sum()), "whose timestamps repeat or go back"),
        ):
            if count:
                self._notes.append(f"{count} readings of '{name}' {what}: left out")
        times_s, values = times_s[rising], values[rising]
        far = np.flatnonzero(np.diff(times_s) > _LONGEST_GAP_S)
        if len(far):
            before_s, after_s = times_s[far[0] : far[0] + 2]
            raise RecordingError(
                f"'{name}' jumps from {before_s:g} s to {after_s:g} s: take the rows with wrong "
                "times out, or give the parts as recordings of their own."
            )
        return times_s, values

    def _blocks(self, name: str) -> Iterator[SignalBlock]:
        times_s, values = self._readings[name]
        channels, units = zip(*self._channels[name], strict=True)
        ends = np.flatnonzero(np.diff(np.floor(times_s / _BLOCK_S))) + 1
        for begin, end in zip([0, *ends], [*ends, len(times_s)], strict=True):
            yield SignalBlock(name, times_s[begin:end], values[begin:end], channels, units)


def _time_column(table: NumberTable, name: str | None, rate_hz: float | None) -> str | None:
    """Return the column of times; None where the rate gives them."""
    if name is not None:
        table.place(name)
    found = [name] if name else [c for c in table.columns if c.lower() in TIME_COLUMNS]
    said = [f"'{column}'" for column in found] + ([] if rate_hz is None else [f"{rate_hz:g} Hz"])
    if len(said) > 1:
        raise RecordingError(
            f"'{table.path}' has its times twice, {' and '.join(said)}: say one of them only (time "
            "names a column, sampling_rate_hz the rows a second)."
        )
    if not said:
        raise RecordingError(
            f"'{table.path}' has the columns {_listed(table)} and no time: name its time column "
            "'time_s' or 'time_ms', say which it is (time), or how many rows there are a second "
            "(sampling_rate_hz)."
        )
    return found[0] if found else None


def _rate_hz(table: NumberTable, rate_hz: float | None) -> float:
    if rate_hz is None or not 0 < rate_hz < math.inf:
        raise RecordingError(f"'{table.path}' has {rate_hz} rows a second; give a rate above 0.")
    return rate_hz


def _in_seconds(table: NumberTable, column: str, unit: TimeUnit | None) -> Array:
    times = table.take([column])[:, 0]
    unit = unit or TIME_COLUMNS.get(column.lower())
    steps = np.diff(times[np.isfinite(times)])
    if unit is None and len(steps) and float(np.median(steps)) > _COARSE_STEP:
        raise RecordingError(
            f"the column '{column}' of '{table.path}' rises by {np.median(steps):g} a row, which "
            "may be seconds or milliseconds: rename it 'time_s' or 'time_ms', or say time_unit."
        )
    if unit is not None and unit not in _SECONDS:
        raise RecordingError(f"time_unit is '{unit}'. {did_you_mean(unit, _SECONDS)}")
    return times * _SECONDS[unit or "s"]


def _channel(column: str, unit: str | None) -> tuple[str, str]:
    """Return a column's name as a channel, and its unit."""
    bracketed = _IN_BRACKETS.match(column)
    name, written = (bracketed[1], bracketed[2]) if bracketed else (column, "")
    if unit or written:
        stated = unit or written
        return name, _UNITS.get(stated.lower(), stated)
    return name, _UNITS.get(column.rpartition("_")[2].lower(), "1") if "_" in column else "1"


def _listed(table: NumberTable) -> str:
    return ", ".join(f"'{column}'" for column in table.columns) or "none"
