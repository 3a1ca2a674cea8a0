"""The demo: synthesise, train, score an unseen session, hold the estimates against the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import build, load_recipe
from affectfuse.containers import Array, Estimate, Interval, IntervalTrack, Target, Track
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.pipeline import score_recording
from affectfuse.reports.session import SessionResult
from affectfuse.reports.writing import write_session
from affectfuse.training.metrics import auroc, uar
from affectfuse.training.samples import label_ticks
from affectfuse.training.spotting import match_intervals
from affectfuse.training.train import train

__all__ = ["DemoResult", "compare", "run_demo"]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo found: rows of (what, truth, estimate, error or score), and the report."""

    rows: tuple[tuple[str, str, str, str], ...]
    report: Path

    def table(self) -> str:
        """Return the rows as aligned text."""
        head = ("on a session the model has not seen", "truth", "estimate", "")
        lines = [head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([text[0], "-" * len(text[0]), *text[1:]])


def run_demo(recipe: DictConfig, out: Path, progress: Progress | None = None) -> DemoResult:
    """Run the whole flow on synthetic recordings.

    Args:
        recipe: `demo`, filled: a training recipe, and `session_dataset`, whose first recording is
            the session to score; its subject is in no training recording.
        out: gets `model/` (checkpoint and metrics) and `session/` (the scored session).
        progress: told of each step.
    """
    trained = train(recipe, out / "model", progress)
    checkpoint = load_checkpoint(trained.checkpoint)
    dataset = build(recipe.session_dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare(progress)
    item = dataset.items()[0]
    stretches = tuple(
        Interval(label.onset_s, label.offset_s, f"stretch {number}")
        for number, label in enumerate(item.labels, 1)
    )
    result = score_recording(
        load_recipe("score"), item.path, checkpoint=checkpoint, events=stretches
    )
    report = write_session(result, out / "session")
    rows = compare(item, result, checkpoint.target, settle_s=recipe.settle_s)
    (out / "demo.json").write_text(json.dumps([list(row) for row in rows], indent=1))
    return DemoResult(tuple(rows), report)


def compare(
    item: DatasetItem, result: SessionResult, target: Target, *, settle_s: float
) -> list[tuple[str, str, str, str]]:
    """Hold a scored session against what is known of it."""
    rows = [_heart_rate(item.references["heart_rate_bpm"], result.tracks["heart_rate_bpm"])]
    found = result.intervals.get("micro_expression", IntervalTrack("micro_expression", ()))
    rows += _expressions(item.annotations.get("micro_expression", ()), found.intervals)
    rows += _states(item.labels, result.estimates, target, settle_s)
    return rows


def _heart_rate(truth: Track, estimate: Track) -> tuple[str, str, str, str]:
    """Compare at the estimate's ticks; the synthetic truth is the mean of the 10 s before each."""
    true_bpm = np.interp(
        estimate.times_s, truth.times_s, truth.values, left=math.nan, right=math.nan
    )
    known = np.isfinite(estimate.values) & np.isfinite(true_bpm)
    error = np.abs(estimate.values - true_bpm)[known]
    median = f"median error {np.median(error):.1f} bpm" if len(error) else "not estimated"
    return (
        "heart rate, mean",
        f"{_mean(true_bpm[known]):.1f} bpm",
        f"{_mean(estimate.values[known]):.1f} bpm",
        f"{median}, known in {known.mean():.0%} of the seconds",
    )


def _expressions(
    truth: Sequence[Interval], found: Sequence[Interval]
) -> list[tuple[str, str, str, str]]:
    pairs, counts = match_intervals(truth, found)
    labels = sorted({interval.label for interval in truth} | {interval.label for interval in found})
    true = np.array([labels.index(truth[i].label) for i, _ in pairs])
    said = np.array([labels.index(found[j].label) for _, j in pairs])
    recall = f"UAR {uar(true, said):.2f}, chance 0.20" if pairs else "none matched"
    return [
        (
            "micro-expressions spotted",
            f"{len(truth)}",
            f"{len(found)}",
            f"F1 {counts.f1:.2f} at an overlap of 0.5",
        ),
        (
            "  of these, the class recognised",
            f"{len(pairs)}",
            f"{int(np.sum(true == said))}" if pairs else "0",
            recall,
        ),
    ]


def _states(
    labels: Sequence[Interval], estimates: Sequence[Estimate], target: Target, settle_s: float
) -> list[tuple[str, str, str, str]]:
    times_s = np.array([estimate.time_s for estimate in estimates])
    truth = label_ticks(times_s, labels, target.classes, settle_s)
    names = sorted({name for e in estimates for name in e.modality_probabilities})
    matched = [
        i
        for i, estimate in enumerate(estimates)
        if truth[i] >= 0 and set(estimate.modality_probabilities) == set(names)
    ]
    answers: dict[str, list[Mapping[str, float]]] = {
        "fused": [estimates[i].probabilities for i in matched]
    }
    for name in names:
        answers[name] = [estimates[i].modality_probabilities[name] for i in matched]
    return [
        _state(name, truth[matched], _matrix(rows, target), target)
        for name, rows in answers.items()
    ]


def _matrix(rows: Sequence[Mapping[str, float]], target: Target) -> Array:
    return np.array([[row[c] for c in target.classes] for row in rows]).reshape(
        len(rows), len(target.classes)
    )


def _state(
    name: str, truth: Array, probabilities: Array, target: Target
) -> tuple[str, str, str, str]:
    last = target.classes[-1]
    guess = probabilities.argmax(1) if len(truth) else truth
    return (
        f"{target.name.replace('_', ' ')}, {name}",
        f"{last} {np.mean(truth == len(target.classes) - 1):.0%}" if len(truth) else "-",
        f"{last} {np.mean(guess == len(target.classes) - 1):.0%}" if len(truth) else "-",
        f"UAR {uar(truth, guess):.2f}, AUROC {auroc(truth, probabilities):.2f}, "
        f"{len(truth)} windows",
    )


def _mean(values: Array) -> float:
    return float(np.mean(values)) if len(values) else math.nan
