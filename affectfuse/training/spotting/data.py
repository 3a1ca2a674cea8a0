"""What a learned spotter learns from: facial motion of recordings, and expressions moved about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.learned_spotter import MICRO_LONGEST_S
from affectfuse.modalities.micro_expression.motion import REGIONS, FacialMotion
from affectfuse.modalities.micro_expression.motion_signals import (
    GRID_HZ,
    MotionGrid,
    MotionSignals,
    compress,
    high_pass,
)
from affectfuse.modalities.micro_expression.spotter import MACRO, MICRO
from affectfuse.training.spotting.faces import (
    LOWER_LIP,
    UPPER_LIP,
    left_behind,
    on_another_face,
)
from affectfuse.training.spotting.targets import targets

__all__ = ["MotionTrace", "WindowSampler", "trace_motion"]

_CHANNELS = 2 * len(REGIONS)
_FREE_S = 0.25  # least distance of a planted expression from others


def _mirrored() -> tuple[Array, Array]:
    """Return the order and the signs of the channels of a mirrored face."""
    names = list(REGIONS)
    swap = {"right": "left", "left": "right"}
    order = []
    for name in names:
        side, _, rest = name.partition("_")
        order.append(names.index(f"{swap[side]}_{rest}" if side in swap else name))
    channels = np.array([2 * region + axis for region in order for axis in (0, 1)])
    return channels, np.tile([-1.0, 1.0], len(names))


_MIRROR, _SIGNS = _mirrored()


@dataclass(frozen=True, slots=True, eq=False)
class MotionTrace:
    """Facial motion of an unbroken stretch of a recording, on the grid.

    Attributes:
        times_s: (time,) middles of the steps.
        signals: (time, signal) as `MotionSignals` gives them.
        scale: (time, channel) noise at each step.
        rows: (time, channel) displacement of the regions in % of the interocular distance.
        truth: the expressions, labelled with their kind.
    """

    times_s: Array
    signals: Array
    scale: Array
    rows: Array
    truth: tuple[Interval, ...]


def trace_motion(motions: Iterable[FacialMotion], truth: Sequence[Interval]) -> list[MotionTrace]:
    """Return a recording's facial motion as stretches between its restarts.

    Args:
        motions: of its frames.
        truth: its expressions; `truth[i].label` is the kind.
    """
    grid, signals = MotionGrid(), MotionSignals()
    stretches: list[list[tuple[float, Array, Array, Array]]] = [[]]
    for motion in motions:
        if motion.restarted:
            grid.restart()
            signals.restart()
            stretches.append([])
        for time_s, row in grid.push(motion):
            stretches[-1].append((time_s, signals.push(row), signals.scale, row[:_CHANNELS]))
    traces = []
    for steps in stretches:
        if len(steps) >= 2 * GRID_HZ:
            times_s, values, scale, rows = (np.array(column) for column in zip(*steps, strict=True))
            inside = tuple(
                i for i in truth if times_s[0] <= i.onset_s and i.offset_s <= times_s[-1]
            )
            traces.append(MotionTrace(times_s, values, scale, rows, inside))
    return traces


class WindowSampler:
    """Draws windows of traces, with expressions of other traces planted into them.

    An expression's pattern (which regions move where) is measured at its apex; planted, it gets a
    strength, a course and a duration of its own, so that many are seen at few recordings' cost.
    Half of the windows are the sum of two, so that a smile of one goes with a blink of the other.
    Faces are mirrored, noise is added, and the face is made another one, whose regions move more or
    less and into each other. What is no expression is planted too: lasting changes of posture, and
    motion of any pattern that goes with the closing eyes or the opening mouth, as blinks and speech
    leave behind differently on every face.

    Args:
        traces: to draw from.
        window_s: length of a window.
        planted_per_min: expressions planted, on average.
        seed: of all draws.
    """

    def __init__(
        self, traces: Sequence[MotionTrace], window_s: float, planted_per_min: float, seed: int
    ) -> None:
        self._length = round(window_s * GRID_HZ)
        self._traces = [t for t in traces if len(t.times_s) > self._length]
        weights = np.array([len(t.times_s) - self._length for t in self._traces], float)
        self._shares = weights / weights.sum()
        self._patterns = [p for t in traces for p in _patterns(t)]
        self._planted = planted_per_min * window_s / 60.0
        self._rng = np.random.default_rng(seed)

    def draw(self, count: int) -> tuple[Array, Array, Array]:
        """Return windows: signals (window, signal, time), kinds (window, 3, time), times.

        Kinds are the probabilities of nothing, micro and macro; NaN where a step is not to count.
        Times (window, 3, time) are those the network tells; NaN where it is not asked.
        """
        windows = [self._window() for _ in range(count)]
        signals, kinds, times = (np.stack(part) for part in zip(*windows, strict=True))
        return signals, kinds, times

    def _window(self) -> tuple[Array, Array, Array]:
        rng = self._rng
        times_s, signals, scale, truth = self._cut()
        if rng.random() < 0.5:
            self._mix(times_s, signals, truth)
        moved = np.zeros((self._length, _CHANNELS))
        for _ in range(rng.poisson(self._planted)):
            planted = self._plant(times_s, truth)
            if planted is not None:
                truth.append(planted[0])
                moved += planted[1]
        if rng.random() < 0.5:
            moved += self._posture(times_s, rng.uniform(times_s[0], times_s[-1]))
        mouth = (signals[:, LOWER_LIP] - signals[:, UPPER_LIP]) * scale[:, LOWER_LIP]
        moved += left_behind(signals[:, _CHANNELS], mouth, rng, self._patterns)
        signals[:, :_CHANNELS] += high_pass(moved) / scale
        signals[:, :_CHANNELS] += rng.normal(size=moved.shape) * rng.uniform(0.0, 0.6)
        signals[:, _CHANNELS + 2] += rng.normal() * 0.25
        if rng.random() < 0.5:
            signals[:, :_CHANNELS] = signals[:, _MIRROR] * _SIGNS
        signals[:, :_CHANNELS] = on_another_face(signals[:, :_CHANNELS], rng)
        kinds, told = targets(times_s, truth)
        return compress(signals).T, kinds, told

    def _cut(self) -> tuple[Array, Array, Array, list[Interval]]:
        """Return times, signals, noise and expressions of a window, free to be changed."""
        trace = self._traces[self._rng.choice(len(self._traces), p=self._shares)]
        start = int(self._rng.integers(len(trace.times_s) - self._length))
        part = slice(start, start + self._length)
        times_s = trace.times_s[part]
        near = [i for i in trace.truth if i.offset_s > times_s[0] and i.onset_s < times_s[-1]]
        return times_s, trace.signals[part].copy(), trace.scale[part], near

    def _mix(self, times_s: Array, signals: Array, truth: list[Interval]) -> None:
        """Add a second window to the first, unless their expressions overlap."""
        other_times_s, other, _, there = self._cut()
        later_s = times_s[0] - other_times_s[0]
        moved = [
            replace(i, onset_s=i.onset_s + later_s, apex_s=i.apex_s + later_s,
                    offset_s=i.offset_s + later_s)
            for i in there
        ]  # fmt: skip
        if not all(_apart(one, two) for one in moved for two in truth):
            return
        truth += moved
        signals[:, :_CHANNELS] += other[:, :_CHANNELS]
        signals[:, _CHANNELS:] = np.maximum(signals[:, _CHANNELS:], other[:, _CHANNELS:])

    def _strength_and_pattern(self, percent: float) -> Array:
        rng = self._rng
        pattern = self._patterns[rng.integers(len(self._patterns))]
        if rng.random() < 0.3:
            pattern = 0.5 * (pattern + self._patterns[rng.integers(len(self._patterns))])
        if rng.random() < 0.5:
            pattern = pattern[_MIRROR] * _SIGNS
        return np.asarray(percent * pattern * np.exp(rng.normal(0.0, 0.15, len(pattern))))

    def _plant(self, times_s: Array, truth: Sequence[Interval]) -> tuple[Interval, Array] | None:
        rng = self._rng
        micro = rng.random() < 0.7
        duration_s = (
            rng.uniform(0.17, MICRO_LONGEST_S)
            if micro
            else np.exp(rng.uniform(np.log(0.55), np.log(3.5)))
        )
        percent = rng.uniform(1.6, 5.5) if micro else rng.uniform(3.5, 13.0)
        room_s = times_s[-1] - times_s[0] - duration_s
        onset_s = times_s[0] + rng.uniform(0.0, max(room_s, 0.0))
        offset_s = onset_s + duration_s
        wanted = Interval(onset_s, offset_s, MICRO if micro else MACRO)
        if room_s <= 0 or not all(_apart(wanted, other) for other in truth):
            return None
        held = rng.uniform(0.0, 0.4) * (rng.random() < 0.4)
        rise = rng.uniform(0.3, 0.65) * (1.0 - held)
        apex_s = onset_s + (rise + 0.5 * held) * duration_s
        up = _smooth((times_s - onset_s) / (rise * duration_s))
        down = _smooth((offset_s - times_s) / ((1.0 - held - rise) * duration_s))
        course = np.minimum(up, down)
        return replace(wanted, apex_s=apex_s), course[:, None] * self._strength_and_pattern(percent)

    def _posture(self, times_s: Array, at_s: float) -> Array:
        change = _smooth((times_s - at_s) / self._rng.uniform(0.1, 1.0))
        return change[:, None] * self._strength_and_pattern(self._rng.uniform(1.0, 8.0))


def _apart(one: Interval, other: Interval) -> bool:
    return one.offset_s + _FREE_S < other.onset_s or one.onset_s - _FREE_S > other.offset_s


def _smooth(share: Array) -> Array:
    share = np.clip(share, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def _patterns(trace: MotionTrace) -> Iterable[Array]:
    """Yield what each expression moves at its apex, (channel,), for a displacement of 1 %."""
    for interval in trace.truth:
        percent = interval.values.get("displacement_iod_percent", np.nan)
        if not np.isfinite(interval.apex_s) or not percent > 2.0:
            continue
        onset, apex, offset = np.searchsorted(
            trace.times_s, (interval.onset_s, interval.apex_s, interval.offset_s)
        )
        if onset >= 2 and offset + 2 < len(trace.rows):
            rest = 0.5 * (
                trace.rows[onset - 2 : onset + 1].mean(0) + trace.rows[offset : offset + 3].mean(0)
            )
            yield (trace.rows[apex - 1 : apex + 2].mean(axis=0) - rest) / percent
