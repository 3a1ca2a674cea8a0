"""Following one person's face through a recording."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from affectfuse.containers import Array, Face, Frame
from affectfuse.errors import ConfigError
from affectfuse.recording.detections import Detection, bounds, only, overlap
from affectfuse.recording.meshes import Generation, Mesh, load_mesh
from affectfuse.recording.quiet import quiet_stderr

__all__ = ["FaceTracker"]

_LARGE_PX = 1920  # a larger image is reduced, to _REDUCED_PX: below, that gains no time
_REDUCED_PX = 1280
_CHECK_S = 0.5  # the detector looks this often at a face that is followed,
_DOUBT_S = 0.1  # this often when it saw none there,
_PATIENCE_S = 1.0  # and gives it up after so long
_SURE = 0.65  # score from which a face is taken at once
_INSIST_S = 0.3  # how long a face of a lower score must be seen before it is taken
_RIVAL = 2.0  # times the area from which another face takes over
_REACH = 0.25  # how far from the chosen point a face may be, in frame diagonals
_MEMORY_S = 5.0  # how long the place of a lost face is remembered


class FaceTracker:
    """Adds the face to each frame of one recording; a context manager, one per recording.

    A face is taken when the detector is sure of it (score at least 0.65; false alarms were seen at
    0.51 to 0.61, for up to 0.13 s, and small true faces from 0.52) or sees it for 0.3 s on end;
    then MediaPipe follows its landmarks from frame to frame.
    Every half second the detector looks again, over the whole frame: a track under which it has
    seen no face for a second is given up (following can drift onto things that are no face); with
    `choose='largest'`, a face of twice the area, seen twice, takes over. All by the frames' own
    times, so that a replay gives the same faces.

    `Face.visibility` is the share of the landmarks that lie inside the frame, times how far the
    face is turned to the camera: the cosine of the angle between its plane (through outer eye
    corners, forehead and chin) and the image's. It tells nothing of shadow, blur or a hand.

    Args:
        choose: 'largest', or 'x,y' in shares of the frame's width and height: the face nearest to
            that point, at most a quarter of the frame's diagonal away. The same person is kept
            until lost; after a loss of less than 5 s, the face where the lost one was comes first.
        generation: MediaPipe's interface, 'solutions' or 'tasks'; None for what is installed.
        bundle: file or folder of `face_landmarker.task`; None to look for it (see `find_bundle`).

    Raises:
        ConfigError: when `choose` is neither form.
    """

    def __init__(
        self,
        *,
        choose: str = "largest",
        generation: Generation | None = None,
        bundle: str | Path | None = None,
    ) -> None:
        self._point = _point(choose)
        self._wanted: tuple[Generation | None, str | Path | None] = (generation, bundle)
        self._mesh: Mesh | None = None
        self._closed = False
        self._working = threading.Lock()
        self._following = self._rivalled = False
        self._box: Detection | None = None  # of the face last seen, at _last_s
        self._unsure: tuple[Detection, float] | None = None  # a face not taken yet, and since when
        self._last_s = self._checked_s = self._confirmed_s = -math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release MediaPipe's graphs; waits for a `track` in another thread to end."""
        with self._working:
            self._closed = True
            if self._mesh is not None:
                with quiet_stderr():
                    self._mesh.close()
                self._mesh = None

    @property
    def generation(self) -> Generation:
        """Which of MediaPipe's interfaces is used."""
        with self._working:
            return self._loaded().generation

    def _loaded(self) -> Mesh:
        if self._closed:
            raise RuntimeError("this FaceTracker is closed; a recording needs a new one")
        if self._mesh is None:
            self._mesh = load_mesh(*self._wanted)
        return self._mesh

    def track(self, frame: Frame) -> Frame:
        """Return the frame with its face, or with None when there is none; in order of time.

        Raises:
            ModelNotFoundError: at the first frame, when MediaPipe's bundle cannot be found.
        """
        with self._working:
            landmarks = self._find(_reduced(frame.image), frame.time_s)
        if landmarks is None:
            return replace(frame, face=None)
        height, width = frame.image.shape[:2]
        points = landmarks * np.array([width, height, width], np.float32)
        return replace(frame, face=Face(points, _visibility(landmarks, points)))

    def _find(self, image: Array, time_s: float) -> Array | None:
        landmarks = self._follow(image, time_s) if self._following else None
        if landmarks is None:
            landmarks = self._acquire(image, time_s)
        self._following = landmarks is not None
        if landmarks is not None:
            self._box, self._last_s = bounds(landmarks), time_s
        return landmarks

    def _follow(self, image: Array, time_s: float) -> Array | None:
        """Return the landmarks of the face followed so far, or None when it is lost."""
        mesh = self._loaded()
        landmarks = mesh.follow(image, time_s)
        if landmarks is None:
            return None
        # MediaPipe jumps to another face, unasked, when it loses the one it follows.
        box = bounds(landmarks)
        same = self._box is not None and overlap(box, self._box)
        if same and self._holds(image, box, time_s):
            return landmarks
        mesh.forget(time_s)
        return None

    def _holds(self, image: Array, box: Detection, time_s: float) -> bool:
        """Let the detector say, when it is time, whether the face is there and still the one."""
        doubted = self._checked_s > self._confirmed_s
        if time_s < self._checked_s + (_DOUBT_S if doubted else _CHECK_S):
            return True
        self._checked_s = time_s
        detections = self._loaded().detect(image)
        own = [detection for detection in detections if overlap(detection, box)]
        if not own:
            return time_s < self._confirmed_s + _PATIENCE_S
        self._confirmed_s = time_s
        area = _RIVAL * max(detection.area for detection in own)
        rivalled = self._point is None and any(
            face.area > area and face.score >= _SURE and not overlap(face, box)
            for face in detections
        )
        if rivalled and self._rivalled:
            self._box = None
            return False
        self._rivalled = rivalled
        return True

    def _acquire(self, image: Array, time_s: float) -> Array | None:
        """Look for the wanted face in the whole image and return its landmarks, or None."""
        mesh = self._loaded()
        detections = mesh.detect(image)
        sure = [face for face in detections if face.score >= _SURE]
        wanted = self._wanted_of(sure or detections, image.shape[1] / image.shape[0], time_s)
        if wanted is None:
            self._unsure = None
            return None
        if not sure and not self._insisted(wanted, time_s):
            return None
        if len(detections) > 1:
            image = only(wanted, image)
        with quiet_stderr():
            landmarks = mesh.follow(image, time_s)
        if landmarks is None:
            return None
        if not overlap(bounds(landmarks), wanted):
            mesh.forget(time_s)
            return None
        self._checked_s = self._confirmed_s = time_s
        self._rivalled = False
        return landmarks

    def _insisted(self, unsure: Detection, time_s: float) -> bool:
        """Return whether an unsure face was seen in its place, frame after frame, long enough."""
        seen = self._unsure
        since_s = seen[1] if seen is not None and overlap(seen[0], unsure) else time_s
        self._unsure = unsure, since_s
        return time_s - since_s >= _INSIST_S

    def _wanted_of(
        self, detections: list[Detection], aspect: float, time_s: float
    ) -> Detection | None:
        before = self._box if time_s <= self._last_s + _MEMORY_S else None
        same = [face for face in detections if before is not None and overlap(face, before)]
        if same or self._point is None:
            return max(same or detections, key=lambda face: face.area, default=None)
        x, y = self._point

        def distance(face: Detection) -> float:
            away = math.hypot((face.centre[0] - x) * aspect, face.centre[1] - y)
            return away / math.hypot(aspect, 1)

        near = [face for face in detections if distance(face) <= _REACH]
        return min(near, key=distance, default=None)


def _point(choose: str) -> tuple[float, float] | None:
    if choose == "largest":
        return None
    try:
        x, y = (float(part) for part in choose.split(","))
    except ValueError:
        x = y = math.nan
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise ConfigError(
            f"'{choose}' chooses no face; give 'largest', or the place of the face as 'x,y' in "
            "shares of the frame's width and height, such as '0.25,0.5'."
        )
    return x, y


def _reduced(image: Array) -> Array:
    longer = max(image.shape[:2])
    if longer <= _LARGE_PX:
        return image
    scale = _REDUCED_PX / longer
    return cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)


def _visibility(landmarks: Array, points: Array) -> float:
    x, y = landmarks[:, 0], landmarks[:, 1]
    inside = np.count_nonzero((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)) / len(landmarks)
    a, b, c = (points[_LEFT_CORNER] - points[_RIGHT_CORNER]).tolist()
    d, e, f = (points[_CHIN] - points[_TOP]).tolist()
    normal = b * f - c * e, c * d - a * f, a * e - b * d
    return float(inside * max(0.0, normal[2] / max(math.hypot(*normal), 1e-9)))


_RIGHT_CORNER, _LEFT_CORNER = 33, 263  # outer corners of the eyes
_TOP, _CHIN = 10, 152
