"""Training that was ended, in whatever way, goes on to the same result."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf
from torch import nn
from training.test_module import OUTPUTS, PRIOR, SPLIT, make_table, settings

from affectfuse.checkpoint import load_checkpoint
from affectfuse.datasets.base import Progress
from affectfuse.errors import ConfigError
from affectfuse.fusion.log_linear_pool import LogLinearPool
from affectfuse.fusion.model import FusionModel
from affectfuse.training import callbacks
from affectfuse.training.callbacks import EpochLog
from affectfuse.training.fitting import deterministic, fit
from affectfuse.training.fused.data import SampleData
from affectfuse.training.fused.module import AffectModule
from affectfuse.training.fused.train import train

KILLS = 5
FUSED = ("training the inner fold", "training the fused model")


class Ended(Exception):
    """In place of a signal: nothing in training catches it."""


def end_at(epoch: int) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, total: int) -> None:
        if done == epoch:
            raise Ended

    return progress


def fit_one(
    state: Path | None, end: int = 0, seed: int = 0, progress: Progress | None = None
) -> tuple[FusionModel, EpochLog]:
    """Fit a model whose encoders draw random numbers (dropout), with early stopping."""
    chosen = settings(modality_dropout=0.3, learning_rate=0.1, accumulate=2, gradient_clip=1.0)
    with deterministic(seed):
        head = LogLinearPool({n: 4 for n in "ab"}, torch.tensor(PRIOR).log())
        encoders = {n: nn.Sequential(nn.Linear(1, 4), nn.Dropout(0.5)) for n in "ab"}
        model = FusionModel(encoders, {n: (1,) for n in "ab"}, head)
        log = fit(
            AffectModule(model, OUTPUTS, chosen),
            SampleData(make_table(600), SPLIT, 64, seed),
            max_epochs=25,
            patience=8,
            accumulate=chosen.accumulate,
            gradient_clip=chosen.gradient_clip,
            state=state,
            progress=progress or end_at(end),
        )
    return model, log


def test_ctrl_c_ends_it_and_is_heard_again(tmp_path: Path) -> None:
    """Lightning would leave the process (a notebook, say), and ignore the signal from then on."""

    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit_one(None, progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is before


def same(one: FusionModel, two: FusionModel) -> bool:
    weights = two.state_dict()
    return all(torch.equal(weight, weights[name]) for name, weight in one.state_dict().items())


@pytest.fixture
def every_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the state be written after every epoch, however long that takes."""
    monkeypatch.setattr(callbacks, "_SHARE_OF_TIME", 1e9)


def test_goes_on_where_it_was_ended(every_epoch: None, tmp_path: Path) -> None:
    whole, log = fit_one(None)
    assert 8 < len(log.rows) < 25  # it stopped early
    for end in (2, 7, len(log.rows)):
        state = tmp_path / f"{end}.ckpt"
        with pytest.raises(Ended):
            fit_one(state, end)
        assert state.stat().st_mode & 0o077 == 0
        model, again = fit_one(state)
        assert again.rows == log.rows
        assert same(model, whole), end
        kept, once_more = fit_one(state, end=1)  # finished: no epoch is run, so nothing ends it
        assert once_more.rows == log.rows
        assert same(kept, whole)


