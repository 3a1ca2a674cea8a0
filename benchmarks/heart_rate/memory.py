"""Peak memory of `affectfuse score` with heart rate alone, from one minute to an hour.

    python benchmarks/heart_rate/memory.py [--minutes 1 10 60]

The longer videos are the short one's packets again and again, so that only the length differs.
Each run is a process of its own; its peak resident memory is Linux's VmHWM of that process.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from clips import repeated
from tools import Tool

from affectfuse.config import load_recipe
from affectfuse.datasets.synthetic import synthesise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=int, nargs="+", default=[1, 10, 60])
    parser.add_argument("--size", default="320x240", help="of the video, WIDTHxHEIGHT")
    parser.add_argument("--fps", type=float, default=15.0, help="frames/s of the video")
    arguments = parser.parse_args()
    width, height = arguments.size.split("x")
    tool = Tool("affectfuse", sys.executable, ("heart_rate",), core=None)
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base.mp4"
        shape = [f"width={width}", f"height={height}", f"fps={arguments.fps}", "duration_s=20"]
        synthesise(load_recipe("synth", ["seed=5", "subject=5", *shape]), base)
        first = None
        for minutes in arguments.minutes:
            clip = repeated(base, 60.0 * minutes, Path(folder) / f"{minutes}.mp4")
            peak = tool.results({clip.stem: clip}, Path(folder))[clip.stem]["peak_mebibytes"]
            first = first or peak
            print(f"{minutes:3d} min  {peak:8.1f} MiB   times {peak / first:.3f}", flush=True)


if __name__ == "__main__":
    main()
