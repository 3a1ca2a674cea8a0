"""Recognisers learn on training subjects, are judged on the others, and come out frozen."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affectfuse.config import build
from affectfuse.containers import Array
from affectfuse.errors import DatasetError
from affectfuse.modalities.base import Modality
from affectfuse.training.fitting import deterministic
from affectfuse.training.recognition.clips import ClipTable
from affectfuse.training.recognition.recognisers import (
    RecogniserModule,
    RecogniserSettings,
    TrainedRecogniser,
    train_recogniser,
)
from affectfuse.training.recognition.side_by_side import SideBySide

TRAIN = tuple(f"s{index}" for index in range(8))


def settings(**changes: Any) -> RecogniserSettings:
    given = {
        "max_epochs": 30, "batch_size": 32, "learning_rate": 0.03, "weight_decay": 0.0,
        "gain": 0.1, "noise": 0.05, "label_smoothing": 0.0, "highest_class_weight": 10.0,
        "action_unit_loss": 0.0, "held_out": 0.25, "accelerator": "cpu", "precision": "32-true",
        "compile": False, "threads": 1,
    }  # fmt: skip
    return RecogniserSettings(**{**given, **changes})


def make_clips(rows: int = 400, share: float = 0.5, noise: float = 0.5) -> ClipTable:
    rng = np.random.default_rng(0)
    labels = (rng.random(rows) < share).astype(np.int64)
    shape = np.linspace(-1, 1, 8)
    arrays = np.where(labels[:, None] == 0, shape, -shape) + rng.normal(0, noise, (rows, 8))
    subjects = np.array([f"s{row % 10}" for row in range(rows)])
    return table(arrays.astype(np.float32), labels, subjects)


def table(arrays: Array, labels: Array, subjects: Array) -> ClipTable:
    keys = np.array([f"c{row:04d}" for row in range(len(labels))])
    none = np.zeros((len(labels), 0), np.float32)
    return ClipTable(arrays, labels, subjects, keys, np.full(len(labels), ""), none)


@pytest.fixture
def gesture(custom: None) -> Modality:
    return build({"target": "custom.fakes.Gesture"}, Modality)  # type: ignore[type-abstract]


def learn(gesture: Modality, clips: ClipTable, **changes: Any) -> TrainedRecogniser:
    with deterministic(0):
        return train_recogniser(gesture, clips, TRAIN, settings(**changes), seed=0)


def test_learns_and_is_judged_on_other_subjects(gesture: Modality) -> None:
    trained = learn(gesture, make_clips())
    assert trained.metrics["uar"] > 0.95
    assert trained.metrics["training_clips"] == 320
    assert trained.metrics["held_out_clips"] == 80
    assert trained.metrics["held_out_subjects"] == 2
    assert trained.metrics["chance_uar"] == 0.5
    embedding, probabilities = trained.recognise(np.linspace(1, -1, 8))
    assert embedding.shape == (3,)
    assert probabilities[1] > 0.9
    assert probabilities.sum() == pytest.approx(1.0)


def test_labels_that_say_nothing_stay_at_chance(gesture: Modality) -> None:
    clips = make_clips(rows=1000)
    shuffled = np.random.default_rng(1).permutation(clips.labels)
    trained = learn(gesture, replace(clips, labels=shuffled), max_epochs=5)
    assert trained.metrics["uar"] == pytest.approx(0.5, abs=0.12)


def test_a_rare_class_is_recognised_as_well(gesture: Modality) -> None:
    trained = learn(gesture, make_clips(rows=1000, share=0.05, noise=1.2))
    assert trained.metrics["uar"] > 0.85  # predicting the common class gives 0.5


def test_is_deterministic(gesture: Modality) -> None:
    clips = make_clips(100)
    one, two = (learn(gesture, clips, max_epochs=2).recognise.digest() for _ in range(2))
    assert one == two


def test_a_class_without_a_training_clip_is_named(gesture: Modality) -> None:
    clips = make_clips()
    fewer = clips.take(clips.labels == 1)
    with pytest.raises(DatasetError, match="no training sample of 'rise' among the clips of 'ges"):
        learn(gesture, fewer)


def test_without_held_out_clips_the_metrics_are_undefined(gesture: Modality) -> None:
    found = learn(gesture, make_clips().of_subjects(TRAIN), max_epochs=1).metrics
    assert math.isnan(found["uar"])
    assert math.isnan(found["uf1"])
    assert found["held_out_clips"] == 0


def test_a_modality_without_recogniser_is_refused(custom: None) -> None:
    level = build({"target": "custom.fakes.Level", "name": "pulse", "window_s": 1.0}, Modality)  # type: ignore[type-abstract]
    with pytest.raises(ValueError, match="'pulse' has no recogniser"):
        learn(level, make_clips())


def module(**changes: Any) -> RecogniserModule:
    return RecogniserModule(SideBySide([nn.Identity()]), torch.ones(1, 2), settings(**changes))


def test_clips_vary_in_gain_and_noise() -> None:
    torch.manual_seed(0)
    clips = torch.randn(2, 1000, 6, 5) + 10
    gains = (module(gain=0.2, noise=0.0).vary(clips) / clips).flatten(2)
    assert float(gains.std(2).max()) < 1e-5  # one gain a clip
    assert 0.8 - 1e-5 <= float(gains.min()) < 0.82
    assert 1.18 < float(gains.max()) <= 1.2 + 1e-5
    added = module(gain=0.0, noise=0.1).vary(clips) - clips
    assert float(added.std()) == pytest.approx(
        0.1 * float(clips.flatten(2).std(2).mean()), rel=0.02
    )
