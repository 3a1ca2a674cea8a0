"""Speed of the heart rate on one core: its own path, and the whole score beside FacePhys.

    python benchmarks/heart_rate/speed.py --peer open-rppg=PEERS/open-rppg/bin/python

Own path: frames of 640x480 with their landmarks, found beforehand, go through the extractor; no
decoding, no face. Whole score: from the file to the report with heart rate alone, and what
open-rppg does with the same file; each in a process of its own, pinned to one core, over the same
clip several times, the first time left out, and so is loading. Per second of processor time is
steadier than per second on a machine that does other work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from clips import frames, repeated
from tools import ONE_THREAD, Tool

from affectfuse.config import build, load_node, load_recipe
from affectfuse.containers import Frame
from affectfuse.datasets.synthetic import synthesise
from affectfuse.extraction import extract, start
from affectfuse.modalities.base import Modality
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.reader import open_recording


def with_faces(video: Path) -> list[Frame]:
    with open_recording(video) as recording, FaceTracker() as faces:
        return [faces.track(seen) for seen in recording.observations() if isinstance(seen, Frame)]


def shown_again(seen: list[Frame], times: int) -> Iterator[Frame]:
    length_s = seen[-1].time_s + seen[1].time_s
    for turn in range(times):
        for frame in seen:
            yield replace(frame, time_s=frame.time_s + turn * length_s)


def own_path(seen: list[Frame], times: int) -> tuple[float, float]:
    """Return frames per second, and per second of processor time, through the extractor."""
    modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    modalities = {modality.name: modality}
    wall_s, processor_s = time.perf_counter(), time.process_time()
    for _ in extract(shown_again(seen, times), modalities, start(modalities)):
        pass
    count = times * len(seen)
    return count / (time.perf_counter() - wall_s), count / (time.process_time() - processor_s)


def whole(tool: Tool, clip: Path, repeats: int) -> list[tuple[float, float, float]]:
    """Return (frames/s, frames per processor second, load in s) of each run but the first."""
    with tempfile.TemporaryDirectory() as kept:
        clips = {f"{turn:02d}": clip for turn in range(repeats + 1)}
        results = tool.results(clips, Path(kept))
    count, rows = frames(clip), []
    for key in sorted(results)[1:]:
        ran = results[key]["methods"][tool.methods[0]]
        rows.append((count / ran["run_s"], count / ran["processor_s"], ran["load_s"]))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", metavar="open-rppg=PYTHON", help="interpreter of its environment")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--core", type=int, default=0, help="core to pin to")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {arguments.core})  # for threads that libraries start at import,
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ONE_THREAD})  # anew
    with tempfile.TemporaryDirectory() as folder:
        short, clip = Path(folder) / "short.mp4", Path(folder) / "minute.mp4"
        synthesise(load_recipe("synth", ["seed=5", "subject=5", "duration_s=10"]), short)
        repeated(short, 60.0, clip)
        seen = with_faces(short)
        cv2.setNumThreads(1)
        own_path(seen, 1)
        runs = np.array([own_path(seen, 6) for _ in range(arguments.repeats)])
        print("frames/s on one core, 640x480: median, best; median per s of processor time")
        line("own path, without decoding and landmarks", runs)
        pythons = {"affectfuse": sys.executable}
        pythons |= dict([arguments.peer.split("=", 1)]) if arguments.peer else {}
        for name, method in (("affectfuse", "heart_rate"), ("open-rppg", "FacePhys.rlap")):
            if name not in pythons:
                print(f"{name}: not run")
                continue
            tool = Tool(name, pythons[name], (method,), arguments.core)
            rows = np.array(whole(tool, clip, arguments.repeats))
            line(f"whole, {name} {method}", rows, f"   load {rows[0, 2]:.1f} s")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def line(name: str, runs: np.ndarray, more: str = "") -> None:
    print(
        f"{name:44s}{np.median(runs[:, 0]):8.0f}{runs[:, 0].max():8.0f}"
        f"{np.median(runs[:, 1]):8.0f}{more}",
        flush=True,
    )


if __name__ == "__main__":
    main()
