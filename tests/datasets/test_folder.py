"""What all data sets that are handed out share: the folder, leaving out, reading of references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectfuse.caching import digest_recording
from affectfuse.config import load_recipe
from affectfuse.containers import Tick
from affectfuse.datasets.mmpd import Mmpd
from affectfuse.datasets.pure import Pure
from affectfuse.datasets.references import numbers, read_columns, read_rows, reference
from affectfuse.datasets.ubfc_rppg import UbfcRppg2
from affectfuse.errors import DatasetError
from affectfuse.extraction import extract_recording
from affectfuse.training.fused.train import train


def test_a_missing_root_is_named_with_the_way_to_obtain_it(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"folder of 'pure' was not given.*dataset\.root=FOLDER"):
        Pure().prepare()
    with pytest.raises(DatasetError, match=r"lacks .*nowhere; its layout is ii-jj.*obtained from"):
        Pure(str(tmp_path / "nowhere")).items()
    with pytest.raises(DatasetError, match=r"lacks .*subjectN/vid\.avi.*sites\.google\.com"):
        UbfcRppg2(str(tmp_path)).prepare()


def test_recordings_are_left_out_by_key(trees: Callable[[str], Path]) -> None:
    root = str(trees("ubfc_rppg_2"))
    assert [i.key for i in UbfcRppg2(root, exclude=["subject10"]).items()] == [
        "subject1",
        "subject3",
    ]
    with pytest.raises(DatasetError, match=r"exclude names 'subject2', which is.*Did you mean 'su"):
        UbfcRppg2(root, exclude=["subject2"]).prepare()


def test_a_set_without_a_target_is_not_trained_on(trees: Callable[[str], Path]) -> None:
    recipe = load_recipe("train", ["dataset=pure", f"dataset.root={trees('pure')}"])
    with pytest.raises(DatasetError, match=r"data set 'pure' labels no state.*dataset=synthetic"):
        train(recipe, trees("pure") / "out")


def test_a_reference_keeps_only_what_can_be() -> None:
    times_s = np.array([0.0, 1.0, 1.0, 0.5, 2.0, 3.0])
    values = np.array([70.0, 255.0, 71.0, 72.0, np.nan, 73.0])
    track = reference("heart_rate_bpm", times_s, values, note="shown")
    assert track.unit == "bpm"
    assert track.times_s.tolist() == [0.0, 1.0, 2.0, 3.0]
    np.testing.assert_array_equal(track.values, [70.0, np.nan, np.nan, 73.0])
    assert track.quality.tolist() == [1.0, 0.0, 0.0, 1.0]
    assert track.note == (
        "shown; 2 rows whose time repeats or goes back: left out; 1 values outside 20 to 250: NaN"
    )
    assert values[1] == 255.0, "what was given is not changed"
    with pytest.raises(DatasetError, match="only 1 of the 4 times of 'bvp' come after"):
        reference("bvp", np.array([3.0, 2.0, 1.0, 0.0]), np.zeros(4))
    with pytest.raises(DatasetError, match="only 0 of the 0 times"):
        reference("bvp", np.zeros(0), np.zeros(0))


def test_broken_rows_are_named(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("1,2\n\n3,4\n")
    assert read_rows(table, 2).tolist() == [[1, 2], [3, 4]]
    table.write_text("1,2\n3,x\n")
    with pytest.raises(DatasetError, match=r"line 2 of .*table\.csv is '3,x'; it must have 2 numb"):
        read_rows(table, 2)
    table.write_text("1,2\n3\n")
    with pytest.raises(DatasetError, match=r"line 2 of .* is '3'; it must have 2 numbers"):
        read_rows(table, 2)
    table.write_text("")
    with pytest.raises(DatasetError, match="holds no row of numbers"):
        read_rows(table, 2)
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="cannot be read as text"):
        read_rows(table, 2)
    table.write_text("\ufeffA, B,C\r\n1,2,3\r\n", "utf-8")
    assert read_columns(table, ("C", "B")).tolist() == [[3, 2]]
    with pytest.raises(DatasetError, match=r"has the columns 'A', 'B', 'C'; 'D' is missing"):
        read_columns(table, ("A", "D"))
    table.write_text("A,B\n1,2\n1\n")
    with pytest.raises(DatasetError, match="line 3 of"):
        read_columns(table, ("A",))
    with pytest.raises(DatasetError, match=r"line 1 holds something else than numbers \(.*'x'"):
        numbers("1 2 x", "line 1")


def test_extraction_opens_what_opens_itself(trees: Callable[[str], Path]) -> None:
    item = Pure(str(trees("pure"))).items()[0]
    ticks = [r for r in extract_recording(item.source, {}) if isinstance(r, Tick)]
    assert [tick.time_s for tick in ticks] == [1.0]


def test_the_cache_tells_openers_apart(trees: Callable[[str], Path]) -> None:
    def digest(frame_rate_hz: float) -> str:
        item = Mmpd(str(trees("mmpd")), frame_rate_hz=frame_rate_hz).items()[0]
        return digest_recording(item.path, item.opener)

    assert digest(30.0) == digest(30.0) != digest(25.0)


def test_a_folder_of_images_is_told_by_all_of_its_files(own_tree: Callable[[str], Path]) -> None:
    folder = own_tree("pure") / "01-01" / "01-01"
    before = digest_recording(folder)
    middle = sorted(folder.iterdir())[20]
    middle.write_bytes(middle.read_bytes() + b"x")
    assert digest_recording(folder) != before
