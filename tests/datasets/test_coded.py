"""What all sets of coded expressions share: one clock, corrections, what is left out and said."""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from datasets.coded_trees import (
    CASME2_HEADER,
    CASME2_ROWS,
    CODED_TREES,
    SAMM_ROWS,
    Line,
    write_frames,
    write_xlsx,
)
from datasets.trees import GIVEN

from affectfuse.config import build, load_node
from affectfuse.containers import Frame
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.datasets.casme2 import Casme2
from affectfuse.datasets.coded import MACRO, MICRO, Coded, Correction
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import frame_numbers
from affectfuse.datasets.samm import Samm
from affectfuse.errors import ConfigError, DatasetError

SHEET = "CASME2-coding-20140508.xlsx"
CODED = sorted(set(CODED_TREES) - {"megc2019"})


def make(name: str, root: Path) -> CodedDataset:
    node = load_node("dataset", name)
    node.root = str(root)
    for key, value in GIVEN.get(name, {}).items():
        node[key] = value
    return build(node, CodedDataset)  # type: ignore[type-abstract]


def frames_of(item: DatasetItem) -> dict[float, Any]:
    with item.open() as recording:
        seen = recording.observations()
        return {frame.time_s: frame.image for frame in seen if isinstance(frame, Frame)}


def picture_of(path: Path) -> Any:
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize(
    ("name", "key", "kind", "file", "frames", "rate_hz"),
    [
        ("casme2", "sub01-EP02_01f", MICRO, "img{}.jpg", (46, 50, 53), 200),
        ("casme2", "sub01-EP19_05f", MICRO, "img{}.jpg", (10, None, 15), 200),
        ("casme2", "sub07-EP03_04", MICRO, "img{}.jpg", (82, None, 91), 200),
        ("samm", "006_1_2", MICRO, "006_{:05d}.jpg", (5562, 5565, 5568), 200),
        ("samm", "006_1_3", MICRO, "006_{:04d}.jpg", (9998, 10001, 10003), 200),
        ("samm", "031_3_1", MICRO, "031_{}.jpg", (1101, None, 1106), 200),
        ("smic", "s1_ne_01", MICRO, "image{}.bmp", (559740, None, 559745), 100),
        ("smic", "s1_sur_01", MICRO, "image{}.bmp", (997, None, 1002), 100),
        ("smic_e", "s1_ne_01", MICRO, "image{}.bmp", (559703, None, 559708), 100),
        ("smic_e", "s11_po_02", MICRO, "image{}.bmp", (3, None, 10), 100),
        ("cas_me_2", "16_0101disgustingteeth", MICRO, "img{:03d}.jpg", (3, 5, 9), 30),
        ("cas_me_2", "15_0101disgustingteeth", MACRO, "img{:03d}.jpg", (20, 26, 26), 30),
        ("cas_me_3", "spNO.1-J", MICRO, "{}.jpg", (28, 33, 40), 30),
        ("cas_me_3", "spNO.149-d", MICRO, "{}.jpg", (112, 123, 140), 30),
        ("samm_long_videos", "006_1", MICRO, "006_1_{:04d}.jpg", (20, 23, 26), 200),
        ("samm_long_videos", "006_1", MACRO, "006_1_{:04d}.jpg", (1, 5, 12), 200),
        ("mmew", "S21-02-001", MICRO, "{}.jpg", (1, 4, 10), 90),
        ("mmew", "S05-03-004", MICRO, "{}.jpg", (1, None, 75), 90),
        ("four_dme", "1-1_2", MICRO, "{:04d}.jpg", (30, 34, 41), 60),
        ("dfme", "1001", MICRO, "{:05d}.png", (2, 6, 11), 500),
        ("dfme", "2001", MICRO, "{:05d}.png", (0, 5, 11), 200),
    ],
)
def test_the_frame_at_an_interval_s_time_is_the_file_that_the_sheet_names(
    trees: Callable[[str], Path],
    name: str,
    key: str,
    kind: str,
    file: str,
    frames: tuple[int, int | None, int],
    rate_hz: float,
) -> None:
    item = {item.key: item for item in make(name, trees(name)).items()}[key]
    pictures = frames_of(item)
    assert min(pictures) == 0.0
    (interval,) = item.annotations[kind]
    times_s = (interval.onset_s, interval.apex_s, interval.offset_s)
    for time_s, frame in zip(times_s, frames, strict=True):
        assert np.isnan(time_s) == (frame is None)
        if frame is not None:
            wanted = picture_of(item.path / file.format(frame))
            np.testing.assert_array_equal(pictures[time_s], wanted)
    assert interval.duration_s == pytest.approx((frames[2] - frames[0]) / rate_hz)


