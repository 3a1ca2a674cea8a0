"""How many samples a second fused models are trained on, and where the time goes.

    python benchmarks/fusion/training_speed.py [--rows 65536] [--epochs 2] [--batch 256 1024 4096]
        [--heads log_linear_pool concatenation masked_attention] [--threads 1]
        [--accelerator cpu] [--precision 32-true] [--compile]

Random samples of 4 modalities (128 features each, a fifth of them absent) and 3 classes; encoders
128 -> 128 -> 32. Prints, by head and batch size, with AdamW, modality dropout and unimodal losses
as in the recipe: samples a second of the head alone on cached embeddings, and of encoders and head
together; by the clock, and by processor time (what an idle core would give). Then, of the head
alone: the share of the time that making the batches takes; what Lightning adds to a bare loop of
the same steps; what keeping the training's state takes; and the memory. On a graphics card the
utilisation that nvidia-smi tells, too.
"""

from __future__ import annotations

import argparse
import gc
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from pytorch_lightning import Trainer

from affectfuse.checkpoint import build_model
from affectfuse.config import configs_dir, load_node
from affectfuse.containers import Target
from affectfuse.datasets.splits import Split
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.features import Features
from affectfuse.training.fitting import deterministic, fit, torch_threads
from affectfuse.training.fused.data import SampleData
from affectfuse.training.fused.module import AffectModule, TrainingSettings
from affectfuse.training.fused.samples import SampleTable

NAMES = ("breath", "face", "pulse", "voice")
TARGET = Target("state", ("calm", "tense", "glad"), "window", "planted")
MODALITIES = {name: Features(name, 128, embedding_dim=32, hidden_dim=128) for name in NAMES}


def make_table(rows: int) -> SampleTable:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, len(TARGET.classes), rows)
    samples = {
        name: (rng.standard_normal((rows, 128), np.float32) + labels[:, None]).astype(np.float32)
        for name in NAMES
    }
    who = np.array([f"s{row % 8}" for row in range(rows)])
    return SampleTable(
        samples,
        {name: rng.random(rows) < 0.8 for name in NAMES},
        {name: rng.random(rows, np.float32) for name in NAMES},
        {TARGET.name: labels}, who, who, np.full(rows, ""), np.arange(rows) * 1.0,
        np.zeros(rows, np.int64), np.ones(rows),
    )  # fmt: skip


