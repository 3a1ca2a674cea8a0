"""Losses, modality dropout, batches and the learning of a fused model."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from affectfuse.containers import Target
from affectfuse.datasets.splits import Split
from affectfuse.errors import ConfigError
from affectfuse.fusion.calibration import Calibration
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fitting import deterministic, fit
from affectfuse.training.fused.calibration import fit_calibration
from affectfuse.training.fused.data import Batch, Batches, SampleData
from affectfuse.training.fused.evaluation import format_metrics, metrics_table, predict
from affectfuse.training.fused.module import AffectModule, TrainingSettings, drop_modalities
from affectfuse.training.fused.samples import SampleTable

PRIOR = (0.75, 0.25)
STATE = Target("state", ("calm", "tense"), "window", "planted")
OUTPUTS = Outputs([STATE])
SPLIT = Split(("s0", "s1", "s2", "s3"), ("s4",), ("s5",))


def settings(**changes: Any) -> TrainingSettings:
    given = {
        "max_epochs": 20, "patience": 20, "batch_size": 64, "accumulate": 1, "learning_rate": 0.03,
        "weight_decay": 0.0, "modality_dropout": 0.0, "modality_loss": 1.0, "class_weights": False,
        "inner_folds": 0, "coverage": 0.9, "encoders_from": None, "freeze_encoders": False,
        "gradient_clip": None, "precision": "32-true", "compile": False, "accelerator": "cpu",
        "devices": 1, "nodes": 1, "strategy": "auto", "threads": 1, "tensorboard": False,
    }  # fmt: skip
    return TrainingSettings(**{**given, **changes})


def make_model(names: tuple[str, ...] = ("a", "b")) -> FusionModel:
    head = LogLinearPool({name: 1 for name in names}, torch.tensor(PRIOR).log())
    return FusionModel({n: nn.Identity() for n in names}, {n: (1,) for n in names}, head)


def make_table(rows: int = 1200, seed: int = 0) -> SampleTable:
    """Gaussian evidence of a state: x_m ~ N(1.5 y, 1), with a third of it missing (as NaN)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < PRIOR[1]).astype(np.int64)
    present = {name: rng.random(rows) < 0.67 for name in "ab"}
    values = {name: rng.normal(1.5 * labels, 1)[:, None].astype(np.float32) for name in "ab"}
    for name in "ab":
        values[name][~present[name]] = np.nan
    subjects = np.array([f"s{row % 6}" for row in range(rows)])
    quality = {name: np.ones(rows, np.float32) for name in "ab"}
    return SampleTable(
        values, present, quality, {"state": labels}, subjects, subjects, np.full(rows, ""),
        np.arange(rows) * 1.0, np.zeros(rows, np.int64), np.full(rows, float(rows)),
    )  # fmt: skip


def learn(table: SampleTable, **changes: Any) -> tuple[FusionModel, SampleData]:
    model, chosen = make_model(), settings(**changes)
    data = SampleData(table, SPLIT, chosen.batch_size, seed=0)
    with deterministic(0):
        fit(
            AffectModule(model, OUTPUTS, chosen),
            data,
            max_epochs=chosen.max_epochs,
            patience=chosen.patience,
        )
    return model, data


@pytest.mark.parametrize("class_weights", [False, True])
def test_learns_the_posterior_of_gaussians(class_weights: bool) -> None:
    """Log ratio of N(1.5, 1) to N(0, 1) is 1.5 x - 1.125; the prior stays what it was."""
    model, _ = learn(make_table(9000), class_weights=class_weights, max_epochs=20, batch_size=512)
    x = torch.tensor([[-1.0], [0.0], [1.0], [2.0]])
    present = {"a": torch.ones(4).bool(), "b": torch.zeros(4).bool()}
    ones = {name: torch.ones(4) for name in "ab"}
    with torch.no_grad():
        found = model({"a": x, "b": x}, present, ones).logits.softmax(-1)[:, 1]
        both = model({"a": x, "b": x}, {n: torch.ones(4).bool() for n in "ab"}, ones).logits
    prior = math.log(PRIOR[1] / PRIOR[0])
    expected = torch.sigmoid(prior + 1.5 * x[:, 0] - 1.125)
    torch.testing.assert_close(found, expected, atol=0.06, rtol=0)
    twice = torch.sigmoid(prior + 2 * (1.5 * x[:, 0] - 1.125))
    torch.testing.assert_close(both.softmax(-1)[:, 1], twice, atol=0.08, rtol=0)


def test_the_loss_is_fused_plus_modality_losses_where_present() -> None:
    model = make_model()
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.fill_(0.3)
    module = AffectModule(model, OUTPUTS, settings(modality_loss=0.5))
    present = {"a": torch.tensor([True, True]), "b": torch.tensor([True, False])}
    batch: Batch = {
        "samples": {"a": torch.tensor([[1.0], [2.0]]), "b": torch.tensor([[3.0], [math.nan]])},
        "present": present,
        "quality": {name: torch.ones(2) for name in "ab"},
        "labels": {"state": torch.tensor([0, 1])},
    }
    loss = module.training_step(batch, 0)
    output = model(batch["samples"], present, batch["quality"])
    fused = functional.cross_entropy(output.logits, batch["labels"]["state"])
    own = [
        functional.cross_entropy(output.modality_logits[name][row : row + 1], label[None])
        for name, row, label in [("a", 0, torch.tensor(0)), ("a", 1, torch.tensor(1)),
                                 ("b", 0, torch.tensor(0))]
    ]  # fmt: skip
    torch.testing.assert_close(loss, fused + 0.5 * torch.stack(own).mean())