@pytest.mark.parametrize("name", CODED)
def test_items_name_their_database_and_can_be_pickled(
    name: str, trees: Callable[[str], Path]
) -> None:
    for item in make(name, trees(name)).items():
        assert item.attributes["database"] == name
        assert item.annotations[MICRO] or "macro_expression" in item.annotations
        assert pickle.loads(pickle.dumps(item.opener))().info.width == 32


@pytest.mark.parametrize("name", sorted(set(CODED) - {"smic"}))
def test_a_missing_sheet_and_a_missing_folder_are_named(
    name: str, own_tree: Callable[[str], Path]
) -> None:
    root = own_tree(name)
    sheet = next(path for path in root.iterdir() if path.suffix == ".xlsx")
    kept = sheet.read_bytes()
    sheet.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*\.xlsx; its layout is .*obtained.*https?://"):
        make(name, root).prepare()
    sheet.write_bytes(kept)
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        shutil.rmtree(folder)
    says = "no images in" if name == "dfme" else r"lacks .*; its layout is .*obtained.*https?://"
    with pytest.raises(DatasetError, match=says):
        make(name, root).items()


def rewritten(root: Path, rows: Mapping[int, Line], sheet: str = SHEET) -> Path:
    write_xlsx(root / sheet, {"Sheet1": rows})
    return root


def line(clip: str, onset: Any, apex: Any, offset: Any, label: Any = "others") -> Line:
    return (17, clip, None, onset, apex, offset, None, "4", label)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (line("EP02_02", 6, 4, 7), r"its onset 6 comes after its apex 4"),
        (line("EP02_02", 3, 8, 7), r"its apex 8 comes after its offset 7"),
        (line("EP02_02", 7, "/", 3), r"its onset 7 comes after its offset 3"),
        (line("EP02_02", 3, 5, 12), r"frames 3 to 12 are not all among the images 1 to 9 of .*02"),
        (line("EP02_02", 0, 5, 7), r"frames 0 to 7 are not all among"),
        (line("EP02_02", 3, 3, 3), r"a clip of one frame"),
        (line("EP02_02", "x", 3, 5), r"its onset or its offset is no frame number"),
        (line("EP02_02", 3, 5, None), r"its onset or its offset is no frame number"),
        (line("EP02_02", 3, 5, 7, None), r"it has no label"),
        (line("EP09_09", 3, 5, 7), r"no images in .*EP09_09"),
    ],
)
def test_a_row_that_cannot_be_true_is_left_out_and_said(
    own_tree: Callable[[str], Path], row: Line, reason: str
) -> None:
    root = rewritten(own_tree("casme2"), {**CASME2_ROWS, 5: row})
    dataset = Casme2(str(root))
    assert dataset.skipped == {}
    keys = [item.key for item in dataset.items()]
    assert keys == ["sub01-EP02_01f", "sub01-EP19_05f", "sub07-EP03_04", "sub17-EP01_13"]
    assert list(dataset.skipped) == [f"row 5 of {SHEET}"]
    assert re.match(reason, dataset.skipped[f"row 5 of {SHEET}"])
    rewritten(root, CASME2_ROWS)
    assert len(dataset.items()) == 5
    assert dataset.skipped == {}


def test_a_set_whose_rows_mostly_contradict_its_images_is_refused(
    own_tree: Callable[[str], Path],
) -> None:
    rows = {1: CASME2_HEADER, 2: line("EP02_02", 3, 5, 7)}
    outside = {n: line("EP02_02", 300 + n, 305, 400) for n in (3, 4)}
    root = rewritten(own_tree("casme2"), rows | outside)
    with pytest.raises(DatasetError, match=r"2 of the 3 expressions.*row 3 of .*one release"):
        Casme2(str(root)).items()
    unseen = {n: line("EP11_11", 300 + n, 305, 400) for n in (3, 4)}  # a part of the set, copied
    dataset = Casme2(str(rewritten(root, rows | unseen)))
    assert len(dataset.items()) == 1
    assert len(dataset.skipped) == 2


