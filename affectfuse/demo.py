"""The demo: synthesise, train, score unseen sessions, hold the estimates against the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from affectfuse.checkpoint import Checkpoint, load_checkpoint
from affectfuse.config import build, load_recipe
from affectfuse.containers import Array, Estimate, Interval, Target, Track
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.evaluation.intervals import SpottingCounts, match_intervals
from affectfuse.evaluation.target_metrics import auroc, uar
from affectfuse.files import write_whole
from affectfuse.pipeline import score_recording
from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page.media import take_pictures
from affectfuse.reports.writing import write_session
from affectfuse.scoring.base import Question
from affectfuse.training.fused.samples import Sampling, label_ticks
from affectfuse.training.fused.targets import labels_at
from affectfuse.training.fused.train import train

__all__ = ["DemoResult", "compare", "run_demo"]


Scored = tuple[DatasetItem, SessionResult]


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo found.

    Attributes:
        training: the metrics on held-out subjects, as text.
        sessions: how many unseen sessions were scored.
        rows: of them all: (what, truth, estimate, error or score).
        report: the page of the first.
    """

    training: str
    sessions: int
    rows: tuple[tuple[str, str, str, str], ...]
    report: Path

    def table(self) -> str:
        """Return all of it as aligned text."""
        head = (f"on {self.sessions} sessions of unseen subjects", "truth", "estimate", "")
        lines = [head, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(4)]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in lines
        ]
        return "\n".join([self.training, "", text[0], "-" * max(map(len, text)), *text[1:]])


def run_demo(recipe: DictConfig, out: Path, progress: Progress | None = None) -> DemoResult:
    """Run the whole flow on synthetic recordings.

    Args:
        recipe: `demo`, filled: a training recipe, and `session_dataset`, whose recordings are the
            sessions to score; their subjects are in no training recording.
        out: gets `model/` (checkpoint and metrics), `session/` (the first scored session) and
            `demo.json` (the rows of the table).
        progress: told of each step.
    """
    trained = train(recipe, out / "model", progress)
    checkpoint = load_checkpoint(trained.checkpoint)
    dataset = build(recipe.session_dataset, Dataset)  # type: ignore[type-abstract]
    dataset.prepare(progress)
    scored: list[Scored] = []
    items = dataset.items()
    for item in items:
        scored.append((item, _score(item, checkpoint)))
        if progress:
            progress("scoring sessions", len(scored), len(items))
    first, session = scored[0][1], out / "session"
    report = write_session(first, session, take_pictures(first, session))
    rows = compare(scored, checkpoint.target, settle_s=recipe.sampling.settle_s)
    write_whole(out / "demo.json", (json.dumps(rows, indent=1) + "\n").encode())
    return DemoResult(trained.table(), len(scored), tuple(rows), report)


def _score(item: DatasetItem, checkpoint: Checkpoint) -> SessionResult:
    """Score a session; its stretches of one state stand as events, without saying which."""
    stretches = tuple(
        Question(label.onset_s, label.offset_s, f"stretch {number}")
        for number, label in enumerate(item.labels, 1)
    )
    return score_recording(load_recipe("score"), item.path, checkpoint=checkpoint, events=stretches)


def compare(
    scored: Sequence[Scored], target: Target, *, settle_s: float
) -> list[tuple[str, str, str, str]]:
    """Hold scored sessions against what is known of them, all sessions pooled."""
    return [
        _heart_rate(
            [
                (item.references["heart_rate_bpm"], result.tracks["heart_rate_bpm"])
                for item, result in scored
            ]
        ),
        *_expressions([(_known(item), _found(result)) for item, result in scored]),
        *_states([(item.labels, result.estimates) for item, result in scored], target, settle_s),
    ]


def _known(item: DatasetItem) -> Sequence[Interval]:
    return item.annotations.get("micro_expression", ())


def _found(result: SessionResult) -> Sequence[Interval]:
    track = result.intervals.get("micro_expression")
    return track.intervals if track else ()


