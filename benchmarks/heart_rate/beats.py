"""Beats and heart rate variability on real camera traces, against a chest strap and beside peers.

    python benchmarks/heart_rate/beats.py ROOT [--peers PYTHON]

ROOT is the folder of Welltory-PPG. PYTHON is the interpreter of an environment with heartpy and
neurokit2. They get the red channel, upside down, on a grid of 30 Hz, and, in rows of their own, the
waveform that our beats are found in. Ours is the streaming path, causal, as `affectfuse score` runs
it; they see the whole recording.

Heart rate: 60 over the mean interval between beats in the 10 s before each second, against the same
of the strap's intervals. Coverage: the windows of highest confidence, pooled; ours is the quality
of the beats times the share of the window that their intervals cover, theirs the share alone.
Variability: over the minute before every fifth second, against the strap's over the same minute;
errors of recordings are averaged, over the windows that the method knows and over those that we do.
The clocks did not start together: for each recording and method the lag of least median error of
heart rate within 4 s is taken. Nothing else is chosen by recording.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.config import build, load_node
from affectfuse.containers import Array, SignalBlock, Track
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.welltory import Welltory
from affectfuse.extraction import extract_recording
from affectfuse.modalities.base import Modality
from affectfuse.signals.resampling import resample

WINDOW_S, VARIABILITY_S, RATE_HZ = 10.0, 60.0, 30.0
LAGS_S = np.arange(-4.0, 4.01, 0.1)
COVERAGE = 0.85
LEAST_QUALITY = 0.5
SHORTEST_S, LONGEST_S = 0.3, 1.8
LATENCY_S = 3.4
LEAST_REFERENCE = 0.9


@dataclass
class Found:
    """What a method says of one recording: beats, and variability of windows that end at ends_s."""

    times_s: Array
    intervals_s: Array
    quality: Array
    rmssd_ms: Array
    sdnn_ms: Array


def heart_rates(found: Found, ends_s: Array) -> tuple[Array, Array]:
    """Return the heart rate and the confidence of each window."""
    rates, confidence = np.full(len(ends_s), np.nan), np.zeros(len(ends_s))
    usable = np.isfinite(found.intervals_s) & (found.quality >= LEAST_QUALITY)
    for row, end_s in enumerate(ends_s):
        inside = usable & (found.times_s > end_s - WINDOW_S) & (found.times_s <= end_s)
        if inside.sum() >= 3:
            rates[row] = 60.0 / found.intervals_s[inside].mean()
            confidence[row] = found.intervals_s[inside] @ found.quality[inside] / WINDOW_S
    return rates, confidence


def strap(item: DatasetItem, lag_s: float) -> Found:
    track = item.references["beat_interval_ms"]
    nothing = np.zeros(0)
    return Found(track.times_s + lag_s, track.values / 1000.0, track.quality, nothing, nothing)


def lag_of(item: DatasetItem, found: Found, ends_s: Array) -> float:
    """Return the strap's delay at which the heart rates agree best."""
    rates, _ = heart_rates(found, ends_s)
    errors = []
    for lag_s in LAGS_S:
        error = np.abs(rates - heart_rates(strap(item, lag_s), ends_s)[0])
        known = error[np.isfinite(error)]
        errors.append(np.median(known) if len(known) > 0.3 * len(ends_s) else np.inf)
    return float(LAGS_S[int(np.argmin(errors))])


def ours(item: DatasetItem) -> tuple[Found, Array, Array]:
    """Return what the streaming path says, where its windows of variability end, its waveform."""
    modality: Modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    parts: dict[str, list[Track]] = defaultdict(list)
    for reading in extract_recording(item.source, {"heart_rate": modality}):
        if isinstance(reading, Track):
            parts[reading.name].append(reading)
    tracks = {name: Track.join(part) for name, part in parts.items()}
    beats, rmssd, sdnn = tracks["beat_interval_ms"], tracks["rmssd_ms"], tracks["sdnn_ms"]
    full = rmssd.times_s >= VARIABILITY_S + LATENCY_S
    found = Found(
        beats.times_s,
        beats.values / 1000.0,
        beats.quality,
        rmssd.values[full],
        sdnn.values[full],
    )
    return found, rmssd.times_s[full] - LATENCY_S, whole(tracks["bvp"].values)


def whole(signal: Array) -> Array:
    """Return a signal with what is missing interpolated: the peers take no NaN."""
    known = np.isfinite(signal)
    return np.interp(np.arange(len(signal)), np.flatnonzero(known), signal[known])


def red_signal(item: DatasetItem) -> Array:
    with item.open() as recording:
        blocks = [b for b in recording.observations() if isinstance(b, SignalBlock)]
    times_s = np.concatenate([b.times_s for b in blocks])
    red = np.concatenate([b.values for b in blocks])[:, :1]
    count = int(times_s[-1] * RATE_HZ)
    return whole(-resample(times_s, red, 0.0, count, RATE_HZ, max_gap_s=1.0)[:, 0])


def peers(
    python: str, signals: dict[str, Array], ends_s: dict[str, Array]
) -> dict[str, dict[str, Found]]:
    """Run the peers in their own environment; return what each says, by method and recording."""
    with tempfile.TemporaryDirectory() as folder:
        written, result = Path(folder) / "signals.npz", Path(folder) / "result.json"
        given: dict[str, Any] = {"rate_hz": np.array(RATE_HZ)}
        for key, signal in signals.items():
            begins_s = np.maximum(ends_s[key] - VARIABILITY_S, 0.0)
            given[f"{key}/signal"] = signal
            given[f"{key}/windows"] = np.stack([begins_s, ends_s[key]], axis=1)
        np.savez(written, **given)
        script = Path(__file__).with_name("beats_peers.py")
        subprocess.run([python, str(script), str(written), str(result)], check=True)
        told = json.loads(result.read_text())
    return {
        method: {key: from_peer(said) for key, said in recordings.items()}
        for method, recordings in told.items()
    }


