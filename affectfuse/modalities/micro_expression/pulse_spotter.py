"""The signal-based spotter: an expression is a pulse of facial motion.

Regions of the face move away from rest and come back. At each moment the motion since some time
before (rise) and until some time after (fall) are compared, over several such times: short ones
find micro-expressions, long ones macro.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.blinks import BlinkSpotter
from affectfuse.modalities.micro_expression.history import MotionHistory
from affectfuse.modalities.micro_expression.motion import FacialMotion
from affectfuse.modalities.micro_expression.pulse_strength import (
    CHANNELS,
    SIDE_S,
    PulseStrength,
    Scale,
)
from affectfuse.modalities.micro_expression.spotter import MACRO, MICRO, Spotter

__all__ = ["THRESHOLD", "PulseSpotter"]

THRESHOLD = 1.3

_SCALES = (Scale(0.4, 0.4), Scale(0.85, 0.65), Scale(1.25, 0.95), Scale(1.7, 1.3), Scale(2.2, 1.75))
"""The first finds micro-expressions; each of the others macro whose fall its own can just hold, so
that none is told of late."""
_PEAK_S = 0.25  # a peak of the pulse strength is the largest within this time on either side
_FRAME_S = 0.1  # what the frame that decides may be late by
_EDGE = 0.95  # share of a scale that a pulse may fill
_TOLERANCE_S = 0.06  # what the measured duration of a micro-expression may be too long
_MACRO_LONGEST_S = 4.0
_MICRO_LARGEST_PERCENT = 12.0  # a short pulse beyond is a lost track or a hand, no expression
_CALIBRATION = {MICRO: (5.3, -0.8), MACRO: (5.9, -3.6)}  # of the logarithm of the strength
_MACRO_FACTOR = 1.35  # on the threshold: slow motion of the head looks more like a long pulse


class PulseSpotter(Spotter):
    """Finds pulses of facial motion and tells micro-expressions, macro-expressions and blinks.

    What else moves the face raises the bar, see `PulseStrength`.

    Args:
        threshold: pulse strength, in noise levels of the whole face, from which a pulse counts;
            None takes `THRESHOLD`.
        micro_longest_s: what lasts longer is a macro-expression.
    """

    latency_s = 1.0

    def __init__(self, threshold: float | None, micro_longest_s: float) -> None:
        threshold = THRESHOLD if threshold is None else threshold
        if not threshold > 0 or not 0 < micro_longest_s <= 2 * _SCALES[0].rise_s:
            raise ValueError(
                f"threshold is {threshold} and micro_longest_s {micro_longest_s}; the threshold "
                "must be above 0, the longest micro-expression at most "
                f"{2 * _SCALES[0].rise_s} s"
            )
        self._thresholds = [threshold, *[_MACRO_FACTOR * threshold] * (len(_SCALES) - 1)]
        self._micro_longest_s = micro_longest_s
        longest = _SCALES[-1]
        self._history = MotionHistory(longest.rise_s + longest.fall_s + 2.0, CHANNELS + 2)
        self._pulses = [
            PulseStrength(self._history, scale, least)
            for scale, least in zip(_SCALES, self._thresholds, strict=True)
        ]
        self._blinks = BlinkSpotter()
        self._restart()

    def _restart(self) -> None:
        self._history.clear()
        self._strengths: list[deque[tuple[float, float]]] = [deque() for _ in _SCALES]
        self._weighed_s = [-np.inf] * len(_SCALES)
        self._judged_s = [-np.inf] * len(_SCALES)
        self._last_offset_s = -np.inf

    def push(self, motion: FacialMotion) -> Iterator[Interval]:
        if motion.restarted:
            self._restart()
        blink = self._blinks.push(motion.time_s, motion.eye_opening)
        if blink is not None:
            yield blink
        row = np.concatenate([motion.regions.ravel(), [self._blinks.closure, motion.head_speed]])
        self._history.push(motion.time_s, row)
        for index in range(len(_SCALES)):
            yield from self._look(index, motion.time_s)

    def flush(self) -> Iterator[Interval]:
        yield from ()

    def _look(self, index: int, now_s: float) -> Iterator[Interval]:
        """Weigh the moments that have their far side by now, and decide on the peaks among them."""
        scale, strengths = _SCALES[index], self._strengths[index]
        times = self._history.times
        newest_s = now_s - scale.fall_s - SIDE_S
        first, last = np.searchsorted(times, (self._weighed_s[index], newest_s), side="right")
        for centre in range(first, last):
            centre_s = self._weighed_s[index] = float(times[centre])
            if centre_s - scale.rise_s - SIDE_S >= times[0]:
                strengths.append((centre_s, self._pulses[index].at(centre)))
        judged_s = self._judged_s[index]
        for peak_s, peak in strengths:
            if judged_s < peak_s <= newest_s - _PEAK_S:
                self._judged_s[index] = peak_s
                near = (s for t, s in strengths if abs(t - peak_s) <= _PEAK_S)
                if peak > self._thresholds[index] and peak == max(near):
                    yield from self._measure(index, peak_s, peak)
        while strengths and strengths[0][0] < newest_s - 2.0 * _PEAK_S:
            strengths.popleft()

    def _measure(self, index: int, peak_s: float, strength: float) -> Iterator[Interval]:
        """Yield the pulse around a peak as an interval, nothing when it is not a whole one."""
        rise_s, fall_s = _SCALES[index]
        times, rows = self._history.times, self._history.rows
        before, after = self._pulses[index].sides(peak_s)
        inside = (times >= peak_s - rise_s) & (times <= peak_s + fall_s)
        t = times[inside]
        share = (t - peak_s + rise_s) / (rise_s + fall_s)
        moved = rows[inside, :CHANNELS] - (before + np.outer(share, after - before))
        centre = int(np.argmin(np.abs(t - peak_s)))
        pattern = moved[max(centre - 1, 0) : centre + 2].mean(axis=0)
        course = _course(t, moved @ (pattern / self._pulses[index].variance(peak_s)))
        if course is None or course[0] < self._last_offset_s - 0.1:
            return
        onset_s, apex_s, offset_s = course
        late = peak_s + fall_s + SIDE_S + _PEAK_S + _FRAME_S - offset_s > self.latency_s
        if onset_s < peak_s - _EDGE * rise_s or offset_s > peak_s + _EDGE * fall_s or late:
            return
        duration_s = offset_s - onset_s
        micro = duration_s <= self._micro_longest_s + _TOLERANCE_S
        if duration_s > _MACRO_LONGEST_S or micro != (index == 0):
            return
        displacement = float(np.hypot(*pattern.reshape(-1, 2).T).max())
        if micro and displacement > _MICRO_LARGEST_PERCENT:
            return
        values = {"displacement_iod_percent": displacement, "strength": strength}
        label = MICRO if micro else MACRO
        self._last_offset_s = offset_s
        confidence = _confidence(label, strength)
        yield Interval(onset_s, offset_s, label, apex_s, confidence, values)


def _confidence(label: str, strength: float) -> float:
    """Return the probability that a pulse of that strength is an expression whose times are right.

    A logistic regression on 253 and 76 pulses of the data set micro_expression_tuning.
    """
    slope, bias = _CALIBRATION[label]
    return float(1.0 / (1.0 + np.exp(-(slope * np.log(strength) + bias))))


def _course(times: Array, profile: Array) -> tuple[float, float, float] | None:
    """Return onset, apex and offset of a pulse, between frames where the signal allows.

    The flanks are followed from the apex down to a fifth of its height and drawn on from there to
    the level of rest.
    """
    apex = int(np.argmax(profile))
    if not 0 < apex < len(profile) - 1 or profile[apex] <= 0:
        return None
    left, top, right = profile[apex - 1 : apex + 2]
    bend = left - 2.0 * top + right
    shift = 0.5 * (left - right) / bend if bend < 0 else 0.0
    apex_s = times[apex] + shift * (times[apex + 1] - times[apex - 1]) / 2.0
    onset_s = _foot(times[apex::-1], profile[apex::-1])
    offset_s = _foot(times[apex:], profile[apex:])
    if onset_s is None or offset_s is None:
        return None
    return float(onset_s), float(apex_s), float(offset_s)


def _foot(times: Array, profile: Array) -> float | None:
    """Return where a flank that starts at the apex meets the level of rest."""
    high, low = (_first_below(times, profile, share * profile[0]) for share in (0.6, 0.2))
    if high is None or low is None:
        return None
    return low + (low - high) * 0.5


def _first_below(times: Array, profile: Array, level: float) -> float | None:
    below = np.nonzero(profile < level)[0]
    if not len(below):
        return None
    i = int(below[0])
    share = (profile[i - 1] - level) / (profile[i - 1] - profile[i])
    return float(times[i - 1] + share * (times[i] - times[i - 1]))
