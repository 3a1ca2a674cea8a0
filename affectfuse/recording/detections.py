"""Where a face is: its box, and what is done with boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array

__all__ = ["Detection", "bounds", "only", "overlap"]


@dataclass(frozen=True, slots=True)
class Detection:
    """A face that was seen: its box in shares of the frame, and a score in [0, 1]."""

    left: float
    top: float
    right: float
    bottom: float
    score: float

    @property
    def centre(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.bottom - self.top)


def bounds(landmarks: Array) -> Detection:
    """Return the box around landmarks (landmark, 2 or 3) given in shares of the frame."""
    places = np.ascontiguousarray(landmarks[:, :2].T)  # along its rows this is far quicker
    left, top = places.min(axis=1).tolist()
    right, bottom = places.max(axis=1).tolist()
    return Detection(left, top, right, bottom, 1.0)


def overlap(one: Detection, other: Detection) -> bool:
    """Return whether two boxes share at least a third of the smaller one's area."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return width > 0 and height > 0 and 3 * width * height >= min(one.area, other.area)


def only(face: Detection, image: Array) -> Array:
    """Return the image with everything black but a face and half its size around it."""
    height, width = image.shape[:2]
    x_margin, y_margin = (face.right - face.left) / 2, (face.bottom - face.top) / 2
    x, y = (
        np.clip([[face.left - x_margin, face.right + x_margin],
                 [face.top - y_margin, face.bottom + y_margin]], 0, 1)
        * [[width], [height]]
    ).astype(int)  # fmt: skip
    rows, columns = slice(*y), slice(*x)
    masked = np.zeros_like(image)
    masked[rows, columns] = image[rows, columns]
    return masked
