"""VIPL-HR: frame times from beside the video, the phone's from the wave, codes of the oximeter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import Frame
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.vipl_hr import ViplHr
from affectfuse.errors import ConfigError, DatasetError


def times_s(item: DatasetItem) -> list[float]:
    with item.open() as recording:
        return [seen.time_s for seen in recording.observations() if isinstance(seen, Frame)]


def test_frames_have_the_times_of_time_txt(trees: Callable[[str], Path]) -> None:
    items = {item.key: item for item in ViplHr(str(trees("vipl_hr"))).items()}
    assert list(items) == [
        f"{p}-{v}" for p in ("p1", "p10") for v in ("v1-source1", "v1-source3", "v7-source1")
    ]
    np.testing.assert_allclose(times_s(items["p1-v1-source1"]), np.arange(33) / 16, atol=6e-4)
    np.testing.assert_allclose(times_s(items["p1-v1-source3"]), np.arange(61) / 30, atol=6e-4)
    assert items["p10-v7-source1"].attributes == {
        "scene": "after exercise",
        "source": "Logitech C310",
        "frame_times": "time.txt",
    }
    assert items["p10-v7-source1"].subject == "vipl_hr-10"


def test_the_phone_s_frames_are_spread_over_the_wave(trees: Callable[[str], Path]) -> None:
    item = ViplHr(str(trees("vipl_hr")), sources=[2]).items()[0]
    assert item.attributes["frame_times"] == "length of the wave"
    np.testing.assert_allclose(times_s(item), np.arange(61) * 2 / 61, atol=2e-3)


def test_references_are_on_their_own_clocks(trees: Callable[[str], Path]) -> None:
    references = ViplHr(str(trees("vipl_hr"))).items()[0].references
    np.testing.assert_array_equal(references["bvp"].times_s, np.arange(120) / 60)
    rate = references["heart_rate_bpm"]
    assert rate.times_s.tolist() == [0.0, 1.0]
    np.testing.assert_array_equal(rate.values, [72.0, np.nan])
    assert rate.note.endswith("1 values outside 20 to 250: NaN")
    np.testing.assert_array_equal(references["spo2_percent"].values, [97.0, np.nan])
    faster = ViplHr(str(trees("vipl_hr")), wave_rate_hz=120.0).items()[0]
    assert faster.references["bvp"].times_s[-1] == pytest.approx(119 / 120)


def test_a_wave_of_another_length_is_noted(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("vipl_hr")
    wave = root / "p1" / "v1" / "source1" / "wave.csv"
    wave.write_text("Wave\n" + "50\n" * 300)
    bvp = ViplHr(str(root)).items()[0].references["bvp"]
    assert bvp.note == "lasts 5.0 s, the video 2.0 s"


def test_fewer_times_than_frames_leave_frames_out(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("vipl_hr")
    listed = root / "p1" / "v1" / "source1" / "time.txt"
    listed.write_text("\n".join(listed.read_text().splitlines()[:-3]))
    with ViplHr(str(root)).items()[0].open() as recording:
        assert len(list(recording.observations())) == 30
        assert recording.notes == ["3 frames more than there are timestamps: left out"]


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("vipl_hr")
    folder = root / "p1" / "v1" / "source1"
    (folder / "gt_SpO2.csv").unlink()
    assert "spo2_percent" not in ViplHr(str(root)).items()[0].references
    (folder / "gt_HR.csv").write_text("HR\n72\nabc\n")
    with pytest.raises(DatasetError, match=r"line 3 of .*gt_HR\.csv is 'abc'"):
        ViplHr(str(root)).items()
    (folder / "time.txt").write_text("0\n40\nx\n")
    with pytest.raises(DatasetError, match=r"time\.txt holds something else than numbers"):
        ViplHr(str(root)).items()
    (folder / "time.txt").write_text("0\n")
    with pytest.raises(DatasetError, match=r"time\.txt lists 1 times, fewer than two"):
        ViplHr(str(root)).items()
    (folder / "time.txt").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*time\.txt.*exclude=\['p1-v1-source1'\]"):
        ViplHr(str(root)).items()
    with pytest.raises(ConfigError, match=r"sources is \[5\]; allowed are some of 1, 2, 3 and 4"):
        ViplHr(str(root), sources=[5])
