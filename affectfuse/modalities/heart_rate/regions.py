"""The skin that the pulse is read from: mean colours of forehead and cheeks, frame by frame."""

from __future__ import annotations

import math

import cv2
import numpy as np

from affectfuse.containers import Array, Frame
from affectfuse.recording.landmarks import EYE_CORNERS, FOREHEAD, LEFT_CHEEK, RIGHT_CHEEK

__all__ = ["REGIONS", "RegionReader"]

REGIONS = {"forehead": FOREHEAD, "left_cheek": LEFT_CHEEK, "right_cheek": RIGHT_CHEEK}
"""Landmarks around each region."""

MOTION = ("x", "y", "log_size")
"""Head motion beside the colours: centre and logarithm of size, in interocular distances."""

_CLIPPED, _DARK = 250, 8
_SUBPIXEL_BITS = 4
_MOST_PIXELS = 20_000


class RegionReader:
    """Reads the mean R, G, B of each region and where the head is.

    The polygons follow the landmarks through a low-pass that opens with speed, because the jitter
    of landmarks on a still face moves polygons over texture and so makes colour noise, while a lag
    behind a moving face would do the same. Edges are anti-aliased. Pixels with a channel at or
    above 250 (specular, clipped) or with none above 8 are left out; a region of which less than
    half remains, or fewer than `min_pixels`, is missing. A region larger than 20,000 pixels is read
    on a coarser grid.

    Args:
        min_pixels: a region with fewer usable pixels is missing.
        smoothing_s: time constant of the low-pass for a still face; it shrinks in proportion once
            the face moves faster than 0.2 interocular distances a second.
    """

    def __init__(self, min_pixels: int, smoothing_s: float) -> None:
        self._min_pixels = min_pixels
        self._smoothing_s = smoothing_s
        self._points: Array | None = None
        self._time_s = -math.inf
        self._columns = np.concatenate([np.array(region) for region in REGIONS.values()])
        ends = np.cumsum([len(region) for region in REGIONS.values()])
        self._parts = [
            slice(end - len(r), end) for end, r in zip(ends, REGIONS.values(), strict=True)
        ]

    def read(self, frame: Frame) -> tuple[Array, Array]:
        """Return the colours (region, channel), NaN where missing, and the motion (3,).

        The frame must have a face.
        """
        assert frame.face is not None
        landmarks = frame.face.landmarks
        outer = (
            landmarks[EYE_CORNERS[0], :2].astype(float),
            landmarks[EYE_CORNERS[3], :2].astype(float),
        )
        size = max(math.hypot(*(outer[1] - outer[0])), 1e-3)
        points = self._smoothed(landmarks[self._columns, :2].astype(float), frame.time_s, size)
        colours = np.stack([self._mean(frame.image, points[part]) for part in self._parts])
        centre = points.mean(axis=0) / size
        return colours, np.array([centre[0], centre[1], math.log(size)])

    def _smoothed(self, points: Array, time_s: float, size: float) -> Array:
        step_s = time_s - self._time_s
        if self._points is not None and 0 < step_s < 0.5:
            moved = points - self._points
            speed = math.hypot(*moved.mean(axis=0)) / size / step_s
            constant_s = self._smoothing_s / (1.0 + speed / 0.2)
            points = self._points + moved * (1.0 - math.exp(-step_s / max(constant_s, 1e-6)))
        self._points, self._time_s = points, time_s
        return points

    def _mean(self, image: Array, polygon: Array) -> Array:
        missing = np.full(3, np.nan)
        if not np.isfinite(polygon).all():
            return missing
        height, width = image.shape[:2]
        left, top = np.maximum(np.floor(polygon.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.ceil(polygon.max(axis=0)).astype(int) + 2
        right, bottom = min(right, width), min(bottom, height)
        if right <= left or bottom <= top:
            return missing
        stride = max(1, math.ceil(math.sqrt((right - left) * (bottom - top) / _MOST_PIXELS)))
        patch = np.ascontiguousarray(image[top:bottom:stride, left:right:stride])
        mask = np.zeros(patch.shape[:2], np.uint8)
        corners = (polygon - (left, top)) / stride * (1 << _SUBPIXEL_BITS)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        inside = int(cv2.countNonZero(mask))
        brightest = patch.max(axis=2)
        mask[(brightest >= _CLIPPED) | (brightest <= _DARK)] = 0
        if cv2.countNonZero(mask) < max(self._min_pixels, inside / 2):
            return missing
        weights = mask.ravel().astype(np.float32)
        mean: Array = weights @ patch.reshape(-1, 3).astype(np.float32) / weights.sum()
        return mean.astype(float)
