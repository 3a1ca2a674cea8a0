"""Facial motion made by hand."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.motion import REGIONS, FacialMotion
from affectfuse.modalities.micro_expression.spotter import Spotter

NAMES = list(REGIONS)
SMILE = {"right_lip_corner": (-1, -1), "left_lip_corner": (1, -1), "right_cheek": (0, -0.5)}
BROWS = {name: (0, -1) for name in NAMES if "brow" in name}
OPEN = 0.3


def pattern(regions: dict[str, tuple[float, float]]) -> Array:
    moved = np.zeros((len(NAMES), 2))
    for name, direction in regions.items():
        moved[NAMES.index(name)] = direction
    return moved


def pulse(t: Array, onset: float, apex: float, offset: float) -> Array:
    share = np.minimum((t - onset) / (apex - onset), (offset - t) / (offset - apex))
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(share, 0, 1))


def times(duration_s: float = 20.0, rate_hz: float = 30.0) -> Array:
    return np.arange(round(duration_s * rate_hz)) / rate_hz


def motions(
    t: Array,
    moved: Array,
    *,
    eyes: Array | float = OPEN,
    head: Array | float = 0.1,
    noise: float = 0.12,
    seed: int = 0,
) -> list[FacialMotion]:
    rng = np.random.default_rng(seed)
    moved = moved + rng.normal(0, noise, (len(t), len(NAMES), 2))
    eyes = np.broadcast_to(eyes, t.shape) + rng.normal(0, 0.004, t.shape)
    head = np.broadcast_to(head, t.shape)
    return [
        FacialMotion(float(t[i]), moved[i], float(head[i]), float(eyes[i]), i == 0)
        for i in range(len(t))
    ]


def spot(spotter: Spotter, stream: Iterable[FacialMotion]) -> list[tuple[Interval, float]]:
    """Return what is found, each with the time it was told at."""
    found = []
    for motion in stream:
        found += [(interval, motion.time_s) for interval in spotter.push(motion)]
    return found + [(interval, np.inf) for interval in spotter.flush()]


def labels(found: list[tuple[Interval, float]]) -> list[str]:
    return [interval.label for interval, _ in found]
