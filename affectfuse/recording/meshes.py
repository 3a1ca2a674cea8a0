"""MediaPipe's face mesh behind one face, in both generations of its interface.

Grishchenko et al., "Attention Mesh: High-fidelity Face Mesh Prediction in Real-time", 2020,
doi:10.48550/arXiv.2006.10962; the detector is Bazarevsky et al., "BlazeFace", 2019,
doi:10.48550/arXiv.1907.05047.
"""

from __future__ import annotations

import importlib
import warnings
import zipfile
from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import ConfigError
from affectfuse.recording.detections import Detection
from affectfuse.recording.models import find_bundle
from affectfuse.recording.quiet import quiet_stderr

__all__ = ["Generation", "Mesh", "available_generation", "load_mesh"]

Generation = Literal["solutions", "tasks"]


class Mesh(ABC):
    """Detects faces in an image, and follows the landmarks of one over consecutive images."""

    generation: Generation

    @abstractmethod
    def detect(self, image: Array) -> list[Detection]:
        """Return the faces in one RGB image; keeps nothing."""

    @abstractmethod
    def follow(self, image: Array, time_s: float) -> Array | None:
        """Return the landmarks (landmark, 3) in shares of the image, near the last ones; or None.

        When there are no last ones, the face is looked for in the whole image.
        """

    def forget(self, time_s: float) -> None:
        """Forget the face that was followed: show a black image, in which it is lost."""
        self.follow(np.zeros((64, 64, 3), np.uint8), time_s)

    @abstractmethod
    def close(self) -> None:
        """Release MediaPipe's graphs."""


_GRAPH = """
num_threads: 1
input_stream: "image"
input_side_packet: "faces"
input_side_packet: "attention"
input_side_packet: "follow"
output_stream: "landmarks"
node {
  calculator: "FaceLandmarkFrontCpu"
  input_stream: "IMAGE:image"
  input_side_packet: "NUM_FACES:faces"
  input_side_packet: "WITH_ATTENTION:attention"
  input_side_packet: "USE_PREV_LANDMARKS:follow"
  output_stream: "LANDMARKS:landmarks"
}
"""
"""What MediaPipe's `FaceMesh(refine_landmarks=True)` runs, on one thread: its steps wait for one
another, and handing them from thread to thread takes a tenth of their time."""


class SolutionsMesh(Mesh):
    """MediaPipe up to 0.10.21: the models are inside its wheel; landmarks are not smoothed."""

    generation: Generation = "solutions"

    def __init__(self) -> None:
        with _mediapipe("mediapipe.python.solution_base") as base:
            base.collections = _Collections
            self._mesh = base.SolutionBase(
                graph_config=_GRAPH,
                side_inputs={"faces": 1, "attention": True, "follow": True},
                outputs=["landmarks"],
            )
        with _mediapipe("mediapipe.python.solutions.face_detection") as face_detection:
            self._detector = face_detection.FaceDetection()

    def detect(self, image: Array) -> list[Detection]:
        found = self._detector.process(image).detections or ()
        return [
            Detection(box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height, score)
            for box, score in ((d.location_data.relative_bounding_box, d.score[0]) for d in found)
        ]

    def follow(self, image: Array, time_s: float) -> Array | None:
        faces = self._mesh.process({"image": image}).landmarks
        return _parsed(faces[0]) if faces else None

    def close(self) -> None:
        self._mesh.close()
        self._detector.close()


class _Collections:
    """Stands for the module `collections` in MediaPipe, which uses nothing else of it.

    For every image it makes the class of its result anew, which costs a seventh of the whole.
    """

    @staticmethod
    def namedtuple(name: str, fields: Iterable[str]) -> Any:
        return _result_class(name, tuple(fields))


@cache
def _result_class(name: str, fields: tuple[str, ...]) -> Any:
    return namedtuple(name, fields)


