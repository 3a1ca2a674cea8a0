"""Stress tasks against rest in heart rate and skin conductance, over Stress-Predict's sessions.

    python benchmarks/session_scoring/stress_effects.py FOLDER [--tracks FOLDER]

Every session is read and scored as a user's would be (`score`, an Empatica folder, the events of
segments.tsv). Three questions were fixed before any figure was seen:

onset: `baseline_shift` at the begin of each of the three tasks, the first 90 s against the 90 s of
    rest before; a person's value is the mean of the tasks.
onset and end: that, less the same at the end of each task, halved: what drifts evenly cancels.
middle: the whole interview, the second of the three tasks, against the mean of the rests on either
    side of it, without the first 60 s of each segment: what drifts evenly through them nearly
    cancels, and neither the session's begin nor its end counts.

One was added when those had been seen:

whole: as `middle`, for each task, and the mean of the three. What is before the first task and
    after the last is longer, and holds the session's begin and end.

Effect: d_z, the mean over its standard deviation (N-1) between people; its interval: 10,000
bootstrap samples of people, percentiles; p: exact, all 2^n flips of signs, two-sided.
The order of tasks is the same for all, so a task and its place cannot be told apart.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from affectfuse.config import load_recipe
from affectfuse.containers import Array, Interval
from affectfuse.datasets.stress_predict import StressPredict
from affectfuse.pipeline import score_recording
from affectfuse.reports.session import SessionResult
from affectfuse.scoring.base import Question
from affectfuse.scoring.reactions.channels import Sources
from affectfuse.scoring.reactions.windows import Windows

SPAN_S = 90.0
SETTLED_S = 60.0
TASKS = ("Stroop", "interview", "hyperventilation")
CHANNELS = {
    "bvp_heart_rate_bpm": "bpm",
    "eda_tonic_us": "uS",
    "skin_conductance_responses": "per minute",
}
RECIPE = [
    "modalities=[blood_volume_pulse,electrodermal_activity]",
    f"protocol.baseline_s={SPAN_S:g}",
    "protocol.delay_s=0",
    f"protocol.window_s={SPAN_S:g}",
    f"protocol.channels=[{','.join(CHANNELS)}]",
]
Values = dict[str, dict[str, float]]
"""By question and task, or by question alone; then by channel."""


def events(segments: Sequence[Interval]) -> list[Question]:
    """Return the begin of each task, and of the rest after it, as events."""
    found = []
    tasks = iter(TASKS)
    for before, segment in pairwise(segments):
        if segment.label == "stress":
            name = next(tasks)
            found.append(Question(segment.onset_s, segment.offset_s, name))
        elif before.label == "stress":
            found.append(Question(segment.onset_s, segment.offset_s, f"after {name}"))
    return found


def values_of(segments: Sequence[Interval], result: SessionResult) -> Values:
    """Return what one person's session says to each of the three questions."""
    assert result.score is not None
    shift: Values = defaultdict(dict)
    for row in result.score.rows:
        shift[row.question][row.channel] = row.value
    found: Values = defaultdict(dict)
    for channel in CHANNELS:
        onset = {task: shift[task][channel] for task in TASKS}
        both = {task: (onset[task] - shift[f"after {task}"][channel]) / 2 for task in TASKS}
        for name, of in (("onset", onset), ("onset and end", both)):
            found[name][channel] = float(np.mean(list(of.values())))
            for task, value in of.items():
                found[f"{name}: {task}"][channel] = value
        mean = _mean(channel, result)
        places = [i for i, segment in enumerate(segments) if segment.label == "stress"]
        whole = {
            task: mean(segments[i]) - (mean(segments[i - 1]) + mean(segments[i + 1])) / 2
            for task, i in zip(TASKS, places, strict=True)
        }
        found["middle: interview"][channel] = whole["interview"]
        found["whole"][channel] = float(np.mean(list(whole.values())))
        for task in (TASKS[0], TASKS[2]):
            found[f"whole: {task}"][channel] = whole[task]
    return found


def _mean(channel: str, result: SessionResult) -> Callable[[Interval], float]:
    """Return how the mean of a channel over a segment is found."""
    windows = Windows(SPAN_S, 0.0, SPAN_S)
    lags_s = {"bvp_heart_rate_bpm": 5.0}
    tracks = {**result.tracks, **result.intervals}
    sources = Sources(tracks, [], windows, "face_visible", (), lags_s)
    counts, series = sources.counts(channel), sources.series(channel)
    read = counts.per_minute if counts else series.mean if series else None
    assert read is not None
    return lambda s: float(read(np.array([s.onset_s + SETTLED_S]), np.array([s.offset_s]))[0][0])


def exact_p(values: Array) -> float:
    """Return the share of all flips of signs whose mean is as far from 0."""
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(np.abs(sums) >= abs(values.sum()) - 1e-9))


def effect(values: Array) -> float:
    """Return d_z."""
    return float(values.mean() / values.std(ddof=1))


def interval(values: Array, samples: int = 10_000) -> tuple[float, float]:
    """Return the 95 % interval of d_z."""
    rng = np.random.default_rng(0)
    drawn = values[rng.integers(len(values), size=(samples, len(values)))]
    effects = drawn.mean(axis=1) / drawn.std(axis=1, ddof=1)
    low, high = np.percentile(effects, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="that holds segments.tsv and S02, S03, ...")
    parser.add_argument("--tracks", type=Path, help="folder in which what was read is kept")
    parser.add_argument("--values", type=Path, help="table of every person's values to write")
    options = parser.parse_args()
    recipe = load_recipe("score", RECIPE)
    by_person: dict[str, Values] = {}
    for item in StressPredict(str(options.folder)).items():
        asked = events(item.labels)
        result = score_recording(recipe, item.path, events=asked, cache=options.tracks)
        by_person[item.key] = values_of(item.labels, result)
        print(f"{item.key}: {result.duration_s / 60:.0f} min", flush=True)
    _write(by_person, options.values)
    head = f"{'question':32} {'channel':27} {'n':>3} {'up':>3} {'mean':>8} {'unit':10} {'d_z':>6}"
    print(f"\n{head} {'95 %':>14} {'p':>8}")
    for name in next(iter(by_person.values())):
        for channel, unit in CHANNELS.items():
            values = np.array([values[name][channel] for values in by_person.values()])
            values = values[np.isfinite(values)]
            low, high = interval(values)
            print(
                f"{name:32} {channel:27} {len(values):3} {np.sum(values > 0):3} "
                f"{values.mean():8.3f} {unit:10} {effect(values):6.2f} {low:6.2f} {high:7.2f} "
                f"{exact_p(values):8.5f}"
            )


def _write(by_person: dict[str, Values], path: Path | None) -> None:
    if path is None:
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(("subject", "question", "channel", "value"))
        for person, values in by_person.items():
            for name, channels in values.items():
                table.writerows((person, name, channel, v) for channel, v in channels.items())


if __name__ == "__main__":
    main()
