"""StressID: labels and ratings by task, signals and video side by side, published features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectfuse.config import build, load_node
from affectfuse.containers import Frame, SignalBlock
from affectfuse.datasets.base import Dataset
from affectfuse.datasets.stressid import StressId
from affectfuse.errors import ConfigError, DatasetError


def test_tasks_are_recordings_and_self_report_is_the_label(trees: Callable[[str], Path]) -> None:
    dataset = StressId(str(trees("stressid")))
    items = {item.key: item for item in dataset.items()}
    assert {key: [i.label for i in item.labels] for key, item in items.items()} == {
        "2ea4_Baseline": [],
        "2ea4_Relax": ["not_stressed"],
        "2ea4_Stroop": ["stressed"],
        "b9w0_Baseline": [],
        "b9w0_Relax": ["not_stressed"],
        "b9w0_Stroop": ["stressed"],
    }
    assert items["2ea4_Stroop"].labels[0].offset_s == 3.0, "1500 rows at 500 a second"
    assert items["b9w0_Relax"].labels[0].offset_s == pytest.approx(1.0), "of the video"
    assert items["b9w0_Relax"].subject == "stressid-b9w0"
    assert items["b9w0_Relax"].attributes == {"database": "stressid", "task": "Relax"}
    assert dataset.notes == {
        "labels.csv": "1 labelled tasks have neither physiology nor video, the first: z1z1_Math"
    }


def test_three_classes_and_ratings(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("stressid")
    dataset = StressId(str(root), label="affect3-class", ratings=True)
    assert [(t.name, t.kind) for t in dataset.targets] == [
        ("stress_state", "classes"),
        ("ratings", "scales"),
    ]
    items = {item.key: item for item in dataset.items()}
    assert items["b9w0_Stroop"].labels[0].label == "neutral"
    assert items["b9w0_Stroop"].labels[0].values == {"relax": 2.0, "valence": 6.0, "arousal": 7.0}
    text = [line.split(";") for line in (root / "self_assessments.csv").read_text().split()]
    turned = "\n".join(";".join(row) for row in zip(*text, strict=True))
    (root / "self_assessments.csv").write_text(turned)
    again = {item.key: item for item in dataset.items()}
    assert again["b9w0_Stroop"].labels[0].values == items["b9w0_Stroop"].labels[0].values


def test_signals_and_video_begin_together(trees: Callable[[str], Path]) -> None:
    items = {item.key: item for item in StressId(str(trees("stressid"))).items()}
    with items["2ea4_Stroop"].open() as recording:
        seen = list(recording.observations())
    signals = [o for o in seen if isinstance(o, SignalBlock)]
    assert {(b.source, b.units) for b in signals} == {
        ("ecg", ("mV",)),
        ("eda", ("uS",)),
        ("respiration", ("1",)),
    }
    eda = np.concatenate([b.values[:, 0] for b in signals if b.source == "eda"])
    np.testing.assert_allclose(eda, 2 + 0.1 * np.arange(1500) / 500, atol=1e-4)
    assert sum(isinstance(o, Frame) for o in seen) == 15
    assert items["2ea4_Stroop"].beside == (
        items["2ea4_Stroop"].path.parents[2] / "Physiological/2ea4/2ea4_Stroop.txt",
    )
    with items["2ea4_Baseline"].open() as recording:
        assert not any(isinstance(o, Frame) for o in recording.observations())


def test_wrong_labels_and_missing_sheets_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("stressid")
    with pytest.raises(ConfigError, match=r"'stress'\. Did you mean 'binary-stress'"):
        StressId(str(root), label="stress")
    labels = root / "labels.csv"
    labels.write_text(labels.read_text().replace("2ea4_Stroop,1", "2ea4_Stroop,2"))
    with pytest.raises(
        DatasetError, match=r"row 3 of labels.csv: 'binary-stress' is '2'; .*0 to 1"
    ):
        StressId(str(root)).items()
    labels.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*labels\.csv"):
        StressId(str(root)).items()


def test_published_features_are_joined(trees: Callable[[str], Path]) -> None:
    node = load_node("dataset", "stressid_features")
    node.root = str(trees("stressid_features"))
    dataset = build(node, Dataset)  # type: ignore[type-abstract]
    items = {item.key: item for item in dataset.items()}
    assert {key: (i.subject, i.labels[0].label) for key, i in items.items()} == {
        "2ea4_Stroop": ("2ea4", "stressed"),
        "b9w0_Stroop": ("b9w0", "not_stressed"),
    }
    assert {name: v.tolist() for name, v in items["b9w0_Stroop"].features.items()} == {
        "physiology": [63.0],
        "face": [63.0],
        "voice": [1.5, 3.0],
    }
    assert "'ULF'" in dataset.notes["all_physiological_features.csv"]
