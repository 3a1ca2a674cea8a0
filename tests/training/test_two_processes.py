"""Training on two CPU processes is what training on one is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from affectfuse.checkpoint import load_checkpoint
from affectfuse.training.fused.data import Batch, Batches

HERE = Path(__file__).parent


def run(script: str, *arguments: str) -> str:
    """Return what a script said, all its processes together."""
    done = subprocess.run(
        [sys.executable, str(HERE / script), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_parts_of_a_batch_are_equally_long_and_hold_each_row_once() -> None:
    rows: Batch = {"labels": {"state": torch.arange(11)}}
    parts = [list(Batches(rows, 4, lambda: 3, 2, (part, 3))) for part in range(3)]
    whole = list(Batches(rows, 4, lambda: 3, 2))
    for number, batch in enumerate(whole):
        shares = [part[number] for part in parts]
        assert len({len(share["own"]) for share in shares}) == 1
        order = torch.stack([share["labels"]["state"] for share in shares], 1).flatten()
        own = torch.stack([share["own"] for share in shares], 1).flatten()
        draws = torch.stack([share["draws"] for share in shares], 1).flatten(0, 1)
        assert torch.equal(order[own], batch["labels"]["state"])
        assert torch.equal(draws[own], batch["draws"])


@pytest.mark.slow
def test_two_processes_learn_what_one_learns(tmp_path: Path) -> None:
    """Their shares of a batch hold different modalities, and labels of different targets."""
    found: list[dict[str, Any]] = []
    for devices in ("1", "2"):
        (tmp_path / devices).mkdir()
        assert run("two_processes.py", devices, str(tmp_path / devices)) == ""
        found.append(json.loads((tmp_path / devices / "found.json").read_text()))
    one, two = found
    assert one["rows"][-1]["train_loss"] < 0.8 * one["rows"][0]["train_loss"]
    for before, after in zip(one["rows"], two["rows"], strict=True):
        assert after == pytest.approx(before, rel=1e-4)
    for name, weight in one["weights"].items():
        np.testing.assert_allclose(two["weights"][name], weight, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_the_recipe_trains_on_two_processes(recipe: DictConfig, tmp_path: Path) -> None:
    recipe.modalities.pop("gesture")
    recipe.training.update({"max_epochs": 3, "inner_folds": 2})
    checkpoints, said = [], []
    for devices in (1, 2):
        recipe.training.devices = devices
        OmegaConf.save(recipe, tmp_path / "recipe.yaml")
        out = tmp_path / str(devices)
        said.append(run("killed_training.py", str(tmp_path / "recipe.yaml"), str(out)))
        checkpoints.append(load_checkpoint(out / "checkpoint.pt"))
        assert {path.name for path in out.iterdir()} == {
            "checkpoint.pt", "metrics.json", "recipe.yaml", "training.csv",
        }  # fmt: skip
    for name, weight in checkpoints[0].weights.items():
        torch.testing.assert_close(checkpoints[1].weights[name], weight, atol=1e-4, rtol=1e-4)
    trained = [line for line in said[1].splitlines() if line.startswith("training the fused")]
    assert len(trained) == len(set(trained)) + 1  # the first process alone tells of its epochs
