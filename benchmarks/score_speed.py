"""Speed of `affectfuse score` as a ratio to decoding and landmarks alone, in one run.

    python benchmarks/score_speed.py --duration 60 --repeats 3

Decode + landmarks runs in the fastest form the reader offers, reading and finding in two threads,
so that the ratio is not flattered; the one-thread form is shown beside it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import load_recipe
from affectfuse.containers import Frame
from affectfuse.datasets.synthetic import synthesise
from affectfuse.fusion.estimator import one_thread
from affectfuse.pipeline import score_recording
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.prefetch import prefetch
from affectfuse.recording.reader import open_recording
from affectfuse.reports.writing import write_session


def landmarks_alone(path: Path, threaded: bool) -> None:
    with open_recording(path) as recording, FaceTracker() as faces:
        observations = recording.observations()
        for observation in prefetch(observations, depth=8) if threaded else observations:
            if isinstance(observation, Frame):
                faces.track(observation)


def score(path: Path, out: Path) -> None:
    result = score_recording(load_recipe("score"), path, checkpoint=load_checkpoint("demo"))
    write_session(result, out)


def main() -> None:
    one_thread()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, help="seconds of video")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.mp4"
        size = ["width=640", "height=480"]
        synthesise(load_recipe("synth", [f"duration_s={arguments.duration}", *size]), path)
        runs: dict[str, Callable[[], None]] = {
            "decode + landmarks, one thread": lambda: landmarks_alone(path, threaded=False),
            "decode + landmarks, two threads": lambda: landmarks_alone(path, threaded=True),
            "score: both modalities, fusion, report": lambda: score(path, Path(folder) / "out"),
        }
        times: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():  # once, uncounted: imports, model loading, file cache
            run()
        for _ in range(arguments.repeats):
            for name, run in runs.items():
                began_s = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - began_s)
    fastest_s = min(statistics.median(seconds) for seconds in list(times.values())[:2])
    print(f"{arguments.duration:.0f} s of 640x480 at 30 frames/s, median of {arguments.repeats}")
    for name, seconds in times.items():
        median_s = statistics.median(seconds)
        print(f"{name:42s} {median_s:7.2f} s   {median_s / fastest_s:5.2f}")


if __name__ == "__main__":
    main()
