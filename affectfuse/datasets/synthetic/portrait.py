"""The photograph, framed: the picture that is animated, its landmarks and the maps on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from affectfuse.containers import Array, Frame
from affectfuse.errors import DatasetError
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.landmarks import LEFT_EYE, RIGHT_EYE

__all__ = ["Portrait", "frame_portrait", "load_photo", "resample", "warp"]

_NO_MAP = np.empty(0, np.float32)  # `source` holds x and y alike
_SHORTEST_PX = 20  # a face with less between its eyes gives nothing to animate


@dataclass(frozen=True, eq=False)
class Portrait:
    """A framed photograph with its face.

    Head coordinates (u, v) have their origin between the eyes and the interocular distance as
    their unit; u runs along the line of the eyes to the image's right, v down the face.

    Attributes:
        image: (height, width, 3) float32, RGB in grey levels.
        landmarks: (478, 3) in pixels of the image, z in the same unit.
    """

    image: Array
    landmarks: Array

    @property
    def eyes(self) -> tuple[Array, Array]:
        """Middle of the corners of the right and of the left eye, (2,) pixels each."""
        right = self.landmarks[[RIGHT_EYE[0], RIGHT_EYE[8]], :2].mean(0)
        left = self.landmarks[[LEFT_EYE[0], LEFT_EYE[8]], :2].mean(0)
        return right, left

    @property
    def interocular_px(self) -> float:
        """The interocular distance: between the middles of the eyes' corners."""
        right, left = self.eyes
        return float(np.hypot(*(left - right)))

    @property
    def _axes(self) -> Array:
        right, left = self.eyes
        u = (left - right) / np.hypot(*(left - right))
        return np.array([u, (-u[1], u[0])])

    def to_head(self, pixels: Array) -> Array:
        """Return pixels (..., 2) in head coordinates."""
        head = ((pixels - np.mean(self.eyes, axis=0)) @ self._axes.T) / self.interocular_px
        return np.asarray(head)

    def to_pixels(self, head: Array) -> Array:
        """Return head coordinates (..., 2) in pixels."""
        return np.asarray(head * self.interocular_px @ self._axes + np.mean(self.eyes, axis=0))

    def vectors_to_pixels(self, vectors: Array) -> Array:
        """Return displacements in head coordinates (..., 2) in pixels."""
        return np.asarray(vectors * self.interocular_px @ self._axes)

    @property
    def head_landmarks(self) -> Array:
        """(478, 2) the landmarks in head coordinates."""
        return self.to_head(self.landmarks[:, :2])

    def grid(self) -> Array:
        """(height, width, 2) head coordinates of every pixel."""
        height, width = self.image.shape[:2]
        xy = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        return self.to_head(xy.astype(float))


def resample(
    picture: Array,
    source: Array,
    interpolation: int = cv2.INTER_CUBIC,
    border: int = cv2.BORDER_REFLECT_101,
) -> Array:
    """Return the picture as seen at `source`, (height, width, 2) float32 pixels."""
    return np.asarray(cv2.remap(picture, source, _NO_MAP, interpolation, borderMode=border))


def warp(portrait: Portrait, field: Array, at_landmarks: Array) -> Portrait:
    """Return the portrait with what lies at x - field(x) moved to x.

    Args:
        portrait: to be warped.
        field: (height, width, 2) displacement in head coordinates.
        at_landmarks: (478, 2) the same field at the landmarks.
    """
    height, width = portrait.image.shape[:2]
    identity = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
    source = (identity - portrait.vectors_to_pixels(field)).astype(np.float32)
    image = resample(portrait.image, source, cv2.INTER_LANCZOS4)
    landmarks = portrait.landmarks.copy()
    landmarks[:, :2] += portrait.vectors_to_pixels(at_landmarks)
    return replace(portrait, image=image, landmarks=landmarks)


@lru_cache(maxsize=4)
def load_photo(path: Path | None, mirrored: bool = False) -> Portrait:
    """Load a photograph and find its face.

    Args:
        path: of any picture OpenCV reads; None is scikit-image's astronaut, a NASA portrait of
            Eileen Collins in the public domain.
        mirrored: the photograph is mirrored first.

    Raises:
        DatasetError: when it cannot be read, or shows no face, or one too small to animate.
    """
    if path is None:
        from skimage.data import astronaut

        photo = np.asarray(astronaut())  # type: ignore[no-untyped-call]
    else:
        read = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if read is None:
            raise DatasetError(
                f"the photograph {path} cannot be read: give a PNG or JPEG file that is there."
            )
        photo = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
    photo = np.ascontiguousarray(photo[:, ::-1] if mirrored else photo)
    with FaceTracker() as tracker:
        face = tracker.track(Frame(0.0, photo)).face
    name = "the default photograph" if path is None else f"the photograph {path}"
    if face is None:
        raise DatasetError(f"no face found in {name}: give a portrait, seen from the front.")
    portrait = Portrait(photo.astype(np.float32), np.asarray(face.landmarks, dtype=float))
    if portrait.interocular_px < _SHORTEST_PX:
        raise DatasetError(
            f"the face in {name} has {portrait.interocular_px:.0f} pixels between its eyes; "
            f"at least {_SHORTEST_PX} are needed: give a larger picture of the face."
        )
    return portrait


def frame_portrait(
    photo: Portrait, width: int, height: int, interocular_percent: float
) -> Portrait:
    """Return the photograph cut and scaled to a frame, the face in its middle.

    Near an edge of the photograph the cut stays inside it; where the photograph is too small for
    the frame, its edge is continued, blurred.

    Args:
        photo: as loaded.
        width: of the frame in pixels.
        height: of the frame in pixels.
        interocular_percent: wanted interocular distance in % of the frame's width.
    """
    scale = interocular_percent / 100.0 * width / photo.interocular_px
    image, landmarks = photo.image, photo.landmarks * scale
    size = np.array(image.shape[1::-1]) * scale
    if scale < 1:
        rounded = (max(1, round(size[0])), max(1, round(size[1])))
        image = cv2.resize(image, rounded, interpolation=cv2.INTER_AREA)
        scale = 1.0
    frame = np.array([width, height])
    corner = Portrait(image, landmarks).to_pixels(np.array([0.0, 0.45])) - frame / 2
    room = size - frame
    corner = np.where(room > 0, np.clip(corner, 0, np.maximum(room, 0)), room / 2)
    matrix = np.array([[scale, 0, -corner[0]], [0, scale, -corner[1]]])

    def cut(picture: Array, interpolation: int, border: int) -> Array:
        moved = cv2.warpAffine(
            picture, matrix, (width, height), flags=interpolation, borderMode=border
        )
        return np.asarray(moved)

    framed = cut(image, cv2.INTER_LANCZOS4, cv2.BORDER_REPLICATE)
    if room.min() < 0:
        known = cut(np.ones(image.shape[:2], np.float32), cv2.INTER_LINEAR, cv2.BORDER_CONSTANT)
        blurred = cv2.GaussianBlur(framed, (0, 0), 0.04 * width, borderType=cv2.BORDER_REPLICATE)
        framed = blurred + known[..., None] * (framed - blurred)
    landmarks[:, :2] -= corner
    return Portrait(np.clip(framed, 0, 255).astype(np.float32), landmarks)
