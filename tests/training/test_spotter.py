"""The learned spotter learns from facial motion, and its file says from what."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from modalities.micro_expression.motions import BROWS, SMILE, motions, pattern, pulse, times
from omegaconf import DictConfig

from affectfuse.config import load_recipe
from affectfuse.containers import Interval
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.modalities.micro_expression.learned_spotter import DELAY_S
from affectfuse.modalities.micro_expression.motion_signals import N_SIGNALS
from affectfuse.modalities.micro_expression.spotter import MACRO, MICRO
from affectfuse.modalities.micro_expression.spotter_inference import load_spotter
from affectfuse.training.spotting import spotter
from affectfuse.training.spotting.data import WindowSampler, trace_motion
from affectfuse.training.spotting.faces import motions_on_another_face, on_another_face
from affectfuse.training.spotting.module import spotting_losses
from affectfuse.training.spotting.spotter import (
    calibrate,
    measure_spotter,
    spot_motion,
    train_spotter,
)
from affectfuse.training.spotting.targets import targets


def recorded(seed: int = 0, duration_s: float = 24.0) -> spotter.Recorded:
    """Two micro-expressions and a macro-expression on noise."""
    t = times(duration_s)
    moved = 3.0 * pulse(t, 5, 5.15, 5.35)[:, None, None] * pattern(SMILE)
    moved = moved + 3.0 * pulse(t, 12, 12.1, 12.3)[:, None, None] * pattern(BROWS)
    moved = moved + 8.0 * pulse(t, 16, 16.6, 17.5)[:, None, None] * pattern(SMILE)
    size = {"displacement_iod_percent": 3.0}
    truth = (
        Interval(5, 5.35, MICRO, 5.15, values=size),
        Interval(12, 12.3, MICRO, 12.1, values=size),
        Interval(16, 17.5, MACRO, 16.6, values={"displacement_iod_percent": 8.0}),
    )
    return motions(t, moved, seed=seed), truth


def test_targets_say_when_and_how_long() -> None:
    times_s = np.arange(0.0, 10.0, 1 / 30)
    kinds, told = targets(times_s, [Interval(4.0, 4.4, MICRO, 4.15), Interval(6, 8, MACRO, 7)])
    assert kinds.sum(axis=0) == pytest.approx(1.0)
    for row, offset_s in ((1, 4.4), (2, 8.0)):
        assert times_s[kinds[row].argmax()] == pytest.approx(offset_s + DELAY_S, abs=0.02)
    best = kinds[1].argmax()
    offset_s = times_s[best] - DELAY_S + told[0, best]
    assert offset_s == pytest.approx(4.4, abs=1e-4)
    assert told[1:, best].tolist() == pytest.approx([0.25, 0.15], abs=1e-4)
    assert np.isnan(told[:, kinds[1:].sum(axis=0) < 0.2]).all()


def test_an_expression_that_began_before_the_window_does_not_count() -> None:
    times_s = np.arange(10.0, 20.0, 1 / 30)
    kinds, told = targets(times_s, [Interval(9.5, 10.4, MACRO, 10.0)])
    near = np.abs(times_s - DELAY_S - 10.4) < 0.1
    assert np.isnan(kinds[:, near]).all()
    assert np.isnan(told).all()
    assert not np.isnan(kinds[:, 60:]).any()


def test_a_restart_parts_the_motion() -> None:
    stream, truth = recorded()
    middle = 8 * 30
    parted = [*stream]
    parted[middle] = type(stream[0])(
        stream[middle].time_s, stream[middle].regions, 0.1, 0.3, restarted=True
    )
    traces = trace_motion(parted, truth)
    assert [len(t.truth) for t in traces] == [1, 2]
    assert traces[0].times_s[-1] < stream[middle].time_s <= traces[1].times_s[0]


def test_windows_are_drawn_with_expressions_planted() -> None:
    traces = trace_motion(*recorded())
    drawn = WindowSampler(traces, 8.0, 30.0, seed=3).draw(6)
    again = WindowSampler(traces, 8.0, 30.0, seed=3).draw(6)
    signals, kinds, told = drawn
    assert signals.shape == (6, N_SIGNALS, 240)
    assert kinds.shape == told.shape == (6, 3, 240)
    for one, two in zip(drawn, again, strict=True):
        np.testing.assert_array_equal(one, two)
    planted = np.nansum(kinds[:, 1:]) / 30
    bare = np.nansum(WindowSampler(traces, 8.0, 0.0, seed=3).draw(6)[1][:, 1:]) / 30
    assert planted > 1.5 * bare


def test_another_face_moves_alike_but_not_the_same() -> None:
    rng = np.random.default_rng(0)
    moved = np.outer(pulse(times(2.0), 0.5, 1.0, 1.5), pattern(SMILE).ravel())
    faces = np.array([on_another_face(moved, rng) for _ in range(200)])
    peaks = faces[:, 30]
    moving = np.flatnonzero(moved[30])
    factors = np.log(peaks[:, moving] / moved[30, moving])
    assert factors.std(axis=0) == pytest.approx(np.hypot(0.2, 0.25), rel=0.25)
    assert np.abs(factors.mean(axis=0)).max() < 0.1
    still = np.delete(peaks, moving, axis=1)
    assert 0.0 < np.abs(still).mean() < 0.15 * np.abs(peaks[:, moving]).mean()
    np.testing.assert_allclose(faces[:, 15] / faces[:, 30], moved[15].max() / moved[30].max())


def test_a_recording_on_another_face_keeps_its_times_and_moves_with_its_blinks() -> None:
    t = times(8.0)
    blink = pulse(t, 4.0, 4.1, 4.25)
    stream = motions(t, 0.0 * blink[:, None, None], eyes=0.3 - 0.25 * blink, noise=0.01)
    left = []
    for seed in range(8):
        other = motions_on_another_face(stream, np.random.default_rng(seed))
        assert [(m.time_s, m.eye_opening, m.head_speed) for m in other] == [
            (m.time_s, m.eye_opening, m.head_speed) for m in stream
        ]
        regions = np.abs([m.regions for m in other])
        assert regions[:100].max() < 0.2
        left.append(regions[110:140].max())
    assert np.max(left) > 1.0
    assert np.std(left) > 0.3


def test_the_losses_are_least_for_the_truth() -> None:
    kinds = torch.tensor([[[1.0, 0.2], [0.0, 0.8], [0.0, 0.0]]])
    times_s = torch.full((1, 3, 2), torch.nan)
    times_s[0, :, 1] = torch.tensor([0.02, 0.2, 0.15])
    right = torch.zeros(1, 6, 2)
    right[:, :3] = torch.log(kinds.clamp_min(1e-9))
    right[:, 3:] = torch.nan_to_num(times_s)
    kinds_loss, times_loss = spotting_losses(right, kinds, times_s)
    assert float(kinds_loss) == pytest.approx(0.0, abs=1e-4)
    assert float(times_loss) == pytest.approx(0.0, abs=1e-6)
    wrong = right.clone()
    wrong[:, 3] += 0.5
    assert float(spotting_losses(wrong, kinds, times_s)[1]) > 1.0  # no overlap at all


class Sessions(Dataset):
    name, target, provenance = "sessions", None, "Synthetic: numbers, no person."

    def __init__(self, count: int = 4) -> None:
        self._count = count

    def items(self):
        coded = {MICRO: (Interval(1, 1.4, "joy", 1.2),)}
        return [
            DatasetItem(f"k{i}", f"s{i}", Path(f"{i}.mp4"), annotations=coded)
            for i in range(self._count)
        ]


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    made = spotter.build

    def build(node, kind):
        return Sessions() if kind is Dataset else made(node, kind)

    def read(items, *_):
        return {item.key: recorded(int(item.key[1:]))[0] for item in items}, {"k9": "no face"}

    monkeypatch.setattr(spotter, "build", build)
    monkeypatch.setattr(spotter, "read_motions", read)
    monkeypatch.setattr(spotter, "coded_expressions", lambda item: recorded()[1])
    return load_recipe(
        "micro_expression_spotter",
        [
            "spotter_training.steps=60",
            "spotter_training.batch_size=4",
            "spotter_training.width=12",
            "spotter_training.dilations=[1,2,4,8]",
            "split={validation: 0.25, test: 0.25}",
        ],
    )


def test_a_run_writes_a_spotter_that_says_what_it_saw(recipe: DictConfig, tmp_path: Path) -> None:
    result = train_spotter(recipe, tmp_path)
    loaded = load_spotter(result.checkpoint)
    assert loaded.provenance["trained_on"] == "sessions: Synthetic: numbers, no person."
    assert loaded.provenance["recordings"] == {"train": 2, "validation": 1, "test": 1}
    assert loaded.dilations == (1, 2, 4, 8)
    assert all(slope > 0 for slope, _ in loaded.calibration.values())
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert set(written["metrics"]) == {MICRO, MACRO}
    assert written["skipped"] == {"k9": "no face"}
    assert (tmp_path / "training.csv").read_text().startswith("epoch,train_loss")
    assert "k9: no face" in result.table()


def test_a_run_can_be_repeated(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.spotter_training.steps = 20
    one = load_spotter(train_spotter(recipe, tmp_path / "one").checkpoint)
    two = load_spotter(train_spotter(recipe, tmp_path / "two").checkpoint)
    for name, value in one.weights.items():
        np.testing.assert_array_equal(value, two.weights[name])


def test_calibration_keeps_false_alarms_down() -> None:
    """With no truth every peak is a false alarm: the confidence must say so."""
    shipped = load_spotter()
    streams = [recorded(seed)[0] for seed in range(3)]
    pessimist = calibrate(shipped, [(stream, ()) for stream in streams], 0.0, 0.2)
    found = [
        i for stream in streams for i in spot_motion(spotter.LearnedSpotter(pessimist), stream)
    ]
    assert len(found) == 0


@pytest.mark.parametrize("least", [0.2, 0.7, 0.98])
def test_no_threshold_is_lower_than_it_may_be(least: float) -> None:
    calibrated = calibrate(load_spotter(), [recorded(0)], 60.0, least)
    assert all(least <= value < 1.0 for value in calibrated.threshold.values())
    if least == 0.2:  # all that is there is found, so that nothing asks for a high one
        assert min(calibrated.threshold.values()) < 0.7


def test_measures_of_the_shipped_one_on_plain_motion() -> None:
    metrics = measure_spotter(spotter.LearnedSpotter(load_spotter()), [recorded(0), recorded(1)])
    assert metrics[MICRO]["f1"] >= 0.8
    assert metrics[MACRO]["recall"] >= 0.5


def test_what_cannot_be_trained_is_refused(recipe: DictConfig, tmp_path: Path, monkeypatch) -> None:
    recipe.spotter_training.window_s = 1.0
    with pytest.raises(ConfigError, match="a window must hold at least 4 s"):
        train_spotter(recipe, tmp_path)
    recipe.spotter_training.window_s = 8.0
    recipe.spotter_training.least_confidence = 1.0
    with pytest.raises(ConfigError, match="a probability must lie between 0 and 1"):
        train_spotter(recipe, tmp_path)
    recipe.spotter_training.least_confidence = 0.8
    monkeypatch.setattr(spotter, "read_motions", lambda *_: ({}, {"k0": "no face in it"}))
    with pytest.raises(DatasetError, match="gives no facial motion"):
        train_spotter(recipe, tmp_path)
    recipe.modalities = {"heart_rate": load_recipe("score").modalities["heart_rate"]}
    with pytest.raises(ConfigError, match=r"use modalities=\[micro_expression\]"):
        train_spotter(recipe, tmp_path)
