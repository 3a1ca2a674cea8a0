"""Cross-validation of fused models on planted evidence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf
from typer.testing import CliRunner

from affectfuse.cli import app
from affectfuse.errors import ConfigError
from affectfuse.evaluation.target_metrics import target_metrics
from affectfuse.reports.evaluations.fused_crossval import FUSED_CROSSVAL_OUTPUTS
from affectfuse.training.fused.crossval import cross_validate_fused, permute_segments
from affectfuse.training.fused.preparation import prepare


@pytest.fixture
def crossval(recipe: DictConfig) -> DictConfig:
    """Two level sensors, no recogniser; three folds."""
    other = {**recipe.modalities.pulse, "name": "gesture"}
    recipe.modalities = {"pulse": recipe.modalities.pulse, "gesture": other}
    recipe.split.protocol, recipe.split.folds = "grouped_k_fold", 3
    recipe.seeds, recipe.draws = [0, 1], 50
    recipe.training.max_epochs = 8
    return recipe


def auroc(result: object, name: str) -> float:
    found = result.predictions  # type: ignore[attr-defined]
    target = found.targets[0]
    rows = found.matched
    return float(
        np.mean(
            [
                target_metrics(target, found.labels[target.name][rows], values[rows])["auroc"]
                for values in found.estimates[name]
            ]
        )
    )


def test_folds_are_trained_on_one_device_each(crossval: DictConfig, tmp_path: Path) -> None:
    crossval.training.devices = 2
    with pytest.raises(ConfigError, match=r"training\.devices=2, nodes=1: crossval trains"):
        cross_validate_fused(crossval, tmp_path / "out")


def test_every_subject_is_tested_once_by_models_that_did_not_see_it(
    crossval: DictConfig, tmp_path: Path
) -> None:
    result = cross_validate_fused(crossval, tmp_path / "out")
    found = result.predictions
    assert len(set(found.subjects.tolist())) == 8
    assert set(found.estimates) == {"fused", "best single", "pulse", "gesture"}
    assert set(found.subsets) == {"pulse", "gesture"}
    assert found.estimates["fused"].shape == (2, len(found), 2)
    np.testing.assert_allclose(found.estimates["fused"].sum(-1), 1.0, atol=1e-5)
    assert auroc(result, "fused") > 0.8
    target = found.targets[0].name
    inside = found.sets[target][:, np.arange(len(found)), found.labels[target]]
    assert 0.75 < inside.mean() <= 1.0
    assert result.folds == 3
    assert result.parameters > 0


def test_an_ended_run_goes_on_and_a_changed_one_starts_anew(
    crossval: DictConfig, tmp_path: Path
) -> None:
    first = cross_validate_fused(crossval, tmp_path / "out")
    files = sorted((tmp_path / "out" / "folds").glob("*.safetensors"))
    assert len(files) == 6
    times = {file: file.stat().st_mtime_ns for file in files}
    files[0].unlink()
    again = cross_validate_fused(crossval, tmp_path / "out")
    for name, values in first.predictions.estimates.items():
        np.testing.assert_array_equal(values, again.predictions.estimates[name])
    unchanged = [f for f in files[1:] if f.stat().st_mtime_ns == times[f]]
    assert len(unchanged) == 5
    crossval.training.learning_rate = 0.02
    cross_validate_fused(crossval, tmp_path / "out")
    assert len(list((tmp_path / "out" / "folds").glob("*.safetensors"))) == 12


def test_inner_folds_choose_epochs_and_calibrate(crossval: DictConfig, tmp_path: Path) -> None:
    crossval.training.inner_folds, crossval.seeds = 2, [0]
    result = cross_validate_fused(crossval, tmp_path / "out")
    assert auroc(result, "fused") > 0.8
    assert set(result.predictions.sets) == {result.predictions.targets[0].name}
    found = result.predictions
    for row, index in enumerate(found.chosen[0].astype(int)):
        own = found.estimates[found.modalities[index]][0, row]
        np.testing.assert_array_equal(found.estimates["best single"][0, row], own)


def test_without_subjects_to_choose_on_no_modality_is_the_best(
    crossval: DictConfig, tmp_path: Path
) -> None:
    crossval.split.validation, crossval.seeds, crossval.training.max_epochs = 0.0, [0], 1
    result = cross_validate_fused(crossval, tmp_path / "out")
    assert (result.predictions.chosen == -1).all()
    assert np.isnan(result.predictions.estimates["best single"]).all()
    assert {d.other for d in result.evaluation.targets[0].differences} == {"pulse", "gesture"}


def test_permuted_labels_keep_their_segments(crossval: DictConfig) -> None:
    table = prepare(crossval).samples()
    shuffled = permute_segments(table, [0])
    (name,) = table.labels
    assert (table.labels[name] != shuffled.labels[name]).any()
    for subject in set(table.subjects.tolist()):
        rows = table.subjects == subject
        for segment in set(table.segments[rows].tolist()):
            here = rows & (table.segments == segment)
            assert len(set(shuffled.labels[name][here].tolist())) == 1
    one_each = replace(table, segments=np.zeros_like(table.segments))
    assert set(permute_segments(one_each, [0]).labels[name].tolist()) <= {0, 1}


def test_a_recogniser_that_would_see_test_subjects_is_refused(
    recipe: DictConfig, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="recogniser of 'gesture' would learn from subjects that"):
        cross_validate_fused(recipe, tmp_path / "out")


def test_without_seeds_there_is_nothing_to_train(crossval: DictConfig, tmp_path: Path) -> None:
    crossval.seeds = []
    with pytest.raises(ConfigError, match="seeds is empty"):
        cross_validate_fused(crossval, tmp_path / "out")


def test_the_command_measures_and_writes_and_compares(crossval: DictConfig, tmp_path: Path) -> None:
    OmegaConf.save(crossval, tmp_path / "recipe.yaml")
    command = ["crossval", str(tmp_path / "recipe.yaml"), "--out"]
    said = CliRunner().invoke(app, [*command, str(tmp_path / "one")], catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert "AUROC fused minus best single" in said.output
    written = {path.name for path in (tmp_path / "one").iterdir()}
    assert written == {*FUSED_CROSSVAL_OUTPUTS, "folds"}
    against = ["seeds=[2]", "--against", str(tmp_path / "one" / "predictions.csv")]
    said = CliRunner().invoke(
        app, [*command, str(tmp_path / "two"), *against], catch_exceptions=False
    )
    assert said.exit_code == 0, said.output
    assert "AUROC fused minus the other run" in said.output
