"""UBFC-rPPG: units of both ground truths, broken files, subjects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets.trees import wave

from affectfuse.containers import Frame
from affectfuse.datasets.ubfc_rppg import UbfcRppg1, UbfcRppg2
from affectfuse.errors import DatasetError


def test_data_set_1_has_times_in_ms(trees: Callable[[str], Path]) -> None:
    items = UbfcRppg1(str(trees("ubfc_rppg_1"))).items()
    assert [i.key for i in items] == ["12-gt", "5-gt", "after-exercise"]
    assert [i.path.name for i in items] == ["vid-12.avi", "vid.avi", "vid.avi"]
    assert [i.subject for i in items] == ["ubfc_rppg_1-12", "ubfc_rppg_1-5", "ubfc_rppg_1-10"]
    references = items[0].references
    bvp = references["bvp"]
    np.testing.assert_allclose(bvp.times_s, np.arange(124) * 0.0161, atol=6e-4)
    np.testing.assert_allclose(bvp.values, 40 + 20 * wave(bvp.times_s), atol=0.6)
    rate = references["heart_rate_bpm"]
    assert (rate.unit, references["spo2_percent"].unit) == ("bpm", "%")
    assert set(rate.values[rate.times_s <= 1.0]) == {72.0}
    assert set(rate.values[rate.times_s > 1.01]) == {73.0}
    assert set(references["spo2_percent"].values) == {97.0}


def test_data_set_2_has_three_lines(trees: Callable[[str], Path]) -> None:
    items = UbfcRppg2(str(trees("ubfc_rppg_2"))).items()
    assert [i.subject[-2:] for i in items] == ["-1", "10", "-3"]
    bvp = items[0].references["bvp"]
    np.testing.assert_allclose(bvp.times_s, np.arange(40) / 29.5 + 0.01, atol=1e-6)
    np.testing.assert_allclose(bvp.values, wave(bvp.times_s), atol=1e-6)
    assert set(items[0].references["heart_rate_bpm"].values) == {91.0}
    with items[0].open() as recording:
        read = [seen for seen in recording.observations() if isinstance(seen, Frame)]
    np.testing.assert_allclose([f.time_s for f in read], np.arange(40) / 29.5, atol=1e-3)
    assert read[0].image[5, 5, 0] > 50 > read[0].image[5, 5, 2], "red is first"


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    one, two = own_tree("ubfc_rppg_1"), own_tree("ubfc_rppg_2")
    rows = (one / "5-gt" / "gtdump.xmp").read_text()
    (one / "5-gt" / "gtdump.xmp").write_text(rows + "1999,72,97\n")
    with pytest.raises(
        DatasetError, match=r"line 125 of .*gtdump\.xmp is '1999,72,97'; it must ha"
    ):
        UbfcRppg1(str(one)).items()
    (one / "5-gt" / "gtdump.xmp").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*5-gt.gtdump\.xmp;.*exclude=\['5-gt'\]"):
        UbfcRppg1(str(one)).items()
    assert len(UbfcRppg1(str(one), exclude=["5-gt"]).items()) == 2
    (one / "12-gt" / "vid-12.avi").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*12-gt.vid\.avi"):
        UbfcRppg1(str(one)).items()
    truth = two / "subject1" / "ground_truth.txt"
    lines = truth.read_text().splitlines()
    truth.write_text("\n".join([lines[0], lines[1], lines[2].rsplit(maxsplit=1)[0]]))
    with pytest.raises(DatasetError, match=r"3 lines of 40, 40, 39 numbers; it must have three"):
        UbfcRppg2(str(two)).items()
    truth.write_text("\n".join(lines[:2]))
    with pytest.raises(DatasetError, match="has 2 lines of 40, 40 numbers"):
        UbfcRppg2(str(two)).items()
    truth.write_text("\n".join([lines[0], "x" + lines[1], lines[2]]))
    with pytest.raises(DatasetError, match=r"line 2 of .*ground_truth\.txt holds something else"):
        UbfcRppg2(str(two)).items()
    truth.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*subject1.ground_truth\.txt"):
        UbfcRppg2(str(two)).items()


def test_times_that_repeat_are_left_out_with_a_note(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("ubfc_rppg_1")
    path = root / "5-gt" / "gtdump.xmp"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:50], lines[49], lines[10], *lines[50:]]))
    bvp = UbfcRppg1(str(root)).items()[1].references["bvp"]
    assert len(bvp.times_s) == 124
    assert bvp.note == "2 rows whose time repeats or goes back: left out"
