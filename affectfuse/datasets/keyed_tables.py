"""Tables of features whose rows are told by key columns."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.feature_files import read_feature_table
from affectfuse.errors import DatasetError, did_you_mean
from affectfuse.recording.text_tables import open_text, separator

__all__ = ["FeatureTable", "TableFile"]

Key = tuple[str, ...]

_KEYED = (".csv", ".tsv", ".txt", ".gz", ".parquet")
_SHOWN = 5


@dataclass(frozen=True, slots=True, eq=False)
class FeatureTable:
    """Feature vectors of one modality by key.

    Attributes:
        path: the file.
        vectors: float32 (feature,), all of one width; NaN where a value is missing.
        rows: the number of each row as a spreadsheet program shows it.
        notes: what was left out, a phrase each.
    """

    path: Path
    vectors: Mapping[Key, Array]
    rows: Mapping[Key, int]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TableFile:
    """How a table of features is read: CSV, TSV or Parquet, a row a segment.

    Attributes:
        path: of the file.
        keys: the columns whose cells tell the row, '' being the column without a name.
        header: whether the first line names the columns; without one they are '0', '1', ...
        strip: an ending to take off the last key, such as '.wav'.
        columns: those that are features; None: all that hold numbers which are not all the same.
        leave_out: columns that are no features.
    """

    path: Path
    keys: tuple[str, ...]
    header: bool = True
    strip: str = ""
    columns: tuple[str, ...] | None = None
    leave_out: tuple[str, ...] = ()

    def read(self) -> FeatureTable:
        """Read the table.

        Raises:
            DatasetError: when it cannot be read, lacks a column, has no feature, or tells two rows
                by one key.
        """
        path = self.path
        if path.suffix.lower() not in _KEYED:
            raise DatasetError(f"'{path}' is no table; allowed: {', '.join(_KEYED)}.")
        table = read_feature_table(path, header=self.header)
        for name in (*self.keys, *(self.columns or ()), *self.leave_out):
            if name not in table.columns:
                raise DatasetError(
                    f"'{path}' has no column '{name}'. {did_you_mean(name, table.columns)}"
                )
        chosen, notes = self._features(table.columns, table.numbers)
        numbers = table.numbers[:, [table.columns.index(name) for name in chosen]]
        vectors: dict[Key, Array] = {}
        rows: dict[Key, int] = {}
        with np.errstate(over="ignore"):  # too large for float32: infinite, so absent
            features = numbers.astype(np.float32)
        blank = 0
        for (number, key), vector in zip(self._keys(table.columns), features, strict=True):
            if not any(key):
                blank += 1
                continue
            if key in rows:
                raise DatasetError(
                    f"row {number} of {path.name}: '{'_'.join(key)}' is the key of row {rows[key]} "
                    "already; leave one row a segment."
                )
            vectors[key], rows[key] = vector, number
        if blank:
            notes.append(f"{blank} rows without a key: left out")
        return FeatureTable(path, vectors, rows, tuple(notes))

    def _features(self, columns: Sequence[str], numbers: Array) -> tuple[list[str], list[str]]:
        """Return which columns are features, and what is said of the others."""
        filled = np.isfinite(numbers)
        empty: Array = np.asarray(~filled.any(axis=0))
        low = np.where(filled, numbers, np.inf).min(axis=0, initial=np.inf)
        high = np.where(filled, numbers, -np.inf).max(axis=0, initial=-np.inf)
        if self.columns is not None:
            for name in self.columns:
                if empty[columns.index(name)]:
                    raise DatasetError(f"the column '{name}' of '{self.path}' holds no numbers.")
            return [name for name in self.columns if name not in self.leave_out], []
        others = {*self.keys, *self.leave_out}
        rest = [name for name in columns if name and name not in others]
        texts = [name for name in rest if empty[columns.index(name)]]
        alike = [name for name in rest if low[columns.index(name)] == high[columns.index(name)]]
        notes = [
            f"{len(names)} columns that {what} are left out: {_listed(names)}"
            for what, names in (("hold no numbers", texts), ("are the same in every row", alike))
            if names
        ]
        chosen = [name for name in rest if name not in {*texts, *alike}]
        if not chosen:
            raise DatasetError(
                f"'{self.path}' has no column of numbers that vary beside its keys; give features."
            )
        return chosen, notes

    def _keys(self, columns: Sequence[str]) -> list[tuple[int, Key]]:
        """Return the number and the key of each row."""
        places = [columns.index(name) for name in self.keys]
        if self.path.suffix.lower() == ".parquet":
            from pyarrow import parquet

            table = parquet.read_table(self.path, columns=list(self.keys))
            cells = [[str(value) for value in table[name].to_pylist()] for name in self.keys]
            return [(n, self._key(key)) for n, key in enumerate(zip(*cells, strict=True), start=1)]
        with open_text(self.path) as file:
            first = file.readline()
            delimiter = separator(self.path, first)
            file.seek(0)
            lines = enumerate(csv.reader(file, delimiter=delimiter), start=1)
            return [
                (n, self._key([line[place] if place < len(line) else "" for place in places]))
                for n, line in lines
                if line and not (self.header and n == 1)
            ]

    def _key(self, cells: Sequence[str]) -> Key:
        *first, last = (cell.strip() for cell in cells)
        return (*first, last.removesuffix(self.strip))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(f"'{name}'" for name in names[:_SHOWN]) + more
