"""What each step of a clip costs, and how much that adds to decoding and landmarks.

    python benchmarks/micro_expression/clips.py [--video PATH] [--raft WEIGHTS]

One core, processor time, the best of several runs. A clip is 0.4 s of the video, from its middle;
in the last column a clip is cut and recognised every 12 seconds (10 in two minutes), and that time,
shared out over all frames, stands beside decoding and landmarks of those frames.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from affectfuse.config import load_recipe
from affectfuse.containers import Frame, Interval
from affectfuse.datasets.synthetic import synthesise
from affectfuse.modalities.micro_expression import MicroExpression
from affectfuse.modalities.micro_expression.head_motion import HeadMotion
from affectfuse.modalities.micro_expression.motion import MotionMeter
from affectfuse.modalities.recognition import FrozenRecogniser
from affectfuse.recording.alignment import AlignedFace, FaceAligner
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.reader import open_recording
from affectfuse.signals.flow import FLOW_METHODS, flow_method, optical_strain
from affectfuse.signals.interpolation import interpolate_frames
from affectfuse.signals.magnification import magnify_motion

CLIP_S, EVERY_S = 0.4, 12.0


def processor_ms(work: Callable[[], object], runs: int = 5) -> float:
    """Return the processor time of a call, in ms: the best of several."""
    times_s = []
    for _ in range(runs):
        start_s = time.process_time()
        work()
        times_s.append(time.process_time() - start_s)
    return 1000.0 * min(times_s)


def found_faces(video: Path) -> tuple[list[Frame], float]:
    """Return the frames with their faces, and what decoding and landmarks cost, in ms a frame."""
    with open_recording(video) as recording, FaceTracker() as faces:
        observations = recording.observations()
        seen = [faces.track(next(observations))]  # loads the models
        start_s = time.process_time()
        seen += [faces.track(frame) for frame in observations if isinstance(frame, Frame)]
        return seen, 1000.0 * (time.process_time() - start_s) / (len(seen) - 1)


def aligned_faces(seen: list[Frame]) -> list[AlignedFace]:
    aligner = FaceAligner(128, 0.5)
    return [face for frame in seen if (face := aligner.align(frame)) is not None]


def whole_clips(raft: str | None) -> dict[str, dict[str, Any]]:
    """Return, by name, the settings whose clips are timed."""
    named: dict[str, dict[str, Any]] = {"as in the config": {}}
    named["TIM (path graph) of the flow"] = {"interpolation": "path_graph"}
    named["TIM of the frames, then flow"] = {
        "interpolation": "path_graph",
        "clip_interpolated": "frames",
    }
    named["to the apex, which is looked for"] = {"clip_span": "onset_apex", "clip_apex": "flow"}
    named["magnified, alpha 5"] = {"magnification": 5.0}
    for name in FLOW_METHODS[1:]:
        named[f"flow {name}"] = {"clip_flow": name}
    if raft:
        named["flow raft"] = {"clip_flow": "raft", "clip_flow_weights": raft}
    return named


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--video", type=Path, help="a face; default: 10 s rendered at 640x480")
    parser.add_argument("--raft", help="file of RAFT's weights (extra 'raft')")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = arguments.video or Path(folder) / "face.mp4"
        if arguments.video is None:
            synthesise(load_recipe("synth", ["seed=5", "subject=5", "duration_s=10"]), video)
        seen, base_ms = found_faces(video)
    faces = aligned_faces(seen)
    middle_s = faces[len(faces) // 2].time_s
    interval = Interval(middle_s, middle_s + CLIP_S, "others", middle_s + 0.5 * CLIP_S)
    inside = [face for face in faces if interval.onset_s <= face.time_s <= interval.offset_s]
    frames_per_clip = EVERY_S * (len(faces) - 1) / (faces[-1].time_s - faces[0].time_s)
    print(f"decoding and landmarks: {base_ms:.2f} ms a frame\n")

    print(f"{'a frame':44s}{'ms':>8s}{'of decoding and landmarks':>28s}")
    meter = MotionMeter("dis")
    for name, work in {
        "align and crop, 128 px": lambda: aligned_faces(seen),
        "motion of the regions (spotting)": lambda: [meter.measure(face) for face in faces],
    }.items():
        ms = processor_ms(work, 3) / len(faces)
        print(f"{name:44s}{ms:8.2f}{ms / base_ms:28.1%}")

    steps(inside)

    print(f"\n{f'a clip of {len(inside)} frames, whole':44s}{'ms':>8s}{'every 12 s adds':>28s}")
    for name, settings in whole_clips(arguments.raft).items():
        cutter = MicroExpression(**settings).extractor()._cutter  # type: ignore[attr-defined]
        ms = processor_ms(lambda cutter=cutter: cutter.cut(faces, interval), 3)
        print(f"{name:44s}{ms:8.1f}{ms / frames_per_clip / base_ms:28.2%}", flush=True)
    for name, settings in {
        "recognised: two_stream": {},
        "recognised: flow": {"network": "flow"},
        "recognised: appearance": {"network": "appearance"},
        "recognised: two_stream, mirrored too": {"test_time_augmentation": "mirror"},
    }.items():
        modality = MicroExpression(**settings)  # type: ignore[arg-type]
        recognise = FrozenRecogniser(modality.recogniser())
        clip = np.zeros(modality.clip_shape, np.float32)
        ms = processor_ms(lambda recognise=recognise, clip=clip: recognise(clip))
        print(f"{name:44s}{ms:8.1f}{ms / frames_per_clip / base_ms:28.2%}")
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")


def steps(inside: list[AlignedFace]) -> None:
    """Print what each step costs for one frame of a clip."""
    greys = np.stack([cv2.cvtColor(face.crop, cv2.COLOR_RGB2GRAY) for face in inside])
    times_s = np.array([face.time_s for face in inside])
    head = HeadMotion(inside[0], 48)
    flow = flow_method("dis")(greys[0], greys[-1])
    small = head.removed_from(flow)
    clip = np.zeros((len(inside), 48, 48, 4), np.float32)
    positions = np.linspace(0, len(inside) - 1, 8)
    band = {"band_hz": (0.3, 10.0), "displacement_px": 0.4}
    print(f"\n{'a step, by frame of the clip':44s}{'ms':>8s}")
    for name, work, count in (
        ("magnify motion", lambda: magnify_motion(greys, times_s, alpha=5.0, **band), len(greys)),  # type: ignore[arg-type]
        ("remove head motion", lambda: head.removed_from(flow), 1),
        ("measure strain", lambda: optical_strain(small), 1),
        ("interpolate, linear", lambda: interpolate_frames(clip, positions, "linear"), len(greys)),
        (
            "interpolate, path graph",
            lambda: interpolate_frames(clip, positions, "path_graph"),
            len(greys),
        ),
    ):
        print(f"{name:44s}{processor_ms(work) / count:8.3f}")
    for name in FLOW_METHODS:
        method = flow_method(name)
        ms = processor_ms(lambda method=method: method(greys[0], greys[-1]), 3)
        print(f"{f'measure flow, {name}, 128 px':44s}{ms:8.2f}", flush=True)


if __name__ == "__main__":
    main()
