"""Embeddings of frozen encoders: kept on disk, found again, made anew when anything differs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig
from safetensors import safe_open

from affectfuse.checkpoint import load_checkpoint, save_checkpoint
from affectfuse.errors import ConfigError
from affectfuse.training.fused import embeddings
from affectfuse.training.fused.crossval import cross_validate_fused
from affectfuse.training.fused.data import as_batch
from affectfuse.training.fused.fusion import fit_fusion
from affectfuse.training.fused.preparation import prepare
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.train import train

PROBED = 2
"""`check_modality` looks at what an encoder makes of so many rows, in every run."""


@dataclass
class Counted:
    """The rows that encoders with weights embedded, by call, since the last look."""

    rows: list[int] = field(default_factory=list)

    def since(self) -> list[int]:
        found = list(self.rows)
        self.rows.clear()
        return found


@pytest.fixture
def counted(custom: None, monkeypatch: pytest.MonkeyPatch) -> Counted:
    from custom.fakes import Level

    found = Counted()
    encoder = Level.encoder

    def counting(self: Any) -> torch.nn.Module:
        made = encoder(self)
        made.register_forward_pre_hook(lambda _, inputs: note(len(inputs[0])))
        return made

    def note(rows: int) -> None:
        if rows > PROBED:
            found.rows.append(rows)

    monkeypatch.setattr(Level, "encoder", counting)
    return found


@pytest.fixture
def frozen(recipe: DictConfig, tmp_path: Path) -> DictConfig:
    """Two modalities of a checkpoint, frozen: 'pulse' has weights, 'plain' has none."""
    plain = {**recipe.modalities.pulse, "target": "custom.fakes.Plain", "name": "plain"}
    recipe.modalities = {"pulse": recipe.modalities.pulse, "plain": plain}
    recipe.split = {**recipe.split, "protocol": "grouped_k_fold", "folds": 2, "validation": 0.25}
    recipe.seeds, recipe.draws = [0, 1], 20
    recipe.training.max_epochs = 3
    taught = recipe.copy()
    taught.dataset = {**recipe.dataset, "root": str(tmp_path / "others"), "seed": 9}
    taught.cache = str(tmp_path / "cache of others")
    source = train(_once(taught), tmp_path / "others out").checkpoint
    _rewrite(source, trained_on={"dataset": "others"})
    recipe.training.update({"encoders_from": str(source), "freeze_encoders": True})
    return recipe


def _once(recipe: DictConfig) -> DictConfig:
    """Return the recipe, its subjects divided once."""
    once = recipe.copy()
    once.split = {**recipe.split, "protocol": "hold_out"}
    return once


def _rewrite(path: Path, **changes: Any) -> None:
    save_checkpoint(replace(load_checkpoint(path), **changes), path)


def _embeddings_in(folder: Path) -> list[Path]:
    kept = []
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "np") as opened:
            if list(opened.keys()) == ["embeddings"]:
                kept.append(file)
    return kept


def _embed(recipe: DictConfig, counted: Counted) -> tuple[SampleTable, int]:
    """Return a recipe's table, embedded, and how many rows the encoder was called for."""
    prepared = prepare(recipe)
    table = prepared.samples()
    counted.since()
    return prepared.embedded(table, None), sum(counted.since())


def test_a_second_run_computes_no_embedding(
    frozen: DictConfig, counted: Counted, tmp_path: Path
) -> None:
    once = _once(frozen)
    first = train(once, tmp_path / "one")
    rows = sum(first.samples.values())
    assert sum(counted.since()) == rows > 0  # validated, tested and calibrated without another look
    again = train(once, tmp_path / "two")
    assert counted.since() == []
    found = cross_validate_fused(frozen, tmp_path / "three")
    assert counted.since() == []  # in two folds, with two seeds
    assert len(found.predictions) == rows
    kept = _embeddings_in(Path(frozen.cache))
    assert len(kept) == 8  # one a subject; none of 'plain'
    assert all(file.stat().st_mode & 0o077 == 0 for file in kept)
    weights = [load_checkpoint(run.checkpoint).weights for run in (first, again)]
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())
    assert first.metrics == again.metrics


def test_inner_folds_compute_none_either(
    frozen: DictConfig, counted: Counted, tmp_path: Path
) -> None:
    once = _once(frozen)
    once.training.inner_folds = 2
    found = train(once, tmp_path / "out")
    assert sum(counted.since()) == sum(found.samples.values())


def test_the_numbers_are_those_without_a_cache(frozen: DictConfig, counted: Counted) -> None:
    prepared = prepare(frozen)
    table = prepared.samples()
    split = prepared.split.hold_out(prepared.subjects)
    fitted = []
    for given in (table, prepared.embedded(table, None), prepared.embedded(table, None)):
        torch.manual_seed(3)
        fitted.append(fit_fusion(given, split, prepared.plan, 3))
    for other in fitted[1:]:
        assert other.metrics == fitted[0].metrics
        assert other.calibration == fitted[0].calibration
        for name, weight in fitted[0].model.state_dict().items():
            assert torch.equal(weight, other.model.state_dict()[name])
    embedded, model = prepared.embedded(table, None), fitted[0].model
    assert set(embedded.samples) == {"plain"}
    batch = as_batch(table)
    with torch.no_grad():
        expected = model.eval().embed(batch["samples"], batch["present"])["pulse"]
    np.testing.assert_allclose(embedded.embeddings["pulse"], expected, atol=1e-6)