def _heart_rate(pairs: Sequence[tuple[Track, Track]]) -> tuple[str, str, str, str]:
    """Compare at the estimate's ticks; the synthetic truth is the mean of the 10 s before each."""
    estimate = np.concatenate([found.values for _, found in pairs])
    true = np.concatenate([_at(truth, found.times_s) for truth, found in pairs])
    known = np.isfinite(estimate) & np.isfinite(true)
    error = np.abs(estimate - true)[known]
    median = f"median error {np.median(error):.1f} bpm" if len(error) else "not estimated"
    return (
        "heart rate, mean",
        f"{_mean(true[known]):.1f} bpm",
        f"{_mean(estimate[known]):.1f} bpm",
        f"{median}, known in {known.mean():.0%} of the seconds",
    )


def _at(track: Track, times_s: Array) -> Array:
    return np.interp(times_s, track.times_s, track.values, left=math.nan, right=math.nan)


def _expressions(
    sessions: Sequence[tuple[Sequence[Interval], Sequence[Interval]]],
) -> list[tuple[str, str, str, str]]:
    counts = SpottingCounts()
    true: list[str] = []
    said: list[str] = []
    for truth, found in sessions:
        pairs, counted = match_intervals(truth, found)
        counts += counted
        true += [truth[i].label for i, _ in pairs]
        said += [found[j].label for _, j in pairs]
    labels = sorted({*true, *said})
    recall = uar(*(np.array([labels.index(name) for name in names]) for names in (true, said)))
    right = sum(one == other for one, other in zip(true, said, strict=True))
    spotted = counts.true_positives + counts.false_positives
    return [
        (
            "micro-expressions spotted",
            f"{counts.true_positives + counts.false_negatives}",
            f"{spotted}",
            f"F1 {counts.f1:.2f} at an overlap of 0.5",
        ),
        (
            "  of the matched, class recognised",
            f"{len(true)}",
            f"{right}",
            f"UAR {recall:.2f}, chance 0.20" if true else "none matched",
        ),
    ]


def _states(
    sessions: Sequence[tuple[Sequence[Interval], Sequence[Estimate]]],
    target: Target,
    settle_s: float,
) -> list[tuple[str, str, str, str]]:
    """Fused beside each modality alone, on the windows in which all modalities were present."""
    estimates = [estimate for _, some in sessions for estimate in some]
    sampling = Sampling(0.0, settle_s, 1.0)
    truth = np.concatenate(
        [
            labels_at(
                label_ticks(np.array([e.time_s for e in some]), labels, sampling), labels, [target]
            )[target.name]
            for labels, some in sessions
        ]
    )
    names = sorted({name for e in estimates for name in e.modality_probabilities})
    rows = [
        i
        for i, estimate in enumerate(estimates)
        if truth[i] >= 0 and estimate.modality_probabilities.keys() == set(names)
    ]
    answers: dict[str, list[Mapping[str, float]]] = {
        "fused": [estimates[i].probabilities for i in rows]
    }
    for name in names:
        answers[name] = [estimates[i].modality_probabilities[name] for i in rows]
    return [_state(name, truth[rows], said, target) for name, said in answers.items()]


def _state(
    name: str, truth: Array, said: Sequence[Mapping[str, float]], target: Target
) -> tuple[str, str, str, str]:
    what = f"{target.name.replace('_', ' ')}, {name}"
    if not said:
        return (what, "-", "-", "no window with every modality")
    probabilities = np.array([[row[c] for c in target.classes] for row in said])
    guess = probabilities.argmax(1)
    last = len(target.classes) - 1
    return (
        what,
        f"{target.classes[last]} {np.mean(truth == last):.0%}",
        f"{target.classes[last]} {np.mean(guess == last):.0%}",
        f"UAR {uar(truth, guess):.2f}, AUROC {auroc(truth, probabilities):.2f}, "
        f"{len(truth)} windows",
    )


def _mean(values: Array) -> float:
    return float(np.mean(values)) if len(values) else math.nan
