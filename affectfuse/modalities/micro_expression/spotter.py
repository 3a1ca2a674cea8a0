"""Spotting: where in the stream of facial motion an expression begins, peaks and ends.

An expression is a pulse: regions of the face move away from rest and come back. At each moment c
the motion from c - lag to c (rise) and from c + lag to c (fall) are compared; their product,
weighted by how noisy each region is at this person and time, is large for a pulse and near zero or
negative for a drift, a step or a turn. Short lags find micro-expressions, long ones macro.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.blinks import BlinkSpotter
from affectfuse.modalities.micro_expression.motion import REGIONS, FacialMotion

__all__ = ["BLINK", "MACRO", "MICRO", "PulseSpotter", "Spotter"]

MICRO, MACRO, BLINK = "micro_expression", "macro_expression", "blink"

_LAGS_S = (0.4, 0.9, 2.0)  # each finds pulses of up to about twice its length
_SIDE_S = 0.07  # half the span over which the motion at either side is averaged
_PEAK_S = 0.25  # a peak of the pulse strength is the largest within this time on either side
_TOLERANCE_S = 0.06  # what the measured duration of a micro-expression may be too long
_MACRO_LONGEST_S = 4.0
_MICRO_LARGEST_PERCENT = 12.0  # a short pulse beyond is a lost track or a hand, no expression
_MACRO_FACTOR = 1.35  # on the threshold: slow motion of the head looks more like a long pulse

_NOISE_S, _NOISE_STEP_S = 15.0, 0.1
_NOISE_FLOOR, _NOISE_PRIOR = 0.06, 0.2  # % of the interocular distance
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
_CHANNELS = 2 * len(REGIONS)


class Spotter(ABC):
    """Takes facial motion frame by frame and gives intervals as soon as they are decided."""

    @abstractmethod
    def push(self, motion: FacialMotion) -> Iterator[Interval]:
        """Take the motion of the next frame; yield the intervals that became certain with it."""

    @abstractmethod
    def flush(self) -> Iterator[Interval]:
        """Yield what can still be decided when no further frame comes."""


class _History:
    """The frames of the last seconds as arrays, oldest first."""

    def __init__(self, span_s: float, capacity: int = 1024) -> None:
        self._span_s = span_s
        self._times = np.empty(capacity)
        self._rows = np.empty((capacity, _CHANNELS + 2))
        self.clear()

    def clear(self) -> None:
        self._start = self._end = 0

    def push(self, time_s: float, row: Array) -> None:
        if self._end == len(self._times):
            kept = min(self._end - self._start, len(self._times) // 2)
            self._times[:kept] = self._times[self._end - kept : self._end]
            self._rows[:kept] = self._rows[self._end - kept : self._end]
            self._start, self._end = 0, kept
        self._times[self._end], self._rows[self._end] = time_s, row
        self._end += 1
        while self._times[self._start] < time_s - self._span_s:
            self._start += 1

    @property
    def times(self) -> Array:
        return self._times[self._start : self._end]

    @property
    def rows(self) -> Array:
        return self._rows[self._start : self._end]


class _Noise:
    """A running estimate of each channel's noise: the median of its absolute pulses."""

    def __init__(self) -> None:
        self._kept = np.empty((round(_NOISE_S / _NOISE_STEP_S), _CHANNELS))
        self._count = 0
        self._next_s = -np.inf
        self.scale = np.full(_CHANNELS, _NOISE_PRIOR)

    def push(self, time_s: float, pulse: Array) -> None:
        if time_s < self._next_s:
            return
        self._next_s = time_s + _NOISE_STEP_S
        self._kept[self._count % len(self._kept)] = np.abs(pulse)
        self._count += 1
        if self._count >= 20 and self._count % 5 == 0:
            kept = self._kept[: min(self._count, len(self._kept))]
            self.scale = np.maximum(np.median(kept, axis=0) / 0.6745, _NOISE_FLOOR)


