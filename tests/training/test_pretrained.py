"""Encoders taken from a checkpoint: frozen, or learning on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import Tensor

from affectfuse.checkpoint import Checkpoint, load_checkpoint
from affectfuse.errors import ConfigError
from affectfuse.training.fused.train import train

HELD_OUT = {"validation": ["s01"], "test": ["s02"]}


@pytest.fixture
def first(recipe: DictConfig, tmp_path: Path) -> Path:
    """A checkpoint, trained on the subjects that neither validate nor test."""
    recipe.modalities.pop("gesture")
    recipe.training.max_epochs = 4
    recipe.split = {**recipe.split, "protocol": "hold_out", **HELD_OUT}
    return train(recipe, tmp_path / "first").checkpoint


def train_on(recipe: DictConfig, out: Path, source: Path | None, **changes: Any) -> Checkpoint:
    recipe.training.update({"encoders_from": source and str(source), **changes})
    return load_checkpoint(train(recipe, out).checkpoint)


def part(checkpoint: Checkpoint, prefix: str) -> dict[str, Tensor]:
    return {n: w for n, w in checkpoint.weights.items() if n.startswith(prefix)}


def same(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    assert one.keys() == two.keys() != set()
    return all(torch.equal(one[name], two[name]) for name in one)


def test_frozen_encoders_stay_what_they_were(
    recipe: DictConfig, first: Path, tmp_path: Path
) -> None:
    known = load_checkpoint(first)
    recipe.seed = 5
    found = train_on(recipe, tmp_path / "second", first, freeze_encoders=True)
    for prefix in ("encoders.", "standardise."):
        assert same(part(found, prefix), part(known, prefix))
    assert not same(part(found, "head."), part(known, "head."))
    assert len(found.trained_on["encoders_from"]) == 64


def test_encoders_may_learn_on(recipe: DictConfig, first: Path, tmp_path: Path) -> None:
    known = load_checkpoint(first)
    recipe.training.max_epochs = 1
    still = train_on(recipe, tmp_path / "still", first, learning_rate=1e-12)
    assert all(
        torch.allclose(weight, known.weights[name], atol=1e-6)
        for name, weight in part(still, "encoders.").items()
    )
    moved = train_on(recipe, tmp_path / "moved", first, learning_rate=0.01)
    assert not same(part(moved, "encoders."), part(known, "encoders."))
    assert same(part(moved, "standardise."), part(known, "standardise."))


def test_an_encoder_that_has_learnt_nothing_is_not_frozen(
    recipe: DictConfig, tmp_path: Path
) -> None:
    recipe.modalities.pop("gesture")
    with pytest.raises(ConfigError, match="the encoder of 'pulse' has learnt nothing yet"):
        train_on(recipe, tmp_path / "out", None, freeze_encoders=True)


def test_encoders_that_have_seen_a_held_out_subject_are_refused(
    recipe: DictConfig, first: Path, tmp_path: Path
) -> None:
    recipe.split = {**recipe.split, "test": ["s03"]}
    with pytest.raises(ConfigError, match=r"learnt from 1 of the test subjects \('s03'\)"):
        train_on(recipe, tmp_path / "out", first)
    recipe.split = {**recipe.split, "test": ["s02"], "validation": ["s04"]}
    with pytest.raises(ConfigError, match=r"learnt from 1 of the validation subjects \('s04'\)"):
        train_on(recipe, tmp_path / "out", first)
    recipe.split = {**recipe.split, "test": ["s01"], "validation": ["s02"]}  # the first's s01
    with pytest.raises(ConfigError, match=r"learnt from 1 of the test subjects \('s01'\)"):
        train_on(recipe, tmp_path / "out", first)


def test_what_does_not_fit_is_refused(recipe: DictConfig, first: Path, tmp_path: Path) -> None:
    recipe.modalities.pulse.name = "pressure"
    with pytest.raises(ConfigError, match="it holds encoders of pulse, but the recipe has press"):
        train_on(recipe, tmp_path / "out", first)
    recipe.modalities.pulse.name = "pulse"
    recipe.modalities.pulse.target = "custom.fakes.Gesture"
    recipe.modalities.pulse.pop("window_s")
    recipe.modalities.pulse.pop("name")
    with pytest.raises(ConfigError, match="it holds encoders of pulse, but the recipe has gest"):
        train_on(recipe, tmp_path / "out", first)


def test_another_width_is_refused(
    recipe: DictConfig, first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from custom.fakes import Level

    monkeypatch.setattr(Level, "embedding_dim", 6)
    with pytest.raises(ConfigError, match=r"'pulse' there .* of 4, here \[2\] and 6"):
        train_on(recipe, tmp_path / "out", first)
