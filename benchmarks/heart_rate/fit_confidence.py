"""Fit the confidence of a heart rate on the tuning sets and print how good it is.

    python benchmarks/heart_rate/fit_confidence.py [--datasets NAME ...]

The tuning sets are heart_rate_tuning and the retired test sets.

Each recording is read by the modality's own extractor, as `score` does; each tick from 5 s on is
one row: the features of `confidence.FEATURES`, and whether the estimate was within 3 bpm of the
truth. Three kinds of rows are added. Recordings without a pulse: never right, weight 8. Every
recording with a pulse once more, its colours without what lies within 27 bpm of the heart rate and
its harmonics: never right, weight 8. Simulated traces, half of them without a pulse, with kinds of
noise that rendered faces lack: weight 0.2. What is printed was predicted by coefficients fitted
without that subject, or that quarter of the traces; the coefficients are of all, to be copied into
`affectfuse/modalities/heart_rate/confidence.py`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit
from scipy.stats import rankdata

from affectfuse.config import build, load_node
from affectfuse.containers import Array, Frame, Track
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.datasets.synthetic.traces import draw_conditions, simulate
from affectfuse.modalities.base import Modality
from affectfuse.modalities.heart_rate.confidence import FEATURES
from affectfuse.modalities.heart_rate.disturbances import ColourWindow
from affectfuse.modalities.heart_rate.extractor import HeartRateExtractor
from affectfuse.modalities.heart_rate.regions import SKIN, RegionReader
from affectfuse.modalities.heart_rate.tracker import HeartRateEstimate, HeartRateTracker
from affectfuse.recording.faces import FaceTracker
from affectfuse.signals.rppg import PULSE_SIGNATURE

TUNING = ("heart_rate_tuning", "heart_rate_failure_retired", "heart_rate_pulse_free_retired")
LEAST_ERROR_BPM = 3.0

WITHOUT_PULSE, TRACE = 8.0, 0.2
NOTCH_HZ = 0.45

Rows = list[tuple[Array, float]]


class RecordingTracker(HeartRateTracker):
    """A tracker that keeps its newest estimate."""

    newest: HeartRateEstimate | None = None

    def update(self, window: ColourWindow, newest: slice) -> HeartRateEstimate:
        self.newest = super().update(window, newest)
        return self.newest


def colours_of(item: DatasetItem) -> list[tuple[float, Array, Array]]:
    """Return time, colours (region, channel) and motion (3,) of every frame with a face."""
    reader = RegionReader(64, 0.15)
    with item.open() as recording, FaceTracker() as faces:
        tracked = (faces.track(o) for o in recording.observations() if isinstance(o, Frame))
        return [(frame.time_s, *reader.read(frame)) for frame in tracked if frame.face is not None]


def rows_of(frames: list[tuple[float, Array, Array]], truth: Track, silent: bool) -> Rows:
    """Return the features and the error in bpm of each tick; infinite without a pulse."""
    modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    extractor = modality.extractor()
    assert isinstance(extractor, HeartRateExtractor)
    tracker = extractor._tracker = RecordingTracker((40.0, 220.0))
    rows, tick_s = [], 1.0
    for time_s, colours, motion in frames:
        while time_s >= tick_s:
            tracker.newest = None
            list(extractor.tick(tick_s))
            if tracker.newest is not None:
                true_bpm = np.interp(tick_s, truth.times_s, truth.values)
                error = np.inf if silent else abs(tracker.newest.heart_rate_bpm - true_bpm)
                rows.append((tracker.newest.features, float(error)))
            tick_s += 1.0
        extractor._add(time_s, colours, motion)
    return rows


def without_pulse(
    frames: list[tuple[float, Array, Array]], truth: Track
) -> list[tuple[float, Array, Array]]:
    """Return the frames with everything near the heart rate and its harmonics taken out."""
    times_s = np.array([time_s for time_s, _, _ in frames])
    colours = np.array([colour for _, colour, _ in frames])
    grid_s = np.arange(times_s[0], times_s[-1], 1 / 60)
    frequencies_hz = np.fft.rfftfreq(len(grid_s), 1 / 60)
    low_hz, high_hz = truth.values.min() / 60, truth.values.max() / 60
    pulse = np.zeros(len(frequencies_hz), bool)
    for harmonic in (1, 2, 3):
        pulse |= (frequencies_hz > harmonic * low_hz - NOTCH_HZ) & (
            frequencies_hz < harmonic * high_hz + NOTCH_HZ
        )
    for region in range(len(SKIN)):
        for channel in range(3):
            values = colours[:, region, channel]
            known = np.isfinite(values)
            if known.sum() < 50:
                continue
            even = np.interp(grid_s, times_s[known], values[known])
            line = np.linspace(even[:30].mean(), even[-30:].mean(), len(even))
            spectrum = np.where(pulse, np.fft.rfft(even - line), 0.0)
            wave = np.fft.irfft(spectrum, len(even))
            values[known] -= np.interp(times_s[known], grid_s, wave)
    return [(time_s, colours[i], motion) for i, (time_s, _, motion) in enumerate(frames)]


def trace_rows(number: int) -> Rows:
    """Return the same for a simulated trace of 30 s: of three kinds in turn, from its number.

    The kinds are wide and plain conditions of `draw_conditions`, without flicker, since a trace has
    no background; and a sine under white noise that regions and colours share more or less.
    """
    rng, beating, kind = np.random.default_rng(1000 + number), number % 2 == 0, number % 3
    signature = np.tile(np.array(PULSE_SIGNATURE) / PULSE_SIGNATURE[1], len(SKIN))
    count, rate_hz = 900, 30.0
    if kind < 2:
        conditions = replace(draw_conditions(rng, pulse=beating, wide=kind == 0), flicker=0.0)
        trace = simulate(conditions, count / rate_hz, rate_hz, number)
        signals = np.log(np.maximum(trace.colours, 1.0)).reshape(count, -1)
        motion, rate_bpm = trace.motion, trace.heart_rate_bpm
    else:
        rate_bpm = np.full(count, rng.uniform(48, 170))
        wave = np.sin(2 * np.pi * rate_bpm / 60 * np.arange(count) / rate_hz)
        strength = 10 ** rng.uniform(-1.8, 0.2) * beating
        shared = np.eye(12) + rng.choice([0.0, 0.3, 1.0]) * rng.normal(size=(12, 12))
        noise = 2.0 * rng.normal(size=(count, 12)) @ shared
        signals = 0.002 * (noise - strength * wave[:, None] * signature)
        motion = 0.003 * rng.normal(size=(count, 3))
    tracker, light = HeartRateTracker((40.0, 220.0)), np.full(count, np.nan)
    regions, rows = np.repeat(np.arange(len(SKIN)), 3), []
    for end in range(150, count + 1, 30):
        part = slice(max(0, end - 300), end)
        if np.isfinite(signals[part]).any(axis=1).sum() < 140:
            tracker.skip()
            continue
        window = ColourWindow(signals[part], signature, regions, motion[part], light[part], rate_hz)
        estimate = tracker.update(window, slice(None))
        error = abs(estimate.heart_rate_bpm - rate_bpm[part].mean()) if beating else np.inf
        rows.append((estimate.features, float(error)))
    return rows


def fit(features: Array, right: Array, weights: Array) -> Array:
    """Return intercept and coefficients of a logistic regression, slightly shrunk."""
    mean, spread = features.mean(axis=0), features.std(axis=0) + 1e-9
    columns = np.column_stack([np.ones(len(features)), (features - mean) / spread])

    def loss(coefficients: Array) -> tuple[float, Array]:
        score = columns @ coefficients
        value = weights @ (np.logaddexp(0, score) - right * score) / weights.sum()
        slope = columns.T @ (weights * (1 / (1 + np.exp(-score)) - right)) / weights.sum()
        shrink = 1e-3 * np.r_[0.0, coefficients[1:]]
        return float(value + shrink @ coefficients), slope + 2 * shrink

    found = minimize(loss, np.zeros(columns.shape[1]), jac=True, method="L-BFGS-B").x
    return np.r_[found[0] - (found[1:] * mean / spread).sum(), found[1:] / spread]


def predict(coefficients: Array, features: Array) -> Array:
    """Return the confidences; like `Confidence`, never above the belief, the first feature."""
    likely = expit(coefficients[0] + features @ coefficients[1:])
    return np.asarray(np.minimum(likely, expit(features[:, 0])))


def auroc(good: Array, bad: Array) -> float:
    """Return the probability that a good score is higher than a bad one."""
    if min(len(good), len(bad)) == 0:
        return float("nan")
    ranks = rankdata(np.concatenate([good, bad]))[: len(good)]
    return float((ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad)))


def report(confidence: Array, error: Array) -> None:
    beating = np.isfinite(error)
    near, far = confidence[error <= 2], confidence[beating & (error > 5)]
    if beating.any():
        print(f"within 2 bpm ({len(near)}) told from beyond 5 ({len(far)}): {auroc(near, far):.3f}")
    if not beating.all():
        silent = confidence[~beating]
        print(f"without a pulse ({len(silent)}): 99th percentile {np.quantile(silent, 0.99):.2f}")
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        within = beating & (confidence >= low) & (confidence < high)
        if within.any():
            share = np.mean(error[within] <= LEAST_ERROR_BPM)
            print(
                f"  {low:.1f} to {min(high, 1.0):.1f}: {within.sum():5d} ticks, right {share:.2f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", nargs="+", default=list(TUNING), metavar="NAME")
    parser.add_argument("--traces", type=int, default=240, help="how many are simulated")
    arguments = parser.parse_args()
    items: list[tuple[DatasetItem, bool]] = []  # and whether it has no pulse
    for name in arguments.datasets:
        dataset = build(load_node("dataset", name), Dataset)  # type: ignore[type-abstract]
        dataset.prepare()
        for item in dataset.items():
            silent = "pulse_free" in name or "pulse_free" in item.attributes["condition"]
            items.append((item, silent))
    parts: Rows = []
    groups: list[tuple[str, str]] = []  # subject or part of the traces, and kind
    for item, silent in items:
        print(item.key, file=sys.stderr, flush=True)
        frames, truth = colours_of(item), item.references["heart_rate_bpm"]
        kinds = {"rendered": (frames, silent)}
        if not silent:
            kinds["taken out"] = (without_pulse(frames, truth), True)
        for kind, (read, nothing) in kinds.items():
            rows = rows_of(read, truth, nothing)
            parts += rows
            groups += [(item.subject, kind)] * len(rows)
    subjects = sorted({subject for subject, _ in groups})
    for number in range(arguments.traces):
        rows = trace_rows(number)
        parts += rows
        groups += [(subjects[number % len(subjects)], "traces")] * len(rows)
    features = np.array([part for part, _ in parts])
    error = np.array([error for _, error in parts])
    subject, kind = np.array(groups).T
    right = (error <= LEAST_ERROR_BPM).astype(float)
    weights = np.where(np.isfinite(error), 1.0, WITHOUT_PULSE)
    weights[kind == "traces"] = TRACE
    held_out = np.zeros(len(right))
    for one in subjects:
        own = subject == one
        held_out[own] = predict(fit(features[~own], right[~own], weights[~own]), features[own])
    for of in ("rendered", "taken out", "traces"):
        print(of)
        report(held_out[kind == of], error[kind == of])
    intercept, *coefficients = fit(features, right, weights)
    print(f"\nINTERCEPT = {intercept:.3f}\nFEATURES = {{")
    for name, coefficient in zip(FEATURES, coefficients, strict=True):
        print(f'    "{name}": {coefficient:.3f},')
    print("}")


if __name__ == "__main__":
    main()