def test_lost_images_leave_a_gap_and_are_counted(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("casme2")
    folder = root / "CASME2_RAW_selected" / "sub01" / "EP02_01f"
    (folder / "img48.jpg").unlink()
    (folder / "img51.jpg").unlink()
    dataset = Casme2(str(root))
    item = dataset.items()[0]
    (interval,) = item.annotations[MICRO]
    frames = frames_of(item)
    assert len(frames) == 10
    np.testing.assert_array_equal(frames[interval.offset_s], picture_of(folder / "img53.jpg"))
    assert dataset.notes[f"row 2 of {SHEET}"] == "2 of its 8 images are missing"
    for number in range(47, 54):
        (folder / f"img{number}.jpg").unlink(missing_ok=True)
    assert "sub01-EP02_01f" not in [item.key for item in dataset.items()]
    assert dataset.skipped == {f"row 2 of {SHEET}": "a clip of one frame"}


def test_other_files_and_numbers_of_any_length(tmp_path: Path) -> None:
    write_frames(tmp_path, "006_{}.jpg", (9999, 10000, 10001))
    write_frames(tmp_path, "006_{:05d}.jpg", (998,))
    (tmp_path / "Thumbs.db").write_bytes(b"0")
    (tmp_path / "._006_7.jpg").write_bytes(b"0")
    assert frame_numbers(tmp_path).tolist() == [998, 9999, 10000, 10001]
    write_frames(tmp_path, "006_{:05d}.jpg", (9999,))
    with pytest.raises(DatasetError, match="holds two images numbered 9999"):
        frame_numbers(tmp_path)


def test_a_correction_is_made_only_where_the_fault_is(own_tree: Callable[[str], Path]) -> None:
    def found(rows: Mapping[int, Line]) -> tuple[list[float], Mapping[str, str]]:
        dataset = Samm(str(rewritten(root, rows, "SAMM_Micro_FACS_Codes_v2.xlsx")))
        item = {item.key: item for item in dataset.items()}.get("018_3_1")
        (interval,) = item.annotations[MICRO] if item else (None,)
        frames = [interval.onset_s * 200, interval.offset_s * 200] if interval else []
        return frames, dict(dataset.notes) | dict(dataset.skipped)

    root, where = own_tree("samm"), "row 71 of SAMM_Micro_FACS_Codes_v2.xlsx"
    assert found(SAMM_ROWS) == ([2, 9], {where: "corrected: offset 573 is 5739"})
    row = list(SAMM_ROWS[71])
    row[5] = 5738  # a release in which the row can be true is left as it is
    assert found({**SAMM_ROWS, 71: row}) == ([2, 8], {})
    (root / "SAMM" / "018" / "018_3_1" / "018_05740.jpg").unlink()  # the images end at 5739
    assert found({**SAMM_ROWS, 71: row})[0] == [2, 9]
    moved = {**SAMM_ROWS, 72: SAMM_ROWS[71], 71: ()}
    frames, said = found(moved)
    assert frames == []
    assert said == {where.replace("71", "72"): "its onset 5732 comes after its offset 573"}


def test_a_correction_with_a_known_fault_asks_for_it() -> None:
    coded = Coded(
        where="row 1", row=1, key="k", subject="s", folder=Path("f"), label="fear",
        onset=112, apex=83, offset=140,
    )  # fmt: skip
    numbers = np.arange(70, 150)
    for at in (1, "k"):
        made = Correction(at, {"apex": 123}, {"apex": 83}).correct(coded, numbers)
        assert made is not None
        assert (made.apex, made.note) == (123, "corrected: apex 83 is 123")
    assert Correction(2, {"apex": 123}).correct(coded, numbers) is None
    assert Correction(1, {"apex": 123}, {"apex": 84}).correct(coded, numbers) is None
    assert Correction(1, {"apex": 150}).correct(coded, numbers) is None, "it would not help"
    assert Correction(1, {"apex": 123}).correct(replace(coded, apex=120), numbers) is None


def test_the_rate_is_the_config_s(trees: Callable[[str], Path]) -> None:
    item = Casme2(str(trees("casme2")), frame_rate_hz=100.0).items()[0]
    assert item.annotations[MICRO][0].onset_s == pytest.approx(0.02)
    with pytest.raises(ConfigError, match="a frame rate is 0 Hz"):
        Casme2(frame_rate_hz=0)


def test_sheets_that_fit_a_pattern_must_be_one(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("casme2")
    shutil.copy(root / SHEET, root / "CASME2-coding-updated.xlsx")
    (root / "~$CASME2-coding-updated.xlsx").write_bytes(b"open in a program")
    with pytest.raises(DatasetError, match=r"fits 2 sheets .*dataset\.sheet=CASME2-coding-upd"):
        Casme2(str(root)).prepare()
    assert len(Casme2(str(root), sheet=SHEET).items()) == 5


def test_all_left_out_by_hand_is_an_empty_set(trees: Callable[[str], Path]) -> None:
    keys = [item.key for item in Samm(str(trees("samm"))).items()]
    assert Samm(str(trees("samm")), exclude=keys).items() == []


@pytest.mark.parametrize("name", CODED)
def test_every_correction_is_in_the_documentation(name: str) -> None:
    dataset = build(load_node("dataset", name), Dataset)  # type: ignore[type-abstract]
    assert isinstance(dataset, CodedDataset)
    docs = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")
    lines = [line for line in docs.splitlines() if line.startswith(f"| `{name}` |")]
    assert lines
    for correction in dataset.corrections:
        told = [line for line in lines if f"{correction.at}" in line]
        assert told, f"docs/datasets.md says nothing of {name}'s {correction.at}"
        for value in correction.values.values():
            assert np.isnan(value) or any(f"{value:g}" in line for line in told)
