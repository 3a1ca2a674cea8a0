"""Blinks, from the height of the eye opening."""

from __future__ import annotations

import math

import numpy as np

from affectfuse.containers import Interval

__all__ = ["BlinkSpotter"]

_LEVEL_UP_S = 0.5  # the open level follows an opening eye within this time,
_LEVEL_DOWN_S = 6.0  # and a slowly narrowing one within this
_CLOSES = 0.2  # closure, as a share of the open level, that begins a blink
_OPENS = 0.5  # share of the deepest closure below which it is over
_SHORTEST_S, _LONGEST_S = 0.04, 0.7


class BlinkSpotter:
    """Finds blinks one frame after another; decides when the eye is half open again."""

    def __init__(self) -> None:
        self._level = math.nan
        self._before: tuple[float, float] | None = None
        self._onset_s = self._apex_s = math.nan
        self._deepest = 0.0
        self.closure = 0.0
        """How far the eyes are closed now, as a share of their usual opening."""

    def push(self, time_s: float, eye_opening: float) -> Interval | None:
        """Take the eye opening of a frame; return the blink that ended with it, or None."""
        before = self._before
        step_s = time_s - before[0] if before else 0.0
        if math.isnan(self._level):
            self._level = eye_opening
        slow_s = _LEVEL_UP_S if eye_opening > self._level else _LEVEL_DOWN_S
        self._level += (eye_opening - self._level) * (1.0 - math.exp(-step_s / slow_s))
        self.closure = 1.0 - eye_opening / max(self._level, 1e-6)
        self._before = (time_s, self.closure)
        if math.isnan(self._onset_s):
            if self.closure > _CLOSES and before:
                self._onset_s = before[0]
                self._deepest, self._apex_s = self.closure, time_s
            return None
        if self.closure > self._deepest:
            self._deepest, self._apex_s = self.closure, time_s
        if self.closure > _OPENS * self._deepest and self.closure > 0.0:
            return None
        # The lid rises from its deepest to half in about half the time it needs to the top.
        opened_s = _crossing_s(before, (time_s, self.closure), _OPENS * self._deepest)
        offset_s = min(time_s, opened_s)
        onset_s, self._onset_s = self._onset_s, math.nan
        if not _SHORTEST_S <= offset_s - onset_s <= _LONGEST_S:
            return None
        confidence = float(np.clip(self._deepest / 0.3, 0.0, 1.0))
        values = {"closure": self._deepest}
        return Interval(onset_s, offset_s, "blink", min(self._apex_s, offset_s), confidence, values)


def _crossing_s(
    before: tuple[float, float] | None, now: tuple[float, float], level: float
) -> float:
    if before is None or before[1] <= now[1]:
        return now[0]
    return now[0] - (now[0] - before[0]) * (level - now[1]) / (before[1] - now[1])
