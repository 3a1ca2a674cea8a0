"""A synthetic subject: a variant of the photograph, and a person's own way of moving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import numpy as np

from affectfuse.datasets.synthetic.action_units import ACTION_UNITS, basis_names

__all__ = ["SHAPES", "Subject"]

SHAPES: Mapping[str, float] = {
    "face_width": 0.055,
    "jaw_width": 0.07,
    "face_length": 0.05,
    "eye_spacing": 0.03,
    "eye_size": 0.05,
    "brow_height": 0.04,
    "nose_width": 0.04,
    "nose_length": 0.04,
    "mouth_width": 0.06,
    "mouth_height": 0.04,
    "lip_fullness": 0.025,
}
"""Ways in which faces differ: standard deviation between subjects, in interocular distances."""


@dataclass(frozen=True)
class Subject:
    """Who is animated. Number 0 is the photograph as it is; others are drawn from their number.

    Attributes:
        number: of the subject.
        mirrored: the photograph is mirrored.
        shape: by the name in `SHAPES`, in interocular distances.
        albedo: brightness of red, green and blue, a factor each; of the whole picture's hue.
        hair: brightness of what in the head is not skin, a factor.
        mottle_seed, mottle_sd: pattern of the skin and its strength in % of its brightness.
        gain: by one-sided action unit, how strongly this person shows it.
        turn_degrees: by action unit, how far its direction differs from the common one.
        heart_rate_z: resting heart rate, in standard deviations between subjects.
        uniform: a draw in [0, 1] that `skin_tone`, given as a pair, takes for this subject.
    """

    number: int
    mirrored: bool = False
    shape: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(SHAPES, 0.0))
    albedo: tuple[float, float, float] = (1.0, 1.0, 1.0)
    hair: float = 1.0
    mottle_seed: int = 0
    mottle_sd: float = 0.8
    gain: Mapping[str, float] = field(default_factory=lambda: dict.fromkeys(basis_names(), 1.0))
    turn_degrees: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(ACTION_UNITS, 0.0)
    )
    heart_rate_z: float = 0.0
    uniform: float = 0.5

    @classmethod
    def draw(cls, seed: int, number: int) -> Self:
        """Draw the subject of that number: the same one for the same seed and number."""
        if number == 0:
            return cls(0)
        rng = np.random.default_rng([seed, number, 1])
        mirrored = bool(rng.random() < 0.5)
        shape = {
            name: round(float(np.clip(rng.normal(), -2, 2)) * sd, 4) for name, sd in SHAPES.items()
        }
        tint = np.exp(rng.normal(0.0, 0.03, 3) + rng.normal(0.0, 0.05))
        both = {unit: rng.normal(0.0, 0.18) for unit in ACTION_UNITS}
        gain = {
            n: round(float(np.exp(both[n[:-1]] + rng.normal(0, 0.16))), 4) for n in basis_names()
        }
        return cls(
            number,
            mirrored,
            shape,
            (round(tint[0], 4), round(tint[1], 4), round(tint[2], 4)),
            round(float(np.exp(rng.uniform(-0.8, 0.25))), 4),
            int(rng.integers(2**31)),
            round(float(rng.uniform(0.6, 2.0)), 3),
            gain,
            {unit: round(float(rng.normal(0.0, 12.0)), 2) for unit in ACTION_UNITS},
            round(float(np.clip(rng.normal(), -2.5, 2.5)), 3),
            round(float(rng.random()), 4),
        )

    def to_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the subject that `to_json` wrote."""
        return cls(**{**data, "albedo": tuple(data["albedo"])})
