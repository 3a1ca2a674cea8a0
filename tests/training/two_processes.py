"""`python two_processes.py DEVICES OUT`: trains on so many CPU processes; the first writes.

Rows hold one of two modalities each, and every other target is labelled in some of them only, so
that the processes' shares of a batch differ in both.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affectfuse.containers import Target
from affectfuse.datasets.splits import Split
from affectfuse.fusion.masked_attention import MaskedAttention
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fitting import deterministic, first_process, fit
from affectfuse.training.fused.data import SampleData
from affectfuse.training.fused.module import AffectModule, TrainingSettings
from affectfuse.training.fused.samples import SampleTable

ROWS = 203  # the last batch is shorter, and odd
BATCH = 8
TARGETS = (
    Target("state", ("calm", "tense", "glad"), "window", "planted"),
    Target("units", ("brow", "lip"), "window", "planted", "labels"),
    Target("scales", ("valence",), "window", "planted", "scales"),
)


def make_table() -> SampleTable:
    rng = np.random.default_rng(0)
    state = rng.integers(0, 3, ROWS)
    which = rng.integers(0, 3, ROWS)  # 'a' alone, 'b' alone, or neither
    present = {"a": which == 0, "b": which == 1}
    samples = {n: rng.normal(state[:, None], 1, (ROWS, 3)).astype(np.float32) for n in "ab"}
    for name, here in present.items():
        samples[name][~here] = np.nan
    units = (rng.random((ROWS, 2)) < 0.2 + 0.3 * state[:, None]).astype(np.float32)
    scales = (state[:, None] + rng.normal(0, 0.5, (ROWS, 1))).astype(np.float32)
    units[rng.random((ROWS, 2)) < 0.6] = np.nan
    scales[rng.random((ROWS, 1)) < 0.6] = np.nan
    labels = {"state": np.where(rng.random(ROWS) < 0.6, -1, state), "units": units,
              "scales": scales}  # fmt: skip
    who = np.array([f"s{row % 5}" for row in range(ROWS)])
    quality = {name: np.ones(ROWS, np.float32) for name in "ab"}
    return SampleTable(
        samples, present, quality, labels, who, who, np.full(ROWS, ""), np.arange(ROWS) * 1.0,
        np.zeros(ROWS, np.int64), np.ones(ROWS),
    )  # fmt: skip


def main() -> None:
    given: dict[str, Any] = {
        "max_epochs": 4, "patience": 4, "batch_size": BATCH, "accumulate": 1,
        "learning_rate": 0.01, "weight_decay": 0.01, "modality_dropout": 0.3, "modality_loss": 1.0,
        "class_weights": True, "inner_folds": 0, "coverage": 0.9, "encoders_from": None,
        "freeze_encoders": False, "gradient_clip": None, "precision": "32-true", "compile": False,
        "accelerator": "cpu", "devices": int(sys.argv[1]), "nodes": 1, "strategy": "auto",
        "threads": 1, "tensorboard": False,
    }  # fmt: skip
    settings, out = TrainingSettings(**given), Path(sys.argv[2])
    outputs = Outputs(TARGETS)
    with deterministic(0):
        encoders = {name: nn.Linear(3, 4) for name in "ab"}
        head = MaskedAttention({name: 4 for name in "ab"}, torch.zeros(len(outputs)))
        model = FusionModel(encoders, {name: (3,) for name in "ab"}, head)
        log = fit(
            AffectModule(model, outputs, settings),
            SampleData(make_table(), Split(("s0", "s1", "s2", "s3"), ("s4",), ()), BATCH, 0),
            max_epochs=settings.max_epochs,
            patience=settings.patience,
            devices=settings.devices,
            strategy=settings.strategy,
            threads=settings.threads,
            state=out / "state.ckpt",
        )
    if first_process():
        weights = {name: weight.tolist() for name, weight in model.state_dict().items()}
        (out / "found.json").write_text(json.dumps({"rows": log.rows, "weights": weights}))


if __name__ == "__main__":
    main()