class TasksMesh(Mesh):
    """Newer MediaPipe: the models are in a bundle; MediaPipe smooths the landmarks in time."""

    generation: Generation = "tasks"

    def __init__(self, bundle: Path) -> None:
        with zipfile.ZipFile(bundle) as models:
            detector = models.read("face_detector.tflite")
        with _mediapipe("mediapipe") as mediapipe:
            self._image = mediapipe.Image
            self._rgb = mediapipe.ImageFormat.SRGB
            vision, base = mediapipe.tasks.vision, mediapipe.tasks.BaseOptions
            self._detector = vision.FaceDetector.create_from_options(
                vision.FaceDetectorOptions(base(model_asset_buffer=detector))
            )
            self._mesh = vision.FaceLandmarker.create_from_options(
                vision.FaceLandmarkerOptions(
                    base(model_asset_path=str(bundle)), running_mode=vision.RunningMode.VIDEO
                )
            )
        self._time_ms = -1

    def detect(self, image: Array) -> list[Detection]:
        height, width = image.shape[:2]
        found = self._detector.detect(self._image(image_format=self._rgb, data=image)).detections
        return [
            Detection(
                box.origin_x / width,
                box.origin_y / height,
                (box.origin_x + box.width) / width,
                (box.origin_y + box.height) / height,
                score,
            )
            for box, score in ((d.bounding_box, d.categories[0].score) for d in found)
        ]

    def follow(self, image: Array, time_s: float) -> Array | None:
        # Whole milliseconds that must grow; at more than 1000 frames/s they run ahead of the time.
        self._time_ms = max(self._time_ms + 1, round(time_s * 1000))
        image = self._image(image_format=self._rgb, data=image)
        faces = self._mesh.detect_for_video(image, self._time_ms).face_landmarks
        return _array(faces[0]) if faces else None

    def close(self) -> None:
        self._mesh.close()
        self._detector.close()


_FIXED = {0: 0x0A, 1: 15, 2: 0x0D, 7: 0x15, 12: 0x1D}  # bytes of a landmark in protobuf's encoding
_FLOATS = np.r_[3:7, 8:12, 13:17]


def _parsed(message: Any) -> Array:
    """Return the landmarks of a protobuf message, read from its encoding, which is far quicker."""
    encoded = np.frombuffer(message.SerializeToString(), np.uint8)
    if len(encoded) % 17 == 0:
        rows = encoded.reshape(-1, 17)
        if (rows[:, list(_FIXED)] == list(_FIXED.values())).all():
            return np.ascontiguousarray(rows[:, _FLOATS]).view("<f4").astype(np.float32)
    return _array(message.landmark)


def _array(points: Any) -> Array:
    return np.array([(point.x, point.y, point.z) for point in points], np.float32)


def load_mesh(generation: Generation | None = None, bundle: str | Path | None = None) -> Mesh:
    """Load the face mesh.

    Args:
        generation: which interface of MediaPipe; None for what the installed one brings.
        bundle: file or folder of the bundle, for 'tasks'; None to look for it.

    Raises:
        ConfigError: when the installed MediaPipe lacks that interface.
        ModelNotFoundError: when the bundle is needed and cannot be found.
    """
    available = available_generation()
    if generation == "solutions" and available != "solutions":
        raise ConfigError(
            "the installed MediaPipe has no 'solutions' interface; use 'tasks' or install "
            "mediapipe==0.10.21."
        )
    wanted = generation or available
    found = find_bundle(bundle) if wanted == "tasks" else None
    with quiet_stderr():  # all of it: MediaPipe loads, and logs, in threads of its own
        mesh: Mesh = SolutionsMesh() if found is None else TasksMesh(found)
        mesh.detect(np.zeros((64, 64, 3), np.uint8))
        mesh.forget(0.0)
    return mesh


def available_generation() -> Generation:
    """Return 'solutions' when the installed MediaPipe has it with its models, else 'tasks'."""
    try:
        with _mediapipe("mediapipe.python.solutions.face_mesh"):
            return "solutions"
    except ModuleNotFoundError:
        return "tasks"


@contextmanager
def _mediapipe(name: str) -> Iterator[Any]:
    """Import a module of MediaPipe and use it for the first time, without its log lines.

    MediaPipe 0.10.21 was built against protobuf 4 and asks `MessageFactory` for `GetPrototype`,
    which protobuf 5 renamed to `GetMessageClass`; without it MediaPipe prints an error at import
    and its tasks interface refuses every option. It is put back while MediaPipe is imported.
    Later releases use no protobuf, and need not find one.
    """
    try:
        factory = importlib.import_module("google.protobuf.message_factory")
        lacking = not hasattr(factory.MessageFactory, "GetPrototype")
    except ModuleNotFoundError:
        lacking = False
    with quiet_stderr(), warnings.catch_warnings():
        # 0.10.21 reads protobuf fields by their label, which protobuf 6 calls deprecated.
        warnings.simplefilter("ignore", DeprecationWarning)
        if lacking:
            factory.MessageFactory.GetPrototype = lambda _, kind: factory.GetMessageClass(kind)
        try:
            module = importlib.import_module(name)
        finally:
            if lacking:
                del factory.MessageFactory.GetPrototype
        yield module
