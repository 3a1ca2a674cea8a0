"""Heart-rate error on synthetic video, 50 to 160 bpm, and at 30, 15 and mixed frames/s.

    python benchmarks/heart_rate_clean.py [--subjects 3] [--duration 40]

Clean: 640x480, x264 at its default CRF, pulse 0.6 % peak to peak, half the default head sway, no
hidden state, no expressions, beat-to-beat variability that falls with the rate; `moving` is the
same at the default sway. The truth of a tick is the mean rate over the 10 s before it, as the
synthetic tracks state it. Also printed: how the confidence relates to the error over all of these
videos and as many without a pulse.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from affectfuse.config import build, load_node, load_recipe
from affectfuse.containers import Array, Frame, Track
from affectfuse.datasets.synthetic import read_truth, synthesise
from affectfuse.extraction import extract_recording
from affectfuse.modalities.base import Modality
from affectfuse.recording.reader import open_recording
from affectfuse.recording.writing import VideoWriter

COMMON = [
    "hidden_state=false",
    "heart_rate_subject_sd_bpm=0",
    "heart_rate_drift_sd_bpm=0",
    "micro_expressions_per_min=0",
    "macro_expressions_per_min=0",
]
VARIABILITY_MS = {"rsa_sd_ms": 20.0, "beat_jitter_sd_ms": 8.0}
"""At 70 bpm. It falls with the square of the beat interval, as vagal control does: 20 ms at 160 bpm
would be a rate that swings by 25 bpm within a breath, and no rate to be right about."""
CLEAN, MOVING = ["sway_degrees=0.5"], ["sway_degrees=1"]
RATES_BPM = (50, 70, 90, 110, 135, 160)


def estimate(folder: str, parameters: list[str]) -> Array:
    """Return one row a tick: time in s, estimate and truth in bpm, confidence."""
    path = Path(folder) / "video.mp4"
    synthesise(load_recipe("synth", [*COMMON, *parameters]), path)
    found, truth = heart_rate(path), read_truth(path).tracks["heart_rate_bpm"]
    true = np.interp(found.times_s, truth.times_s, truth.values)
    return np.column_stack([found.times_s, found.values, true, found.quality])


def heart_rate(path: Path) -> Track:
    """Return the heart rate once a second."""
    modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    parts = [
        reading
        for reading in extract_recording(path, {"heart_rate": modality})
        if isinstance(reading, Track) and reading.name == "heart_rate_bpm"
    ]
    return Track.join(parts)


def beating_at(rate_bpm: float) -> list[str]:
    """Return the parameters of a heart at that rate."""
    share = (70.0 / rate_bpm) ** 2
    variability = [f"{name}={sd_ms * share:.1f}" for name, sd_ms in VARIABILITY_MS.items()]
    return [f"heart_rate_bpm={rate_bpm}", *variability]


def auroc(good: Array, bad: Array) -> float:
    """Return the probability that a good score is higher than a bad one."""
    if min(len(good), len(bad)) == 0:
        return float("nan")
    ranks = rankdata(np.concatenate([good, bad]))[: len(good)]
    return float((ranks.sum() - len(good) * (len(good) + 1) / 2) / (len(good) * len(bad)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=2, help="synthetic variants of the face")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--duration", type=int, default=40, help="s of each video")
    parser.add_argument("--frame-rates-only", action="store_true")
    arguments = parser.parse_args()
    subjects = range(arguments.first, arguments.first + arguments.subjects)
    length = f"duration_s={arguments.duration}"
    beating, silent = [], []
    with tempfile.TemporaryDirectory() as folder:
        if arguments.frame_rates_only:
            frame_rates(folder, subjects, arguments.duration)
            return
        for name, motion in {"clean": CLEAN, "moving": MOVING}.items():
            print(f"\n{name:10s}   median |error|    95 %   worst   > 3 bpm   known")
            for rate_bpm in RATES_BPM:
                rate = [*beating_at(rate_bpm), length, *motion]
                rows = np.concatenate(
                    [estimate(folder, [f"subject={s}", f"seed={s}", *rate]) for s in subjects]
                )
                known = np.isfinite(rows[:, 1])
                beating.append(rows[known])
                error = np.abs(rows[known, 1] - rows[known, 2])
                print(
                    f"{rate_bpm:6d} bpm   {np.median(error):10.2f} bpm"
                    f" {np.quantile(error, 0.95):7.2f} {error.max():7.1f}"
                    f" {np.mean(error > 3):9.1%} {known.mean():7.0%}",
                    flush=True,
                )
            none = ["pulse_amplitude_percent=0", length, *motion]
            silent += [estimate(folder, [f"subject={s}", f"seed={s}", *none]) for s in subjects]
        confidences(np.concatenate(beating), np.concatenate(silent))
        frame_rates(folder, subjects, arguments.duration)


def frame_rates(folder: str, subjects: range, duration_s: int) -> None:
    """Print how far one video at 30 frames/s and copies of it with fewer frames lie apart."""
    half_s = duration_s / 2
    kept = {
        "30": lambda index, time_s: True,
        "15": lambda index, time_s: index % 2 == 0,
        "30, then 15": lambda index, time_s: index % 2 == 0 or time_s < half_s,
        "15, then 30": lambda index, time_s: index % 2 == 0 or time_s >= half_s,
    }
    print("\nframes/s, the same video         |difference from 30|, tick by tick from 10 s on")
    print("              median heart rate        median   95 %   worst")
    apart: dict[str, list[Array]] = {name: [] for name in kept}
    middles: dict[str, list[float]] = {name: [] for name in kept}
    source, copy = Path(folder) / "source.mp4", Path(folder) / "copy.mp4"
    clean = [*COMMON, *beating_at(72), f"duration_s={duration_s}", *CLEAN, "crf=10"]
    for subject in subjects:
        synthesise(load_recipe("synth", [*clean, f"subject={subject}", f"seed={subject}"]), source)
        reference = None
        for name, keep in kept.items():
            copy_frames(source, copy, keep)
            found = heart_rate(copy).between(10.0, duration_s)
            reference = found if reference is None else reference
            middles[name].append(float(np.nanmedian(found.values)))
            apart[name].append(np.abs(found.values - reference.values[: len(found.values)]))
    for name in kept:
        difference = np.concatenate(apart[name])
        middle = ", ".join(f"{bpm:.2f}" for bpm in middles[name])
        print(
            f"{name:12s} {middle:>24s}  {np.median(difference):6.2f}"
            f" {np.quantile(difference, 0.95):6.2f} {difference.max():6.2f}"
        )


def copy_frames(source: Path, copy: Path, keep: Callable[[int, float], bool]) -> None:
    """Encode anew, at the default CRF, the frames for which keep(index, time_s) is true."""
    with open_recording(source) as recording:
        info = recording.info
        with VideoWriter(copy, info.width, info.height, crf=20) as writer:
            for index, frame in enumerate(recording.observations()):
                assert isinstance(frame, Frame)
                if keep(index, frame.time_s):
                    writer.write(frame.image, frame.time_s)


def confidences(beating: Array, silent: Array) -> None:
    error = np.abs(beating[:, 1] - beating[:, 2])
    near, far, without = beating[error < 2, 3], beating[error > 5, 3], silent[:, 3]
    without = without[np.isfinite(silent[:, 1])]
    print(
        f"\nconfidence: within 2 bpm told from beyond 5, AUROC {auroc(near, far):.3f}, "
        f"from no pulse {auroc(near, without):.3f}\n"
        f"without a pulse: median {np.median(without):.2f}, 99th percentile "
        f"{np.quantile(without, 0.99):.2f}, of {len(without)} ticks"
    )
    for low, high in ((0, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        within = (beating[:, 3] >= low) & (beating[:, 3] < high)
        if within.any():
            print(
                f"  {low:.1f} to {min(high, 1.0):.1f}: {within.sum():4d} ticks, "
                f"within 3 bpm {np.mean(error[within] <= 3):.0%}"
            )


if __name__ == "__main__":
    main()
