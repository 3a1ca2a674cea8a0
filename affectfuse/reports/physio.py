"""A session's signals for others: BIDS physiology, `recording-LABEL_physio.tsv.gz` with its JSON.

Reference: Gorgolewski et al. 2016, "The brain imaging data structure", doi:10.1038/sdata.2016.44.
"""

from __future__ import annotations

import gzip
import io
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.recording.physio_sidecar import OWN_TIMES
from affectfuse.reports.grids import TOLERANCE_S, Grid, even_grid, sparse_grid
from affectfuse.reports.session import SessionResult, warnings
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.titles import title

__all__ = ["physio_files"]

_BLOCK = 8192
_SAME_RATE = 1e-3


def physio_files(result: SessionResult) -> dict[str, str | bytes]:
    """Return the files of all tracks of a session, name -> content.

    Tracks whose readings come at even times stand in one file with all others of that clock. One
    whose readings do not has a file of its own: each reading stands in the row nearest to its
    time, with that time in the column `time_s`; nothing is interpolated. A row without a reading,
    or with one that is not known, says n/a.
    """
    files: dict[str, str | bytes] = {}
    said = {"Warnings": found} if (found := warnings(result)) else {}
    for table in _tables(result.tracks.values()):
        name = f"recording-{table.label}_physio"
        files[f"{name}.tsv.gz"] = table.compressed()
        files[f"{name}.json"] = strict_json({**said, **table.sidecar()}) + "\n"
    return files


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """Tracks on one grid; `own_times`: of one track whose times are not even."""

    label: str
    grid: Grid
    tracks: Sequence[Track]
    own_times: bool = False

    def rows(self) -> tuple[int, int]:
        """Return the first row and the one after the last."""
        ends = [self.grid.rows(track.times_s[[0, -1]]) for track in self.tracks]
        return int(min(first for first, _ in ends)), int(max(last for _, last in ends)) + 1

    def columns(self) -> list[str]:
        names = [name for t in self.tracks for name in (t.name, f"{t.name}_quality")]
        return [OWN_TIMES, *names] if self.own_times else names

    def compressed(self) -> bytes:
        """Return the rows as BIDS wants them: tabs, no header, compressed; alike every time."""
        content = io.BytesIO()
        with gzip.GzipFile("", "wb", 6, content, mtime=0) as file:
            for block in self._blocks():
                file.write(block.encode())
        return content.getvalue()

    def _blocks(self) -> Iterator[str]:
        first, last = self.rows()
        places = [self.grid.rows(track.times_s) for track in self.tracks]
        for begin in range(first, last, _BLOCK):
            end = min(begin + _BLOCK, last)
            cells: list[list[str]] = []
            for track, rows in zip(self.tracks, places, strict=True):
                inside = slice(*np.searchsorted(rows, [begin, end]))
                at = rows[inside] - begin
                if self.own_times:
                    cells.append(_cells(at, track.times_s[inside], end - begin, ".6f"))
                cells.append(_cells(at, track.values[inside], end - begin, ".7g"))
                cells.append(_cells(at, track.quality[inside], end - begin, ".4g"))
            yield "".join("\t".join(row) + "\n" for row in zip(*cells, strict=True))

    def sidecar(self) -> dict[str, Any]:
        described: dict[str, Any] = {}
        if self.own_times:
            text = "Time of the row's reading, from the start of the session."
            described[OWN_TIMES] = {"Description": text, "Units": "s"}
        for track in self.tracks:
            name = title(track.name)
            note = f" n/a where not known: {track.note}." if track.note else ""
            described[track.name] = {"Description": f"{name}.{note}", "Units": track.unit}
            described[f"{track.name}_quality"] = {
                "Description": f"Quality of {track.name}, 0 to 1."
            }
        return {
            "SamplingFrequency": self.grid.rate_hz,
            "StartTime": self.grid.time_s(self.rows()[0]),
            "Columns": self.columns(),
            "Timing": self._timing(),
            **described,
        }

    def _timing(self) -> str:
        if not self.own_times:
            return (
                f"Each reading stands in the row of its time, to within {TOLERANCE_S:g} s; n/a "
                "where there is none."
            )
        (track,) = self.tracks
        shared = len(track.times_s) - len(np.unique(self.grid.rows(track.times_s)))
        lost = f" {shared} readings that share a row with a later one are left out." * bool(shared)
        return (
            "The readings come at uneven times. Each stands in the row nearest to its time, which "
            f"{OWN_TIMES} says; rows between readings are n/a, nothing is interpolated.{lost}"
        )


def _tables(tracks: Iterable[Track]) -> list[_Table]:
    """Return the tables that hold all readings, those of most tracks first."""
    even: list[tuple[Grid, list[Track]]] = []
    tables: list[_Table] = []
    for track in sorted(map(_in_order, tracks), key=lambda track: -len(track.times_s)):
        if not len(track.times_s):
            continue
        grid = even_grid(track.times_s)
        if grid is None:
            sparse = sparse_grid(track.times_s)
            tables.append(_Table(_word(track.name), sparse, [track], own_times=True))
            continue
        for known, on_it in even:
            same = abs(known.rate_hz / grid.rate_hz - 1.0) < _SAME_RATE
            if same and known.fits(track.times_s):
                on_it.append(track)
                break
        else:
            even.append((grid, [track]))
    even.sort(key=lambda group: -len(group[1]))
    return _told_apart([*(_Table(_rate(grid), grid, on_it) for grid, on_it in even), *tables])


def _told_apart(tables: Sequence[_Table]) -> list[_Table]:
    """Return the tables with labels of their own: a second '30Hz' is '30Hzx2'."""
    seen: Counter[str] = Counter()
    found = []
    for table in tables:
        seen[table.label] += 1
        count = seen[table.label]
        found.append(replace(table, label=f"{table.label}x{count}") if count > 1 else table)
    return found


def _in_order(track: Track) -> Track:
    times_s = np.asarray(track.times_s, dtype=float)
    if np.all(np.diff(times_s) > 0):
        return track
    order = np.argsort(times_s, kind="stable")
    parts = (times_s[order], track.values[order], track.quality[order])
    return Track(track.name, track.unit, *parts, track.note)


def _rate(grid: Grid) -> str:
    """Return a rate as a BIDS label, which has letters and digits only."""
    return f"{grid.rate_hz:.4g}Hz".replace(".", "p").replace("-", "").replace("+", "")


def _word(name: str) -> str:
    """Return a name as a BIDS label: 'beat_interval_ms' becomes 'beatIntervalMs'."""
    parts = "".join(c if c.isascii() and c.isalnum() else " " for c in name).split()
    word = "".join(part[:1].upper() + part[1:] for part in parts)
    return word[:1].lower() + word[1:] or "signal"


def _cells(at: Array, values: Array, count: int, form: str) -> list[str]:
    """Return a column of text, n/a where nothing is known; of two in a row the later one."""
    known = np.asarray(values, dtype=float).tolist()
    texts = [f"{value:{form}}" if math.isfinite(value) else "n/a" for value in known]
    if np.array_equal(at, np.arange(count)):
        return texts
    column = ["n/a"] * count
    for row, text in zip(at.tolist(), texts, strict=True):
        column[row] = text
    return column
