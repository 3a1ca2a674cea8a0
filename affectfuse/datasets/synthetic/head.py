"""The head in motion: a smooth map of the picture that turns the head and keeps the background."""

from __future__ import annotations

import cv2
import numpy as np
from scipy.interpolate import RBFInterpolator

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.portrait import Portrait, resample

__all__ = ["Head"]

_PIVOT = np.array([0.0, 0.9, 1.1])  # of the neck: u, v and depth, in interocular distances
_CENTRE, _RADII, _REACH = np.array([0.0, 0.35]), np.array([1.55, 1.95]), 1.75


class Head:
    """Depth of the head, how much of its motion each place follows, and the map of both.

    Everything is computed on a coarse grid, in head coordinates, and enlarged at the end.

    Args:
        portrait: whose landmarks give the depth.
        cells_per_interocular: fineness of the coarse grid.
    """

    def __init__(self, portrait: Portrait, cells_per_interocular: float = 12.0) -> None:
        height, width = portrait.image.shape[:2]
        step = max(1.0, portrait.interocular_px / cells_per_interocular)
        rows, columns = max(4, round(height / step)), max(4, round(width / step))
        self._scale = np.array([width / columns, height / rows])
        x = (np.arange(columns) + 0.5) * self._scale[0] - 0.5
        y = (np.arange(rows) + 0.5) * self._scale[1] - 0.5
        self.points = portrait.to_head(np.stack(np.meshgrid(x, y), axis=-1))
        self._portrait = portrait
        self._depth = self._interpolate_depth()
        radius = np.hypot(*np.moveaxis((self.points - _CENTRE) / _RADII, -1, 0))
        follow = np.clip((_REACH - radius) / (_REACH - 1.0), 0, 1)
        self._follow = follow * follow * (3 - 2 * follow)
        self._size = (width, height)
        grid = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1)
        self._identity = grid.astype(np.float32)
        cells = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1)
        self._cells = cells.astype(np.float32)

    def _interpolate_depth(self) -> Array:
        points = self._portrait.head_landmarks[:468]
        depth = self._portrait.landmarks[:468, 2] / self._portrait.interocular_px
        spline = RBFInterpolator(points, depth, kernel="thin_plate_spline", smoothing=0.01)
        centre = np.array([0.0, 0.5])
        away = self.points - centre
        length = np.linalg.norm(away, axis=-1, keepdims=True)
        reach = 1.25  # beyond the face the depth stays what it is at its edge
        held = centre + away * np.minimum(1.0, reach / np.maximum(length, 1e-9))
        values = spline(held.reshape(-1, 2)).reshape(self.points.shape[:2])
        return np.asarray(np.clip(values, depth.min(), depth.max()))

    def motion(self, angles_degrees: Array, shift: Array) -> Array:
        """Return the displacement by a pose, (row, column, 2) in head coordinates.

        Args:
            angles_degrees: yaw (to the image's right), pitch (down) and roll (clockwise).
            shift: (2,) translation in interocular distances.
        """
        yaw, pitch, roll = np.deg2rad(angles_degrees)
        u, v = np.moveaxis(self.points - _PIVOT[:2], -1, 0)
        z = self._depth - _PIVOT[2]
        turned_u = np.cos(yaw) * u - np.sin(yaw) * z
        turned_z = np.sin(yaw) * u + np.cos(yaw) * z
        turned_v = np.cos(pitch) * v - np.sin(pitch) * turned_z
        moved_u = np.cos(roll) * turned_u - np.sin(roll) * turned_v
        moved_v = np.sin(roll) * turned_u + np.cos(roll) * turned_v
        moved = np.stack([moved_u - u + shift[0], moved_v - v + shift[1]], axis=-1)
        return np.asarray(self._follow[..., None] * moved)

    def source_map(self, motion: Array, expression: Array) -> Array:
        """Return where each pixel of the frame comes from, (height, width, 2) float32.

        The face moves by `expression` first, then all of the head by `motion`; both maps are
        inverted by iteration.

        Args:
            motion: (row, column, 2) in head coordinates.
            expression: (row, column, 2) in head coordinates.
        """
        portrait, scale = self._portrait, self._scale
        motion_cells = (portrait.vectors_to_pixels(motion) / scale).astype(np.float32)
        expression_cells = (portrait.vectors_to_pixels(expression) / scale).astype(np.float32)
        back = motion_cells
        for _ in range(3):
            back = _at(motion_cells, self._cells - back)
        total = back + _at(expression_cells, self._cells - back)
        enlarged = cv2.resize(
            total * scale.astype(np.float32), self._size, interpolation=cv2.INTER_CUBIC
        )
        return np.asarray(self._identity - enlarged)


def _at(field: Array, cells: Array) -> Array:
    return resample(field, cells, cv2.INTER_LINEAR, cv2.BORDER_REPLICATE)
