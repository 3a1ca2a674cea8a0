"""Training of the pulse network from a recipe: traces and recordings in, one small file out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from affectfuse.config import build, cache_dir
from affectfuse.containers import Array
from affectfuse.datasets.base import Dataset, Progress
from affectfuse.datasets.splits import hold_out
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.evaluation.target_metrics import auroc
from affectfuse.modalities.base import Modality
from affectfuse.modalities.heart_rate.learned import LearnedHeartRate
from affectfuse.modalities.heart_rate.posterior import read_rate
from affectfuse.modalities.heart_rate.pulse_network import PulseNetwork
from affectfuse.modalities.heart_rate.pulse_weights import save_pulse_network
from affectfuse.training.fitting import deterministic, fit, torch_threads
from affectfuse.training.pulse.data import PulseWindows, make_windows, read_windows
from affectfuse.training.pulse.module import PulseData, PulseModule, PulseSettings
from affectfuse.training.recipes import (
    check_keys,
    check_seed,
    container,
    settings_of,
    share,
    workers_of,
)
from affectfuse.training.trained_weights import TrainedWeights, made_now, without_nan

__all__ = ["TraceSettings", "measure", "train_pulse"]

RECIPE = "heart_rate_pulse"
_KEYS = ("dataset", "modalities", "seed", "traces", "split", "pulse_training", "workers", "cache")
_SIMULATED = "simulated traces of skin colour: no person was recorded"


@dataclass(frozen=True, slots=True)
class TraceSettings:
    """The traces to learn from.

    Attributes:
        train: how many to train on; each gives two windows.
        validation: how many to stop early by.
        test: how many to measure on.
        silent: share of them without a pulse.
    """

    train: int
    validation: int
    test: int
    silent: float

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if not 0.0 <= self.silent < 1.0:
            raise ValueError(f"silent is {self.silent}; it must be at least 0 and below 1.")


def train_pulse(recipe: DictConfig, out: Path, progress: Progress | None = None) -> TrainedWeights:
    """Train the pulse network of a `LearnedHeartRate`; write its weights.

    It learns from simulated traces and, if the recipe names a data set, from the windows of its
    training subjects besides. Traces of other seeds, and other subjects, tell when to stop; others
    again are measured. Deterministic in `recipe.seed`.

    Writes `pulse.safetensors`, `metrics.json`, `training.csv` and `recipe.yaml`.

    Args:
        recipe: a filled recipe, see `configs/heart_rate_pulse.yaml`.
        out: folder, made readable by its owner alone.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe, a data set or the folder cannot be used.
    """
    check_keys(recipe, _KEYS, RECIPE)
    check_seed(recipe)
    modality, config = _modality(recipe)
    settings = settings_of(recipe, "pulse_training", PulseSettings, RECIPE)
    traces = settings_of(recipe, "traces", TraceSettings, RECIPE)
    length, rate_hz = modality.signals_shape[1], modality.rate_hz
    seeds = np.random.SeedSequence(recipe.seed).generate_state(3)
    counts = {"train": traces.train, "validation": traces.validation, "test": traces.test}
    sides = {
        side: [make_windows(counts[side], length, rate_hz, traces.silent, int(seed), progress)]
        for side, seed in zip(counts, seeds, strict=True)
    }
    held_out = {"traces": sides["test"][0]}
    provenance, skipped = [_SIMULATED], dict[str, str]()
    if recipe.dataset is not None:
        dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
        found, skipped = _recorded(recipe, dataset, modality, config, progress)
        for side, windows in found.items():
            sides[side] += windows
        if found["test"]:
            held_out[dataset.name] = PulseWindows.join(found["test"])
        provenance.append(f"{dataset.name}: {dataset.provenance}")
    with deterministic(recipe.seed), torch_threads(settings.threads):
        network = PulseNetwork(rate_hz, settings.embedding_dim, settings.width)
        data = PulseData(
            PulseWindows.join(sides["train"]),
            PulseWindows.join(sides["validation"]),
            settings.batch_size,
            recipe.seed,
        )
        log = fit(
            PulseModule(network, settings, recipe.seed),
            data,
            max_epochs=settings.max_epochs,
            patience=settings.patience,
            accelerator=settings.accelerator,
            threads=settings.threads,
            what="training the pulse network",
            progress=progress,
        )
        metrics = {name: measure(network, part) for name, part in held_out.items()}
    facts = {
        "trained_on": provenance,
        "windows": {side: sum(map(len, parts)) for side, parts in sides.items()},
        "held_out": without_nan(metrics),
        **made_now(recipe),
    }
    result = TrainedWeights(out / "pulse.safetensors", metrics, skipped)
    result.write_report(recipe, log)
    save_pulse_network(network, result.checkpoint, facts)
    return result


def measure(network: PulseNetwork, windows: PulseWindows) -> dict[str, float]:
    """Return how a network does on windows, each by itself.

    Of those with a pulse: MAE and median error in bpm, share within 3 bpm; how well the confidence
    tells errors above 5 bpm from errors below 2 (area under the ROC curve). Of all of them: mean
    squared difference of the confidence from what came true (an error of at most 3 bpm). Of those
    without: the 99th percentile of the confidence. NaN where there are none.
    """
    parts = torch.split(torch.from_numpy(windows.signals), 256)
    with torch.inference_mode():
        logits = torch.cat([network(part)[1] for part in parts])
    read = [read_rate(row) for row in torch.softmax(logits, -1).numpy()]
    rates_bpm, confidence = np.array(read).T
    pulse = windows.rates_bpm > 0
    error = np.abs(rates_bpm - windows.rates_bpm)
    right = pulse & (error <= 3.0)
    clear = pulse & ((error < 2.0) | (error > 5.0))
    both = np.stack([1 - confidence, confidence], axis=1)
    return {
        "windows": float(len(windows)),
        "mae_bpm": _mean(error[pulse]),
        "median_error_bpm": float(np.median(error[pulse])) if pulse.any() else math.nan,
        "within_3_bpm": _mean(right[pulse]),
        "auroc": auroc((error[clear] < 2.0).astype(np.int64), both[clear]),
        "brier": _mean((confidence - right) ** 2),
        "confidence_p99_without_pulse": (
            float(np.quantile(confidence[~pulse], 0.99)) if (~pulse).any() else math.nan
        ),
    }


def _mean(values: Array) -> float:
    return float(values.mean()) if len(values) else math.nan


def _modality(recipe: DictConfig) -> tuple[LearnedHeartRate, dict[str, Any]]:
    nodes = list((recipe.modalities or {}).values())
    built = build(nodes[0], Modality) if len(nodes) == 1 else None  # type: ignore[type-abstract]
    if not isinstance(built, LearnedHeartRate):
        raise ConfigError(
            "a pulse network is trained for one modality that has one: "
            "use modalities=[heart_rate_learned]."
        )
    return built, container(nodes[0])


def _recorded(
    recipe: DictConfig,
    dataset: Dataset,
    modality: LearnedHeartRate,
    config: Mapping[str, Any],
    progress: Progress | None,
) -> tuple[dict[str, list[PulseWindows]], dict[str, str]]:
    """Return the data set's windows by side, one part a recording, and what was skipped."""
    dataset.prepare(progress)
    items = dataset.items()
    found, skipped = read_windows(
        items,
        modality,
        config,
        Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples",
        workers_of(recipe),
        progress,
    )
    if not found:
        key, reason = next(iter(skipped.items()), ("none", "it is empty"))
        raise DatasetError(
            f"data set '{dataset.name}' gives no window to learn from; the first of "
            f"{len(skipped)} skipped is {key}: {reason}: check its root and its references."
        )
    subjects = {item.key: item.subject for item in items if item.key in found}
    split = hold_out(
        subjects.values(), share(recipe, "validation"), share(recipe, "test"), recipe.seed
    )
    sides = {
        side: [found[key] for key, who in subjects.items() if who in members]
        for side, members in split.as_dict().items()
    }
    return sides, skipped
