"""Feature vectors in files of one's own: text tables, NumPy, safetensors, Parquet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import DatasetError, RecordingError, did_you_mean
from affectfuse.recording.text_tables import NumberTable, read_numbers

__all__ = ["POOLS", "FeatureFile", "read_feature_table"]

POOLS = ("mean", "mean_and_deviation")
"""How many rows become one vector."""

_TEXT = (".csv", ".tsv", ".txt", ".gz")
_NPY = b"\x93NUMPY"
_KINDS = (*_TEXT, ".npy", ".npz", ".safetensors", ".parquet")


class FeatureFile:
    """How the feature vector of a segment is read from its file.

    A file holds one row, or many: those of the segment (where `time` names the column of seconds)
    or all are pooled into one vector. `.csv`, `.tsv` and `.txt` may have a header; of `.npz` and
    `.safetensors` one array is read, which `array` names where there are several.

    Args:
        columns: which, by name; None: all but the time.
        time: column of the rows' times, in seconds of the recording; None: the rows have none.
        pool: 'mean', or 'mean_and_deviation': means and standard deviations (of a row alone: 0).
        array: name of the array in `.npz` and `.safetensors`.

    Raises:
        ValueError: for an unknown way to pool.
    """

    def __init__(
        self,
        columns: Sequence[str] | None = None,
        time: str | None = None,
        pool: str = "mean",
        array: str | None = None,
    ) -> None:
        if pool not in POOLS:
            raise ValueError(f"pool is '{pool}'. {did_you_mean(pool, POOLS)}")
        self._columns = (
            None if columns is None else [columns] if isinstance(columns, str) else columns
        )
        self._time, self._pool, self._array = time, pool, array
        self._last: NumberTable | None = None

    def read(self, path: Path, onset_s: float = -math.inf, offset_s: float = math.inf) -> Array:
        """Return the vector of a segment, float32 (feature,); NaN where a row has no number.

        Args:
            path: of the file.
            onset_s: of the segment, which is onset_s <= time < offset_s.
            offset_s: of the segment.

        Raises:
            DatasetError: when the file cannot be read, lacks a column or holds no row of it.
        """
        if self._last is None or self._last.path != path:  # segments often share their file
            self._last = read_feature_table(path, self._array)
        table = self._last
        rows = table.numbers
        columns = self._columns
        try:
            if self._time is not None:
                times_s = table.take([self._time])[:, 0]
                rows = rows[(times_s >= onset_s) & (times_s < offset_s)]
            if columns is None and self._time is not None:
                columns = [name for name in table.columns if name != self._time]
            if columns is not None:
                rows = rows[:, [table.place(name) for name in columns]]
        except RecordingError as error:
            raise DatasetError(str(error)) from None
        if not rows.size:
            raise DatasetError(f"'{path}' holds no features of this segment; make the file again.")
        vector: Array = rows.mean(axis=0)
        if self._pool == "mean_and_deviation":
            vector = np.concatenate([vector, rows.std(axis=0)])
        with np.errstate(over="ignore"):  # too large for float32: infinite, so absent
            return np.asarray(vector, np.float32)


def read_feature_table(
    path: Path, array: str | None = None, header: bool | None = None
) -> NumberTable:
    """Read a file of features, a row or many, whatever its format.

    Columns without names are called by their places, '0', '1', ...

    Args:
        path: of the file.
        array: its name in `.npz` and `.safetensors` that hold several.
        header: whether the first line of a text file names its columns; None: unless it holds
            numbers only.

    Raises:
        DatasetError: when it cannot be read.
    """
    kind = path.suffix.lower()
    if kind not in _KINDS:
        raise DatasetError(
            f"'{path}' is no file of features that is known; allowed: {', '.join(_KINDS)}."
        )
    try:
        if kind in _TEXT:
            return read_numbers(path, header=header)
        if kind == ".parquet":
            return _read_parquet(path)
        return _named(path, _read_array(path, kind, array))
    except DatasetError:
        raise
    except RecordingError as error:
        raise DatasetError(str(error)) from None
    except FileNotFoundError:
        raise DatasetError(f"'{path}' does not exist; check the path.") from None
    except ImportError:
        raise DatasetError(
            f"'{path}' needs pyarrow, which is not installed: pip install 'affectfuse[parquet]'."
        ) from None
    except Exception as error:  # of many kinds, when a file is not what its name says
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DatasetError(f"'{path}' cannot be read ({reason[:200]}); make it again.") from None


def _read_array(path: Path, kind: str, array: str | None) -> Array:
    if kind == ".npy":
        with path.open("rb") as file:  # NumPy takes anything else for a pickle
            if file.read(len(_NPY)) != _NPY:
                raise DatasetError(f"'{path}' holds no NumPy array; make it again.")
        return np.asarray(np.load(path, allow_pickle=False))
    if kind == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[_one(path, archive.files, array)])
    import safetensors.numpy

    arrays = safetensors.numpy.load_file(path)
    return arrays[_one(path, list(arrays), array)]


def _one(path: Path, names: Sequence[str], wanted: str | None) -> str:
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is None or wanted not in names:
        raise DatasetError(
            f"'{path}' holds {len(names)} arrays; which one is to be read must be said (array). "
            f"{did_you_mean(wanted or '', names)}"
        )
    return wanted


def _named(path: Path, array: Array) -> NumberTable:
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiub":
        raise DatasetError(
            f"'{path}' holds {array.dtype} in the shape {array.shape}; features are numbers in "
            "the shape (feature,) or (row, feature)."
        )
    numbers = np.atleast_2d(array).astype(np.float64)
    numbers[~np.isfinite(numbers)] = math.nan
    return NumberTable(path, tuple(map(str, range(numbers.shape[1]))), numbers)


def _read_parquet(path: Path) -> NumberTable:
    from pyarrow import compute, parquet, types

    table = parquet.read_table(path)
    columns = []
    for column in table.columns:
        kind = column.type
        if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
            values = compute.cast(column, "float64").to_numpy()
            columns.append(np.where(np.isfinite(values), values, math.nan))
        else:
            columns.append(np.full(len(column), math.nan))
    numbers = np.stack(columns, axis=1) if columns else np.zeros((0, 0))
    return NumberTable(path, tuple(map(str, table.column_names)), numbers)
