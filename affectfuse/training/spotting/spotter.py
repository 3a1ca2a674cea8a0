"""Training of the learned spotter from a recipe: coded recordings in, one small file out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from scipy.optimize import minimize

from affectfuse.config import build, cache_dir
from affectfuse.containers import Array, Interval
from affectfuse.datasets.base import Dataset, Progress
from affectfuse.datasets.splits import hold_out
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.evaluation.intervals import SpottingCounts, match_intervals
from affectfuse.modalities.base import Modality
from affectfuse.modalities.micro_expression import MicroExpression
from affectfuse.modalities.micro_expression.learned_spotter import LearnedSpotter
from affectfuse.modalities.micro_expression.motion import FacialMotion
from affectfuse.modalities.micro_expression.spotter import Spotter
from affectfuse.modalities.micro_expression.spotter_inference import SpotterWeights, save_spotter
from affectfuse.modalities.micro_expression.spotter_network import SpotterNetwork
from affectfuse.training.fitting import deterministic, fit, torch_threads
from affectfuse.training.recipes import (
    check_keys,
    check_seed,
    container,
    settings_of,
    share,
    workers_of,
)
from affectfuse.training.spotting.data import WindowSampler, trace_motion
from affectfuse.training.spotting.faces import motions_on_another_face
from affectfuse.training.spotting.module import SpotterModule, SpotterSettings, Windows
from affectfuse.training.spotting.targets import KINDS
from affectfuse.training.spotting.traces import coded_expressions, read_motions
from affectfuse.training.trained_weights import TrainedWeights, made_now, without_nan

__all__ = ["calibrate", "measure_spotter", "spot_motion", "train_spotter"]

RECIPE = "micro_expression_spotter"
_KEYS = ("dataset", "modalities", "seed", "split", "spotter_training", "workers", "cache")
_FACES = 4  # others that each validation recording is shown on
_LEAST = 0.02  # confidence from which peaks are looked at while calibrating
_MOST_CONFIDENT = 0.96  # the highest threshold that is looked at

Recorded = tuple[Sequence[FacialMotion], tuple[Interval, ...]]
"""The facial motion of a recording, and its expressions labelled with their kind."""


def train_spotter(
    recipe: DictConfig, out: Path, progress: Progress | None = None
) -> TrainedWeights:
    """Train the network of a `LearnedSpotter`; write its weights.

    It learns from the facial motion of the training subjects, with expressions planted besides;
    the validation subjects, each also as other faces might have shown their motion, calibrate its
    confidence and set its thresholds; the test subjects are measured. Deterministic in
    `recipe.seed`.

    Writes `spotter.safetensors`, `metrics.json`, `training.csv` and `recipe.yaml`.

    Args:
        recipe: a filled recipe, see `configs/micro_expression_spotter.yaml`.
        out: folder, made readable by its owner alone.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe, the data set or the folder cannot be used.
    """
    check_keys(recipe, _KEYS, RECIPE)
    check_seed(recipe)
    modality, config = _modality(recipe)
    settings = settings_of(recipe, "spotter_training", SpotterSettings, RECIPE)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare(progress)
    sides, skipped = _recorded(recipe, dataset, modality, config, progress)
    traces = [trace for motions, truth in sides["train"] for trace in trace_motion(motions, truth)]
    with deterministic(recipe.seed), torch_threads(settings.threads):
        network = SpotterNetwork(settings.width, tuple(settings.dilations))
        sampler = WindowSampler(
            traces, settings.window_s, settings.planted_per_min, int(recipe.seed)
        )
        per_epoch = max(1, settings.steps // 10)
        log = fit(
            SpotterModule(network, settings),
            Windows(sampler, settings.batch_size, per_epoch),
            max_epochs=math.ceil(settings.steps / per_epoch),
            accelerator=settings.accelerator,
            threads=settings.threads,
            what="training the spotter",
            progress=progress,
        )
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    plain = SpotterWeights(
        weights,
        network.dilations,
        dict.fromkeys(KINDS, (1.0, 0.0)),
        dict.fromkeys(KINDS, 0.5),
        provenance={},
    )
    seen = sides["validation"] or sides["train"]
    spotter = calibrate(
        plain,
        [*seen, *_on_other_faces(seen, recipe.seed)],
        settings.most_false_alarms_per_min,
        settings.least_confidence,
    )
    metrics = measure_spotter(LearnedSpotter(spotter), sides["test"])
    facts = {
        "trained_on": f"{dataset.name}: {dataset.provenance}",
        "recordings": {side: len(parts) for side, parts in sides.items()},
        "held_out": without_nan(metrics),
        **made_now(recipe),
    }
    result = TrainedWeights(out / "spotter.safetensors", metrics, skipped)
    result.write_report(recipe, log)
    save_spotter(replace(spotter, provenance=facts), result.checkpoint)
    return result


def spot_motion(spotter: Spotter, motions: Sequence[FacialMotion]) -> list[Interval]:
    """Return the expressions that a fresh spotter finds in the motion of one recording."""
    found = [interval for motion in motions for interval in spotter.push(motion)]
    return [interval for interval in [*found, *spotter.flush()] if interval.label in KINDS]


def calibrate(
    spotter: SpotterWeights,
    recorded: Sequence[Recorded],
    most_false_alarms_per_min: float,
    least_confidence: float,
) -> SpotterWeights:
    """Return the spotter with calibrated confidence, and the thresholds of the highest F1.

    Only thresholds from `least_confidence` on are looked at, and of these those that keep to
    `most_false_alarms_per_min`; where none does, the highest is taken.

    A logistic regression, per kind, takes the network's logit at a peak to the probability that
    the peak is a true positive (Platt 1999, "Probabilistic outputs for support vector machines"),
    drawn weakly to leaving the logit as it is.
    """
    calibration, threshold = {}, {}
    minutes = sum(motions[-1].time_s - motions[0].time_s for motions, _ in recorded) / 60.0
    for kind in KINDS:
        logits, hits, there = [], [], 0
        for motions, truth in recorded:
            found = spot_motion(LearnedSpotter(spotter, _LEAST), motions)
            found = [interval for interval in found if interval.label == kind]
            of_kind = [interval for interval in truth if interval.label == kind]
            pairs, _ = match_intervals(of_kind, found)
            matched = {index for _, index in pairs}
            there += len(of_kind)
            hits += [index in matched for index in range(len(found))]
            logits += [math.log(i.confidence / (1.0 - i.confidence)) for i in found]
        x, y = np.array(logits), np.array(hits, float)

        def loss(parameters: Array, x: Array = x, y: Array = y) -> float:
            z = parameters[0] * x + parameters[1]
            return float(
                np.sum(np.logaddexp(0.0, z) - y * z) + np.sum((parameters - (1.0, 0.0)) ** 2)
            )

        slope, bias = minimize(loss, (1.0, 0.0), method="Nelder-Mead").x
        calibration[kind] = (float(max(slope, 0.05)), float(bias))
        threshold[kind] = _best_threshold(
            calibration[kind], x, y, there, most_false_alarms_per_min * minutes, least_confidence
        )
    return replace(spotter, calibration=calibration, threshold=threshold)


def _on_other_faces(recorded: Sequence[Recorded], seed: int) -> list[Recorded]:
    rng = np.random.default_rng(seed)
    return [
        (motions_on_another_face(motions, rng), truth)
        for _ in range(_FACES)
        for motions, truth in recorded
    ]


def _best_threshold(
    calibration: tuple[float, float],
    logits: Array,
    hits: Array,
    there: int,
    most_false_alarms: float,
    least_confidence: float,
) -> float:
    confidence = 1.0 / (1.0 + np.exp(-(calibration[0] * logits + calibration[1])))
    candidates = np.linspace(least_confidence, max(least_confidence, _MOST_CONFIDENT), 39)
    f1 = []
    for threshold in candidates:
        right = hits[confidence >= threshold]
        wrong = len(right) - right.sum()
        allowed = wrong <= most_false_alarms or threshold == candidates[-1]
        f1.append(2.0 * right.sum() / max(len(right) + there, 1) if allowed else -1.0)
    best = np.flatnonzero(np.array(f1) >= max(f1) - 1e-9)
    return float(round(candidates[best].mean(), 2))


def measure_spotter(spotter: Spotter, recorded: Sequence[Recorded]) -> dict[str, dict[str, float]]:
    """Return, by kind, F1, precision, recall and false alarms a minute; NaN where undefined."""
    counts = dict.fromkeys(KINDS, SpottingCounts())
    minutes = 0.0
    for motions, truth in recorded:
        minutes += (motions[-1].time_s - motions[0].time_s) / 60.0
        found = spot_motion(spotter, motions)
        for kind in KINDS:
            there, told = ([i for i in part if i.label == kind] for part in (truth, found))
            counts[kind] += match_intervals(there, told)[1]
    return {
        kind: {
            "f1": c.f1,
            "precision": c.precision,
            "recall": c.recall,
            "false_alarms_per_min": c.false_positives / minutes if minutes else math.nan,
        }
        for kind, c in counts.items()
    }


def _modality(recipe: DictConfig) -> tuple[MicroExpression, dict[str, Any]]:
    nodes = list((recipe.modalities or {}).values())
    built = build(nodes[0], Modality) if len(nodes) == 1 else None  # type: ignore[type-abstract]
    if not isinstance(built, MicroExpression):
        raise ConfigError(
            "a spotter is trained for one modality that has one: use modalities=[micro_expression]."
        )
    return built, container(nodes[0])


def _recorded(
    recipe: DictConfig,
    dataset: Dataset,
    modality: MicroExpression,
    config: Mapping[str, Any],
    progress: Progress | None,
) -> tuple[dict[str, list[Recorded]], dict[str, str]]:
    """Return what was recorded of the subjects of each side, and what was skipped."""
    items = [item for item in dataset.items() if set(KINDS) & set(item.annotations)]
    found, skipped = read_motions(
        items,
        modality,
        config,
        Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples",
        workers_of(recipe),
        progress,
    )
    if not found:
        key, reason = next(iter(skipped.items()), ("none", "no expression is coded in it"))
        raise DatasetError(
            f"data set '{dataset.name}' gives no facial motion to learn from; the first of "
            f"{len(skipped)} skipped is {key}: {reason}: check its root and its annotations."
        )
    by_key = {item.key: item for item in items if item.key in found}
    subjects = [item.subject for item in by_key.values()]
    split = hold_out(subjects, share(recipe, "validation"), share(recipe, "test"), recipe.seed)
    return {
        side: [
            (found[key], coded_expressions(item))
            for key, item in by_key.items()
            if item.subject in members
        ]
        for side, members in split.as_dict().items()
    }, skipped
