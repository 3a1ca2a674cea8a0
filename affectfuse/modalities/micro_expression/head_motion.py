"""The head's own motion, taken out of the flow fields of a clip."""

from __future__ import annotations

import cv2
import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.micro_expression.motion import ANCHORS
from affectfuse.recording.alignment import AlignedFace
from affectfuse.signals.flow import fit_rigid, rigid_basis, sample_field

__all__ = ["HeadMotion"]

_ROBUST_IOD = 0.012


class HeadMotion:
    """Subtracts what a rigid head does from flow fields that start at one face.

    The motion is fitted on the anchor points and subtracted everywhere, the depth of a pixel being
    that of a smooth surface through the landmarks. The fields come out at the clip's size, still in
    pixels of the crop.

    Args:
        face: the face that the fields start at.
        size_px: side of the clip's frames.
    """

    def __init__(self, face: AlignedFace, size_px: int) -> None:
        self.interocular_px = face.interocular_px
        side, landmarks = face.crop.shape[0], face.landmarks
        self.cell_px = side / size_px
        self._size = (size_px, size_px)
        surface = np.linalg.lstsq(_terms(landmarks[:, :2] / side), landmarks[:, 2], rcond=None)[0]
        anchors = landmarks[list(ANCHORS)]
        y, x = (np.mgrid[:size_px, :size_px] + 0.5) * self.cell_px - 0.5
        cells = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
        deepest = np.abs(landmarks[:, 2]).max()
        points = np.vstack([anchors, cells])
        points[:, 2] = np.clip(_terms(points[:, :2] / side) @ surface, -deepest, deepest)
        basis = rigid_basis(points)
        self._anchors = anchors[:, :2]
        self._anchor_basis, self._cell_basis = basis[: len(anchors)], basis[len(anchors) :]

    def removed_from(self, flow: Array) -> Array:
        """Return the flow (size, size, 2) without the head's part."""
        moved = sample_field(cv2.blur(flow, (3, 3)), self._anchors)
        motion = fit_rigid(
            self._anchor_basis,
            moved,
            np.ones(len(moved)),
            robust_px=_ROBUST_IOD * self.interocular_px,
        )
        small = cv2.resize(flow, self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(small - (self._cell_basis @ motion).reshape(small.shape))


def _terms(points: Array) -> Array:
    """Return the terms of a quadratic surface at points (point, 2), as (point, 6)."""
    x, y = points[:, 0], points[:, 1]
    return np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])
