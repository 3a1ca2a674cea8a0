"""How soon and how punctually a live score gives the heart rate.

    python benchmarks/heart_rate/live.py [--duration 40] [--size 640x480]

Runs `affectfuse score VIDEO --replay modalities=[heart_rate]` in a process of its own, reading a
synthetic video at the pace of a camera, and notes when its first frame was taken and when each
estimate was there. Late is what comes after its time: that of the frame that ends its window.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from affectfuse.config import load_recipe
from affectfuse.datasets.synthetic import synthesise

CHILD = """
import json, sys, time
started, notes = float(sys.argv.pop(1)), sys.argv.pop(1)
from affectfuse.cli import main
from affectfuse.containers import Track
from affectfuse.progress import ScoreProgress
from affectfuse.recording.reader import VideoRecording
frames, estimates = [], []
plain, watch = VideoRecording.observations, ScoreProgress.watch
def observations(self):
    for observation in plain(self):
        if not frames:
            frames.append((time.time() - started, observation.time_s, time.process_time()))
        yield observation
def noted(self, count, time_s, reading):
    if isinstance(reading, Track) and reading.name == "heart_rate_bpm":
        estimates.append((time.time() - started, reading.times_s[-1], reading.values[-1]))
    watch(self, count, time_s, reading)
VideoRecording.observations, ScoreProgress.watch = observations, noted
try:
    main()
finally:
    with open(notes, "w") as file:
        json.dump({"first": frames[0], "estimates": estimates}, file)
"""
LATE_S = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--duration", type=float, default=40.0, help="s of video")
    parser.add_argument("--size", default="640x480", help="of the video, WIDTHxHEIGHT")
    parser.add_argument("--repeats", type=int, default=3, help="how often it is run")
    arguments = parser.parse_args()
    width, height = arguments.size.split("x")
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "video.mp4"
        shape = [f"width={width}", f"height={height}", f"duration_s={arguments.duration}"]
        synthesise(load_recipe("synth", ["seed=5", "subject=5", *shape]), video)
        print(f"{'first frame taken':24s}{'first':9s}{'estimates':11s}late by, in s")
        print(f"{'s':>6s}{'processor s':>14s}{'s':>9s}{'':14s}{'median':9s}{'95 %':9s}worst")
        for _ in range(arguments.repeats):
            print(measured(video, Path(folder)), flush=True)


def measured(video: Path, folder: Path) -> str:
    """Run once and return a line of the table."""
    notes = folder / "notes.json"
    command = [sys.executable, "-c", CHILD, str(time.time()), str(notes), "score", str(video)]
    command += ["--replay", "--out", str(folder / "out"), "modalities=[heart_rate]"]
    subprocess.run(command, capture_output=True, check=True)
    document = json.loads(notes.read_text())
    taken_s, frame_s, processor_s = document["first"]
    at_s, times_s, rates_bpm = np.array(document["estimates"], dtype=float).T
    late_s = at_s - taken_s - (times_s - frame_s)
    given = np.isfinite(rates_bpm)
    first = int(np.argmax(given))
    every_second = np.allclose(np.diff(times_s[given]), 1.0)
    first_s = times_s[first] + late_s[first] - frame_s
    spread = "".join(f"{np.quantile(late_s, share):9.3f}" for share in (0.5, 0.95, 1.0))
    return (
        f"{taken_s:6.2f}{processor_s:14.2f}{first_s:9.2f}{given.sum():9d}  {spread}"
        f"   {int((late_s > LATE_S).sum())} later than {LATE_S} s"
        f"{'' if every_second else ', some seconds without'}"
    )


if __name__ == "__main__":
    main()
