"""The five-class recipe from images to tables, on a generated tree of CASME II."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from training.expressive_casme2 import RATE_HZ, write_expressive_casme2

from affectfuse.cli import main
from affectfuse.config import build, load_recipe
from affectfuse.containers import Array
from affectfuse.modalities.base import Modality
from affectfuse.training.collector import SampleCollector
from affectfuse.training.recipes import container
from affectfuse.training.recognition.clips import ClipTable, LabelMap

pytestmark = pytest.mark.slow

CLASSES = ["happiness", "surprise", "disgust", "repression", "others"]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("casme2")
    write_expressive_casme2(root, subjects=3)
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_extract_leave_one_subject_out_and_tables(
    tree: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    overrides = {
        "dataset.root": tree,
        "dataset.frame_rate_hz": RATE_HZ,
        "recogniser_training.max_epochs": 20,
        "seeds": [0],
        "draws": 200,
        "workers": 1,
        "cache": cache,
    }
    command = [f"{key}={value}" for key, value in overrides.items()]
    out = tmp_path / "out"
    monkeypatch.setattr(
        sys, "argv", ["affectfuse", "crossval", "casme2_five_classes", *command, "--out", str(out)]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    printed = capsys.readouterr().out
    assert "casme2, leave_one_subject_out, 3 folds" in printed
    assert "1 clips 'fear'" in printed

    predictions = rows(out / "predictions.csv")
    assert len(predictions) == 15
    assert {row["subject"] for row in predictions} == {"casme2-01", "casme2-02", "casme2-03"}
    assert sorted(row["label"] for row in predictions) == sorted(3 * CLASSES)
    right = sum(row["label"] == row["predicted"] for row in predictions)
    assert right >= 8  # by chance 3, and 8 or more once in 200 runs
    confusion = [r for r in rows(out / "confusion.csv") if r["group"] == "all"]
    assert [row["class"] for row in confusion] == CLASSES
    assert sum(float(row[name]) for row in confusion for name in CLASSES) == 15
    assert sum(float(row[row["class"]]) for row in confusion) == right
    accuracy = next(r for r in rows(out / "scores.csv") if r["score"] == "accuracy")
    assert float(accuracy["value"]) == pytest.approx(right / 15, abs=1e-4)

    made = json.loads((out / "crossval.json").read_text())["provenance"]["clips"]
    assert made["apex_not_coded"] == "2 of 16 coded intervals"
    flow = next(step for step in made["steps"] if step["step"] == "measure flow")
    assert flow["method"] == "dis_medium"
    page = (out / "crossval.html").read_text()
    assert "step remove head motion" in page


def collected(tree: Path, cache: Path, *changes: str) -> tuple[ClipTable, dict[str, Any]]:
    """The clips of the recipe with changes, and the files that were in the cache then."""
    recipe = load_recipe(
        "casme2_five_classes",
        [f"dataset.root={tree}", f"dataset.frame_rate_hz={RATE_HZ}", *changes],
    )
    config = container(recipe.modalities.micro_expression)
    modality = build(config, Modality)  # type: ignore[type-abstract]
    dataset: Any = build(recipe.dataset, object)
    collector = SampleCollector({modality.name: modality}, {modality.name: config}, cache)
    assert modality.recogniser_target is not None
    words: Mapping[str, str] = container(recipe.label_map)
    labels = LabelMap(modality.recogniser_target.classes, words)
    clips = collector.clips(dataset.items(), modality.name, labels)
    return clips, {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}


def test_clips_are_made_anew_when_they_would_differ_only(tree: Path, cache: Path) -> None:
    network = "modalities.micro_expression.network=flow"
    before, files = collected(tree, cache)
    same, files_then = collected(tree, cache, network)
    assert files_then == files
    np.testing.assert_array_equal(same.arrays, before.arrays)
    other, files_now = collected(tree, cache, "modalities.micro_expression.clip_flow=dis")
    assert len(files_now) == 2 * len(files)
    assert not np.array_equal(other.arrays, before.arrays)


def test_action_units_are_those_of_the_sheet(tree: Path, cache: Path) -> None:
    clips, _ = collected(tree, cache)
    names: Sequence[str] = load_recipe(
        "casme2_five_classes"
    ).modalities.micro_expression.action_units
    units: Array = clips.action_units
    assert units.shape == (15, len(names))
    happy = clips.labels == CLASSES.index("happiness")
    assert units[happy, list(names).index("au12")].tolist() == [1.0, 1.0, 1.0]
    assert units[~happy, list(names).index("au12")].tolist() == [0.0] * 12
