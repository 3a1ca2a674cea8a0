"""The learned spotter: a small causal network over facial motion, read as it streams."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.blinks import BlinkSpotter
from affectfuse.modalities.micro_expression.motion import FacialMotion
from affectfuse.modalities.micro_expression.motion_signals import (
    GRID_HZ,
    MotionGrid,
    MotionSignals,
    compress,
)
from affectfuse.modalities.micro_expression.spotter import MACRO, MICRO, Spotter
from affectfuse.modalities.micro_expression.spotter_inference import CausalNetwork, SpotterWeights

__all__ = ["DELAY_S", "MICRO_LONGEST_S", "LearnedSpotter"]

DELAY_S = 0.6
"""How long after an offset the network tells of it."""

MICRO_LONGEST_S = 0.5
"""What lasts longer is a macro-expression."""

_PEAK_STEPS = 5  # a peak is the largest within so many steps on either side
_MEAN_STEPS = 2  # times are averaged over so many steps around it
_KEPT_S = 5.0
_KINDS = (MICRO, MACRO)
_LEAST_SHARE = 0.02
_LEAST_RETURN = 0.25  # of a long rise; a face that does not come back has changed its posture
_OVERLAP = 0.2  # of two overlapping expressions the one decided first stands


class LearnedSpotter(Spotter):
    """Finds expressions with a trained `SpotterNetwork`; blinks as ever.

    Confidence is the calibrated probability that there is an expression of that kind whose
    interval overlaps the stated one by half.

    Args:
        spotter: the trained network.
        threshold: least confidence of an expression; None takes the trained ones.
    """

    latency_s = DELAY_S + (_PEAK_STEPS + 2) / GRID_HZ

    def __init__(self, spotter: SpotterWeights, threshold: float | None = None) -> None:
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"threshold is {threshold}; a probability must lie between 0 and 1")
        self._network = CausalNetwork(spotter)
        self._calibration = spotter.calibration
        self._threshold = (
            dict(spotter.threshold) if threshold is None else dict.fromkeys(_KINDS, threshold)
        )
        self._blinks = BlinkSpotter()
        self._grid, self._signals = MotionGrid(), MotionSignals()
        self._restart()

    def _restart(self) -> None:
        self._grid.restart()
        self._signals.restart()
        self._network.restart()
        self._outputs: deque[tuple[float, Array]] = deque(maxlen=2 * _PEAK_STEPS + 1)
        self._rows: deque[tuple[float, Array]] = deque(maxlen=round(_KEPT_S * GRID_HZ))
        self._found: deque[Interval] = deque(maxlen=8)

    def push(self, motion: FacialMotion) -> Iterator[Interval]:
        if motion.restarted:
            self._restart()
        blink = self._blinks.push(motion.time_s, motion.eye_opening)
        if blink is not None:
            yield blink
        for time_s, row in self._grid.push(motion):
            self._rows.append((time_s, row))
            out = self._network.step(compress(self._signals.push(row)))
            self._outputs.append((time_s, out))
            yield from self._peak()

    def flush(self) -> Iterator[Interval]:
        yield from ()

    def _peak(self) -> Iterator[Interval]:
        """Yield the expression whose peak lies in the middle of the latest outputs."""
        if len(self._outputs) < 2 * _PEAK_STEPS + 1:
            return
        times_s = np.array([time_s for time_s, _ in self._outputs])
        outputs = np.array([out for _, out in self._outputs])
        logits = outputs[:, :3] - np.logaddexp.reduce(outputs[:, :3], axis=1)[:, None]
        shares = np.exp(logits[:, 1:])
        for index, kind in enumerate(_KINDS):
            share = shares[:, index]
            if share[_PEAK_STEPS] < _LEAST_SHARE or share.argmax() != _PEAK_STEPS:
                continue
            if share[_PEAK_STEPS] < shares[:, 1 - index].max():
                continue
            confidence = self._confidence(kind, float(share[_PEAK_STEPS]))
            if confidence < self._threshold[kind]:
                continue
            interval = self._interval(kind, confidence, times_s, outputs, share)
            if interval is not None and not any(
                _overlap(interval, other) > _OVERLAP for other in self._found
            ):
                self._found.append(interval)
                yield interval

    def _confidence(self, kind: str, share: float) -> float:
        slope, bias = self._calibration[kind]
        logit = np.log(share) - np.log1p(-min(share, 1.0 - 1e-6))
        return float(1.0 / (1.0 + np.exp(-(slope * logit + bias))))

    def _interval(
        self, kind: str, confidence: float, times_s: Array, outputs: Array, share: Array
    ) -> Interval | None:
        near = slice(_PEAK_STEPS - _MEAN_STEPS, _PEAK_STEPS + _MEAN_STEPS + 1)
        mean = partial(np.average, weights=share[near])
        offset_s = float(mean(times_s[near] - DELAY_S + outputs[near, 3]))
        fall_s, rise_s = (float(mean(outputs[near, column])) for column in (4, 5))
        apex_s = offset_s - fall_s
        onset_s = apex_s - rise_s
        rise, fall = self._flanks(onset_s, apex_s, offset_s)
        largest = max(float(rise @ rise), float(fall @ fall), 1e-9)
        if kind == MACRO and float(rise @ fall) < _LEAST_RETURN * largest:
            return None
        displacement = float(np.hypot(*(0.5 * (rise + fall)).reshape(-1, 2).T).max())
        values = {"displacement_iod_percent": displacement}
        return Interval(onset_s, offset_s, kind, apex_s, confidence, values)

    def _flanks(self, onset_s: float, apex_s: float, offset_s: float) -> tuple[Array, Array]:
        """Return how far each channel is at the apex from where it is at onset and at offset."""
        times_s = np.array([time_s for time_s, _ in self._rows])
        rows = np.array([row[:-2] for _, row in self._rows])
        nearest = (int(np.abs(times_s - at_s).argmin()) for at_s in (onset_s, apex_s, offset_s))
        onset, apex, offset = (rows[max(i - 1, 0) : i + 2].mean(axis=0) for i in nearest)
        return apex - onset, apex - offset


def _overlap(one: Interval, other: Interval) -> float:
    common_s = min(one.offset_s, other.offset_s) - max(one.onset_s, other.onset_s)
    return common_s / max(min(one.duration_s, other.duration_s), 1e-6)
