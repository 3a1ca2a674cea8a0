"""Tables of features joined by keys: absent rows, columns that are no features, every fault."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets.own_trees import FEATURE_TABLES
from pyarrow import parquet

from affectfuse.datasets.feature_tables import FeatureTables
from affectfuse.errors import ConfigError, DatasetError

CLASSES = {"y": {"kind": "classes", "classes": ["a", "b"]}}


def tables(root: Path, **given: Any) -> FeatureTables:
    base: dict[str, Any] = {"tables": {"f": "f.csv"}, "targets": CLASSES}
    return FeatureTables(str(root), **base | given)


def write(root: Path, labels: list[str], features: list[str]) -> None:
    (root / "labels.csv").write_text("\n".join(["key,subject,y", *labels]) + "\n")
    (root / "f.csv").write_text("\n".join(["key,p,q", *features]) + "\n")


def test_rows_are_joined_and_a_missing_row_is_an_absent_modality(
    trees: Callable[[str], Path],
) -> None:
    dataset = FeatureTables(str(trees("feature_tables")), **FEATURE_TABLES)
    items = {item.key: item for item in dataset.items()}
    assert {key: set(item.features) for key, item in items.items()} == {
        "p1_math": {"ecg", "voice"},
        "p1_rest": {"ecg"},
        "p2_math": {"voice"},
        "p2_rest": {"ecg"},
        "p3_math": {"ecg"},
        "p3_rest": {"ecg"},
    }
    np.testing.assert_array_equal(items["p1_math"].features["ecg"], np.float32([70, 1]))
    np.testing.assert_array_equal(items["p2_math"].features["voice"], np.float32([0.25, 2]))
    assert [i.label for i in items["p1_math"].labels] == ["stressed"]
    assert items["p3_math"].labels == ()
    assert items["p2_rest"].subject == "p2"
    assert items["p2_rest"].attributes == {"database": "feature_tables", "sex": "m"}
    assert dataset.notes == {
        "ecg.csv": "1 columns that hold no numbers are left out: 'device'; 1 columns that are the "
        "same in every row are left out: 'flat'; 1 rows lack values (5): the modality is absent "
        "there; 1 rows have no row in labels.csv: left out"
    }


def test_a_segment_without_any_row_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, ["1,s,a", "2,s,b", "3,t,a"], ["1,1,2", "2,2,1"])
    dataset = tables(tmp_path)
    assert [item.key for item in dataset.items()] == ["1", "2"]
    assert dataset.skipped == {"row 4 of labels.csv": "no table has a row for it"}


def test_rows_without_a_key_are_left_out_and_counted(tmp_path: Path) -> None:
    write(tmp_path, ["1,s,a", "2,s,b"], ["1,1,2", ",,", ",5,", "2,1e39,1"])
    dataset = tables(tmp_path)
    assert [item.key for item in dataset.items()] == ["1"]
    assert "2 rows without a key: left out" in dataset.notes["f.csv"]
    assert "1 rows lack values (5)" in dataset.notes["f.csv"]


def test_a_class_may_be_a_number(tmp_path: Path) -> None:
    write(tmp_path, ["1,s,1.0", "2,s,0", "3,s,"], ["1,1,2", "2,2,1", "3,3,0"])
    targets = {"y": {"kind": "classes", "classes": {0: "calm", 1: "stressed"}}}
    labels = [[i.label for i in item.labels] for item in tables(tmp_path, targets=targets).items()]
    assert labels == [["stressed"], ["calm"], []]


def test_the_subject_may_stand_in_the_key(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(",y\nab1_rest,a\ncd2_math,b\n")
    (tmp_path / "f.csv").write_text(",p\nab1_rest,1\ncd2_math,2\n")
    given: dict[str, Any] = {"keys": [""], "subject": None}
    dataset = tables(tmp_path, subject_pattern="^([^_]+)", **given)
    assert [(i.key, i.subject) for i in dataset.items()] == [
        ("ab1_rest", "ab1"),
        ("cd2_math", "cd2"),
    ]
    with pytest.raises(DatasetError, match=r"row 2 of labels\.csv: nobody is named as the subject"):
        tables(tmp_path, subject_pattern="^(x)", **given).items()


def test_times_of_segments_are_taken_from_their_columns(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("key,subject,y,at,long\n1,s,a,0,60\n2,s,b,90.5,30\n")
    (tmp_path / "f.csv").write_text("key,p\n1,1\n2,2\n")
    items = tables(tmp_path, onset="at", duration="long").items()
    assert [(i.labels[0].onset_s, i.labels[0].offset_s) for i in items] == [(0, 60), (90.5, 120.5)]
    (tmp_path / "labels.csv").write_text("key,subject,y,at,long\n1,s,a,0,x\n2,s,b,-1,30\n")
    with pytest.raises(DatasetError, match=r"row 2 .*'long' is 'x'; .*row 3 .*'at' is '-1'"):
        tables(tmp_path, onset="at", duration="long").items()
    with pytest.raises(DatasetError, match="no column 'begin'"):
        tables(tmp_path, onset="begin").items()


def test_named_columns_are_taken_as_they_are(tmp_path: Path) -> None:
    write(tmp_path, ["1,s,a", "2,s,b"], ["1,7,x", "2,7,x"])
    kept = tables(tmp_path, tables={"f": {"path": "f.csv", "columns": ["p"]}}).items()
    assert [item.features["f"].tolist() for item in kept] == [[7], [7]]
    with pytest.raises(DatasetError, match=r"the column 'q' of .* holds no numbers"):
        tables(tmp_path, tables={"f": {"path": "f.csv", "columns": ["q"]}}).items()
    with pytest.raises(DatasetError, match="no column of numbers that vary"):
        tables(tmp_path).items()


def test_parquet_gives_what_text_gives(tmp_path: Path) -> None:
    write(tmp_path, ["1,s,a", "2,s,b"], ["1,0.5,2", "2,2,1"])
    parquet.write_table(
        pa.table({"key": [1, 2], "p": [0.5, 2.0], "q": [2, 1]}), tmp_path / "f.parquet"
    )
    parquet.write_table(
        pa.table({"key": [1, 2], "subject": ["s", "s"], "y": ["a", "b"]}),
        tmp_path / "labels.parquet",
    )
    text = tables(tmp_path).items()
    other = tables(tmp_path, labels="labels.parquet", tables={"f": "f.parquet"}).items()
    for one, two in zip(text, other, strict=True):
        assert (one.key, one.labels[0].label) == (two.key, two.labels[0].label)
        np.testing.assert_array_equal(one.features["f"], two.features["f"])


@pytest.mark.parametrize(
    ("labels", "features", "message"),
    [
        (["1,s,a", "1,s,b"], ["1,1,2"], "row 3 of labels.csv: '1' is the key of row 2 already"),
        (["1,s,a"], ["1,1,2", "2,2,1", "1,2,3"], "row 4 of f.csv: '1' is the key of row 2"),
        (["1,s,c"], ["1,1,2", "2,2,1"], "row 2 of labels.csv: 'y' is 'c', which is no class"),
        (["1,s,nan"], ["1,1,2", "2,2,1"], "row 2 of labels.csv: 'y' is 'nan'"),
        ([], ["1,1,2", "2,2,1"], "labels.csv has no row below its header"),
        (["1,,a"], ["1,1,2", "2,2,1"], "row 2 of labels.csv: nobody is named as the subject"),
        (
            ["01,s,a"],
            ["1,1,2", "2,2,1"],
            "no key of .*f.csv is in .*labels.csv \\('1' against '01'",
        ),
    ],
)
def test_faults_are_refused_by_file_and_row(
    tmp_path: Path, labels: list[str], features: list[str], message: str
) -> None:
    write(tmp_path, labels, features)
    with pytest.raises(DatasetError, match=message):
        tables(tmp_path).items()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"keys": ["kye"]}, "no column 'kye'. Did you mean 'key'"),
        ({"attributes": ["sex"]}, "no column 'sex'"),
        ({"tables": {"f": {"path": "f.csv", "keys": ["id"]}}}, "f.csv' has no column 'id'"),
        ({"tables": {"f": {"path": "f.csv", "leave_out": ["z"]}}}, "no column 'z'"),
        ({"tables": {"f": "g.csv"}}, "lacks .*g.csv; its layout is"),
        ({"tables": {"f": "f.npy"}}, "lacks .*f.npy"),
    ],
)
def test_columns_and_files_that_are_not_there_are_named(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    write(tmp_path, ["1,s,a"], ["1,1,2", "2,2,1"])
    with pytest.raises(DatasetError, match=message):
        tables(tmp_path, **given).items()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"subject_pattern": "(.*)"}, "must be said once"),
        ({"subject": None}, "must be said once"),
        ({"subject": None, "subject_pattern": "("}, "no regular expression"),
        ({"subject": None, "subject_pattern": "^x"}, "in brackets"),
        ({"tables": {"f": {"pth": "f.csv"}}}, "says 'pth'. Did you mean 'path'"),
        ({"tables": {"f": {"keys": ["a"]}}}, "says no path"),
    ],
)
def test_configs_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FeatureTables("here", **given)


def test_ten_thousand_rows(tmp_path: Path) -> None:
    labels = [f"{i},s{i % 40},{'ab'[i % 2]}" for i in range(10_000)]
    write(tmp_path, labels, [f"{i},{i / 7:.6f},{i % 13}" for i in range(0, 10_000, 3)])
    began_s = time.perf_counter()
    dataset = tables(tmp_path)
    items = dataset.items()
    assert time.perf_counter() - began_s < 15, "about a second on an idle machine"
    assert (len(items), len(dataset.skipped)) == (3334, 6666)
