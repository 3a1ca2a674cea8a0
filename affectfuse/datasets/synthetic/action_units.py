"""Action units as displacements of landmarks, and the expressions made of them.

Directions are those of the Facial Action Coding System (Ekman and Friesen 1978), laid by hand on
MediaPipe's landmarks: x to the image's right, y down, along and across the line of the eyes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array

__all__ = ["ACTION_UNITS", "EXPRESSIONS", "Push", "basis_names", "displacement_field"]


@dataclass(frozen=True, slots=True)
class Push:
    """Landmarks that move together, written for the subject's right side (the image's left).

    Attributes:
        right: landmarks of the right side or the middle.
        left: their mirror images, in the same order; empty for landmarks in the middle.
        direction: (x, y) of the right side; the left side's x is the opposite.
        reach: how far the skin around follows, sd in interocular distances.
    """

    right: tuple[int, ...]
    left: tuple[int, ...]
    direction: tuple[float, float]
    reach: float


ACTION_UNITS: Mapping[str, tuple[Push, ...]] = {
    "AU1": (Push((107, 55), (336, 285), (0.0, -1.0), 0.13), Push((105,), (334,), (0, -0.35), 0.13)),
    "AU2": (Push((46, 70), (276, 300), (0.0, -1.0), 0.14), Push((105,), (334,), (0, -0.6), 0.13)),
    "AU4": (Push((107, 55), (336, 285), (0.4, 0.9), 0.14), Push((105,), (334,), (0.2, 0.6), 0.13)),
    "AU5": (Push((159, 158, 160), (386, 385, 387), (0.0, -1.0), 0.07),),
    "AU6": (
        Push((50, 205), (280, 425), (-0.1, -0.9), 0.18),
        Push((145, 230, 226), (374, 450, 446), (0.0, -0.55), 0.10),
    ),
    "AU7": (
        Push((145, 153, 144), (374, 380, 373), (0.0, -1.0), 0.07),
        Push((159,), (386,), (0.0, 0.5), 0.06),
    ),
    "AU9": (
        Push((129, 98), (358, 327), (0.0, -1.0), 0.12),
        Push((193, 55), (417, 285), (0.2, 0.45), 0.10),
    ),
    "AU10": (Push((39, 37), (269, 267), (0.0, -1.0), 0.12), Push((206,), (426,), (0, -0.5), 0.14)),
    "AU12": (
        Push((61, 40), (291, 270), (-0.7, -0.75), 0.15),
        Push((205,), (425,), (-0.25, -0.45), 0.16),
    ),
    "AU14": (Push((61,), (291,), (-1.0, 0.05), 0.14), Push((187,), (411,), (0.35, 0.0), 0.14)),
    "AU15": (Push((61, 91), (291, 321), (-0.15, 1.0), 0.15),),
    "AU17": (Push((199, 175), (), (0.0, -0.8), 0.20), Push((17,), (), (0.0, -0.7), 0.12)),
    "AU20": (Push((61,), (291,), (-1.0, 0.3), 0.17), Push((84,), (314,), (-0.4, 0.1), 0.14)),
    "AU24": (
        Push((0, 37, 39), (0, 267, 269), (0.0, 0.7), 0.10),
        Push((17, 84, 91), (17, 314, 321), (0.0, -0.7), 0.10),
        Push((61,), (291,), (0.5, 0.0), 0.12),
    ),
    "AU26": (
        Push((17, 84, 14), (17, 314, 14), (0.0, 0.9), 0.14),
        Push((152, 199), (), (0.0, 1.0), 0.28),
    ),
}

EXPRESSIONS: Mapping[str, Sequence[Mapping[str, float]]] = {
    "happiness": ({"AU12": 1.0, "AU6": 0.7}, {"AU12": 1.0}),
    "surprise": (
        {"AU1": 1.0, "AU2": 0.9, "AU5": 0.5},
        {"AU1": 1.0, "AU2": 0.8, "AU5": 0.4, "AU26": 0.5},
    ),
    "disgust": (
        {"AU9": 1.0, "AU10": 0.7, "AU4": 0.6},
        {"AU10": 0.9, "AU4": 1.0},
        {"AU9": 0.9, "AU4": 0.5, "AU7": 0.5},
    ),
    "repression": (
        {"AU15": 1.0, "AU17": 0.6},
        {"AU17": 1.0, "AU24": 0.8},
        {"AU15": 0.8, "AU24": 0.7},
    ),
    "others": ({"AU4": 1.0, "AU7": 0.6}, {"AU14": 1.0}, {"AU20": 1.0}),
}
"""By class, the combinations of action units that an event draws from, and their weights.

The classes are CASME II's, the combinations the usual ones of its action units; 'others' is
deliberately mixed, and shares AU4 with disgust.
"""


def basis_names() -> list[str]:
    """Return the names of the one-sided action units: 'AU1R', 'AU1L', ..."""
    return [f"{unit}{side}" for unit in ACTION_UNITS for side in "RL"]


def displacement_field(
    name: str, landmarks: Array, points: Array, turn_degrees: float = 0.0
) -> Array:
    """Return the displacement that a one-sided action unit of weight 1 gives to `points`.

    Each landmark pulls with a Gaussian weight; where the weights add up to more than one they are
    normalised, so that neighbours do not add up to more than one push. A push in the middle of
    the face gives each side one half.

    Args:
        name: such as 'AU12L'.
        landmarks: (landmark, 2) in interocular distances, upright.
        points: (..., 2) in the same coordinates.
        turn_degrees: the whole field's directions are turned by so much, mirrored on the left.

    Returns:
        (..., 2), in the same unit.
    """
    unit, side = name[:-1], name[-1]
    mirror = 1.0 if side == "R" else -1.0
    turn = np.deg2rad(turn_degrees * mirror)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    total = np.zeros(points.shape)
    weight = np.zeros(points.shape[:-1])
    for push in ACTION_UNITS[unit]:
        middle = not push.left
        chosen = push.right if middle or side == "R" else push.left
        direction = rotation @ (np.array(push.direction) * (mirror, 1.0))
        if middle:
            direction = np.array(push.direction) / 2.0
        for landmark in chosen:
            distance = ((points - landmarks[landmark]) ** 2).sum(-1)
            near = np.exp(-0.5 * distance / push.reach**2)
            total += near[..., None] * direction
            weight += near
    return total / np.maximum(weight, 1.0)[..., None]