def test_modality_dropout_hides_at_its_rate_and_leaves_one() -> None:
    names = ("a", "b", "c")
    generator = torch.Generator().manual_seed(1)
    before = {name: torch.rand(20000, generator=generator) < 0.8 for name in names}
    after = drop_modalities(before, torch.rand(20000, 3, generator=generator), 0.4)
    had, has = (torch.stack([p[name] for name in names]) for p in (before, after))
    assert not (has & ~had).any()  # nothing absent appears
    assert torch.equal(had.any(0), has.any(0))
    full = had.all(0)
    # All three drop with 0.4 ** 3, and then one stays: 0.4 - 0.4 ** 3 / 3 hidden of each.
    assert float((~has[:, full]).float().mean()) == pytest.approx(0.4 - 0.4**3 / 3, abs=0.01)


def test_batches_hold_every_row_once_in_an_order_of_the_seed() -> None:
    rows: Batch = {"labels": {"state": torch.arange(10)}, "samples": {"a": 10.0 * torch.arange(10)}}
    seeds = iter([1, 1, 2])
    batches = Batches(rows, 4, lambda: next(seeds))
    assert len(batches) == 3
    passes = [list(batches) for _ in range(3)]
    orders = [torch.cat([b["labels"]["state"] for b in one]).tolist() for one in passes]
    assert [len(b["labels"]["state"]) for b in passes[0]] == [4, 4, 2]
    assert sorted(orders[0]) == list(range(10))
    assert orders[0] == orders[1] != orders[2]
    assert all(torch.equal(b["samples"]["a"], 10.0 * b["labels"]["state"]) for b in passes[2])
    assert torch.cat([b["labels"]["state"] for b in Batches(rows, 4)]).tolist() == list(range(10))


def test_the_sides_of_the_data_share_no_subject() -> None:
    data = SampleData(make_table(), SPLIT, 64, seed=0)
    seen = {side: set(table.subjects.tolist()) for side, table in data.sides.items()}
    assert seen == {side: set(who) for side, who in SPLIT.as_dict().items()}
    (validation,) = data.val_dataloader()
    assert len(validation["labels"]["state"]) == 200


def test_the_best_epoch_is_kept_and_training_stops_early() -> None:
    model, chosen = make_model(), settings(learning_rate=3.0, max_epochs=60, patience=4)
    module = AffectModule(model, OUTPUTS, chosen)
    data = SampleData(make_table(300), SPLIT, 16, seed=0)
    log = fit(module, data, max_epochs=60, patience=4)
    losses = [row["val_loss"] for row in log.rows]
    assert len(losses) < 60
    assert losses.index(min(losses)) == len(losses) - 1 - 4
    (validation,) = data.val_dataloader()
    with torch.no_grad():
        output = model(validation["samples"], validation["present"], validation["quality"])
    kept = functional.cross_entropy(output.logits, validation["labels"]["state"])
    assert float(kept) == pytest.approx(min(losses), rel=1e-5)
    lines = log.csv().splitlines()
    assert lines[0] == "epoch,train_loss,val_loss,val_uar,val_uf1,val_auroc"
    assert len(lines) == len(losses) + 1


def calibrate(model: FusionModel, table: SampleTable) -> Calibration:
    said = predict(model, table)
    return fit_calibration(said, table.labels, table.present, OUTPUTS, model.prior_logits, 0.9)


def test_fused_beats_each_modality_and_the_table_says_on_what() -> None:
    model, data = learn(make_table(6000), batch_size=512)
    calibration = calibrate(model, data.sides["validation"])
    assert calibration.of("fused")["state"] == pytest.approx(1.0, abs=0.25)
    rows = metrics_table(model, OUTPUTS, data.sides["test"], calibration)
    assert [(r["estimate"], r["subset"]) for r in rows] == [
        ("fused", "all"), ("fused", "matched"), ("a", "matched"), ("b", "matched"),
    ]  # fmt: skip
    test = data.sides["test"]
    assert rows[0]["samples"] == len(test)
    assert rows[1]["samples"] == int((test.present["a"] & test.present["b"]).sum())
    assert rows[1]["auroc"] > max(rows[2]["auroc"], rows[3]["auroc"]) + 0.03
    assert rows[1]["brier"] < min(rows[2]["brier"], rows[3]["brier"])
    text = format_metrics(rows)
    assert len({len(line.split()) for line in text.splitlines()}) == 1
    assert "nothing was measured" in format_metrics([])
    nobody = data.sides["test"].of_subjects([])
    assert metrics_table(model, OUTPUTS, nobody, calibration) == []
    assert calibrate(model, nobody).temperatures == {}


def test_training_that_diverges_ends_with_advice() -> None:
    with pytest.raises(ConfigError, match=r"the loss is nan\. Lower learning_rate"):
        learn(make_table(600), learning_rate=1e37)


def test_training_says_nothing_by_itself(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        learn(make_table(60), max_epochs=2)
    assert [str(w.message) for w in caught] == []
    out, err = capfd.readouterr()
    assert (out, err, caplog.text) == ("", "", "")
