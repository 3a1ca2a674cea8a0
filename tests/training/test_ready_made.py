"""Training on samples that a data set brings ready-made, of several targets at once."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig

from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import load_recipe
from affectfuse.containers import Tick
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.training.fused.crossval import cross_validate_fused
from affectfuse.training.fused.preparation import prepare
from affectfuse.training.fused.train import train

TARGETS = (
    "{state: {kind: classes, column: label, classes: [calm, tense]}, "
    "face: {kind: labels, columns: [au4, au12]}, affect: {kind: scales, columns: [valence]}}"
)


@pytest.fixture
def recipe(tmp_path: Path) -> DictConfig:
    """Ten people, 24 segments each; a state shows in both modalities, a valence in one.

    Of each label a third of the cells is blank, and a third of the segments lacks 'voice'.
    """
    rng = np.random.default_rng(0)
    rows = []
    for index in range(240):
        tense, valence = rng.integers(2), rng.normal()
        au = [int(rng.random() < 0.2 + 0.6 * tense), int(valence > 0)]
        face = rng.normal([1.2 * tense, valence, 0.0])
        voice = rng.normal([1.2 * tense, 0.0])
        np.save(tmp_path / f"face{index}.npy", face.astype(np.float32))
        np.save(tmp_path / f"voice{index}.npy", voice.astype(np.float32))
        blank = rng.random(3) < 1 / 3
        rows.append(
            {
                "recording": f"r{index}",
                "onset": 0,
                "duration": 10,
                "subject": f"s{index % 10}",
                "label": "" if blank[0] else ("calm", "tense")[tense],
                "au4": "" if blank[1] else au[0],
                "au12": "" if blank[1] else au[1],
                "valence": "" if blank[2] else f"{5 + 2 * valence:.3f}",
                "face_features": f"face{index}.npy",
                "voice": "" if rng.random() < 1 / 3 else f"voice{index}.npy",
            }
        )
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return load_recipe(
        "train",
        [
            "dataset=manifest",
            "recogniser_dataset=null",
            "modalities=null",
            f"dataset.root={tmp_path}",
            "dataset.modalities={face_features: {kind: features}, voice: {kind: features}}",
            f"dataset.targets={TARGETS}",
            "training.max_epochs=40",
            "training.weight_decay=0.1",
            "split.protocol=grouped_k_fold",
            "split.folds=2",
            "seeds=[0]",
            "workers=1",
            f"cache={tmp_path / 'cache'}",
        ],
    )


def test_modalities_are_those_that_the_data_set_brings(recipe: DictConfig) -> None:
    prepared = prepare(recipe)
    assert {n: m.sample_shape for n, m in prepared.plan.modalities.items()} == {
        "face_features": (3,),
        "voice": (2,),
    }
    table = prepared.samples()
    assert table.present["face_features"].all()
    assert 0.2 < (~table.present["voice"]).mean() < 0.45
    assert (table.samples["voice"][~table.present["voice"]] == 0).all()
    assert set(table.labels) == {"state", "face", "affect"}
    assert 0.2 < (table.labels["state"] < 0).mean() < 0.45


def test_several_targets_with_labels_missing_are_learnt_together(
    recipe: DictConfig, tmp_path: Path
) -> None:
    result = train(recipe, tmp_path / "out")
    found = {(r["target"], r["estimate"], r["subset"]): r for r in result.metrics}
    assert found["state", "fused", "all"]["auroc"] > 0.75
    assert found["face", "fused", "all"]["auroc"] > 0.65
    tested = result.samples["test"]
    assert 0.5 * tested < found["state", "fused", "all"]["samples"] < 0.9 * tested  # labelled ones
    assert found["affect", "face_features", "matched"]["ccc"] > 0.4
    assert found["affect", "voice", "matched"]["ccc"] < 0.3
    assert "CCC" in result.table()
    checkpoint = load_checkpoint(result.checkpoint)
    assert [target.kind for target in checkpoint.targets] == ["classes", "labels", "scales"]
    nothing = checkpoint.estimator().estimate(Tick(1.0, {"face_features": None, "voice": None}))
    assert nothing.values["valence"] == pytest.approx(5.0, abs=0.5)
    assert set(nothing.probabilities) == {"calm", "tense", "au4", "au12"}
    assert set(nothing.prediction_sets) == {"state"}
    assert "valence" in checkpoint.calibration.thresholds
    assert "affect, scales: valence" in checkpoint.describe()


def test_cross_validation_of_several_targets(recipe: DictConfig, tmp_path: Path) -> None:
    found = cross_validate_fused(recipe, tmp_path / "out").predictions
    assert 220 < len(found) < 240  # without those that lack every label
    assert found.estimates["fused"].shape == (1, len(found), 5)
    assert set(found.half_widths) == {"valence"}
    width = found.half_widths["valence"]
    errors = np.abs(found.estimates["fused"][:, :, 4] - found.labels["affect"][:, 0])
    inside = (errors <= width)[:, np.isfinite(found.labels["affect"][:, 0])]
    assert 0.8 < inside.mean() < 0.99


def test_one_target_of_several_may_be_chosen(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.targets, recipe.training.max_epochs = ["affect"], 2
    result = train(recipe, tmp_path / "out")
    assert {row["estimate"] for row in result.metrics} == {"fused", "face_features", "voice"}
    assert all("ccc" in row for row in result.metrics)
    recipe.targets = ["afect"]
    with pytest.raises(ConfigError, match=r"unknown target 'afect'. Did you mean 'affect'\?"):
        train(recipe, tmp_path / "out")


def test_features_that_are_not_there_are_named(recipe: DictConfig, tmp_path: Path) -> None:
    config = {"target": "affectfuse.modalities.features.Features", "name": "voices"}
    recipe.modalities = {"voices": config}
    with pytest.raises(ConfigError, match=r"no features 'voices'. Did you mean 'voice'\?"):
        train(recipe, tmp_path / "out")


def test_a_class_that_nobody_has_is_named(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.dataset.targets.state.classes = ["calm", "tense", "bored"]
    with pytest.raises(DatasetError, match=r"no training sample of 'bored' among .* of 'state'"):
        cross_validate_fused(recipe, tmp_path / "out")
