"""Folds inside the training subjects: what counts is said of people who chose nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from training.test_module import settings
from training.test_pooling import STATE, WIDTHS, simulated

from affectfuse.datasets.splits import Split
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.modalities.features import Features
from affectfuse.training.fitting import deterministic
from affectfuse.training.fused.evaluation import predict
from affectfuse.training.fused.inner_folds import learn_inner_folds
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.training import FusedTraining, FusionPlan

HEAD = {"target": "affectfuse.fusion.log_linear_pool.LogLinearPool"}


def training(table: SampleTable, **changes: Any) -> FusedTraining:
    plan = FusionPlan(
        {name: Features(name, width) for name, width in WIDTHS.items()},
        HEAD,
        (STATE,),
        settings(learning_rate=0.01, batch_size=256, **changes),
    )
    return FusedTraining(table, plan, 0, None, None, None)


def everyone(table: SampleTable) -> Split:
    return Split(tuple(sorted(set(table.subjects.tolist()))), (), ())


def test_each_fold_is_trained_again_for_the_median_epochs_and_only_then_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = simulated(6, 0)
    calls: list[tuple[Split, int, int]] = []
    train = FusedTraining.train

    def noted(self: FusedTraining, split: Split, max_epochs: int, name: str) -> Any:
        found = train(self, split, max_epochs, name)
        losses = [row["val_loss"] for row in found[1].rows if "val_loss" in row]
        calls.append((split, max_epochs, 1 + int(np.argmin(losses)) if losses else 0))
        return found

    monkeypatch.setattr(FusedTraining, "train", noted)
    with deterministic(0):
        held_out, epochs = learn_inner_folds(
            training(table, inner_folds=3, max_epochs=8, patience=8), everyone(table)
        )
    choosing, asked = calls[:3], calls[3:]
    assert len(asked) == 3
    assert [max_epochs for _, max_epochs, _ in choosing] == [8, 8, 8]
    assert epochs == np.median([best for *_, best in choosing])
    assert [(split.validation, max_epochs) for split, max_epochs, _ in asked] == [((), epochs)] * 3
    for (first, *_), (again, *_) in zip(choosing, asked, strict=True):
        assert again.train == first.train
        assert not {*first.train} & {*first.validation}
    assert {who for split, *_ in choosing for who in split.validation} == set(table.subjects)
    assert sorted(zip(held_out.rows.subjects, held_out.rows.times_s, strict=True)) == sorted(
        zip(table.subjects, table.times_s, strict=True)
    )


def test_fewer_subjects_than_folds_and_a_class_that_a_fold_lacks_are_said() -> None:
    table = simulated(2, 0)
    with pytest.raises(ConfigError, match=r"inner_folds is 3 and the training subjects are 2: set"):
        learn_inner_folds(training(table, inner_folds=3, max_epochs=1), everyone(table))
    calm = table.subjects == table.subjects[0]
    labels = {"state": np.where(calm, 0, table.labels["state"])}
    only = training(replace(table, labels=labels), inner_folds=2, max_epochs=1)
    with pytest.raises(DatasetError, match=r"'tense' among the samples of 'state', inner fold \d"):
        learn_inner_folds(only, everyone(table))


def test_what_is_said_is_of_the_model_that_has_not_seen_the_subject() -> None:
    table = simulated(4, 0)
    with deterministic(0):
        held_out, epochs = learn_inner_folds(
            training(table, inner_folds=2, max_epochs=3), everyone(table)
        )
    rows = held_out.rows
    first = tuple(sorted(set(rows.subjects[: len(rows) // 2].tolist())))
    others = tuple(sorted(set(rows.subjects.tolist()) - set(first)))
    with deterministic(0):
        model, *_ = training(table, max_epochs=epochs).train(Split(others, (), ()), epochs, "model")
    said = predict(model, rows.take(np.isin(rows.subjects, first)))
    torch.testing.assert_close(held_out.said.logits[: len(said.logits)], said.logits)
