"""How strong a pulse of facial motion stands at a moment, in units of what else moves the face."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.micro_expression.history import MotionHistory, RunningNoise
from affectfuse.modalities.micro_expression.motion import REGIONS

__all__ = ["CHANNELS", "SIDE_S", "PulseStrength", "Scale"]

CHANNELS = 2 * len(REGIONS)
"""Motion of each region to the right and down; a row of the history has closure and head speed
after them."""

SIDE_S = 0.07
"""Half the span over which the motion at either side is averaged."""

_ACTIVITY_S, _ACTIVITY_LAG_S = 0.8, 0.13
_BLINK_CLOSURE, _BLINK_PERCENT = 0.15, 5.0  # what closing the eyes further may move around them
_OPENING_PERCENT, _OPENING_FACTOR = 1.0, 0.7  # from where, and how much, an open mouth counts
_HEAD_PERCENT = 0.5  # what head motion of one interocular distance a second may leave behind


def _channels(*parts: str) -> Array:
    """Return which channels belong to regions whose name holds one of these words."""
    return np.repeat([any(part in name for part in parts) for name in REGIONS], 2)


_UPPER, _MOUTH = _channels("brow", "cheek"), _channels("lip", "chin")
_PART_DISCOUNT = 0.7
_PARTS = np.array(
    [np.full(len(_UPPER), 1 / len(_UPPER))]
    + [
        _PART_DISCOUNT**2 * part / part.sum()
        for part in (_UPPER, _MOUTH, _channels("lip_corner"), _channels("nose", "cheek"))
    ]
)
"""What takes channels to the whole face's mean and those of the parts expressions often keep to."""
_ACTIVITY_WEIGHT = np.where(_MOUTH, 2.0, 0.5)
_UPPER_LIP, _LOWER_LIP = (2 * list(REGIONS).index(f"{part}_lip") + 1 for part in ("upper", "lower"))


class Scale(NamedTuple):
    """How long before and after a moment the face is taken to rest, in seconds."""

    rise_s: float
    fall_s: float


class PulseStrength:
    """Compares the motion at a moment with that before and after it.

    Rise and fall are multiplied: the product is large for a pulse, and near zero or negative for a
    drift, a step or a turn. It is weighed by how noisy each region is at this person and time:
    brows and cheeks count for less while the eyes close, the mouth when it opens, any region when
    it moves right before or after, all of them while the head moves fast.

    Args:
        history: of rows (channel, closure, head speed).
        scale: rise and fall.
        least: strength below which it need not be weighed in full.
    """

    def __init__(self, history: MotionHistory, scale: Scale, least: float) -> None:
        self._history = history
        self._scale = scale
        self._least = least
        self._noise = RunningNoise(CHANNELS)

    def at(self, centre: int) -> float:
        """Return the strength at a row of the history, in noise levels (0 where it is small)."""
        centre_s = float(self._history.times[centre])
        before, after = self.sides(centre_s)
        here = self._history.rows[centre, :CHANNELS]
        rise, fall = here - before, here - after
        self._noise.push(centre_s, 0.5 * (rise + fall))
        product = rise * fall
        if _strongest(product / self._noise.scale**2) < self._least:
            return 0.0
        return _strongest(product / self.variance(centre_s))

    def sides(self, centre_s: float) -> tuple[Array, Array]:
        """Return the displacement (channel,) before the rise and after the fall."""
        times, rows = self._history.times, self._history.rows
        sides = []
        for side_s in (centre_s - self._scale.rise_s, centre_s + self._scale.fall_s):
            first, last = np.searchsorted(times, (side_s - SIDE_S, side_s + SIDE_S))
            first = min(first, len(times) - 1)
            sides.append(rows[first : max(last, first + 1), :CHANNELS].mean(axis=0))
        return sides[0], sides[1]

    def variance(self, centre_s: float) -> Array:
        """Return each channel's variance at a moment: noise, blinks, head motion, busy regions."""
        rise_s, fall_s = self._scale
        times, rows = self._history.times, self._history.rows
        around = (times > centre_s - rise_s - SIDE_S) & (times < centre_s + fall_s + SIDE_S)
        near = np.abs(times - centre_s) < min(rise_s, fall_s, 0.4)
        closing = max(float(rows[around, CHANNELS].max()) - _BLINK_CLOSURE, 0.0)
        opening = rows[:, _LOWER_LIP] - rows[:, _UPPER_LIP]
        wider = max(float(opening[around].max() - np.median(opening)) - _OPENING_PERCENT, 0.0)
        head_speed = float(rows[near, CHANNELS + 1].mean())
        variance: Array = (
            self._noise.scale**2
            + np.where(_UPPER, (_BLINK_PERCENT * closing) ** 2, 0.0)
            + np.where(_MOUTH, (_OPENING_FACTOR * wider) ** 2, 0.0)
            + (_HEAD_PERCENT * head_speed) ** 2
            + _ACTIVITY_WEIGHT * self._activity(centre_s)
        )
        return variance

    def _activity(self, centre_s: float) -> Array:
        """Return how much each channel moves just outside of the pulse, as a variance."""
        rise_s, fall_s = self._scale
        times, rows = self._history.times, self._history.rows
        largest = np.zeros(CHANNELS)
        for start_s, end_s in (
            (centre_s - rise_s - _ACTIVITY_S, centre_s - rise_s),
            (centre_s + fall_s - SIDE_S, centre_s + fall_s + _ACTIVITY_S),
        ):
            first, last = np.searchsorted(times, (start_s, end_s))
            earlier = np.searchsorted(times, times[first:last] - _ACTIVITY_LAG_S)
            if last - first > 1:
                step = rows[first:last, :CHANNELS] - rows[earlier, :CHANNELS]
                largest = np.maximum(largest, np.mean(step**2, axis=0))
        return largest


def _strongest(power: Array) -> float:
    """Return the pulse strength of the whole face, or of the part of it where it stands out most.

    `power` (channel,) is the product of rise and fall in units of variance. A part has fewer
    channels, so noise alone makes it stand out more easily: its strength is discounted.
    """
    return float(np.sqrt(max((_PARTS @ power).max(), 0.0)))
