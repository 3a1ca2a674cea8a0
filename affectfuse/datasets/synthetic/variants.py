"""What makes one photograph many: a neutral mouth, another shape, another skin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.portrait import Portrait, resample, warp
from affectfuse.datasets.synthetic.subject import Subject
from affectfuse.recording.landmarks import (
    FACE_OVAL,
    FOREHEAD,
    LEFT_BROW,
    LEFT_CHEEK,
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_CHEEK,
    RIGHT_EYE,
)

__all__ = ["LIP_CURVES", "apply_subject", "neutralise_mouth", "pulse_map", "skin_mask"]

LIP_CURVES = {
    "upper_outer": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    "upper_inner": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    "lower_inner": (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    "lower_outer": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
}
"""Landmarks along the edges of the lips, from the image's left to its right."""

_NOSE_BASE, _CHIN = 2, 152
_ABSORPTION = np.array([0.80, 1.10, 1.28])  # of melanin, red to blue, relative


def curve(portrait: Portrait, landmarks: Sequence[int], u: Array) -> Array:
    """Return v of the curve through the landmarks at `u`, all in head coordinates."""
    points = portrait.head_landmarks[list(landmarks)]
    points = points[np.argsort(points[:, 0])]
    return np.interp(u, points[:, 0], points[:, 1])


def neutralise_mouth(portrait: Portrait) -> Portrait:
    """Return the portrait with its lips closed and the corners of a smile lowered.

    The lips' inner edges meet on one line; what lay between them (teeth) is left out. A mouth
    that is closed and straight stays nearly as it is.
    """
    return _straighten(_close(portrait))


def _close(portrait: Portrait) -> Portrait:
    grid = portrait.grid()
    u, v = grid[..., 0], grid[..., 1]
    points = portrait.head_landmarks
    top, bottom = points[_NOSE_BASE, 1], points[_CHIN, 1]
    edges = {name: curve(portrait, marks, u) for name, marks in LIP_CURVES.items()}
    line = 0.5 * (edges["upper_inner"] + edges["lower_inner"])
    inside = _plateau(u, points[78, 0], points[308, 0], 0.06)
    gap = edges["lower_inner"] - edges["upper_inner"]
    spare = 0.02 * inside * np.clip(gap / 0.04, 0, 1)  # the last of the teeth's edge
    up, low = edges["upper_inner"] - spare, edges["lower_inner"] + spare
    upper_outer = np.minimum(edges["upper_outer"], up - 1e-3)
    lower_outer = np.maximum(edges["lower_outer"], low + 1e-3)

    above = _piecewise(v, (top, upper_outer + line - up, line), (top, upper_outer, up))
    below = _piecewise(v, (line, lower_outer + line - low, bottom), (low, lower_outer, bottom))
    source_v = np.where(v < line, above, below)
    source_v = np.where((v > top) & (v < bottom), source_v, v)
    source = portrait.to_pixels(np.stack([u, source_v], axis=-1)).astype(np.float32)
    image = resample(portrait.image, source)
    shade = 0.45 * inside * np.exp(-0.5 * ((v - line) / 0.016) ** 2) * np.clip(gap / 0.04, 0, 1)
    image = np.clip(image * (1 - shade[..., None] * (0.8, 1.0, 1.0)), 0, 255)

    moved = points.copy()
    middle = 0.5 * sum(
        curve(portrait, LIP_CURVES[e], points[:, 0]) for e in ("upper_inner", "lower_inner")
    )
    for edge, outer in (("upper_inner", "upper_outer"), ("lower_inner", "lower_outer")):
        for marks in (LIP_CURVES[edge], LIP_CURVES[outer]):
            marks_list = list(marks)
            shift = middle - curve(portrait, LIP_CURVES[edge], points[:, 0])
            moved[marks_list, 1] += shift[marks_list]
    landmarks = portrait.landmarks.copy()
    landmarks[:, :2] = portrait.to_pixels(moved)
    return replace(portrait, image=image.astype(np.float32), landmarks=landmarks)


def _straighten(portrait: Portrait) -> Portrait:
    points = portrait.head_landmarks
    corners = points[[61, 291]]
    lift = float(np.clip(points[[13, 14], 1].mean() - corners[:, 1].mean(), 0, 0.16))
    width = float(corners[1, 0] - corners[0, 0])
    narrow = float(np.clip((width - 0.88) / 2, 0, 0.07))
    pushes = [(corners[0], (narrow, lift)), (corners[1], (-narrow, lift))]

    def field(at: Array) -> Array:
        total = np.zeros(at.shape)
        for centre, vector in pushes:
            near = np.exp(-0.5 * ((at - centre) ** 2).sum(-1) / 0.17**2)
            total += near[..., None] * np.array(vector)
        return total

    return warp(portrait, field(portrait.grid()), field(points))


