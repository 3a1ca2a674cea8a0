"""Training end to end on planted evidence."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from affectfuse.checkpoint import load_checkpoint
from affectfuse.containers import ModalitySample, Tick
from affectfuse.datasets.base import Dataset
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.training.fitting import deterministic
from affectfuse.training.fused.fusion import fit_fusion
from affectfuse.training.fused.preparation import prepare
from affectfuse.training.fused.train import TrainingResult, train


def row(result: TrainingResult, estimate: str, subset: str = "matched") -> dict[str, float]:
    (found,) = [r for r in result.metrics if (r["estimate"], r["subset"]) == (estimate, subset)]
    return found


def test_trains_and_writes_a_usable_checkpoint(recipe: DictConfig, tmp_path: Path) -> None:
    steps: dict[str, list[tuple[int, int]]] = {}
    result = train(recipe, tmp_path / "out", lambda what, *n: steps.setdefault(what, []).append(n))

    assert {r["estimate"] for r in result.metrics} == {"fused", "pulse", "gesture"}
    matched = [r for r in result.metrics if r["subset"] == "matched"]
    assert len({r["samples"] for r in matched}) == 1
    assert row(result, "fused", "all")["samples"] > matched[0]["samples"]  # the sensor was off
    assert row(result, "fused")["auroc"] > 0.85
    assert row(result, "fused")["auroc"] > row(result, "gesture")["auroc"] > 0.6
    assert result.recognisers["gesture"]["uar"] > 0.95
    assert result.skipped == {}
    assert all(done[-1][0] == done[-1][1] for done in steps.values()), steps
    assert {"planting", "reading clips", "reading samples", "training the fused model"} <= set(
        steps
    )

    out = tmp_path / "out"
    assert {p.name for p in out.iterdir()} == {
        "checkpoint.pt", "metrics.json", "training.csv", "recipe.yaml",
    }  # fmt: skip
    assert out.stat().st_mode & 0o077 == 0
    report = json.loads((out / "metrics.json").read_text())
    assert report["metrics"][0]["auroc"] == pytest.approx(row(result, "fused", "all")["auroc"])
    header = (out / "training.csv").read_text().splitlines()[0].split(",")
    assert {"epoch", "train_loss", "val_loss", "val_uar", "val_uf1", "val_auroc"} == set(header)
    assert "fused" in result.table()

    checkpoint = load_checkpoint(result.checkpoint)
    recognised = checkpoint.recognise()["gesture"]
    embedding, probabilities = recognised(np.linspace(-1, 1, 8).astype(np.float32))
    assert embedding.shape == (3,)
    assert probabilities.argmax() == 0
    samples = {
        "pulse": ModalitySample("pulse", 0, 1, np.array([74, 2], np.float32), 0.9),
        "gesture": ModalitySample("gesture", 0, 1, probabilities, 1.0),
    }
    estimate = checkpoint.estimator().estimate(Tick(1.0, samples))
    assert estimate.probabilities["tense"] > 0.8
    assert sum(estimate.probabilities.values()) == pytest.approx(1.0)
    assert all(weight > 0 for weight in estimate.weights.values())
    nothing = checkpoint.estimator().estimate(Tick(1.0, {"pulse": None, "gesture": None}))
    assert list(nothing.probabilities.values()) == pytest.approx(
        np.exp(checkpoint.prior_logits).tolist()
    )
    assert nothing.modality_probabilities == {}
    assert "no person" in checkpoint.describe()
    json.dumps(checkpoint.provenance())


def test_same_seed_same_weights_and_another_seed_others(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.training.max_epochs = 5
    before = torch.random.get_rng_state()
    one, two = (load_checkpoint(train(recipe, tmp_path / out).checkpoint) for out in "ab")
    assert torch.equal(torch.random.get_rng_state(), before)  # the caller's seed is left alone
    assert not torch.are_deterministic_algorithms_enabled()
    assert one.metrics == two.metrics
    assert all(torch.equal(one.weights[name], two.weights[name]) for name in one.weights)
    recipe.seed = 1
    other = load_checkpoint(train(recipe, tmp_path / "c").checkpoint)
    assert any(not torch.equal(one.weights[name], other.weights[name]) for name in one.weights)


@pytest.mark.parametrize("inner_folds", [0, 3])
def test_nothing_of_the_test_subjects_reaches_the_model(
    recipe: DictConfig, inner_folds: int
) -> None:
    """Neither weights nor epochs, learning rate, calibration or the choice of the best modality."""
    recipe.modalities.pop("gesture")
    recipe.training.update({"patience": 2, "inner_folds": inner_folds, "learning_rate": None})
    prepared = prepare(recipe)
    table, split = prepared.samples(), prepared.split.hold_out(prepared.subjects)
    rng = np.random.default_rng(0)
    tested = np.isin(table.subjects, split.test)
    (target,) = table.labels
    samples = table.samples["pulse"]
    labels = table.labels[target]
    spoilt = replace(
        table,
        samples={"pulse": np.where(tested[:, None], 100 * samples - 7, samples)},
        labels={target: np.where(tested, rng.permutation(labels), labels)},
    )
    found = []
    for rows in (table, spoilt):
        with deterministic(0):
            found.append(fit_fusion(rows, split, prepared.plan, 0))
    one, two = found
    assert one.metrics != two.metrics
    assert (one.epochs, one.learning_rate) == (two.epochs, two.learning_rate)
    assert (one.calibration, one.best_single) == (two.calibration, two.best_single)
    weights = two.model.state_dict()
    assert all(torch.equal(own, weights[name]) for name, own in one.model.state_dict().items())


def test_an_unreadable_recording_is_skipped_and_counted(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.training.max_epochs = 2
    recipe.recogniser_training.max_epochs = 2
    recipe.split = {
        **recipe.split,
        **{"protocol": "hold_out", "validation": ["s01"], "test": ["s02"]},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "s05.npz").write_text("not a recording")
    result = train(recipe, tmp_path / "out")
    assert list(result.skipped) == ["s05"]
    assert "is not a recording" in result.skipped["s05"]
    assert "skipped 1 recordings or rows:\n  s05: " in result.table()
    assert (result.split.validation, result.split.test) == (("s01",), ("s02",))


def test_what_the_data_set_left_out_or_corrected_is_said(
    recipe: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe.training.max_epochs = 1
    recipe.modalities.pop("gesture")
    left_out, corrected = {"row 5 of a.xlsx": "no images"}, {"row 9 of a.xlsx": "offset 3 is 30"}
    monkeypatch.setattr(Dataset, "skipped", property(lambda self: left_out))
    monkeypatch.setattr(Dataset, "notes", property(lambda self: corrected))
    result = train(recipe, tmp_path / "out")
    assert "skipped 1 recordings or rows:\n  row 5 of a.xlsx: no images" in result.table()
    trained_on = load_checkpoint(result.checkpoint).trained_on
    assert (trained_on["skipped"], trained_on["notes"]) == (left_out, corrected)


def test_subjects_whose_recordings_all_fail_are_named(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.modalities.pop("gesture")
    recipe.split = {
        **recipe.split,
        **{"protocol": "hold_out", "validation": ["s01"], "test": ["s05"]},
    }
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "s05.npz").write_text("not a recording")
    with pytest.raises(
        DatasetError, match=r"the test subjects \(s05\) have no labelled sample: .*\(s05: "
    ):
        train(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_validation_subjects_nothing_is_tuned(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.modalities.pop("gesture")
    recipe.split = {**recipe.split, "validation": 0, "test": 0.25}
    recipe.training.max_epochs = 3
    result = train(recipe, tmp_path / "out")
    assert load_checkpoint(result.checkpoint).calibration.temperatures == {}
    assert len((tmp_path / "out" / "training.csv").read_text().splitlines()) == 4


def test_a_recogniser_may_learn_from_another_data_set(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.recogniser_dataset = {**recipe.dataset, "root": str(tmp_path / "coded"), "seed": 5}
    recipe.recogniser_training.max_epochs = 20
    recipe.training.max_epochs = 2
    found = train(recipe, tmp_path / "out").recognisers["gesture"]
    assert found["held_out_subjects"] == 2
    assert found["uar"] > 0.95


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("training.epochs", 3, r"unknown key 'training.epochs'. Did you mean 'max_epochs'\?"),
        ("training.modality_dropout", 1.5, "modality_dropout is 1.5; it must be at least 0"),
        ("training.accelerator", "abacus", "accelerator 'abacus'"),
    ],
)
def test_wrong_settings_are_named(
    recipe: DictConfig, tmp_path: Path, key: str, value: object, message: str
) -> None:
    recipe.modalities.pop("gesture")
    section, name = key.split(".")
    recipe[section][name] = value
    with pytest.raises(ConfigError, match=message) as caught:
        train(recipe, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_a_recipe_that_lacks_a_key_is_refused(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.split = {**recipe.split, "tests": 0.2}
    with pytest.raises(ConfigError, match=r"unknown key 'split\.tests'. Did you mean 'test'\?"):
        train(recipe, tmp_path / "out")
    del recipe["sampling"]
    with pytest.raises(ConfigError, match="the recipe lacks 'sampling'"):
        train(recipe, tmp_path / "out")


def test_nothing_is_undefined_in_a_sound_run(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.modalities.pop("gesture")
    recipe.training.max_epochs = 2
    for found in train(recipe, tmp_path / "out").metrics:
        assert all(not math.isnan(v) for v in found.values() if isinstance(v, float))
