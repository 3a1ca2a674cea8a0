"""UBFC-Phys: rates of the wristband, the task as label, facts of the info file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import Frame, SignalBlock
from affectfuse.datasets.ubfc_phys import UbfcPhys
from affectfuse.errors import DatasetError


def test_the_task_is_the_label(trees: Callable[[str], Path]) -> None:
    dataset = UbfcPhys(str(trees("ubfc_phys")))
    items = {item.key: item for item in dataset.items()}
    assert list(items) == ["s1_T1", "s1_T2", "s1_T3", "s2_T1", "s2_T2", "s2_T3"]
    tasks = [item.labels[0].label for item in items.values()]
    assert tasks == ["rest", "speech", "arithmetic"] * 2
    label = items["s1_T2"].labels[0]
    assert (label.onset_s, label.offset_s) == (0.0, 3.0)
    assert items["s1_T2"].attributes == {"gender": "female", "group": "test"}
    assert items["s2_T1"].attributes["group"] == "control"
    assert items["s2_T1"].subject == "ubfc_phys-2"


def test_rates_are_the_config_s(trees: Callable[[str], Path]) -> None:
    references = UbfcPhys(str(trees("ubfc_phys"))).items()[0].references
    np.testing.assert_array_equal(references["bvp"].times_s, np.arange(192) / 64)
    np.testing.assert_array_equal(references["eda_us"].times_s, np.arange(12) / 4)
    assert references["eda_us"].unit == "uS"
    slower = UbfcPhys(str(trees("ubfc_phys")), bvp_rate_hz=32.0).items()[0]
    assert slower.labels[0].offset_s == 6.0


def test_a_recording_is_the_video_with_the_wristband_s_signals(
    trees: Callable[[str], Path],
) -> None:
    item = UbfcPhys(str(trees("ubfc_phys"))).items()[0]
    with item.open() as recording:
        seen = list(recording.observations())
    blocks = [block for block in seen if isinstance(block, SignalBlock)]
    assert {block.source for block in blocks} == {"bvp", "eda"}
    assert any(isinstance(frame, Frame) for frame in seen)
    assert [o.time_s for o in seen] == sorted(o.time_s for o in seen)
    eda = np.concatenate([b.values[:, 0] for b in blocks if b.source == "eda"])
    np.testing.assert_allclose(eda, item.references["eda_us"].values)
    assert {b.units for b in blocks if b.source == "eda"} == {("uS",)}


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("ubfc_phys")
    (root / "s1" / "eda_s1_T1.csv").unlink()
    (root / "s1" / "info_s1.txt").unlink()
    first = UbfcPhys(str(root)).items()[0]
    assert set(first.references) == {"bvp"}
    assert first.attributes == {}
    (root / "s1" / "bvp_s1_T2.csv").write_text("1.0\nx\n")
    with pytest.raises(
        DatasetError, match=r"line 2 of .*bvp_s1_T2\.csv is 'x'; it must have 1 num"
    ):
        UbfcPhys(str(root)).items()
    (root / "s1" / "bvp_s1_T2.csv").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*bvp_s1_T2\.csv.*exclude=\['s1_T2'\]"):
        UbfcPhys(str(root)).items()
