"""Faces that were not recorded: of another shape, on which blinks and speech leave other traces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.micro_expression.blinks import BlinkSpotter
from affectfuse.modalities.micro_expression.motion import REGIONS, FacialMotion

__all__ = ["LOWER_LIP", "UPPER_LIP", "left_behind", "motions_on_another_face", "on_another_face"]

_CHANNELS = 2 * len(REGIONS)
UPPER_LIP, LOWER_LIP = (2 * list(REGIONS).index(f"{part}_lip") + 1 for part in ("upper", "lower"))
"""Channels of their vertical motion."""

_FACE_SD, _REGION_SD = 0.2, 0.25  # of the logarithm of how much another face, and its regions, move
_BLEED_SD = 0.04  # share of one channel's motion that another face shows in each other channel
_CLOSED, _OPEN_PERCENT = 0.1, 0.5  # closure, and % of the interocular distance, at rest
_BLINK_MOST, _SPEECH_MOST = 4.5, 2.5  # % of the interocular distance that they leave behind at most
_LIKELY = 0.5  # share of it that is to be expected; a network learns from more
_LIKE_EXPRESSION = 0.3  # share of what is left behind that looks like an expression
_CHANGES_STEPS = 30  # how much is left behind changes over so many steps


def on_another_face(moved: Array, rng: np.random.Generator) -> Array:
    """Return motion (time, channel) as a face of another shape might show it.

    Its regions move more or less, and each channel takes a little of all others.
    """
    bleed = rng.normal(0.0, _BLEED_SD, (_CHANNELS, _CHANNELS))
    gain = np.repeat(np.exp(rng.normal(0.0, _REGION_SD, len(REGIONS))), 2)
    return np.asarray((moved + moved @ bleed) * gain * np.exp(rng.normal(0.0, _FACE_SD)))


def left_behind(
    closure: Array,
    mouth_percent: Array,
    rng: np.random.Generator,
    expressions: Sequence[Array] = (),
) -> Array:
    """Return motion (time, channel) that follows eyes and mouth and is no expression.

    Patterns of some regions or those of expressions, of random strength, a tenth of a second early
    or late, and not the same each time.

    Args:
        closure: (time,) of the eyes.
        mouth_percent: (time,) how far the lips are apart, in % of the interocular distance, from
            any zero.
        rng: of the draw.
        expressions: (channel,) each, what expressions move.
    """
    closing = np.clip(closure - _CLOSED, 0.0, None) / (0.6 - _CLOSED)
    opening = np.clip(mouth_percent - np.median(mouth_percent) - _OPEN_PERCENT, 0.0, None) / 5.0
    moved = np.zeros((len(closure), _CHANNELS))
    for course, most in ((closing, _BLINK_MOST), (opening, _SPEECH_MOST)):
        if rng.random() < 0.25:
            continue
        late = int(rng.integers(-3, 4))
        pattern = rng.normal(size=_CHANNELS) * np.repeat(
            rng.random(len(REGIONS)) < rng.uniform(0.1, 0.8), 2
        )
        if len(expressions) and rng.random() < _LIKE_EXPRESSION:
            pattern = expressions[int(rng.integers(len(expressions)))] * rng.choice((-1.0, 1.0))
            most = _LIKELY * most
        strength = rng.uniform(0.0, most) / max(float(np.abs(pattern).max()), 1e-6)
        knots = np.arange(0, len(course), _CHANGES_STEPS)
        changing = np.interp(np.arange(len(course)), knots, rng.normal(size=len(knots)))
        changed = np.clip(course, 0.0, 1.5) * np.exp(0.4 * changing)
        moved += np.outer(np.roll(changed, late), strength * pattern)
    return moved


def motions_on_another_face(
    motions: Sequence[FacialMotion], rng: np.random.Generator
) -> list[FacialMotion]:
    """Return the facial motion of a recording as another face might have shown it."""
    blinks, closure = BlinkSpotter(), np.zeros(len(motions))
    for i, motion in enumerate(motions):
        blinks.push(motion.time_s, motion.eye_opening)
        closure[i] = blinks.closure
    rows = np.array([motion.regions.ravel() for motion in motions])
    mouth_percent = rows[:, LOWER_LIP] - rows[:, UPPER_LIP]
    moved = on_another_face(rows, rng) + _LIKELY * left_behind(closure, mouth_percent, rng)
    regions = moved.reshape(len(motions), len(REGIONS), 2)
    return [replace(motion, regions=row) for motion, row in zip(motions, regions, strict=True)]