def from_peer(said: dict[str, Any]) -> Found:
    times_s = np.array(said["beats_s"], dtype=float)
    intervals_s = np.diff(times_s, prepend=np.nan)
    possible = (intervals_s >= SHORTEST_S) & (intervals_s <= LONGEST_S)
    return Found(
        times_s,
        np.where(possible, intervals_s, np.nan),
        np.ones(len(times_s)),
        np.array(said["rmssd_ms"], dtype=float),
        np.array(said["sdnn_ms"], dtype=float),
    )


def true_variability(item: DatasetItem, lag_s: float, ends_s: Array) -> Array:
    """Return RMSSD and SDNN of the strap in each window: (2, window)."""
    reference = strap(item, lag_s)
    found = np.full((2, len(ends_s)), np.nan)
    for row, end_s in enumerate(ends_s):
        inside = (reference.times_s > end_s - VARIABILITY_S) & (reference.times_s <= end_s)
        ms = 1000.0 * reference.intervals_s[inside]
        if ms.sum() >= LEAST_REFERENCE * 1000.0 * VARIABILITY_S:
            found[:, row] = np.sqrt(np.mean(np.diff(ms) ** 2)), np.std(ms, ddof=1)
    return found


@dataclass
class Errors:
    """Errors of one method in one recording: heart rate by window, and variability (2, window)."""

    number: int
    bpm: Array
    confidence: Array
    variability_ms: Array


def errors_of(item: DatasetItem, found: Found, variability_ends_s: Array) -> Errors:
    ends_s = np.arange(WINDOW_S, item.references["beat_interval_ms"].times_s[-1], 1.0)
    lag_s = lag_of(item, found, ends_s)
    rates, confidence = heart_rates(found, ends_s)
    true, _ = heart_rates(strap(item, lag_s), ends_s)
    counts = np.isfinite(true)
    said = np.stack([found.rmssd_ms, found.sdnn_ms])
    off = np.abs(said - true_variability(item, lag_s, variability_ends_s))
    number = int(item.key.split("_")[1])
    return Errors(number, np.abs(rates - true)[counts], confidence[counts], off)


def report(method: str, errors: list[Errors], ours_known: list[Array]) -> None:
    """Print one method: all recordings, then those of odd and of even number."""
    for which, remainders in (("all", (0, 1)), ("odd", (1,)), ("even", (0,))):
        chosen = [i for i, e in enumerate(errors) if e.number % 2 in remainders]
        bpm = np.concatenate([errors[i].bpm for i in chosen])
        confidence = np.concatenate([errors[i].confidence for i in chosen])
        order = np.argsort(-np.where(np.isfinite(bpm), confidence, -1.0), kind="stable")
        kept = bpm[order[: int(np.ceil(COVERAGE * len(bpm)))]]
        known = [np.isfinite(errors[i].variability_ms).all(axis=0) for i in chosen]
        own = [
            e.variability_ms[:, k] for e, k in zip((errors[i] for i in chosen), known, strict=True)
        ]
        same = [
            errors[i].variability_ms[:, k & ours_known[i]]
            for i, k in zip(chosen, known, strict=True)
        ]
        print(
            f"{method:24} {which:5} {len(bpm):5d} {np.isfinite(bpm).mean():6.2f} "
            f"{np.nanmean(bpm):7.2f} {np.nanmedian(bpm):7.2f} "
            f"{np.nanmean(kept):7.2f} {np.nanmedian(kept):7.2f} "
            f"{np.concatenate(known).mean():7.2f} {means(own)} {means(same)}"
        )


def means(off: list[Array]) -> str:
    """Return the mean over recordings of the mean error in RMSSD and SDNN, as text."""
    recordings = [part.mean(axis=1) for part in off if part.shape[1]]
    if not recordings:
        return f"{'none':>15}"
    rmssd, sdnn = np.mean(recordings, axis=0)
    return f"{rmssd:7.1f} {sdnn:7.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("root")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with heartpy and neurokit2")
    given = parser.parse_args()
    items = list(Welltory(given.root).items())
    found: dict[str, Found] = {}
    ends_s: dict[str, Array] = {}
    waves: dict[str, Array] = {}
    for item in items:
        found[item.key], ends_s[item.key], waves[item.key] = ours(item)
    said = {"affectfuse": found}
    if given.peers:
        red = {item.key: red_signal(item) for item in items}
        for name, signals in (("red", red), ("our waveform", waves)):
            for method, recordings in peers(given.peers, signals, ends_s).items():
                said[f"{method}, {name}"] = recordings
    print(
        f"{'':37} {'':5} {'all, bpm':>15} {'at 85 %':>15} {'':>7} "
        f"{'its windows, ms':>15} {'our windows, ms':>15}"
    )
    print(
        f"{'method':24} {'which':5} {'n':>5} {'known':>6} {'MAE':>7} {'median':>7} {'MAE':>7} "
        f"{'median':>7} {'known':>7} {'RMSSD':>7} {'SDNN':>7} {'RMSSD':>7} {'SDNN':>7}"
    )
    known: list[Array] = []
    for method, recordings in said.items():
        errors = [errors_of(item, recordings[item.key], ends_s[item.key]) for item in items]
        known = known or [np.isfinite(e.variability_ms).all(axis=0) for e in errors]
        report(method, errors, known)
    if not given.peers:
        print("peers not given: --peers PYTHON")


if __name__ == "__main__":
    main()
