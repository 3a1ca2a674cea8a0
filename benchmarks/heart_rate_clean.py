"""Heart-rate error on clean synthetic video, 50 to 160 bpm, and at 30, 15 and mixed frames/s.

    python benchmarks/heart_rate_clean.py

Each video is 40 s of a face with a constant heart rate, no hidden state and no expressions. The
error of a tick is against the mean true rate over the window the estimate looks back on.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from affectfuse.config import build, load_node, load_recipe
from affectfuse.containers import Array, Track
from affectfuse.datasets.synthetic import read_truth, synthesise
from affectfuse.extraction import extract_recording
from affectfuse.modalities.base import Modality

WINDOW_S = 10.0
STILL = [
    "duration_s=40",
    "width=320",
    "height=240",
    "hidden_state=false",
    "heart_rate_subject_sd_bpm=0",
    "heart_rate_drift_sd_bpm=0",
    "micro_expressions_per_min=0",
    "macro_expressions_per_min=0",
]


def estimate(path: Path, parameters: list[str]) -> tuple[Array, Array]:
    """Return the estimates and the true rates of the ticks, in bpm."""
    synthesise(load_recipe("synth", [*STILL, *parameters]), path)
    modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    parts = [
        reading
        for reading in extract_recording(path, {"heart_rate": modality})
        if isinstance(reading, Track) and reading.name == "heart_rate_bpm"
    ]
    found, truth = Track.join(parts), read_truth(path).tracks["heart_rate_bpm"]
    true = [truth.between(t - WINDOW_S, t).values.mean() for t in found.times_s]
    return found.values, np.array(true)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=2, help="synthetic variants of the face")
    subjects = parser.parse_args().subjects
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        print("heart rate   median |error|   worst   known")
        for rate_bpm in (50, 70, 90, 110, 135, 160):
            runs = [
                estimate(path, [f"heart_rate_bpm={rate_bpm}", f"subject={s}", f"seed={s}"])
                for s in range(subjects)
            ]
            error = np.concatenate([np.abs(found - true) for found, true in runs])
            print(
                f"{rate_bpm:7d} bpm   {np.nanmedian(error):9.2f} bpm   {np.nanmax(error):5.1f}"
                f"   {np.isfinite(error).mean():5.0%}"
            )
        print("\nframes/s     mean estimate, all of 72 bpm")
        for name, rate in {
            "30": ["fps=30"],
            "15": ["fps=15"],
            "30, then 15": ["fps=30", "second_fps=15", "second_fps_from_s=20"],
        }.items():
            found, _ = estimate(path, ["heart_rate_bpm=72", "rsa_sd_ms=0", *rate])
            print(f"{name:12s} {np.nanmedian(found):6.2f} bpm (median of the ticks)")


if __name__ == "__main__":
    main()
