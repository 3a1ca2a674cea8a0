"""A manifest of one's own: rows to items, and every fault by file and row."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasets.coded_trees import write_xlsx
from datasets.empatica import write_empatica
from datasets.media import pictures, write_avi
from datasets.own_trees import MANIFEST
from pyarrow import parquet

from affectfuse.containers import Frame, SignalBlock, Target
from affectfuse.datasets.manifest import Manifest
from affectfuse.errors import ConfigError, DatasetError

HEADER = "recording,onset,duration,subject,label,x"
CLASSES = {"state": {"kind": "classes", "column": "label", "classes": ["calm", "stressed"]}}
VIDEO: dict[str, Any] = {"x": {"kind": "recording"}}
FEATURES: dict[str, Any] = {"x": {"kind": "features"}}


def write(root: Path, *rows: str, header: str = HEADER) -> Path:
    path = root / "manifest.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    for name in ("a.avi", "b.avi"):
        (root / name).touch()
    return path


def manifest(root: Path, modalities: Any = None, targets: Any = None, **given: Any) -> Manifest:
    return Manifest(str(root), modalities=modalities or VIDEO, targets=targets or CLASSES, **given)


def test_rows_of_a_recording_are_one_item_and_rows_with_features_one_each(
    trees: Callable[[str], Path],
) -> None:
    root = trees("manifest")
    dataset = Manifest(str(root), **MANIFEST)
    items = {item.key: item for item in dataset.items()}
    assert list(items) == ["ann", "bob", "cat@0s", "cat@60s"]
    ann = items["ann"]
    spoken = [(i.onset_s, i.offset_s, i.label, dict(i.values)) for i in ann.labels]
    assert spoken == [
        (0.0, 1.5, "calm", {"valence": 0.5, "arousal": -0.25, "au4": 0.0}),
        (1.5, 3.0, "stressed", {"arousal": 0.75, "au4": 1.0}),
    ]
    assert (ann.subject, ann.path, ann.opener) == ("A", root / "video" / "ann.avi", None)
    assert ann.attributes == {"database": "manifest", "sex": "female"}
    assert not ann.features
    np.testing.assert_array_equal(items["cat@60s"].features["voice"], [0, 2, 4, 6])
    assert items["cat@60s"].labels[0].label == ""
    assert (items["cat@60s"].labels[0].onset_s, items["cat@60s"].labels[0].offset_s) == (60, 120)
    assert (dataset.skipped, dataset.notes) == ({}, {})


def test_video_and_table_of_a_recording_are_read_side_by_side(
    trees: Callable[[str], Path],
) -> None:
    root = trees("manifest")
    items = {i.key: i for i in Manifest(str(root), **MANIFEST).items()}
    assert items["bob"].path == root / "video" / "bob.avi"
    assert items["bob"].beside == (root / "wrist" / "bob.csv",)
    with items["bob"].open() as recording:
        seen = list(recording.observations())
        assert recording.notes == []
    eda = [o for o in seen if isinstance(o, SignalBlock)]
    assert [o.times_s.tolist() for o in eda] == [[-1.5], [-0.5], [0.5], [1.5], [2.5]]
    assert (eda[0].source, eda[0].units) == ("eda", ("uS",))
    assert sum(isinstance(o, Frame) for o in seen) == 30


def test_a_wristband_s_folder_beside_a_video(tmp_path: Path) -> None:
    write_empatica(tmp_path / "e4", 5.0)
    write_avi(tmp_path / "face.avi", pictures(20), 10)
    header = "recording,onset,duration,subject,label,face,wrist"
    write(tmp_path, "a,0,2,s,calm,face.avi,e4", "b,0,5,t,stressed,,e4", header=header)
    modalities = {"face": {"kind": "recording"}, "wrist": {"kind": "recording", "offset_s": -2.0}}
    both, wrist = manifest(tmp_path, modalities).items()
    assert both.beside == (tmp_path / "e4",)
    for item, frames in ((both, 20), (wrist, 0)):
        with item.open() as recording:
            seen = list(recording.observations())
        times_s = [o.time_s for o in seen]
        assert times_s == sorted(times_s)
        assert sum(isinstance(o, Frame) for o in seen) == frames
        eda = [o for o in seen if isinstance(o, SignalBlock) and o.source == "eda"]
        assert (eda[0].times_s[0], eda[-1].times_s[-1]) == (-2.0, 2.75)


def test_targets_of_all_kinds(trees: Callable[[str], Path]) -> None:
    dataset = Manifest(str(trees("manifest")), **MANIFEST)
    assert dataset.targets == (
        Target("state", ("calm", "stressed"), "window", "condition"),
        Target("units", ("au4",), "window", "condition", "labels"),
        Target("affect", ("valence", "arousal"), "window", "condition", "scales"),
    )
    assert dataset.target == dataset.targets[0]


def test_words_can_stand_for_classes_and_others_are_counted(tmp_path: Path) -> None:
    write(tmp_path, "a,0,1,s,rest,a.avi", "a,1,1,s,stroop,a.avi", "b,0,1,s,film,b.avi")
    targets = {"label": {"kind": "classes", "classes": {"rest": "calm", "stroop": "stressed"}}}
    dataset = manifest(tmp_path, targets=targets)
    items = dataset.items()
    assert [[i.label for i in item.labels] for item in items] == [["calm", "stressed"], []]
    assert dataset.notes["'film'"] == "a label without a class: 1 segments are not labelled"
    assert dataset.notes["manifest.csv"] == "1 segments without a label"


def test_columns_called_otherwise_and_the_table_s_own_folder(tmp_path: Path) -> None:
    path = write(tmp_path, "a;0;1;s;calm;a.avi", header="session;start;duration;who;label;x")
    columns = {"recording": "session", "onset": "start", "subject": "who"}
    dataset = Manifest(path=str(path), modalities=VIDEO, targets=CLASSES, columns=columns)
    assert [(item.key, item.subject) for item in dataset.items()] == [("a", "s")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a,0,1,s,clam,a.avi"], "row 2 of manifest.csv: 'label' is 'clam'.* Did you mean 'calm'"),
        (["a,0,1,s,nan,a.avi"], "row 2 .*'label' is 'nan'.*Leave the cell blank"),
        (["a,-1,1,s,calm,a.avi"], "row 2 .*onset is '-1'; it must be seconds, at least 0"),
        (["a,0,1,s,calm,a.avi", "b,x,0,s,,b.avi"], "row 3 .*onset is 'x'.*duration is '0'"),
        (["a,nan,1,s,calm,a.avi"], "onset is 'nan'"),
        (["a,0,inf,s,calm,a.avi"], "duration is 'inf'; it must be seconds, above 0"),
        (["a,0,1,,calm,a.avi"], "subject is blank"),
        ([",0,1,s,calm,a.avi"], "recording is blank"),
        (["a,0,1,s,calm,a.avi", "a,0,1,s,calm,a.avi"], "row 3 .*'a@0s' is the segment of row 2"),
        (["a,0,1,s,calm,a.avi", "a,1,1,t,calm,a.avi"], "row 3 .*'subject' is 't', but 's' in row"),
        (["a,0,1,s,calm,a.avi", "a,1,1,s,calm,b.avi"], "row 3 .*'x' is 'b.avi', but 'a.avi'"),
        (
            ["a,0,9,s,calm,a.avi", "a,1,1,s,calm,a.avi", "a,5,1,s,stressed,a.avi"],
            "row 4 .*overlaps row 2 of the same recording, and says something else",
        ),
        ([f"a,{i},0,s,calm,a.avi" for i in range(9)], "row 4 .*; and 6 more"),
        ([], "manifest.csv has no row below its header; add a row a segment"),
    ],
)
def test_faulty_rows_are_refused_by_file_and_row(
    tmp_path: Path, rows: list[str], message: str
) -> None:
    write(tmp_path, *rows)
    with pytest.raises(DatasetError, match=message):
        manifest(tmp_path).items()


def test_a_scale_that_is_no_number_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a,0,1,s,nan,a.avi")
    targets = {"label": {"kind": "scales"}}
    with pytest.raises(DatasetError, match=r"'label' is 'nan'; allowed: a number, or a blank"):
        manifest(tmp_path, targets=targets).items()
    write(tmp_path, "a,0,1,s,2,a.avi")
    assert manifest(tmp_path, targets=targets).items()[0].labels[0].values == {"label": 2.0}
    with pytest.raises(DatasetError, match=r"'label' is '2'; allowed: 0, 1, or a blank"):
        manifest(tmp_path, targets={"label": {"kind": "labels"}}).items()


@pytest.mark.parametrize(
    ("header", "given", "message"),
    [
        ("recording,onset,duration,subject,lable,x", {}, "no column 'label'.*mean 'lable'"),
        ("recording,onset,duration,subject,label,y", {}, "no column 'x'"),
        ("recording,onset,length,subject,label,x", {}, "no column 'duration'"),
        (HEADER, {"attributes": ["sex"]}, "no column 'sex'"),
        (HEADER, {"columns": {"key": "id"}}, "no column 'id'"),
        ("onset,recording,recording,subject,label,x", {}, "two columns 'recording'"),
    ],
)
def test_a_column_that_is_not_there_is_named(
    tmp_path: Path, header: str, given: dict[str, Any], message: str
) -> None:
    write(tmp_path, "a,0,1,s,calm,a.avi", header=header)
    with pytest.raises(DatasetError, match=message):
        manifest(tmp_path, **given).items()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"modalities": {"x": {"kind": "video"}}}, "modality 'x' is of kind 'video'. Allowed"),
        ({"modalities": {"x": {"kind": "signal", "rate": 4}}}, "modality 'x' says 'rate'"),
        ({"modalities": {"x": {"kind": "features", "pool": "max"}}}, "pool is 'max'"),
        ({"modalities": {"x": "signal"}}, "modality 'x' is 'signal'; say its kind"),
        (
            {"modalities": {"x": {"kind": "signal", "sources": ["eda"]}}},
            r"sources: \['eda'\]; it ta",
        ),
        ({"modalities": {"x": {"kind": "signal", "units": ["uS"]}}}, "such as {EDA: uS}"),
        ({"modalities": {"x": {"kind": "signal", "sampling_rate_hz": "4 Hz"}}}, "such as 64"),
        ({"modalities": {"x": {"kind": "recording", "offset_s": [1]}}}, "such as -1.5"),
        ({"targets": {"label": None}}, "target 'label' is 'None'; say its kind"),
        ({"targets": {"label": {"kind": "classes", "classes": 2}}}, "names no classes"),
        ({"targets": {"label": {"kind": "class"}}}, "of kind 'class'. Did you mean 'classes'"),
        ({"targets": {"label": {"kind": "classes"}}}, "names no classes"),
        ({"targets": {"label": {"kind": "classes", "classes": ["a"]}}}, "at least 2"),
        ({"targets": {"label": {"kind": "scales", "column": "x"}}}, "says 'column'"),
        ({"targets": CLASSES | {"b": {"kind": "classes", "classes": [1, 2]}}}, "are both of kind"),
        ({"columns": {"who": "subject"}}, "columns names 'who'"),
        ({"unit": "row"}, "unit is 'row'"),
        ({"evidence": "labels"}, "evidence is 'labels'"),
        ({"provenance": "people"}, "in a sentence"),
    ],
)
def test_configs_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Manifest("here", **given)


def test_offsets_by_recording_must_be_seconds(tmp_path: Path) -> None:
    write(tmp_path, "a,0,1,s,calm,a.avi,", "b,0,1,s,calm,,x", header=HEADER + ",shift")
    modalities = {"x": {"kind": "recording", "offset_s": "shift"}}
    with pytest.raises(DatasetError, match=r"row 2 of manifest.csv: 'shift' is ''; .* seconds"):
        manifest(tmp_path, modalities).items()


def test_what_rows_of_a_recording_say_differently_is_no_attribute(tmp_path: Path) -> None:
    header = HEADER + ",sex,task"
    write(tmp_path, "a,0,1,s,calm,a.avi,f,one", "a,1,1,s,calm,a.avi,f,two", header=header)
    dataset = manifest(tmp_path, attributes=["sex", "task"])
    assert dataset.items()[0].attributes == {"database": "manifest", "sex": "f"}
    assert "say different things" in dataset.notes["row 2 of manifest.csv, 'task'"]
    assert manifest(tmp_path, attributes="sex", exclude=["a"]).items() == []


def test_a_file_that_is_not_there_costs_its_recording_only(tmp_path: Path) -> None:
    write(tmp_path, "a,0,1,s,calm,a.avi", "c,0,1,s,calm,c.avi", "d,0,1,s,calm,")
    dataset = manifest(tmp_path)
    assert [item.key for item in dataset.items()] == ["a"]
    assert "'x' is c.avi, but there is no" in dataset.skipped["row 3 of manifest.csv"]
    assert dataset.skipped["row 4 of manifest.csv"] == "no modality is there"
    write(tmp_path, "c,0,1,s,calm,c.avi")
    with pytest.raises(DatasetError, match=r"none of the 1 items of 'manifest' can be read"):
        manifest(tmp_path).items()


def test_a_table_that_lacks_a_column_costs_its_recording_only(tmp_path: Path) -> None:
    write(tmp_path, "a,0,1,s,calm,a.csv", "b,0,1,s,calm,b.csv")
    (tmp_path / "a.csv").write_text("time_s,EDA\n0,1\n")
    (tmp_path / "b.csv").write_text("time_s,eda\n0,1\n")
    dataset = manifest(tmp_path, {"x": {"kind": "signal", "sources": {"eda": "eda"}}})
    assert [item.key for item in dataset.items()] == ["b"]
    reason = dataset.skipped["row 2 of manifest.csv"]
    assert reason.endswith("a.csv' has no column 'eda'. Allowed: 'EDA', 'time_s'.")


@pytest.mark.parametrize("kind", ["tsv", "xlsx", "parquet"])
def test_a_manifest_in_another_format(tmp_path: Path, kind: str) -> None:
    rows = [["a", 0, 1.5, "s", "calm", "a.avi"], ["a", 1.5, 2, "s", "stressed", "a.avi"]]
    write(tmp_path)
    path = tmp_path / f"manifest.{kind}"
    names = HEADER.split(",")
    if kind == "tsv":
        path.write_text("\n".join("\t".join(map(str, line)) for line in [names, *rows]) + "\n")
    elif kind == "xlsx":
        write_xlsx(path, {"one": {n: tuple(line) for n, line in enumerate([names, *rows], 1)}})
    else:
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        parquet.write_table(pa.table(columns), path)
    (item,) = manifest(tmp_path, path=path.name).items()
    assert [(i.onset_s, i.offset_s, i.label) for i in item.labels] == [
        (0.0, 1.5, "calm"),
        (1.5, 3.5, "stressed"),
    ]


def test_ten_thousand_rows_one_of_them_unreadable(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    vectors = np.arange(80_000, dtype=np.float32).reshape(10_000, 8)
    for i, vector in enumerate(vectors):
        np.save(folder / f"{i}.npy", vector)
    (folder / "7000.npy").write_bytes(b"no array")
    rows = [f"r{i // 100},{i % 100},1,s{i % 50},calm,f/{i}.npy" for i in range(10_000)]
    write(tmp_path, *rows)
    dataset = manifest(tmp_path, FEATURES)
    began_s = time.perf_counter()
    items = dataset.items()
    assert time.perf_counter() - began_s < 30, "a few seconds on an idle machine"
    assert len(items) == 9999
    assert list(dataset.skipped) == ["row 7002 of manifest.csv"]
    assert "7000.npy' holds no NumPy array" in dataset.skipped["row 7002 of manifest.csv"]
    found = {item.key: item.features["x"] for item in items}
    np.testing.assert_array_equal(found["r99@42s"], vectors[9942])


def test_widths_that_differ_are_refused_by_row(tmp_path: Path) -> None:
    for i, width in enumerate((3, 3, 4)):
        np.save(tmp_path / f"{i}.npy", np.ones(width))
    write(tmp_path, *(f"a,{i},1,s,calm,{i}.npy" for i in range(3)))
    with pytest.raises(DatasetError, match=r"row 4 .*'x' is 2.npy, 4 features; 2 of 3 rows have 3"):
        manifest(tmp_path, FEATURES).items()


def test_a_vector_with_a_value_missing_is_absent_and_noted(tmp_path: Path) -> None:
    (tmp_path / "0.csv").write_text("p,q\n1,\n")
    (tmp_path / "1.csv").write_text("p,q\n1,2\n")
    header = HEADER + ",y"
    write(tmp_path, "a,0,1,s,calm,0.csv,1.csv", "a,1,1,s,calm,1.csv,", header=header)
    dataset = manifest(tmp_path, FEATURES | {"y": {"kind": "features"}})
    assert [set(item.features) for item in dataset.items()] == [{"y"}, {"x"}]
    assert dataset.notes["row 2 of manifest.csv, 'x'"] == (
        "0.csv lacks values: the modality is absent"
    )
    write(tmp_path, "a,0,1,s,calm,0.csv", "a,1,1,s,calm,1.csv")
    dataset = manifest(tmp_path, FEATURES)
    assert [item.key for item in dataset.items()] == ["a@1s"]
    assert dataset.skipped == {"row 2 of manifest.csv": "no modality is there: 0.csv lacks values"}
    assert dataset.notes == {}


def test_a_value_too_large_for_a_sample_is_missing(tmp_path: Path) -> None:
    np.save(tmp_path / "0.npy", np.array([1e300, 1.0]))
    np.save(tmp_path / "1.npy", np.array([2.0, 1.0]))
    write(tmp_path, "a,0,1,s,calm,0.npy", "a,1,1,s,calm,1.npy")
    dataset = manifest(tmp_path, FEATURES)
    assert [item.key for item in dataset.items()] == ["a@1s"]