@pytest.mark.slow  # processes begin twice
def test_folds_in_parallel_agree(
    frozen: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "_WORTH_A_PROCESS", 1)
    found = []
    for workers, cache in ((1, "one"), (2, "two")):
        frozen.workers, frozen.cache = 1, str(tmp_path / cache)
        prepare(frozen).samples()  # other processes do not know how to read these recordings
        frozen.workers = workers
        found.append(cross_validate_fused(frozen, tmp_path / f"with {workers}"))
    for name, values in found[0].predictions.estimates.items():
        np.testing.assert_array_equal(values, found[1].predictions.estimates[name])
    contents = [
        {p.name: p.read_bytes() for p in _embeddings_in(tmp_path / n)} for n in ("one", "two")
    ]
    assert contents[0] == contents[1]
    assert len(contents[0]) == 8
    folds = [{p.name for p in (tmp_path / f"with {n}" / "folds").iterdir()} for n in (1, 2)]
    assert folds[0] == folds[1]  # the folder of the cache is no part of what a fold is found by


def test_only_what_changed_is_embedded_again(frozen: DictConfig, counted: Counted) -> None:
    table, first = _embed(frozen, counted)
    assert first == len(table)
    assert _embed(frozen, counted)[1] == 0
    prepared = prepare(frozen)
    changed = prepared.samples()
    one = np.flatnonzero(changed.subjects == "s03")
    changed.samples["pulse"][one[5]] += 1.0
    prepared.embedded(changed, None)
    assert sum(counted.since()) == len(one)
    changed.samples["pulse"][one[5]] -= 1.0
    changed.present["pulse"][one[5]] ^= True
    prepared.embedded(changed, None)
    assert sum(counted.since()) == len(one)
    frozen.modalities.pulse.window_s = 0.25
    assert _embed(frozen, counted)[1] == first


@pytest.mark.parametrize("part", ["encoders.pulse.0.weight", "standardise.pulse.mean"])
def test_other_weights_are_another_encoder(frozen: DictConfig, counted: Counted, part: str) -> None:
    table, first = _embed(frozen, counted)
    source = Path(frozen.training.encoders_from)
    weights = dict(load_checkpoint(source).weights)
    _rewrite(source, weights={**weights, part: weights[part] + 0.5})
    again, rows = _embed(frozen, counted)
    assert rows == first
    assert not np.array_equal(table.embeddings["pulse"], again.embeddings["pulse"])
    _rewrite(source, weights=weights)  # a file of another date and content, the same encoder
    assert _embed(frozen, counted)[1] == 0


def test_other_code_and_versions_are_another_encoder(
    frozen: DictConfig, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, first = _embed(frozen, counted)
    with monkeypatch.context() as changed:
        changed.setattr(embeddings, "digest_code", lambda classes: "another version of the code")
        assert _embed(frozen, counted)[1] == first
    with monkeypatch.context() as changed:
        changed.setattr(embeddings, "package_versions", lambda *names: {"torch": "1.0"})
        assert _embed(frozen, counted)[1] == first
    assert _embed(frozen, counted)[1] == 0


def test_what_is_damaged_is_made_anew(frozen: DictConfig, counted: Counted) -> None:
    table, first = _embed(frozen, counted)
    cut, flipped, *_ = _embeddings_in(Path(frozen.cache))
    whole = flipped.read_bytes()
    cut.write_bytes(cut.read_bytes()[:-8])
    flipped.write_bytes(whole[:-3] + bytes([whole[-3] ^ 1]) + whole[-2:])
    again, rows = _embed(frozen, counted)
    assert rows == 2 * first / 8
    np.testing.assert_array_equal(table.embeddings["pulse"], again.embeddings["pulse"])
    assert flipped.read_bytes() == whole


def test_what_is_not_frozen_is_left(frozen: DictConfig, counted: Counted) -> None:
    frozen.training.freeze_encoders = False
    table, rows = _embed(frozen, counted)
    assert rows == 0
    assert not table.embeddings
    assert set(table.samples) == {"pulse", "plain"}
    assert not _embeddings_in(Path(frozen.cache))


def test_another_encoder_than_the_checkpoints_is_refused(
    frozen: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from custom.fakes import Level

    monkeypatch.setattr(Level, "encoder", lambda self: torch.nn.Linear(2, 4))
    prepared = prepare(frozen)
    with pytest.raises(ConfigError, match="the encoder of 'pulse' there is built in another way"):
        prepared.embedded(prepared.samples(), None)
