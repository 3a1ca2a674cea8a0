"""A BIDS folder: runs put together by names, sidecars inherited, events as labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets.own_trees import BIDS

from affectfuse.containers import Frame, SignalBlock
from affectfuse.datasets.bids import Bids
from affectfuse.datasets.bids_files import BidsFile, sidecars
from affectfuse.errors import DatasetError

RUN = "sub-01/beh/sub-01_task-stroop"


def test_a_run_is_its_events_with_physiology_and_video(trees: Callable[[str], Path]) -> None:
    root = trees("bids")
    dataset = Bids(str(root), **BIDS)
    items = {item.key: item for item in dataset.items()}
    assert list(items) == ["sub-01_task-stroop", "sub-02_ses-1_task-stroop"]
    first, second = items.values()
    assert [(i.onset_s, i.offset_s, i.label) for i in first.labels] == [
        (0.0, 1.0, "rest"),
        (1.5, 2.5, "stroop"),
    ]
    assert (first.subject, second.subject) == ("sub-01", "sub-02")
    assert first.attributes == {"database": "bids", "sex": "F", "skin_tone": "4"}
    assert second.attributes == {"database": "bids", "sex": "M"}
    assert {path.name for path in (first.path, *first.beside)} == {
        "sub-01_task-stroop_video.avi",
        "sub-01_task-stroop_physio.tsv.gz",
        "sub-01_task-stroop_physio.json",
        "sub-01_task-stroop_recording-eda_physio.tsv.gz",
        "sub-01_task-stroop_recording-eda_physio.json",
        "task-stroop_physio.json",
    }
    assert dataset.notes["'key'"] == "a label without a class: 2 segments are not labelled"
    assert dataset.notes["sub-01_task-stroop_events.tsv"] == (
        "1 events without a duration: left out"
    )


def test_the_parts_of_a_run_share_a_clock(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("bids")
    said = root / f"{RUN}_recording-eda_physio.json"
    said.write_text(json.dumps(json.loads(said.read_text()) | {"StartTime": -0.5}))
    item = Bids(str(root), video_offset_s=0.25, **BIDS).items()[0]
    with item.open() as recording:
        seen = list(recording.observations())
    blocks = {
        name: [o for o in seen if isinstance(o, SignalBlock) and o.source == name]
        for name in ("eda", "bvp")
    }
    eda_s = np.concatenate([block.times_s for block in blocks["eda"]])
    np.testing.assert_array_equal(eda_s, np.arange(12) / 4 - 0.5)
    assert (blocks["eda"][0].units, blocks["bvp"][0].channels) == (("uS",), ("cardiac",))
    assert sum(len(block.times_s) for block in blocks["bvp"]) == 192
    assert next(o.time_s for o in seen if isinstance(o, Frame)) == 0.25


def test_without_sources_every_column_is_one(trees: Callable[[str], Path]) -> None:
    item = Bids(str(trees("bids")), **BIDS | {"sources": {}}).items()[0]
    with item.open() as recording:
        found = {o.source for o in recording.observations() if isinstance(o, SignalBlock)}
    assert found == {"eda", "cardiac"}


def test_a_source_that_no_table_has_is_noted(trees: Callable[[str], Path]) -> None:
    dataset = Bids(str(trees("bids")), **BIDS | {"sources": {"eda": ["EDA"], "bvp": ["cardiac"]}})
    assert [item.key for item in dataset.items()] == ["sub-01_task-stroop"]
    assert dataset.notes["'eda'"] == (
        "no table of physiology has the columns 'EDA'; they have 'cardiac', 'eda'"
    )
    assert "neither physiology nor a video" in dataset.skipped["sub-02_ses-1_task-stroop"]


def test_tasks_are_chosen(trees: Callable[[str], Path]) -> None:
    with pytest.raises(DatasetError, match=r"is of the task 'strop'. Did you mean 'stroop'\?"):
        Bids(str(trees("bids")), tasks=["stroop", "strop"], **BIDS).items()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("_events.tsv", "onset\tduration\ttrial_type\nx\t1\trest\n", "row 2 of .*: onset is 'x'"),
        ("_events.tsv", "onset\tduration\ttrial\n0\t1\trest\n", "no column 'trial_type'"),
        (
            "_events.tsv",
            "onset\tduration\ttrial_type\n0\t2\trest\n1\t1\tstroop\n",
            "at 0 s and 1 s overlap",
        ),
        ("_physio.json", "{}", "lacks 'Columns'"),
        ("_physio.json", "{", "not a readable JSON object"),
    ],
)
def test_a_faulty_run_is_skipped_with_the_reason(
    own_tree: Callable[[str], Path], name: str, text: str, message: str
) -> None:
    root = own_tree("bids")
    (root / f"{RUN}{name}").write_text(text)
    dataset = Bids(str(root), **BIDS)
    assert [item.key for item in dataset.items()] == ["sub-02_ses-1_task-stroop"]
    with pytest.raises(DatasetError, match=message):
        raise DatasetError(dataset.skipped["sub-01_task-stroop"])


def test_one_of_several_videos_is_chosen(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("bids")
    video = root / "sub-01/video/sub-01_task-stroop_video.avi"
    for part in ("face", "room"):
        video.with_name(f"sub-01_task-stroop_recording-{part}_video.avi").write_bytes(
            video.read_bytes()
        )
    video.unlink()
    dataset = Bids(str(root), **BIDS)
    dataset.items()
    assert "2 videos ('face', 'room'): say which" in dataset.skipped["sub-01_task-stroop"]
    chosen = Bids(str(root), video="face", **BIDS).items()[0]
    assert chosen.path.name == "sub-01_task-stroop_recording-face_video.avi"


def test_people_and_columns_that_are_not_there(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("bids")
    given: dict[str, Any] = BIDS | {"attributes": ["gender"]}
    with pytest.raises(DatasetError, match="no column 'gender'"):
        Bids(str(root), **given).items()
    (root / "participants.tsv").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*participants\.tsv"):
        Bids(str(root), **BIDS).items()


def test_a_person_who_is_there_twice_is_refused_by_row(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("bids")
    people = root / "participants.tsv"
    people.write_text(people.read_text().rstrip() + "\nsub-01\tM\t2\n")
    with pytest.raises(DatasetError, match=r"row 4 of participants.tsv: 'sub-01' is in row 2 alre"):
        Bids(str(root), **BIDS).items()


def test_names_and_inheritance(tmp_path: Path) -> None:
    file = BidsFile.of(tmp_path / "sub-1/beh/sub-1_task-a_recording-eda_physio.tsv.gz")
    assert (file.suffix, file.extension, file.recording) == ("physio", ".tsv.gz", "eda")
    assert file.run == "sub-1_task-a"
    file.path.parent.mkdir(parents=True)
    wanted = [
        tmp_path / "physio.json",
        tmp_path / "task-a_physio.json",
        tmp_path / "sub-1/sub-1_physio.json",
        tmp_path / "sub-1/beh/sub-1_task-a_recording-eda_physio.json",
    ]
    others = [tmp_path / "task-b_physio.json", tmp_path / "sub-1/beh/sub-1_task-a_events.json"]
    for path in (*wanted, *others):
        path.touch()
    assert sidecars(file, tmp_path) == wanted
