"""Reading reference signals from text files, and making tracks of them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.errors import DatasetError

__all__ = ["OXIMETER", "numbers", "read_columns", "read_rows", "reference"]

_UNITS = {
    "bvp": "1",
    "respiration": "1",
    "heart_rate_bpm": "bpm",
    "spo2_percent": "%",
    "eda_us": "uS",
}
_RANGES = {"heart_rate_bpm": (20.0, 250.0), "spo2_percent": (50.0, 100.0)}
"""What a person can have; oximeters show codes beyond it (0, 127, 255) while they see no pulse."""

OXIMETER = "as the oximeter shows it, a mean over its last seconds"


def reference(
    name: str, times_s: Array, values: Array, *, quality: Array | None = None, note: str = ""
) -> Track:
    """Return a reference as a track.

    Rows whose time repeats or goes back are left out; heart rates and saturations that nobody can
    have are NaN with quality 0. The note says how many were either.

    Args:
        name: of the reference, with the unit in it where it has one; decides the track's unit.
        times_s: (time,).
        values: (time,).
        quality: (time,) in [0, 1]; 1 when not given.
        note: what else there is to say.

    Raises:
        DatasetError: when fewer than half of the times rise: they are no times.
    """
    times_s, values = np.asarray(times_s, np.float64), np.array(values, np.float64)
    quality = np.ones(len(times_s)) if quality is None else np.array(quality, np.float64)
    latest_s = np.maximum.accumulate(np.concatenate([[-np.inf], times_s]))[:-1]
    rising = times_s > latest_s
    if rising.sum() * 2 < len(times_s) or not len(times_s):
        raise DatasetError(
            f"only {rising.sum()} of the {len(times_s)} times of '{name}' come after those before "
            "them: check that its columns are what the layout says."
        )
    notes = [note] if note else []
    if not rising.all():
        notes.append(f"{(~rising).sum()} rows whose time repeats or goes back: left out")
    times_s, values, quality = times_s[rising], values[rising], quality[rising]
    low, high = _RANGES.get(name, (-np.inf, np.inf))
    impossible = ~((values >= low) & (values <= high)) & ~np.isnan(values)
    if impossible.any():
        notes.append(f"{impossible.sum()} values outside {low:g} to {high:g}: NaN")
        values[impossible] = np.nan
    quality[np.isnan(values)] = 0.0
    unit = _UNITS.get(name, "1")
    return Track(name, unit, times_s, values, np.clip(quality, 0.0, 1.0), "; ".join(notes))


def read_rows(path: Path, columns: int, delimiter: str = ",") -> Array:
    """Return a headerless table of numbers, (row, column) float64.

    Raises:
        DatasetError: naming the line that has other than so many numbers, or a file without any.
    """
    return _parse(path, _lines(path), range(columns), columns, delimiter)


def read_columns(path: Path, names: Sequence[str]) -> Array:
    """Return columns of a table by their names in its first line, (row, column) float64.

    Raises:
        DatasetError: naming the column that is missing or the line that is broken.
    """
    lines = _lines(path)
    header = [name.strip() for name in lines[0].split(",")] if lines else []
    for name in names:
        if name not in header:
            raise DatasetError(
                f"{path} has the columns {', '.join(map(repr, header)) or 'none'}; '{name}' is "
                "missing."
            )
    return _parse(path, ["", *lines[1:]], [header.index(n) for n in names], len(header), ",")


def numbers(text: str, where: str) -> Array:
    """Return numbers separated by spaces.

    Raises:
        DatasetError: naming the place where one is none.
    """
    try:
        return np.array(text.split(), np.float64)
    except ValueError as error:
        raise DatasetError(f"{where} holds something else than numbers ({error}).") from None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} cannot be read as text ({error}); copy it again.") from None


def _parse(
    path: Path, lines: Sequence[str], chosen: Sequence[int], columns: int, delimiter: str
) -> Array:
    rows = []
    for number, cells in enumerate(csv.reader(lines, delimiter=delimiter), start=1):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if len(cells) != columns:
                raise ValueError
            rows.append([float(cells[index]) for index in chosen])
        except ValueError:
            shown = delimiter.join(cells)[:60]
            raise DatasetError(
                f"line {number} of {path} is '{shown}'; it must have {columns} numbers separated "
                f"by '{delimiter}'."
            ) from None
    if not rows:
        raise DatasetError(f"{path} holds no row of numbers; copy it again.")
    return np.array(rows, np.float64)
