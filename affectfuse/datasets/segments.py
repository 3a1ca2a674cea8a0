"""Rows of a manifest as segments: read, checked all at once, what is wrong said by row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from affectfuse.containers import Interval
from affectfuse.datasets.label_columns import LabelColumns, SegmentLabels
from affectfuse.datasets.sheets import Row, Sheet, frame_number
from affectfuse.errors import ConfigError, DatasetError, did_you_mean

__all__ = ["COLUMNS", "Segment", "SegmentColumns", "check_rows"]

COLUMNS = ("recording", "onset", "duration", "subject", "key", "database")
"""What the columns of a manifest are called that are neither labels nor modalities."""

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """One row of a manifest.

    Attributes:
        row: as the sheet has it.
        recording: of which it is a part; '' where there is no such column.
        key: its own name, or the recording's with the onset.
        subject: who is recorded.
        onset_s: in the recording; 0 where there is no such column.
        offset_s: its end.
        labels: what is known of it.
        database: which one it comes from, '' where there is no such column.
    """

    row: Row
    recording: str
    key: str
    subject: str
    onset_s: float
    offset_s: float
    labels: SegmentLabels
    database: str

    @property
    def interval(self) -> Interval:
        """The labelled stretch of the recording."""
        return Interval(self.onset_s, self.offset_s, self.labels.label, values=self.labels.values)

    def contradicts(self, other: Segment) -> bool:
        """Whether it says something else of the same time than another segment does."""
        apart = self.offset_s <= other.onset_s or other.offset_s <= self.onset_s
        return not apart and bool(self.labels and other.labels) and self.labels != other.labels


class SegmentColumns:
    """How rows become segments.

    Args:
        labels: the columns of the targets.
        renamed: what a sheet calls a column, by its name in `COLUMNS`.

    Raises:
        ConfigError: when `renamed` names no such column.
    """

    def __init__(self, labels: LabelColumns, renamed: Mapping[str, str]) -> None:
        for name in renamed:
            if name not in COLUMNS:
                raise ConfigError(f"columns names '{name}'. {did_you_mean(name, COLUMNS)}")
        self._labels = labels
        self._called = {name: str(renamed.get(name, name)) for name in COLUMNS}
        self._renamed = [self._called[name] for name in renamed]

    def called(self, name: str) -> str:
        """Return what the sheet calls a column of `COLUMNS`."""
        return self._called[name]

    def read(self, sheet: Sheet, timed: bool) -> list[Segment]:
        """Return the segments of a sheet.

        Args:
            sheet: the manifest.
            timed: whether all rows must say when they begin and how long they last.

        Raises:
            DatasetError: for columns that are missing, for a sheet without rows, and for rows that
                are faulty: the first few, and how many there are.
        """
        needed = ["recording", "onset", "duration"] if timed else []
        sheet.require([self.called(name) for name in ("subject", *needed)])
        sheet.require([*self._labels.names, *self._renamed])
        if not {self.called("recording"), self.called("key")} & set(sheet.columns):
            raise DatasetError(
                f"{sheet.path} has neither a column '{self.called('recording')}' nor "
                f"'{self.called('key')}'; its rows need a name: add one of them."
            )
        sheet.require_rows()
        segments, faults = [], []
        for row in sheet.rows:
            segment, wrong = self._segment(row, set(sheet.columns))
            segments.append(segment)
            faults += [(row, fault) for fault in wrong]
        check_rows(faults)
        check_rows(_repeated(segments))
        return segments

    def _segment(self, row: Row, columns: set[str]) -> tuple[Segment, list[str]]:
        def cell(name: str) -> str:
            return row[self.called(name)] if self.called(name) in columns else ""

        labels, faults = self._labels.read(row)
        times_s = {"onset": 0.0, "duration": 0.0}
        for name in times_s:
            if self.called(name) not in columns:
                continue
            times_s[name] = value = frame_number(cell(name))
            if not (value >= 0 if name == "onset" else value > 0):
                least = "at least 0" if name == "onset" else "above 0"
                faults.append(f"{name} is '{cell(name)}'; it must be seconds, {least}")
        for name in ("subject", "recording"):
            if self.called(name) in columns and not cell(name):
                faults.append(f"{name} is blank; every segment needs one")
        onset_s = 0.0 if math.isnan(times_s["onset"]) else times_s["onset"]
        length_s = 0.0 if not times_s["duration"] > 0 else times_s["duration"]
        key = cell("key") or f"{cell('recording')}@{onset_s:g}s"
        segment = Segment(
            row,
            cell("recording"),
            key,
            cell("subject"),
            onset_s,
            onset_s + length_s,
            labels,
            cell("database"),
        )
        return segment, faults


def check_rows(faults: Sequence[tuple[Row, str]]) -> None:
    """Refuse a table for faulty rows.

    Raises:
        DatasetError: naming the first few, each with what is wrong, and how many there are.
    """
    if faults:
        said = "; ".join(f"{row.where}: {fault}" for row, fault in faults[:_SHOWN])
        more = len(faults) - _SHOWN
        raise DatasetError(said + (f"; and {more} more." if more > 0 else "."))


def _repeated(segments: Iterable[Segment]) -> list[tuple[Row, str]]:
    """Return the rows whose key was there before, or that contradict an earlier row."""
    faults, first = [], dict[str, Segment]()
    for segment in segments:
        if segment.key in first:
            earlier = first[segment.key].row.number
            faults.append((segment.row, f"'{segment.key}' is the segment of row {earlier} already"))
        first.setdefault(segment.key, segment)
    return faults
