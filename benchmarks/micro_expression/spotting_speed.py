"""How much spotting and recognition add to decoding and landmarks.

    python benchmarks/micro_expression/spotting_speed.py [--duration 60] [--repeats 3]

Renders a synthetic video of 640x480 at 30 frames/s, then times, in turn: reading it and finding the
face (one thread, and as `affectfuse spot` does it in three), and all of `affectfuse spot` with the
demo checkpoint's recogniser. Prints the median seconds of each, and the ratio to the first.
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
from affectfuse.pipeline import spot_recording
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.prefetch import prefetch
from affectfuse.recording.reader import open_recording
from affectfuse.reports.spotting import write_spotted


def landmarks_alone(path: Path, threaded: bool) -> None:
    with open_recording(path) as recording, FaceTracker() as faces:
        observations = recording.observations()
        for observation in prefetch(observations, depth=8) if threaded else observations:
            if isinstance(observation, Frame):
                faces.track(observation)


def spot(path: Path, out: Path) -> int:
    result = spot_recording(load_recipe("spot"), path, checkpoint=load_checkpoint("demo"))
    write_spotted(result, out)
    return len(result.intervals["micro_expression"].intervals)


def timed(run: Callable[[], object]) -> tuple[float, float]:
    """Return the wall and the processor seconds that a run takes."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    one_thread()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=60.0, help="seconds of video")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.mp4"
        wanted = ["width=640", "height=480", "micro_expressions_per_min=5", "hidden_state=false"]
        synthesise(load_recipe("synth", [f"duration_s={arguments.duration}", *wanted]), path)
        runs: dict[str, Callable[[], object]] = {
            "decode + landmarks, one thread": lambda: landmarks_alone(path, threaded=False),
            "decode + landmarks, two threads": lambda: landmarks_alone(path, threaded=True),
            "spot + recognise, page": lambda: spot(path, Path(folder) / "out"),
        }
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
        found = spot(path, Path(folder) / "out")  # once, uncounted: imports, models, file cache
        for _ in range(arguments.repeats):
            for name, run in runs.items():
                times[name].append(timed(run))
    medians = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in times.items()
    }
    wall, processor = (min(row[i] for row in list(medians.values())[:2]) for i in (0, 1))
    print(
        f"{arguments.duration:.0f} s of 640x480 at 30 frames/s, {found} micro-expressions spotted, "
        f"median of {arguments.repeats}"
    )
    print(f"{'':34s} {'wall':>16s} {'processor':>16s}")
    for name, (wall_s, processor_s) in medians.items():
        print(
            f"{name:34s} {wall_s:7.2f} s {wall_s / wall:6.2f} "
            f"{processor_s:7.2f} s {processor_s / processor:6.2f}"
        )


if __name__ == "__main__":
    main()
