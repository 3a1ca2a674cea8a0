"""Tables of numbers in text files: `.csv`, `.tsv`, `.txt`, as they are or as `.gz`."""

from __future__ import annotations

import csv
import gzip
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import RecordingError, did_you_mean

__all__ = ["NumberTable", "number", "open_text", "read_columns", "read_numbers", "separator"]

_SPACED = re.compile(r"\s*[-+.\w]+( +[-+.\w]+)+\s*")


@dataclass(frozen=True, slots=True, eq=False)
class NumberTable:
    """The numbers of a table.

    Attributes:
        path: the file.
        columns: their names; '' where a column has none.
        numbers: (row, column) float64, NaN where there is no finite number.
    """

    path: Path
    columns: tuple[str, ...]
    numbers: Array

    def __len__(self) -> int:
        return len(self.numbers)

    def take(self, names: Iterable[str]) -> Array:
        """Return columns by their names, (row, column).

        Raises:
            RecordingError: for a name that no column has.
        """
        return self.numbers[:, [self.place(name) for name in names]]

    def place(self, name: str) -> int:
        """Return which column has a name.

        Raises:
            RecordingError: when none has.
        """
        if name not in self.columns:
            raise RecordingError(
                f"'{self.path}' has no column '{name}'. "
                f"{did_you_mean(name, (column for column in self.columns if column))}"
            )
        return self.columns.index(name)

    def hold_numbers(self) -> list[str]:
        """Return the columns that have a name and at least one number."""
        filled: Array = np.asarray(np.isfinite(self.numbers).any(axis=0))
        return [name for name, some in zip(self.columns, filled, strict=True) if name and some]


def read_numbers(
    path: Path, columns: Sequence[str] | None = None, *, header: bool | None = True
) -> NumberTable:
    """Read a table of numbers; what is no number becomes NaN.

    Args:
        path: of the file, separated by tabs (.tsv) or by what its first line has most of: commas,
            semicolons or tabs.
        columns: their names, of a file without a header.
        header: whether the first line names the columns; None: unless it holds numbers only.
            Without one they are called by their places, '0', '1', ...

    Raises:
        RecordingError: when it cannot be read, has two columns of one name, or no header.
    """
    with _readable(path) as file:
        named, numbers = _parse(file, columns, path, header)
    cells = np.frombuffer(numbers, np.float64) if numbers else np.zeros(0)
    cells[~np.isfinite(cells)] = math.nan
    return NumberTable(path, tuple(named), cells.reshape(-1, max(len(named), 1)))


def read_columns(path: Path) -> tuple[str, ...]:
    """Return the names in a table's first line.

    Raises:
        RecordingError: when it cannot be read.
    """
    with _readable(path) as file:
        return tuple(_cells(path, file.readline())[0])


@contextmanager
def _readable(path: Path) -> Iterator[TextIO]:
    try:
        with open_text(path) as file:
            yield file
    except FileNotFoundError:
        raise RecordingError(f"'{path}' does not exist; check the path.") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise RecordingError(f"'{path}' cannot be read as a table ({error}).") from None


def open_text(path: Path) -> TextIO:
    """Open a text file, compressed or not."""
    if path.suffix.lower() == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")


def separator(path: Path, beginning: str) -> str:
    """Return what separates the cells of a table that begins so.

    Tabs in `.tsv`; else what there is most of: commas, semicolons or tabs; or spaces, between
    numbers or plain words.
    """
    if path.name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    found = max(",;\t", key=beginning.count)
    return " " if found not in beginning and _SPACED.fullmatch(beginning) else found


def number(cell: str) -> float:
    """Return a cell's number, NaN where it holds no finite one."""
    try:
        found = float(cell)
    except ValueError:
        return math.nan
    return found if math.isfinite(found) else math.nan


def _parse(
    file: TextIO, columns: Sequence[str] | None, path: Path, header: bool | None
) -> tuple[list[str], array[float]]:
    first = file.readline()
    cells, delimiter = _cells(path, first)
    if columns is None and not cells:
        raise RecordingError(
            f"the first line of '{path}' is empty; a table begins with the names of its columns."
        )
    keeps_blanks = columns is not None and len(columns) == 1  # a reading that is missing
    all_numbers = bool(cells) and not any(math.isnan(number(cell)) for cell in cells)
    if columns is None and all_numbers and header:
        raise RecordingError(
            f"the first line of '{path}' holds numbers ({first.strip()[:60]}); a table begins with "
            "the names of its columns: add them, or say them (columns)."
        )
    if columns is None and (header is False or (all_numbers and not header)):
        columns = list(map(str, range(len(cells))))
    named, numbers = list(cells if columns is None else columns), array("d")
    if columns is not None and (cells or (first and keeps_blanks)):
        numbers.extend(_row(cells, len(named)))
    twice = sorted({name for name in named if name and named.count(name) > 1})
    if twice:
        raise RecordingError(f"'{path}' has two columns '{twice[0]}'; rename one.")
    for line in csv.reader(file, delimiter=delimiter, skipinitialspace=delimiter == " "):
        if line or keeps_blanks:
            numbers.extend(_row(line, len(named)))
    return named, numbers


def _cells(path: Path, line: str) -> tuple[list[str], str]:
    """Return a line's cells, and what separates them."""
    delimiter = separator(path, line)
    lines = csv.reader([line.strip(" ")], delimiter=delimiter, skipinitialspace=delimiter == " ")
    return [cell.strip() for cell in next(lines, [])], delimiter


def _row(cells: list[str], width: int) -> list[float]:
    try:
        if len(cells) == width:
            return [float(cell) for cell in cells]
    except ValueError:
        pass
    return [number(cell) for cell in [*cells[:width], *[""] * (width - len(cells))]]