def seconds(run: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the processor seconds that a run takes."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


class Case:
    """One head, batch size and way of training."""

    def __init__(
        self, table: SampleTable, head: str, settings: TrainingSettings, frozen: bool
    ) -> None:
        with deterministic(0):
            outputs = Outputs([TARGET])
            fusion = OmegaConf.to_container(load_node("fusion", head))
            self.model = build_model(MODALITIES, fusion, [0.0] * len(outputs))
        self.settings = settings
        everyone = tuple(sorted(set(table.subjects.tolist())))
        self.data = SampleData(table, Split(everyone, (), ()), settings.batch_size, 0)
        if frozen:
            self.model.encoders.requires_grad_(False)
            self.data.embed(self.model)
        self.module = AffectModule(self.model, outputs, settings)

    def train(self, epochs: int, state: Path | None = None) -> None:
        settings = self.settings
        fit(
            self.module.train(),
            self.data,
            max_epochs=epochs,
            accelerator=settings.accelerator,
            precision=settings.precision,
            threads=settings.threads,
            state=state,
        )

    def load(self, epochs: int) -> None:
        for _ in range(epochs):
            for _ in self.data.train_dataloader():
                pass

    def bare_loop(self, epochs: int) -> None:
        optimizer = self.module.configure_optimizers()
        for _ in range(epochs):
            for batch in self.data.train_dataloader():
                optimizer.zero_grad()
                self.module.training_step(batch, 0).backward()
                optimizer.step()


@contextmanager
def utilisation() -> Iterator[list[float]]:
    """Collect what nvidia-smi tells of the card's utilisation, in percent, twice a second."""
    found: list[float] = []
    ended = threading.Event()

    def ask() -> None:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        while not ended.wait(0.5):
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found.append(float(said.split()[0]))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield found
    finally:
        ended.set()
        thread.join()


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=65536)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--batch", type=int, nargs="+", default=[256, 1024, 4096])
    parser.add_argument(
        "--heads", nargs="+", default=["log_linear_pool", "concatenation", "masked_attention"]
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--accelerator", default="cpu")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--compile", action="store_true")
    given = parser.parse_args()
    recipe = OmegaConf.to_container(OmegaConf.load(configs_dir() / "train.yaml").training)
    settings = replace(
        TrainingSettings(**recipe),
        threads=given.threads,
        accelerator=given.accelerator,
        precision=given.precision,
        compile=given.compile,
    )
    table = make_table(given.rows)
    samples_mib = sum(array.nbytes for array in table.samples.values()) / 2**20
    before_mib = peak_mib()
    on_card = given.accelerator != "cpu"
    done = given.rows * given.epochs
    print(
        f"{given.rows} samples ({samples_mib:.0f} MiB), {given.epochs} epochs, {given.threads} "
        f"thread(s), {given.accelerator}, {given.precision}{', compiled' * given.compile}"
    )
    header = ["head", "batch", "head alone /s", "/cpu s", "with encoders /s", "/cpu s"]
    header += ["utilisation"] if on_card else ["loader", "Lightning", "state"]
    print("  ".join(f"{name:>16}" for name in header))
    with torch_threads(given.threads):
        for head in given.heads:
            for batch in given.batch:
                chosen = replace(settings, batch_size=batch)
                row = [head, str(batch)]
                told: list[str] = []
                for frozen in (True, False):
                    gc.collect()  # as training does: Lightning's objects hold each other
                    case = Case(table, head, chosen, frozen)
                    case.train(1)  # what is built once, and compiled, is not counted
                    if on_card:
                        with utilisation() as found:
                            wall, processor = seconds(lambda run=case: run.train(given.epochs))
                        told.append(f"{np.mean(found):.0f} %")
                    else:
                        wall, processor = seconds(lambda run=case: run.train(given.epochs))
                    row += [f"{done / wall:.0f}", f"{done / processor:.0f}"]
                    if frozen and not on_card:
                        told = shares(case, given.epochs, processor)
                row += [" / ".join(told)] if on_card else told
                print("  ".join(f"{cell:>16}" for cell in row), flush=True)
    print(f"peak memory {peak_mib():.0f} MiB; {before_mib:.0f} MiB before the first training")
    if on_card:
        print(f"peak memory of the card {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB")


def shares(case: Case, epochs: int, processor: float) -> list[str]:
    """Return the shares of loader, Lightning and the state in a training's processor seconds."""
    _, loading = seconds(lambda: case.load(epochs))
    _, bare = seconds(lambda: case.bare_loop(epochs))
    with tempfile.TemporaryDirectory() as folder, writing() as spent:
        wall, _ = seconds(lambda: case.train(epochs, Path(folder) / "state.ckpt"))
    return [
        f"{loading / processor:.1%}",
        f"{(processor - bare) / processor:.1%}",
        f"{sum(spent) / wall:.1%}",
    ]


@contextmanager
def writing() -> Iterator[list[float]]:
    """Collect the seconds that each writing of the training's state takes."""
    spent: list[float] = []
    save = Trainer.save_checkpoint

    def timed(*given: Any, **named: Any) -> None:
        spent.append(seconds(lambda: save(*given, **named))[0])

    Trainer.save_checkpoint = timed  # type: ignore[method-assign]
    try:
        yield spent
    finally:
        Trainer.save_checkpoint = save  # type: ignore[method-assign]


if __name__ == "__main__":
    main()
