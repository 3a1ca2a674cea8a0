"""Peak memory of `affectfuse score`, one minute of video against ten.

    python benchmarks/score_memory.py

The longer video is the shorter one's frames again, so that only the length differs. Each run is a
process of its own; its peak resident memory is Linux's VmHWM of that process. (`ru_maxrss` would
also count its parent at the moment of the fork.)
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from affectfuse.config import load_recipe
from affectfuse.containers import Frame
from affectfuse.datasets.synthetic import synthesise
from affectfuse.recording.reader import open_recording
from affectfuse.recording.writing import VideoWriter

CHILD = """
import sys
from pathlib import Path
from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import load_recipe
from affectfuse.fusion.estimator import one_thread
from affectfuse.pipeline import score_recording
from affectfuse.reports.writing import write_session
one_thread()
result = score_recording(load_recipe("score"), sys.argv[1], checkpoint=load_checkpoint("demo"))
write_session(result, Path(sys.argv[2]))
facts = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(int(facts["VmHWM"].split()[0]) / 1024)
"""


def repeat(source: Path, times: int, out: Path) -> None:
    """Write a video that shows the source so many times in a row."""
    with open_recording(source) as recording:
        width, height = recording.info.width, recording.info.height
    with VideoWriter(out, width, height, crf=23) as writer:
        start_s = 0.0
        for _ in range(times):
            with open_recording(source) as recording:
                for frame in recording.observations():
                    assert isinstance(frame, Frame)
                    end_s = start_s + frame.time_s
                    writer.write(frame.image, end_s)
            start_s = end_s + 1 / 30


def peak_mebibytes(path: Path, out: Path) -> float:
    command = [sys.executable, "-c", CHILD, str(path), str(out)]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="320x240", help="of the video, WIDTHxHEIGHT")
    width, height = parser.parse_args().size.split("x")
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder) / "base.mp4"
        shape = [f"width={width}", f"height={height}"]
        synthesise(load_recipe("synth", ["duration_s=20", *shape]), base)
        peaks = {}
        for minutes in (1, 10):
            video = Path(folder) / f"{minutes}.mp4"
            repeat(base, 3 * minutes, video)
            peaks[minutes] = peak_mebibytes(video, Path(folder) / f"out{minutes}")
            print(f"{minutes:3d} min  {peaks[minutes]:8.1f} MiB")
        print(f"ratio    {peaks[10] / peaks[1]:8.3f}")


if __name__ == "__main__":
    main()
