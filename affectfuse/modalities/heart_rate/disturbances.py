"""What moves the colours besides the pulse, and taking it out of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import remove_trend

__all__ = ["ColourWindow", "remove_disturbances"]

DETREND_S = 1.6
LANDMARK_NOISE = 0.003
"""Jitter of the head's place and size as the landmarks give it, in interocular distances."""
_TYPICAL_SPEED = 20.0
LIGHT_NOISE = 3e-4
"""Noise of the background's brightness, AC/DC."""


@dataclass(frozen=True, slots=True, eq=False)
class ColourWindow:
    """Colour signals in which a pulse is looked for, and what is known of their disturbances.

    Attributes:
        signals: (time, signal) logarithms of mean colours, NaN where missing.
        signature: (signal,) how strong the pulse is in each, relative to green.
        regions: (signal,) number of the region each belongs to.
        motion: (time, 3) centre and logarithm of size of the head, NaN where missing.
        light: (time,) logarithm of the background's brightness, NaN where missing.
        sampling_rate_hz: of all of them.
        shared_noise: whether noise reaches several signals together, so that it can cancel.
    """

    signals: Array
    signature: Array
    regions: Array
    motion: Array
    light: Array
    sampling_rate_hz: float
    shared_noise: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Disturbances:
    """Motion and light, and what they did to the colour signals.

    Attributes:
        motion: (time, 3) without its trend, in units of its noise.
        light: (time, 1) likewise.
        taken: (time, signal) what was taken out of the signals.
    """

    motion: Array
    light: Array
    taken: Array


def remove_disturbances(window: ColourWindow, newest: slice) -> tuple[Array, Disturbances]:
    """Take trend, head motion and changes of light out of colour signals.

    The trend is a centred moving mean over 1.6 s. What goes with the head's place and size, with
    their speed (landmarks lag behind), their squares (shading is not linear in a turn of the head)
    or the brightness of the background is removed by ridge regression: as far as these exceed their
    own noise.

    Args:
        window: the signals.
        newest: the part from which the regression is learned.

    Returns:
        the signals (time, signal), NaN where missing, and the disturbances of the newest part.
    """
    rate_hz = window.sampling_rate_hz
    steady = remove_trend(window.signals, rate_hz, DETREND_S)
    moving = np.nan_to_num(remove_trend(window.motion, rate_hz, DETREND_S)) / LANDMARK_NOISE
    squares = remove_trend(moving**2, rate_hz, DETREND_S)
    light = np.nan_to_num(remove_trend(window.light[:, None], rate_hz, DETREND_S)) / LIGHT_NOISE
    turning = np.gradient(moving, axis=0) * rate_hz / _TYPICAL_SPEED
    references = np.hstack([moving, turning, squares, light])
    learned, known = references[newest], np.nan_to_num(steady[newest])
    ridge = len(learned) * np.eye(references.shape[1])
    coupling = np.linalg.solve(learned.T @ learned + ridge, learned.T @ known)
    taken = references @ coupling
    return steady - taken, Disturbances(moving[newest], light[newest], taken[newest])
