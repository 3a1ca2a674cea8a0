"""The skin that the pulse is read from: mean colours of regions of the face, frame by frame."""

from __future__ import annotations

import math

import cv2
import numpy as np
from scipy.linalg import block_diag

from affectfuse.containers import Array, Frame
from affectfuse.recording import landmarks as face

__all__ = ["BACKGROUND", "MOTION", "REGIONS", "SKIN", "RegionReader"]

SKIN = ("forehead", "left_cheek", "right_cheek", "skin")
"""Regions that share no pixel: `skin` is what the face's oval holds besides the other three, eyes,
brows and lips."""

REGIONS = (*SKIN, "background")
"""The skin, and what lies around the face: changing light changes that too, blood does not."""
BACKGROUND = len(SKIN)

MOTION = ("x", "y", "log_size")
"""Head motion beside the colours: centre and logarithm of size, in interocular distances."""

_OUTLINES = (face.FACE_OVAL, face.FOREHEAD, face.LEFT_CHEEK, face.RIGHT_CHEEK)
_HOLES = (face.LEFT_EYE, face.RIGHT_EYE, face.LEFT_BROW, face.RIGHT_BROW, face.LIPS_OUTER)
_OVAL_SCALE, _HOLE_SCALE = 0.92, 1.3
_PATCH_PX = 150
_BACKGROUND_PX = 48
_MARGIN = 0.35
_SUBPIXEL_BITS = 4
_LEAST_SHARE = 0.25
_DARK, _BRIGHT, _RAMP = 0.55, 1.6, 0.15
_NONE, _UNCLIPPED = (0, 0, 0), (253, 253, 253)
_LOCAL, _MOST_CLIPPED, _CLIPPED_RAMP = 5, 0.2, 0.15
_WALL_LEVELS = (24, 242)
_BLACK = 8.0
_REFERENCE_S = 2.0


