"""Sheets (.xlsx, .xls, .csv, .tsv, .parquet) as rows of text, their columns found by name."""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from affectfuse.errors import DatasetError, did_you_mean
from affectfuse.recording.text_tables import separator

__all__ = ["Row", "Sheet", "frame_number", "read_sheet", "read_table", "read_workbook"]

Cells = list[list[str]]

_HEADER_WITHIN = 40
_SNIFFED = 4096


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a sheet.

    Attributes:
        sheet: the file.
        number: of the row as a spreadsheet program shows it, from 1.
        cells: text by the name that the loader gives the column; '' where blank.
    """

    sheet: Path
    number: int
    cells: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells[name]

    @property
    def where(self) -> str:
        """Which row this is, for messages."""
        return f"row {self.number} of {self.sheet.name}"

    def frame(self, name: str) -> float:
        """Return a cell as a frame number, NaN when it is none."""
        return frame_number(self.cells[name])


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table whose first line names its columns.

    Attributes:
        path: the file.
        columns: their names, in order; '' where one has none.
        rows: below the header, blank ones left out; cells by the columns' names.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    def require(self, names: Iterable[str]) -> None:
        """Make sure that there are columns of these names.

        Raises:
            DatasetError: for one that is not there.
        """
        for name in names:
            if name not in self.columns:
                raise DatasetError(
                    f"{self.path} has no column '{name}'. {did_you_mean(name, self.columns)}"
                )

    def require_rows(self) -> None:
        """Make sure that there is a row below the header.

        Raises:
            DatasetError: when there is none.
        """
        if not self.rows:
            raise DatasetError(f"{self.path} has no row below its header; add a row a segment.")


def frame_number(text: str) -> float:
    """Return a frame number, NaN for text that is none ('/', '')."""
    try:
        number = float(text)
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def read_table(
    path: Path,
    columns: Mapping[str, Sequence[str]],
    *,
    optional: Iterable[str] = (),
    worksheet: str | None = None,
) -> list[Row]:
    """Return the rows below a sheet's header, which may stand below some lines of text.

    A row with fewer than two filled cells in the wanted columns is a remark or blank, and no row.

    Args:
        path: the file.
        columns: by the name used here, the names that copies of the sheet give the column; case
            and spaces do not matter.
        optional: names used here whose column may be missing; their cells are then ''.
        worksheet: name of the worksheet; None is the first.

    Raises:
        DatasetError: when the file cannot be read or no line holds all columns.
    """
    lines = _worksheet(path, worksheet)
    needed = set(columns) - set(optional)
    found: dict[str, int] = {}
    for header, line in enumerate(lines[:_HEADER_WITHIN]):
        positions = {_plain(text): i for i, text in reversed(list(enumerate(line))) if text}
        here = {
            name: positions[_plain(variant)]
            for name, variants in columns.items()
            for variant in reversed(variants)
            if _plain(variant) in positions
        }
        if needed <= set(here):
            rows = enumerate(lines[header + 1 :], start=header + 2)
            return [row for n, cells in rows if (row := _row(path, n, cells, columns, here))]
        found = max(found, here, key=len)
    missing = next(name for name in columns if name in needed - set(found))
    allowed = " or ".join(f"'{variant}'" for variant in columns[missing])
    raise DatasetError(
        f"{path} has no line with all columns that are needed; {allowed} is missing: use the sheet "
        "as its authors hand it out."
    )


def read_sheet(path: Path) -> Sheet:
    """Read a table whose first line that is not blank names its columns.

    Raises:
        DatasetError: when it cannot be read, has no header, or two columns of one name.
    """
    lines = _worksheet(path, None)
    header = next((n for n, line in enumerate(lines) if any(line)), None)
    if header is None:
        raise DatasetError(f"{path} is empty; its first line must name its columns.")
    columns = lines[header]
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise DatasetError(f"{path} has two columns '{twice[0]}'; rename one.")
    width = len(columns)
    rows = tuple(
        Row(path, n, dict(zip(columns, [*line, *[""] * (width - len(line))], strict=False)))
        for n, line in enumerate(lines[header + 1 :], start=header + 2)
        if any(line)
    )
    return Sheet(path, tuple(dict.fromkeys(columns)), rows)


def read_workbook(path: Path) -> dict[str, Cells]:
    """Return the cells of each worksheet as text, by its name; a text file holds one, named ''.

    Whole numbers are written without a decimal point, blank cells as ''.

    Raises:
        DatasetError: when the file cannot be read, or the library that reads it is missing.
    """
    kind = path.suffix.lower()
    try:
        if kind in (".csv", ".tsv"):
            return {"": _read_csv(path)}
        if kind == ".parquet":
            return {"": _read_parquet(path)}
        return _read_xls(path) if kind == ".xls" else _read_xlsx(path)
    except ImportError as error:
        extra = "parquet" if kind == ".parquet" else "datasets"
        raise DatasetError(
            f"'{path}' needs {error.name}, which is not installed, to be read: "
            f"pip install 'affectfuse[{extra}]'."
        ) from None
    except Exception as error:  # of many kinds, when a file is not what its name says
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(f"'{path}' cannot be read ({reason}); copy it again.") from None


def _read_xlsx(path: Path) -> dict[str, Cells]:
    import openpyxl

    with warnings.catch_warnings():  # about styles and extensions, which no cell depends on
        warnings.simplefilter("ignore", UserWarning)
        book = openpyxl.load_workbook(path, data_only=True)
    return {
        sheet.title: [[_text(value) for value in row] for row in sheet.iter_rows(values_only=True)]
        for sheet in book.worksheets
    }


def _read_xls(path: Path) -> dict[str, Cells]:
    import xlrd

    with xlrd.open_workbook(path) as book:
        return {
            sheet.name: [
                [_text(value) for value in sheet.row_values(n)] for n in range(sheet.nrows)
            ]
            for sheet in book.sheets()
        }


def _read_csv(path: Path) -> Cells:
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = separator(path, file.read(_SNIFFED))
        file.seek(0)
        return [[cell.strip() for cell in line] for line in csv.reader(file, delimiter=delimiter)]


def _read_parquet(path: Path) -> Cells:
    from pyarrow import parquet

    table = parquet.read_table(path)
    columns = [[_text(value) for value in column.to_pylist()] for column in table.columns]
    return [list(table.column_names), *map(list, zip(*columns, strict=True))]


def _worksheet(path: Path, name: str | None) -> Cells:
    book = read_workbook(path)
    if name is None or set(book) == {""}:
        return next(iter(book.values()), [])
    if name not in book:
        raise DatasetError(
            f"{path} has the worksheets {', '.join(map(repr, book))}; '{name}' is missing: use the "
            "file as its authors hand it out."
        )
    return book[name]


def _row(
    path: Path,
    number: int,
    cells: Sequence[str],
    columns: Iterable[str],
    positions: Mapping[str, int],
) -> Row | None:
    chosen = {
        name: cells[positions[name]] if positions.get(name, len(cells)) < len(cells) else ""
        for name in columns
    }
    return Row(path, number, chosen) if sum(map(bool, chosen.values())) >= 2 else None


def _text(value: Any) -> str:
    if value is None:
        return ""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


def _plain(name: str) -> str:
    return "".join(name.lower().split())