def test_a_damaged_state_is_left_and_training_begins_anew(tmp_path: Path) -> None:
    state = tmp_path / "state.ckpt"
    whole, _ = fit_one(state)
    content = state.read_bytes()
    weight = next(iter(whole.state_dict().values())).numpy().tobytes()
    parts = b"PK\x01\x02"  # the list of the file's parts; their names begin 46 bytes on
    spoilt = []
    for place in (content.index(weight), content.index(b"state_dict"), content.index(parts) + 46):
        spoilt.append(content[:place] + b"\x85" + content[place + 1 :])
    for damaged in (b"", b"no state", content[: len(content) // 2], *spoilt):
        state.write_bytes(damaged)
        model, _ = fit_one(state)
        assert same(model, whole)


def test_a_state_holds_no_code(every_epoch: None, tmp_path: Path) -> None:
    with pytest.raises(Ended):
        fit_one(tmp_path / "state.ckpt", 5)
    content = torch.load(tmp_path / "state.ckpt", weights_only=True)
    assert content["epoch"] == 3
    assert content["optimizer_states"][0]["state"]


def test_another_recipe_begins_anew(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.modalities.pop("gesture")
    recipe.training.max_epochs = 12
    with pytest.raises(Ended):
        train(recipe, tmp_path / "out", ended_in_training(6))
    assert len(list((tmp_path / "out" / "training_state").rglob("*.ckpt"))) == 1
    recipe.training.learning_rate = 0.02
    expected = weights_of(train(recipe, tmp_path / "other").checkpoint)
    told: list[int] = []
    result = train(
        recipe,
        tmp_path / "out",
        lambda what, done, _: told.append(done) if what == "training the fused model" else None,
    )
    assert told[0] == 1
    found = weights_of(result.checkpoint)
    assert all(torch.equal(weight, expected[name]) for name, weight in found.items())
    assert not (tmp_path / "out" / "training_state").exists()


def ended_in_training(epoch: int) -> Callable[[str, int, int], None]:
    def progress(what: str, done: int, total: int) -> None:
        if (what, done) == ("training the fused model", epoch):
            raise Ended

    return progress


def weights_of(checkpoint: Path) -> dict[str, torch.Tensor]:
    return dict(load_checkpoint(checkpoint).weights)


def test_a_diverged_training_does_not_go_on_from_there(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.training.learning_rate = 1e37
    for _ in range(2):
        with pytest.raises(ConfigError, match="training diverged in epoch"):
            train(recipe, tmp_path / "out")


@pytest.mark.slow
def test_killed_at_five_points_it_ends_with_the_same_result(
    recipe: DictConfig, tmp_path: Path
) -> None:
    """SIGKILL at random steps: of extraction, the inner folds and the last training."""
    recipe.training.update({"max_epochs": 120, "patience": 120, "inner_folds": 2})
    recipe.training.learning_rate = 0.003
    steps, killed = run(recipe, tmp_path / "whole", tmp_path)
    assert not killed
    steps = list(dict.fromkeys(steps))  # the last epoch is told of twice
    place = {step: index for index, step in enumerate(steps)}
    first = min(index for (what, _), index in place.items() if what.startswith(FUSED))
    rng = np.random.default_rng(7)
    early = rng.choice([place[step] for step in steps if step[0].startswith("reading")], 1)
    late = rng.integers(first + 2, len(steps) - 10, KILLS - 1)
    went_on = 0
    for point in sorted([*early.tolist(), *late.tolist()]):
        told, killed = run(recipe, tmp_path / "killed", tmp_path / "b", place, point)
        assert killed
        went_on += begins_late(told)
    told, killed = run(recipe, tmp_path / "killed", tmp_path / "b")
    assert not killed
    assert went_on + begins_late(told) >= 2  # or nothing here is tested

    outs = (tmp_path / "whole", tmp_path / "killed")
    whole, found = (load_checkpoint(out / "checkpoint.pt") for out in outs)
    assert found.metrics == whole.metrics
    assert found.calibration == whole.calibration
    assert all(torch.equal(weight, whole.weights[name]) for name, weight in found.weights.items())
    for file in ("metrics.json", "training.csv"):
        assert (outs[0] / file).read_text() == (outs[1] / file).read_text()
    assert not (tmp_path / "killed" / "training_state").exists()


@pytest.mark.slow
def test_a_training_that_is_asked_to_end_has_not_succeeded(
    recipe: DictConfig, tmp_path: Path
) -> None:
    recipe.modalities.pop("gesture")
    recipe.training.update({"max_epochs": 2000, "patience": 2000})
    step = ("training the fused model", 20)
    place = defaultdict(int, {step: 1})
    told, ended = run(recipe, tmp_path / "out", tmp_path / "data", place, 1, signal.SIGTERM)
    assert told[-1] == step
    assert ended
    assert not (tmp_path / "out" / "checkpoint.pt").exists()


def begins_late(told: list[tuple[str, int]]) -> bool:
    """Return whether a training was gone on with: the first epoch told of is not the first one."""
    epochs = [done for what, done in told if what.startswith(FUSED)]
    return bool(epochs) and epochs[0] > 1


def run(
    recipe: DictConfig,
    out: Path,
    folder: Path,
    place: dict[tuple[str, int], int] | None = None,
    point: int = 0,
    how: signal.Signals = signal.SIGKILL,
) -> tuple[list[tuple[str, int]], bool]:
    """Train in a process, killed once it has told of step `point`; return its steps, and if it was.

    Data and cache lie in `folder`, so that extraction too is done anew, or gone on with.
    """
    folder.mkdir(exist_ok=True)
    own = recipe.copy()
    own.dataset.root, own.cache = str(folder / "data"), str(folder / "cache")
    OmegaConf.save(own, folder / "recipe.yaml")
    script = Path(__file__).parent / "killed_training.py"
    told = []
    with subprocess.Popen(
        [sys.executable, str(script), str(folder / "recipe.yaml"), str(out)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            what, done, _ = line.rstrip("\n").split("\t")
            told.append((what, int(done)))
            if place is not None and place[told[-1]] >= point:
                process.send_signal(how)
                process.communicate()  # it ends by the signal, not by a pipe that nobody reads
                break
    assert process.returncode in (0, -how, 128 + how)
    return told, process.returncode != 0