class RegionReader:
    """Reads the mean R, G, B of each region and where the head is.

    The polygons follow the landmarks through a low-pass that opens with speed, because the jitter
    of landmarks on a still face moves polygons over texture and so makes colour noise, while a lag
    behind a moving face would do the same. Inside them a pixel counts in full where the brightness
    around it (3 x 3 pixels of the patch) is between 0.7 and 1.45 of the typical skin's (the median
    of the cheeks, over about 2 s), not at all below 0.55 and above 1.6 (hair, beard, shadow,
    specular light), and in between by a ramp, so that the choice does not flicker with the noise;
    likewise where 0.05 to 0.2 of the 5 x 5 pixels around it have a channel above 253. A region of
    which less than a quarter remains, or fewer than `min_pixels`, is missing. A face wider than
    150 pixels is first reduced, by area and a whole factor, so that every pixel counts and the
    cost is bounded.

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
        self._reference = math.nan
        outlines = (*_OUTLINES, *_HOLES)
        scales = [_OVAL_SCALE, *[1.0] * (len(_OUTLINES) - 1), *[_HOLE_SCALE] * len(_HOLES)]
        self._columns = np.concatenate([np.array(outline) for outline in outlines])
        self._scaling = block_diag(
            *[
                _scaling(len(outline), scale)
                for outline, scale in zip(outlines, scales, strict=True)
            ]
        )
        self._ends = np.cumsum([len(outline) for outline in outlines])[:-1]

    def read(self, frame: Frame) -> tuple[Array, Array]:
        """Return the colours (region, channel), NaN where missing, and the motion (3,).

        The frame must have a face.
        """
        assert frame.face is not None
        landmarks = frame.face.landmarks
        across = landmarks[face.EYE_CORNERS[0], :2] - landmarks[face.EYE_CORNERS[3], :2]
        size = max(math.hypot(*across.astype(float)), 1e-3)
        step_s = frame.time_s - self._time_s
        points = self._smoothed(landmarks[self._columns, :2].astype(float), step_s, size)
        self._time_s = frame.time_s
        colours = np.full((len(REGIONS), 3), np.nan)
        if np.isfinite(points).all():
            colours[:-1] = self._skin(frame.image, self._scaling @ points, step_s)
            colours[-1] = _background(frame.image, points[: self._ends[0]])
        centre = points.mean(axis=0) / size
        return colours, np.array([centre[0], centre[1], math.log(size)])

    def _smoothed(self, points: Array, step_s: float, size: float) -> Array:
        if self._points is not None and 0 < step_s < 0.5:
            moved = points - self._points
            speed = math.hypot(*moved.mean(axis=0)) / size / step_s
            constant_s = self._smoothing_s / (1.0 + speed / 0.2)
            points = self._points + moved * (1.0 - math.exp(-step_s / max(constant_s, 1e-6)))
        self._points = points
        return points

    def _skin(self, image: Array, points: Array, step_s: float) -> Array:
        missing = np.full((len(SKIN), 3), np.nan)
        corners = points[: self._ends[1]]
        height, width = image.shape[:2]
        left, top = np.maximum(np.floor(corners.min(axis=0)).astype(int) - 1, 0)
        right, bottom = np.ceil(corners.max(axis=0)).astype(int) + 2
        right, bottom = min(right, width), min(bottom, height)
        if right - left < 4 or bottom - top < 4:
            return missing
        factor = math.ceil((right - left) / _PATCH_PX)
        right -= (right - left) % factor
        bottom -= (bottom - top) % factor
        patch = image[top:bottom, left:right]
        if factor > 1:  # whole factors: by far the fastest
            shape = ((right - left) // factor, (bottom - top) // factor)
            patch = cv2.resize(patch, shape, interpolation=cv2.INTER_AREA)

        placed = (points - (left, top) + 0.5) / factor - 0.5
        placed = np.rint(placed * (1 << _SUBPIXEL_BITS)).astype(np.int32)
        oval, forehead, left_cheek, right_cheek, *holes = np.split(placed, self._ends)

        def filled(shapes: list[tuple[Array, int]]) -> Array:
            mask = np.zeros(patch.shape[:2], np.uint8)
            for polygon, value in shapes:
                cv2.fillPoly(mask, [polygon], (value,), cv2.LINE_AA, _SUBPIXEL_BITS)
            return mask

        left_out = [(hole, 0) for hole in holes]
        own = [[(forehead, 255), *left_out[2:4]], [(left_cheek, 255)], [(right_cheek, 255)]]
        rest = [(oval, 255), *left_out, (forehead, 0), (left_cheek, 0), (right_cheek, 0)]
        masks = np.stack([filled(shapes).ravel() for shapes in (*own, rest)]).astype(np.float32)
        around = cv2.blur(patch, (3, 3))
        brightness = cv2.cvtColor(around, cv2.COLOR_RGB2GRAY).astype(np.float32).ravel()
        clipped = cv2.bitwise_not(cv2.inRange(patch, _NONE, _UNCLIPPED))
        beside = cv2.blur(clipped, (_LOCAL, _LOCAL)).astype(np.float32).ravel() / 255
        self._follow(brightness, masks[1] + masks[2], step_s)
        usable = _usable(brightness, brightness / self._reference, beside)
        weights = masks * usable
        total = weights.sum(axis=1)
        inside = masks.sum(axis=1)
        enough = (total > _LEAST_SHARE * inside) & (total / 255 > self._min_pixels / factor**2)
        means = weights @ patch.reshape(-1, 3).astype(np.float32)
        missing[enough] = means[enough] / total[enough, None]
        return missing

    def _follow(self, brightness: Array, cheeks: Array, step_s: float) -> None:
        """Follow the brightness of the skin, slowly."""
        inside = cheeks > 128
        if not inside.any():
            self._reference = math.nan if math.isnan(self._reference) else self._reference
            inside = np.ones_like(inside)
        typical = float(np.median(brightness[inside]))
        if math.isnan(self._reference) or not 0 < step_s < 1.0:
            self._reference = max(typical, 1.0)
        else:
            share = 1.0 - math.exp(-step_s / _REFERENCE_S)
            self._reference = max(self._reference + share * (typical - self._reference), 1.0)


def _usable(brightness: Array, relative: Array, clipped: Array) -> Array:
    """Return the share in [0, 1] by which each pixel counts."""
    skin = np.clip((relative - _DARK) / _RAMP, 0.0, 1.0)
    skin *= np.clip((_BRIGHT - relative) / _RAMP, 0.0, 1.0)
    skin *= np.clip((_MOST_CLIPPED - clipped) / _CLIPPED_RAMP, 0.0, 1.0)
    usable: Array = np.where(brightness > _BLACK, skin, 0.0)
    return usable


def _background(image: Array, oval: Array) -> Array:
    """Return the mean colour of what lies well outside the face, from a coarse copy."""
    width = image.shape[1]
    every = max(1, width // _BACKGROUND_PX)
    coarse = np.ascontiguousarray(image[every // 2 :: every, every // 2 :: every])
    highest = cv2.max(cv2.max(coarse[..., 0], coarse[..., 1]), coarse[..., 2])
    keep = (highest > _WALL_LEVELS[0]) & (highest < _WALL_LEVELS[1])
    low, high = oval.min(axis=0), oval.max(axis=0)
    reach = _MARGIN * (high - low)
    left, top = np.maximum((low - reach) / every, 0).astype(int)
    right = math.ceil((high[0] + reach[0]) / every)
    keep[top:, left:right] = False
    if np.count_nonzero(keep) < 30:
        return np.full(3, np.nan)
    mean: Array = coarse[keep].mean(axis=0)
    return mean.astype(float)


def _scaling(count: int, scale: float) -> Array:
    """Return the matrix that scales a polygon of so many points about their mean."""
    mean = np.full((count, count), 1.0 / count)
    scaling: Array = mean + scale * (np.eye(count) - mean)
    return scaling
