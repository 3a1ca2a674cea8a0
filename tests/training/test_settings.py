"""What a recipe may say of how a fused model is trained, and what comes of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import DictConfig
from torch import nn
from training.test_module import OUTPUTS, PRIOR, SPLIT, make_table, settings

from affectfuse.checkpoint import load_checkpoint
from affectfuse.errors import ConfigError
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.training import fitting
from affectfuse.training.callbacks import EpochLog
from affectfuse.training.fitting import deterministic, fit
from affectfuse.training.fused.data import SampleData
from affectfuse.training.fused.learning_rate import find_learning_rate
from affectfuse.training.fused.module import AffectModule
from affectfuse.training.fused.train import train


def learn(
    rows: int = 600, freeze: bool = False, embed: bool = False, **changes: Any
) -> tuple[FusionModel, EpochLog]:
    chosen = settings(**{"max_epochs": 3, **changes})
    with deterministic(0):
        encoders = {n: nn.Sequential(nn.Linear(1, 4), nn.Tanh()) for n in "ab"}
        head = LogLinearPool({n: 4 for n in "ab"}, torch.tensor(PRIOR).log())
        model = FusionModel(encoders, {n: (1,) for n in "ab"}, head)
        model.encoders.requires_grad_(not freeze)
        data = SampleData(make_table(rows), SPLIT, chosen.batch_size, 0)
        if embed:
            data.embed(model)
        log = fit(
            AffectModule(model, OUTPUTS, chosen),
            data,
            max_epochs=chosen.max_epochs,
            patience=chosen.patience,
            accumulate=chosen.accumulate,
            gradient_clip=chosen.gradient_clip,
            precision=chosen.precision,
            threads=1,
        )
    return model, log


def assert_same(one: FusionModel, two: FusionModel, tolerance: float) -> None:
    weights = two.state_dict()
    for name, weight in one.state_dict().items():
        torch.testing.assert_close(weight, weights[name], atol=tolerance, rtol=0)


def test_two_small_batches_accumulated_are_one_large_one() -> None:
    same = {"modality_loss": 0.0, "max_epochs": 5}  # means over equally many rows
    large, log = learn(batch_size=400, **same)
    small, again = learn(batch_size=200, accumulate=2, **same)
    assert_same(large, small, 1e-5)
    losses = [[row["train_loss"] for row in found.rows] for found in (log, again)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    with pytest.raises(AssertionError):
        assert_same(large, learn(batch_size=200, **same)[0], 1e-5)


def test_gradients_are_clipped() -> None:
    free, _ = learn()
    held, _ = learn(gradient_clip=1e-12)  # far below the epsilon of AdamW: nothing moves
    untrained, _ = learn(learning_rate=1e-12)
    assert_same(held, untrained, 1e-4)
    with pytest.raises(AssertionError):
        assert_same(free, untrained, 1e-2)


def test_half_precision_learns_the_same_roughly_and_is_refused_where_there_is_none() -> None:
    full, _ = learn(max_epochs=5)
    half, _ = learn(max_epochs=5, precision="bf16-mixed")
    assert {weight.dtype for weight in half.state_dict().values()} == {torch.float32}
    assert_same(full, half, 0.05)
    assert not all(torch.equal(w, half.state_dict()[n]) for n, w in full.state_dict().items())
    with pytest.raises(ConfigError, match=r"precision '16-mixed'.*not supported on CPU"):
        learn(precision="16-mixed")


def test_a_compiled_model_learns_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Traced, and differentiated ahead, as for any backend; the C++ compiler takes a minute."""
    calls = []

    def compile_fast(function: Callable[..., Any]) -> Any:
        calls.append(function)
        return compiler(function, backend="aot_eager")

    compiler = torch.compile
    plain, _ = learn(120)
    monkeypatch.setattr(torch, "compile", compile_fast)
    compiled, _ = learn(120, compile=True)
    assert_same(plain, compiled, 1e-4)
    assert calls


