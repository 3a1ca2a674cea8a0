"""Painted faces: skin of a known colour wherever a face is, so that every truth is exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from affectfuse.config import build, load_node
from affectfuse.containers import Array, Face, Frame, ModalitySample, Reading, Track
from affectfuse.modalities.base import Modality
from affectfuse.recording.landmarks import (
    FACE_OVAL,
    FOREHEAD,
    LANDMARKS,
    LEFT_BROW,
    LEFT_CHEEK,
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_BROW,
    RIGHT_CHEEK,
    RIGHT_EYE,
)

SKIN = np.array([180.0, 130.0, 110.0])
TINT = np.array([0.33, 0.77, 0.53]) / 0.77
WALL = np.full(3, 120.0)
SIZE = (120, 160)


def modality(**changes: object) -> Modality:
    node = load_node("modality", "heart_rate")
    node.update(changes)
    return build(node, Modality)  # type: ignore[type-abstract]


def landmarks(x: float = 80.0, y: float = 60.0, size: float = 1.0) -> Array:
    """Ellipses in place of features, around a centre in pixels."""
    points = np.zeros((LANDMARKS, 3), np.float32)
    shapes = {
        FACE_OVAL: (0, 0, 38, 50),
        FOREHEAD: (0, -27, 22, 9),
        RIGHT_CHEEK: (-18, 8, 9, 9),
        LEFT_CHEEK: (18, 8, 9, 9),
        RIGHT_EYE: (-14, -8, 6, 3),
        LEFT_EYE: (14, -8, 6, 3),
        RIGHT_BROW: (-14, -14, 7, 1),
        LEFT_BROW: (14, -14, 7, 1),
        LIPS_OUTER: (0, 28, 12, 4),
    }
    for outline, (dx, dy, rx, ry) in shapes.items():
        angle = 2 * np.pi * np.arange(len(outline)) / len(outline) + np.pi
        points[list(outline), 0] = x + size * (dx + rx * np.cos(angle))
        points[list(outline), 1] = y + size * (dy + ry * np.sin(angle))
    return points


def volume(times_s: Array, heart_rate_bpm: float = 72.0) -> Array:
    """A blood volume pulse with a second harmonic, amplitude about 1."""
    phase = 2 * np.pi * heart_rate_bpm / 60 * np.asarray(times_s)
    return np.sin(phase) + 0.3 * np.sin(2 * phase - 1)


def frames(
    times_s: Iterable[float],
    heart_rate_bpm: float = 72.0,
    amplitude: float = 0.01,
    noise: float = 3.0,
    grey: bool = False,
    colour: Array = SKIN,
) -> Iterator[Frame]:
    """Frames of pulsating skin in front of a grey wall, with noise of `noise` grey levels."""
    rng = np.random.default_rng(0)
    face = Face(landmarks(), 1.0)
    wall = np.ones((*SIZE, 1), bool)
    wall[4:116, 36:124] = False
    for time_s in times_s:
        skin = colour * (1 - amplitude * volume(time_s, heart_rate_bpm) * TINT)
        if grey:
            skin = np.full(3, skin[1])
        channels = 1 if grey else 3
        image = np.where(wall, WALL, skin) + noise * rng.normal(size=(*SIZE, channels))
        yield Frame(float(time_s), np.clip(image, 0, 255).astype(np.uint8), face)


def run(observations: Iterable[Frame], until_s: float, **changes: object) -> list[Reading]:
    """What the extractor yields, ticked as `extraction.extract` does."""
    extractor = modality(**changes).extractor()
    readings: list[Reading] = []
    tick_s = 1.0
    for observation in observations:
        while observation.time_s >= tick_s:
            readings += extractor.tick(tick_s)
            tick_s += 1.0
        readings += extractor.push(observation)
    while tick_s <= until_s:
        readings += extractor.tick(tick_s)
        tick_s += 1.0
    return [*readings, *extractor.flush()]


def track(readings: Iterable[Reading], name: str = "heart_rate_bpm") -> Track:
    return Track.join([r for r in readings if isinstance(r, Track) and r.name == name])


def samples(readings: Iterable[Reading]) -> list[ModalitySample]:
    return [r for r in readings if isinstance(r, ModalitySample)]