class PulseSpotter(Spotter):
    """Finds pulses of facial motion and tells micro-expressions, macro-expressions and blinks.

    Decides `PulseSpotter.latency_s` after the apex of a micro-expression at most. Kept out: blinks
    (brows and cheeks count for less while the eyes close), head motion (all regions count for less
    while the head moves fast) and speech (the mouth counts for less when
    it opens, any region when it moves right before or after).

    Args:
        threshold: pulse strength, in noise levels of the whole face, from which a pulse counts.
        micro_longest_s: what lasts longer is a macro-expression.
    """

    latency_s = _LAGS_S[0] + _SIDE_S + _PEAK_S

    def __init__(self, threshold: float, micro_longest_s: float) -> None:
        if not threshold > 0 or not 0 < micro_longest_s <= 2 * _LAGS_S[0]:
            raise ValueError(
                f"threshold is {threshold} and micro_longest_s {micro_longest_s}; the threshold "
                f"must be above 0, the longest micro-expression at most {2 * _LAGS_S[0]} s"
            )
        self._thresholds = [threshold, *[_MACRO_FACTOR * threshold] * (len(_LAGS_S) - 1)]
        self._micro_longest_s = micro_longest_s
        self._noise = [_Noise() for _ in _LAGS_S]
        self._history = _History(2.0 * _LAGS_S[-1] + 2.0)
        self._blinks = BlinkSpotter()
        self._restart()

    def _restart(self) -> None:
        self._history.clear()
        self._strengths: list[deque[tuple[float, float]]] = [deque() for _ in _LAGS_S]
        self._weighed_s = [-np.inf] * len(_LAGS_S)
        self._judged_s = [-np.inf] * len(_LAGS_S)
        self._last_offset_s = -np.inf

    def push(self, motion: FacialMotion) -> Iterator[Interval]:
        if motion.restarted:
            self._restart()
        blink = self._blinks.push(motion.time_s, motion.eye_opening)
        if blink is not None:
            yield blink
        row = np.concatenate([motion.regions.ravel(), [self._blinks.closure, motion.head_speed]])
        self._history.push(motion.time_s, row)
        for scale in range(len(_LAGS_S)):
            yield from self._look(scale, motion.time_s)

    def flush(self) -> Iterator[Interval]:
        yield from ()

    def _look(self, scale: int, now_s: float) -> Iterator[Interval]:
        """Weigh the moments that have their far side by now, and decide on the peaks among them."""
        lag_s, strengths = _LAGS_S[scale], self._strengths[scale]
        times = self._history.times
        newest_s = now_s - lag_s - _SIDE_S
        first, last = np.searchsorted(times, (self._weighed_s[scale], newest_s), side="right")
        for centre in range(first, last):
            centre_s = self._weighed_s[scale] = float(times[centre])
            if centre_s - lag_s - _SIDE_S >= times[0]:
                strengths.append((centre_s, self._strength(scale, centre)))
        judged_s = self._judged_s[scale]
        for peak_s, peak in strengths:
            if judged_s < peak_s <= newest_s - _PEAK_S:
                self._judged_s[scale] = peak_s
                near = (s for t, s in strengths if abs(t - peak_s) <= _PEAK_S)
                if peak > self._thresholds[scale] and peak == max(near):
                    yield from self._measure(scale, peak_s, peak)
        while strengths and strengths[0][0] < newest_s - 2.0 * _PEAK_S:
            strengths.popleft()

    def _sides(self, centre_s: float, lag_s: float) -> tuple[Array, Array]:
        times, rows = self._history.times, self._history.rows
        sides = []
        for side_s in (centre_s - lag_s, centre_s + lag_s):
            first, last = np.searchsorted(times, (side_s - _SIDE_S, side_s + _SIDE_S))
            first = min(first, len(times) - 1)
            sides.append(rows[first : max(last, first + 1), :_CHANNELS].mean(axis=0))
        return sides[0], sides[1]

    def _strength(self, scale: int, centre: int) -> float:
        """Return how strong a pulse stands at a moment, in noise levels (0 for none)."""
        history, lag_s = self._history, _LAGS_S[scale]
        centre_s = history.times[centre]
        before, after = self._sides(centre_s, lag_s)
        here = history.rows[centre, :_CHANNELS]
        rise, fall = here - before, here - after
        noise = self._noise[scale]
        noise.push(centre_s, 0.5 * (rise + fall))
        product = rise * fall
        if _strongest(product / noise.scale**2) < self._thresholds[scale]:
            return 0.0
        return _strongest(product / self._variance(scale, centre_s))

    def _variance(self, scale: int, centre_s: float) -> Array:
        """Return each channel's variance at a moment: noise, blinks, head motion, busy regions."""
        history, lag_s = self._history, _LAGS_S[scale]
        times, rows = history.times, history.rows
        around = (times > centre_s - lag_s - _SIDE_S) & (times < centre_s + lag_s + _SIDE_S)
        near = np.abs(times - centre_s) < min(lag_s, 0.4)
        closing = max(float(rows[around, _CHANNELS].max()) - _BLINK_CLOSURE, 0.0)
        opening = rows[:, _LOWER_LIP] - rows[:, _UPPER_LIP]
        wider = max(float(opening[around].max() - np.median(opening)) - _OPENING_PERCENT, 0.0)
        head_speed = float(rows[near, _CHANNELS + 1].mean())
        variance: Array = (
            self._noise[scale].scale ** 2
            + np.where(_UPPER, (_BLINK_PERCENT * closing) ** 2, 0.0)
            + np.where(_MOUTH, (_OPENING_FACTOR * wider) ** 2, 0.0)
            + (_HEAD_PERCENT * head_speed) ** 2
            + _ACTIVITY_WEIGHT * self._activity(centre_s, lag_s)
        )
        return variance

    def _activity(self, centre_s: float, lag_s: float) -> Array:
        """Return how much each channel moves just outside of the pulse, as a variance."""
        times, rows = self._history.times, self._history.rows
        largest = np.zeros(_CHANNELS)
        for start_s, end_s in (
            (centre_s - lag_s - _ACTIVITY_S, centre_s - lag_s),
            (centre_s + lag_s - _SIDE_S, centre_s + lag_s + _ACTIVITY_S),
        ):
            first, last = np.searchsorted(times, (start_s, end_s))
            earlier = np.searchsorted(times, times[first:last] - _ACTIVITY_LAG_S)
            if last - first > 1:
                step = rows[first:last, :_CHANNELS] - rows[earlier, :_CHANNELS]
                largest = np.maximum(largest, np.mean(step**2, axis=0))
        return largest

    def _measure(self, scale: int, peak_s: float, strength: float) -> Iterator[Interval]:
        """Yield the pulse around a peak as an interval, nothing when it is not a whole one."""
        lag_s = _LAGS_S[scale]
        times, rows = self._history.times, self._history.rows
        before, after = self._sides(peak_s, lag_s)
        inside = np.abs(times - peak_s) <= lag_s
        t = times[inside]
        rest = before + np.outer((t - peak_s + lag_s) / (2.0 * lag_s), after - before)
        moved = rows[inside, :_CHANNELS] - rest
        centre = int(np.argmin(np.abs(t - peak_s)))
        pattern = moved[max(centre - 1, 0) : centre + 2].mean(axis=0)
        variance = self._variance(scale, peak_s)
        profile = moved @ (pattern / variance)
        course = _course(t, profile)
        if course is None or course[0] < self._last_offset_s - 0.1:
            return
        onset_s, apex_s, offset_s = course
        edge_s = 0.95 * lag_s
        if onset_s < peak_s - edge_s or offset_s > peak_s + edge_s:
            return
        duration_s = offset_s - onset_s
        micro = duration_s <= self._micro_longest_s + _TOLERANCE_S
        if duration_s > _MACRO_LONGEST_S or micro != (scale == 0):
            return
        displacement = float(np.hypot(*pattern.reshape(-1, 2).T).max())
        if micro and displacement > _MICRO_LARGEST_PERCENT:
            return
        confidence = float(
            1.0 / (1.0 + np.exp(-3.0 * (strength / self._thresholds[scale] - 1.0) - 0.2))
        )
        values = {"displacement_iod_percent": displacement, "strength": strength}
        label = MICRO if micro else MACRO
        self._last_offset_s = offset_s
        yield Interval(onset_s, offset_s, label, apex_s, confidence, values)


def _strongest(power: Array) -> float:
    """Return the pulse strength of the whole face, or of the part of it where it stands out most.

    `power` (channel,) is the product of rise and fall in units of variance. A part has fewer
    channels, so noise alone makes it stand out more easily: its strength is discounted.
    """
    return float(np.sqrt(max((_PARTS @ power).max(), 0.0)))


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