def test_frozen_encoders_are_asked_once() -> None:
    """Training on embeddings in memory is training with encoders that do not learn."""
    asked, _ = learn(freeze=True)
    embedded, log = learn(freeze=True, embed=True)
    assert_same(asked, embedded, 1e-6)
    assert log.rows[-1]["val_loss"] < log.rows[0]["val_loss"]


def test_a_learning_rate_is_found_and_the_module_left_as_it_was() -> None:
    table = make_table(3000)
    with deterministic(0):
        head = LogLinearPool({n: 1 for n in "ab"}, torch.tensor(PRIOR).log())
        model = FusionModel({n: nn.Identity() for n in "ab"}, {n: (1,) for n in "ab"}, head)
    module = AffectModule(model, OUTPUTS, settings(learning_rate=1e-5, modality_dropout=0.2))
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    random = torch.random.get_rng_state()
    batches = SampleData(table, SPLIT, 256, 0).train_dataloader()
    rate = find_learning_rate(module, batches)
    assert find_learning_rate(module, batches) == rate
    assert all(torch.equal(w, before[n]) for n, w in model.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), random)
    # As good as the best of a grid, within a hundredth of a nat.
    losses = {r: final_loss(model, before, table, r) for r in (rate, 1e-3, 1e-2, 1e-1)}
    assert losses[rate] < min(losses.values()) + 0.01, (rate, losses)


def final_loss(model: FusionModel, weights: dict[str, Any], table: Any, rate: float) -> float:
    model.load_state_dict(weights)
    log = fit(
        AffectModule(model, OUTPUTS, settings(learning_rate=rate)),
        SampleData(table, SPLIT, 256, 0),
        max_epochs=10,
        patience=10,
    )
    return min(row["val_loss"] for row in log.rows)


def test_the_found_rate_is_written_with_the_results(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.modalities.pop("gesture")
    recipe.training.update({"max_epochs": 2, "learning_rate": None})
    result = train(recipe, tmp_path / "out")
    found = json.loads((tmp_path / "out" / "metrics.json").read_text())["learning_rate"]
    assert 1e-4 < found < 1
    assert load_checkpoint(result.checkpoint).trained_on["learning_rate"] == found


@pytest.mark.parametrize(
    ("key", "value"),
    [("devices", 0), ("accumulate", 1.5), ("gradient_clip", 0.0), ("learning_rate", -1.0)],
)
def test_impossible_settings_are_refused(key: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{key} is {value}; it must be"):
        settings(**{key: value})


def test_tensorboard_sees_what_the_csv_says(recipe: DictConfig, tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    recipe.modalities.pop("gesture")
    recipe.training.update({"max_epochs": 3, "tensorboard": True})
    for _ in range(2):  # the second does not add to the first
        train(recipe, tmp_path / "out")
    events = accumulator.EventAccumulator(str(tmp_path / "out" / "logs" / "fused_model"))
    events.Reload()
    header, *lines = (tmp_path / "out" / "training.csv").read_text().splitlines()
    names = header.split(",")[1:]
    assert set(names) <= set(events.Tags()["scalars"])
    for column, name in enumerate(names, start=1):
        seen = [(event.step, event.value) for event in events.Scalars(name)]
        told = [(int(line.split(",")[0]), float(line.split(",")[column])) for line in lines]
        assert seen == [(step, pytest.approx(value, rel=1e-5)) for step, value in told]


def test_without_tensorboard_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, recipe: DictConfig, tmp_path: Path
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'tensorboard'")

    monkeypatch.setattr(fitting, "TensorBoardLogger", missing)
    recipe.modalities.pop("gesture")
    recipe.training.update({"max_epochs": 1, "tensorboard": True})
    with pytest.raises(ConfigError, match=r"pip install 'affectfuse\[tensorboard\]'"):
        train(recipe, tmp_path / "out")