def _piecewise(v: Array, target: Sequence[Array | float], source: Sequence[Array | float]) -> Array:
    first = source[0] + (v - target[0]) * (source[1] - source[0]) / (target[1] - target[0])
    second = source[1] + (v - target[1]) * (source[2] - source[1]) / (target[2] - target[1])
    return np.asarray(np.where(v < target[1], first, second))


def _plateau(u: Array, low: float, high: float, edge: float) -> Array:
    return np.clip((u - low) / edge, 0, 1) * np.clip((high - u) / edge, 0, 1)


_SKIN_PERCENTILE = 99.0
_SKIN_BRIGHTEST = 228.0


def apply_subject(portrait: Portrait, subject: Subject, skin_tone: float) -> Portrait:
    """Return the portrait in the subject's shape, skin, hair and light."""
    points = portrait.head_landmarks
    grid = portrait.grid()
    if any(subject.shape.values()):
        field = _shape_field(points, subject, grid)
        portrait = warp(portrait, field, _shape_field(points, subject, points))
    share = _complexion(portrait)[..., None]
    image = portrait.image * np.array(subject.albedo)
    image = image * (1 + _hair(portrait)[..., None] * (1 - share) * (subject.hair - 1.0))
    melanin = (skin_tone - 2.0) / 4.0
    melanin = melanin if melanin > 0 else 0.35 * melanin
    image = image * (1 + share * (np.exp(-melanin * _ABSORPTION) - 1.0))
    image = image * (1 + share * _mottle(portrait, subject)[..., None])
    image = image * _exposure(image, share[..., 0])
    return replace(portrait, image=np.clip(image, 0, 255).astype(np.float32))


def _exposure(image: Array, share: Array) -> float:
    """Return what a camera's automatic exposure would do: no more than a trace of skin clips.

    A pulse in clipped skin is lost; the light's own changes need head-room too.
    """
    brightest = float(np.percentile(image[share > 0.5].max(axis=-1), _SKIN_PERCENTILE))
    return min(1.0, _SKIN_BRIGHTEST / brightest)


def _shape_field(points: Array, subject: Subject, at: Array) -> Array:
    """Sum of smooth displacements, each a person's deviation from the photographed shape."""
    s = subject.shape
    pushes: list[tuple[Array, tuple[float, float], float]] = []

    def both(right: int, left: int, x: float, y: float, reach: float) -> None:
        pushes.append((points[right], (-x, y), reach))
        pushes.append((points[left], (x, y), reach))

    both(234, 454, s["face_width"], 0.0, 0.45)
    both(172, 397, s["jaw_width"], 0.0, 0.38)
    pushes.append((points[_CHIN], (0.0, s["face_length"]), 0.40))
    both(468, 473, s["eye_spacing"], 0.0, 0.28)
    both(159, 386, 0.0, -s["eye_size"] / 2, 0.10)
    both(145, 374, 0.0, s["eye_size"] / 2, 0.10)
    both(105, 334, 0.0, s["brow_height"], 0.16)
    both(129, 358, s["nose_width"], 0.0, 0.14)
    pushes.append((points[1], (0.0, s["nose_length"]), 0.20))
    both(61, 291, s["mouth_width"], 0.0, 0.20)
    pushes.append((points[13], (0.0, s["mouth_height"]), 0.25))
    pushes.append((points[0], (0.0, -s["lip_fullness"]), 0.10))
    pushes.append((points[17], (0.0, s["lip_fullness"]), 0.10))
    total = np.zeros(at.shape)
    for centre, vector, reach in pushes:
        near = np.exp(-0.5 * ((at - centre) ** 2).sum(-1) / reach**2)
        total += near[..., None] * np.array(vector)
    return total


def _polygons(portrait: Portrait, outlines: Sequence[Sequence[int]], grow: float) -> Array:
    """Soft mask (height, width) of polygons of landmarks, grown by interocular distances."""
    mask: Array = np.zeros(portrait.image.shape[:2], np.float32)
    for outline in outlines:
        corners = np.round(portrait.landmarks[list(outline), :2] * 16).astype(np.int32)
        cv2.fillPoly(mask, [corners], 1.0, shift=4)
    radius = round(abs(grow) * portrait.interocular_px)
    if radius:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        mask = np.asarray((cv2.dilate if grow > 0 else cv2.erode)(mask, kernel))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.5, 0.03 * portrait.interocular_px)))


