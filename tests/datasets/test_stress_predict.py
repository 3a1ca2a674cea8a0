"""Stress-Predict: a wristband's session a person, and a table of what was done when."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from affectfuse.containers import SignalBlock
from affectfuse.datasets.stress_predict import StressPredict
from affectfuse.errors import DatasetError


def test_sessions_and_segments(trees: Callable[[str], Path]) -> None:
    items = StressPredict(str(trees("stress_predict"))).items()
    assert [(item.key, item.subject) for item in items] == [
        ("S02", "stress_predict-S02"),
        ("S10", "stress_predict-S10"),
    ]
    assert [(i.onset_s, i.offset_s, i.label) for i in items[1].labels] == [
        (1.0, 20.0, "rest"),
        (21.0, 39.5, "stress"),
    ]
    with items[1].open() as recording:
        blocks = [b for b in recording.observations() if isinstance(b, SignalBlock)]
        assert recording.notes == ["no TEMP.csv: 'temperature' was not recorded"]
    assert {block.source for block in blocks} == {"acceleration", "bvp", "eda"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("S02\tten\t5\trest", "onset 'ten' and duration '5'"),
        ("S02\t50\t-5\trest", "duration '-5'"),
        ("S02\t50\t5\tstres", r"trial_type 'stres'.*Did you mean 'stress'"),
        ("S02\t10\t5\trest", "begin at 1 s and 10 s overlap"),
        ("S02\t50", "duration 'None'"),
    ],
)
def test_broken_rows_are_named(own_tree: Callable[[str], Path], row: str, message: str) -> None:
    root = own_tree("stress_predict")
    table = root / "segments.tsv"
    table.write_text(table.read_text() + row + "\n")
    with pytest.raises(DatasetError, match=message) as caught:
        StressPredict(str(root)).items()
    if "overlap" not in message:
        assert "line 6 of" in str(caught.value)


def test_what_is_missing_is_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("stress_predict")
    table = root / "segments.tsv"
    kept = table.read_text().splitlines()
    table.write_text("\n".join(line for line in kept if "S10" not in line) + "\n")
    with pytest.raises(DatasetError, match=r"no row of 'S10'.*exclude=\['S10'\]"):
        StressPredict(str(root)).items()
    assert len(StressPredict(str(root), exclude=["S10"]).items()) == 1
    table.write_text(table.read_text().replace("onset", "start"))
    with pytest.raises(DatasetError, match="no column 'onset'"):
        StressPredict(str(root), exclude=["S10"]).items()
    table.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*segments\.tsv"):
        StressPredict(str(root)).items()


@pytest.mark.shared_data
def test_the_real_sessions(shared_data: Path) -> None:
    items = StressPredict(str(shared_data / "stress_predict")).items()
    assert len(items) == 18
    for item in items:
        assert [label.label for label in item.labels] == ["rest", "stress"] * 3 + ["rest"]
        with item.open() as recording:
            assert recording.info.duration_s == pytest.approx(item.labels[-1].offset_s, abs=6.0)
            assert recording.notes == []
