"""The skin that the pulse is read from: mean colours of forehead and cheeks, frame by frame."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from affectfuse.containers import Array, Frame
from affectfuse.recording import landmarks as face

__all__ = ["DISJOINT", "MOTION", "REGIONS", "Region", "RegionReader"]


@dataclass(frozen=True, slots=True)
class Region:
    """An outline of landmarks, scaled about its centre, and outlines left out of it."""

    outline: tuple[int, ...]
    scale: float = 1.0
    holes: tuple[tuple[int, ...], ...] = ()


_HOLE_SCALE = 1.3
_FEATURES = (face.LEFT_EYE, face.RIGHT_EYE, face.LEFT_BROW, face.RIGHT_BROW, face.LIPS_OUTER)

REGIONS = {
    "forehead": Region(face.FOREHEAD),
    "left_cheek": Region(face.LEFT_CHEEK),
    "right_cheek": Region(face.RIGHT_CHEEK),
    "skin": Region(face.FACE_OVAL, scale=0.9, holes=_FEATURES),
}
"""Forehead and cheeks, and the whole skin without eyes, brows and lips: its many pixels average the
noise of compression, which is independent from block to block, further down."""

DISJOINT = slice(0, 3)
"""The regions that share no pixel: only they are witnesses independent of each other."""

MOTION = ("x", "y", "log_size")
"""Head motion beside the colours: centre and logarithm of size, in interocular distances."""

_NONE, _UNCLIPPED, _ALL_DARK = (0, 0, 0), (253, 253, 253), (8, 8, 8)
_LOCAL = 5
_MOST_USELESS = 52  # of 255: a fifth of the neighbourhood
_SUBPIXEL_BITS = 4
_MOST_PIXELS = 20_000
_LEAST_SHARE = 0.25


class RegionReader:
    """Reads the mean R, G, B of each region and where the head is.

    The polygons follow the landmarks through a low-pass that opens with speed, because the jitter
    of landmarks on a still face moves polygons over texture and so makes colour noise, while a lag
    behind a moving face would do the same. Edges are anti-aliased. Pixels with a channel above 253
    (specular, clipped) or none above 8 are left out where they make more than a fifth of a 5 x 5
    neighbourhood, with that neighbourhood, so that the choice does not flicker with the noise; a
    region of which less than a quarter remains, or fewer than `min_pixels`, is missing. Of a large
    region every second, third, ... row and column is read, so that its cost is bounded.

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
        outlines = [o for region in REGIONS.values() for o in (region.outline, *region.holes)]
        self._columns = np.concatenate([np.array(outline) for outline in outlines])
        ends = iter(np.cumsum([len(outline) for outline in outlines]))
        self._parts = [
            [
                slice(end - len(outline), end)
                for outline, end in zip((region.outline, *region.holes), ends, strict=False)
            ]
            for region in REGIONS.values()
        ]

    def read(self, frame: Frame) -> tuple[Array, Array]:
        """Return the colours (region, channel), NaN where missing, and the motion (3,).

        The frame must have a face.
        """
        assert frame.face is not None
        landmarks = frame.face.landmarks
        across = landmarks[face.EYE_CORNERS[0], :2] - landmarks[face.EYE_CORNERS[3], :2]
        size = max(math.hypot(*across.astype(float)), 1e-3)
        points = self._smoothed(landmarks[self._columns, :2].astype(float), frame.time_s, size)
        colours = [
            self._mean(frame.image, region, [points[part] for part in parts])
            for region, parts in zip(REGIONS.values(), self._parts, strict=True)
        ]
        centre = points.mean(axis=0) / size
        return np.stack(colours), np.array([centre[0], centre[1], math.log(size)])

    def _smoothed(self, points: Array, time_s: float, size: float) -> Array:
        step_s = time_s - self._time_s
        if self._points is not None and 0 < step_s < 0.5:
            moved = points - self._points
            speed = math.hypot(*moved.mean(axis=0)) / size / step_s
            constant_s = self._smoothing_s / (1.0 + speed / 0.2)
            points = self._points + moved * (1.0 - math.exp(-step_s / max(constant_s, 1e-6)))
        self._points, self._time_s = points, time_s
        return points

    def _mean(self, image: Array, region: Region, polygons: list[Array]) -> Array:
        missing = np.full(3, np.nan)
        if not all(np.isfinite(polygon).all() for polygon in polygons):
            return missing
        outline, *holes = polygons
        outline = _scaled(outline, region.scale)
        height, width = image.shape[:2]
        left, top = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.ceil(outline.max(axis=0)).astype(int) + 2
        right, bottom = min(right, width), min(bottom, height)
        if right <= left or bottom <= top:
            return missing
        stride = max(1, math.ceil(math.sqrt((right - left) * (bottom - top) / _MOST_PIXELS)))
        patch = np.ascontiguousarray(image[top:bottom:stride, left:right:stride])
        mask = np.zeros(patch.shape[:2], np.uint8)
        shapes = [(outline, 255), *((_scaled(hole, _HOLE_SCALE), 0) for hole in holes)]
        for polygon, value in shapes:
            corners = (polygon - (left, top)) / stride * (1 << _SUBPIXEL_BITS)
            whole = np.rint(corners).astype(np.int32)
            cv2.fillPoly(mask, [whole], (value,), cv2.LINE_AA, _SUBPIXEL_BITS)
        inside = cv2.countNonZero(mask)
        clipped = cv2.bitwise_not(cv2.inRange(patch, _NONE, _UNCLIPPED))
        useless = cv2.bitwise_or(clipped, cv2.inRange(patch, _NONE, _ALL_DARK))
        mask[cv2.blur(useless, (_LOCAL, _LOCAL)) > _MOST_USELESS] = 0
        used = cv2.countNonZero(mask)
        if used * stride**2 < self._min_pixels or used < _LEAST_SHARE * inside:
            return missing
        weights = mask.ravel().astype(np.float32)
        mean: Array = weights @ patch.reshape(-1, 3).astype(np.float32) / weights.sum()
        return mean.astype(float)


def _scaled(polygon: Array, scale: float) -> Array:
    centre = polygon.mean(axis=0)
    scaled: Array = centre + (polygon - centre) * scale
    return scaled
