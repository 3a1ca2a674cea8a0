"""Feature vectors from files of all formats, pooled over rows, cut to a segment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import safetensors.numpy
from pyarrow import parquet

from affectfuse.datasets.feature_files import FeatureFile, read_feature_table
from affectfuse.errors import DatasetError

ROWS = np.array([[0.0, 1.5, -2.0], [1.0, 2.5, 4.0], [2.0, 3.5, 1.0]])


def write(path: Path, rows: Any = ROWS) -> Path:
    """In whichever format the name says."""
    kind = path.suffix
    if kind == ".npy":
        np.save(path, rows)
    elif kind == ".npz":
        np.savez(path, only=rows)
    elif kind == ".safetensors":
        safetensors.numpy.save_file({"only": np.ascontiguousarray(rows)}, path)
    elif kind == ".parquet":
        parquet.write_table(pa.table({name: rows[:, i] for i, name in enumerate("txy")}), path)
    else:
        mark = {".tsv": "\t", ".txt": "  "}.get(kind, ",")
        header = [] if kind == ".txt" else [mark.join("txy")]
        lines = [mark.join(f"{v:g}" for v in row) for row in np.atleast_2d(rows)]
        path.write_text("\n".join([*header, *lines]) + "\n")
    return path


@pytest.mark.parametrize("kind", ["csv", "tsv", "txt", "npy", "npz", "safetensors", "parquet"])
def test_every_format_gives_the_same_vector(tmp_path: Path, kind: str) -> None:
    vector = FeatureFile().read(write(tmp_path / f"a.{kind}"))
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(vector, np.float32([1.0, 2.5, 1.0]))


def test_a_row_alone_is_the_vector(tmp_path: Path) -> None:
    for name in ("a.npy", "a.csv"):
        vector = FeatureFile().read(write(tmp_path / name, ROWS[1]))
        np.testing.assert_array_equal(vector, np.float32(ROWS[1]))


def test_rows_of_the_segment_are_pooled(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv")
    file = FeatureFile(time="t", pool="mean_and_deviation")
    np.testing.assert_allclose(file.read(path, 1.0, 3.0), [3.0, 2.5, 0.5, 1.5], rtol=1e-6)
    np.testing.assert_array_equal(file.read(path, 0.0, 1.0), np.float32([1.5, -2.0, 0.0, 0.0]))
    with pytest.raises(DatasetError, match="holds no features of this segment"):
        file.read(path, 5.0, 6.0)
    np.testing.assert_array_equal(FeatureFile(["y", "x"]).read(path), np.float32([1.0, 2.5]))


def test_text_among_numbers_is_nan(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("x,y\n1,n/a\n")
    np.testing.assert_array_equal(FeatureFile().read(path), np.float32([1, np.nan]))


def test_an_array_among_several_must_be_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", face=np.ones(2), voice=np.zeros(3))
    with pytest.raises(DatasetError, match=r"holds 2 arrays; .* Allowed: 'face', 'voice'"):
        FeatureFile().read(tmp_path / "a.npz")
    with pytest.raises(DatasetError, match="Did you mean 'voice'"):
        FeatureFile(array="voise").read(tmp_path / "a.npz")
    assert FeatureFile(array="voice").read(tmp_path / "a.npz").tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", b"no array", "holds no NumPy array; make it again"),
        ("a.npz", b"PK no archive", "cannot be read"),
        ("a.safetensors", b"{}", "cannot be read"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.csv", b"\xff\xfe\x00", "cannot be read as a table"),
        ("a.csv", b"x,y\n", "holds no features"),
        ("a.csv", b"", "the first line of '.*a.csv' is empty"),
        ("a.pkl", b"x", "no file of features that is known; allowed: .csv"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        FeatureFile().read(tmp_path / name)


def test_missing_files_columns_and_shapes_are_said(tmp_path: Path) -> None:
    for kind in ("npy", "csv", "npz"):
        with pytest.raises(DatasetError, match="does not exist"):
            read_feature_table(tmp_path / f"none.{kind}")
    with pytest.raises(DatasetError, match="no column 'z'"):
        FeatureFile(["z"]).read(write(tmp_path / "a.csv"))
    np.save(tmp_path / "a.npy", np.array(["x"]))
    with pytest.raises(DatasetError, match=r"holds <U1 in the shape \(1,\)"):
        FeatureFile().read(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array([{}]), allow_pickle=True)
    with pytest.raises(DatasetError, match="cannot be read"):
        FeatureFile().read(tmp_path / "b.npy")
