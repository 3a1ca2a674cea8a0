"""Welltory-PPG: colours without pictures, a chest strap's intervals, clocks that do not agree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import SignalBlock
from affectfuse.datasets.welltory import Welltory
from affectfuse.errors import DatasetError


def test_colours_and_intervals(trees: Callable[[str], Path]) -> None:
    items = Welltory(str(trees("welltory"))).items()
    assert [item.key for item in items] == ["subject_01", "subject_02"]
    assert items[0].subject == "subject_01"
    intervals = items[0].references["beat_interval_ms"]
    np.testing.assert_allclose(intervals.times_s, [0.833, 1.662, 2.502, 5.602, 6.437])
    np.testing.assert_array_equal(intervals.values, [833, 829, 840, np.nan, 835])
    assert "estimate the lag" in intervals.note
    assert "1 intervals outside" in intervals.note
    with items[0].open() as recording:
        blocks = [b for b in recording.observations() if isinstance(b, SignalBlock)]
    assert sum(len(b.times_s) for b in blocks) == 90
    assert blocks[0].channels == ("red", "green", "blue")
    assert blocks[0].values[0, 0] == pytest.approx(124.0, rel=0.02)


def test_missing_and_broken_intervals_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("welltory")
    (root / "subject_01" / "RR.txt").write_text("800 abc")
    with pytest.raises(DatasetError, match=r"RR\.txt holds something else than numbers"):
        Welltory(str(root)).items()
    (root / "subject_01" / "RR.txt").write_text(" ")
    with pytest.raises(DatasetError, match="no intervals"):
        Welltory(str(root)).items()
    (root / "subject_01" / "RR.txt").unlink()
    with pytest.raises(DatasetError, match=r"RR\.txt.*exclude=\['subject_01'\]"):
        Welltory(str(root)).items()
    assert len(Welltory(str(root), exclude=["subject_01"]).items()) == 1


@pytest.mark.shared_data
def test_the_real_recordings(shared_data: Path) -> None:
    items = Welltory(str(shared_data / "welltory")).items()
    assert len(items) == 14
    for item in items:
        intervals = item.references["beat_interval_ms"]
        with item.open() as recording:
            length_s = recording.info.duration_s
            assert 20.0 < recording.info.nominal_rate_hz < 35.0
        assert 60.0 < length_s < 120.0
        assert abs(intervals.times_s[-1] - length_s) < 4.0
        assert np.isfinite(intervals.values).all()