def _features(portrait: Portrait) -> Array:
    """Soft mask of eyes, brows and lips."""
    eyes = _polygons(portrait, [RIGHT_EYE, LEFT_EYE], 0.03)
    brows = _polygons(portrait, [RIGHT_BROW, LEFT_BROW], 0.02)
    lips = _polygons(portrait, [LIPS_OUTER], 0.02)
    return np.asarray(np.maximum(np.maximum(eyes, brows), lips))


def _alike(portrait: Portrait, sample: Array, spread: tuple[float, float, float]) -> Array:
    """How near each pixel's colour (Lab) is to the median of the sample's, (height, width)."""
    lab = cv2.cvtColor((portrait.image / 255).astype(np.float32), cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), max(0.5, 0.02 * portrait.interocular_px))
    distance = (((lab - np.median(lab[sample], axis=0)) / spread) ** 2).sum(-1)
    return np.asarray(np.exp(-0.5 * np.clip(distance - 2.0, 0, None)))


def _cheeks(portrait: Portrait) -> Array:
    return _polygons(portrait, [RIGHT_CHEEK, LEFT_CHEEK, FOREHEAD[:2] + FOREHEAD[-3:]], 0.0) > 0.5


def skin_mask(portrait: Portrait) -> Array:
    """Return which pixels of the face show skin, (height, width) in [0, 1].

    Inside the face's outline, of the cheeks' colour, and neither eye, brow nor lip.
    """
    alike = _alike(portrait, _cheeks(portrait), (16.0, 5.5, 6.5))
    return np.asarray(_polygons(portrait, [FACE_OVAL], 0.0) * alike * (1 - _features(portrait)))


def _complexion(portrait: Portrait) -> Array:
    """What changes with the colour of the skin: all of the face below the brows but the eyes
    themselves, and what has the skin's colour above them, on the ears and the neck."""
    alike = _alike(portrait, _cheeks(portrait), (26.0, 7.0, 9.0))
    grid = portrait.grid()
    brows = portrait.head_landmarks[list(RIGHT_BROW + LEFT_BROW), 1].mean()
    below = np.clip((grid[..., 1] - brows) / 0.15 + 0.5, 0, 1)
    face = _polygons(portrait, [FACE_OVAL], 0.0) * np.maximum(alike, below)
    around = _polygons(portrait, [FACE_OVAL], 0.5) * alike
    eyes = _polygons(portrait, [RIGHT_EYE, LEFT_EYE], 0.0)
    return np.asarray(np.maximum(face, around) * (1 - eyes))


def _hair(portrait: Portrait) -> Array:
    """What lies on and around the head and has the colour of what is above the forehead."""
    grid = portrait.grid()
    u, v = grid[..., 0], grid[..., 1]
    top = portrait.head_landmarks[10, 1]
    sample = (np.abs(u) < 0.6) & (v < top - 0.15) & (v > top - 0.8)
    if not sample.any():
        return np.zeros(u.shape)
    near = np.clip((1.2 - np.hypot(u / 2.1, (v - 0.1) / 2.4)) / 0.4, 0, 1)
    return np.asarray(near * _alike(portrait, sample, (30.0, 6.0, 9.0)))


def pulse_map(portrait: Portrait, skin: Array) -> Array:
    """Return the relative strength of the pulse, (height, width) in [0, 1].

    1 on the forehead and the cheeks, 0.6 on the rest of the face's skin, 0 elsewhere.
    """
    oval = _polygons(portrait, [FACE_OVAL], -0.02)
    strong = _polygons(portrait, [FOREHEAD, RIGHT_CHEEK, LEFT_CHEEK], 0.06)
    flat = np.clip(skin * 1.4, 0, 1)
    return np.asarray(flat * oval * (0.6 + 0.4 * strong), dtype=np.float32)


def _mottle(portrait: Portrait, subject: Subject) -> Array:
    """Pattern of the skin, from pores to patches, relative to its brightness."""
    rng = np.random.default_rng([subject.mottle_seed, 7])
    height, width = portrait.image.shape[:2]
    total = np.zeros((height, width))
    for size, share in ((0.015, 0.6), (0.05, 0.6), (0.25, 0.5)):
        cells = (max(2, round(height / (size * portrait.interocular_px))),
                 max(2, round(width / (size * portrait.interocular_px))))  # fmt: skip
        cells = (min(cells[0], height), min(cells[1], width))
        pattern = rng.standard_normal(cells).astype(np.float32)
        total += share * cv2.resize(pattern, (width, height), interpolation=cv2.INTER_CUBIC)
    return total * subject.mottle_sd / 100.0
