"""Facial motion on a uniform grid of time, in units of its noise: what a learned spotter sees."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.signal import lfilter

from affectfuse.containers import Array
from affectfuse.modalities.micro_expression.blinks import BlinkSpotter
from affectfuse.modalities.micro_expression.motion import REGIONS, FacialMotion

__all__ = ["GRID_HZ", "N_SIGNALS", "MotionGrid", "MotionSignals", "compress", "high_pass"]

GRID_HZ = 30.0
"""Steps of the grid a second; a frame rate above is averaged, one below is interpolated."""

_CHANNELS = 2 * len(REGIONS)
N_SIGNALS = _CHANNELS + 3
"""Motion of each region to the right and down, eye closure, head speed, noise level."""

_REST_S = 2.0  # displacement is told from its own mean over about this time
_NOISE_S, _NOISE_STEP = 15.0, 3  # the noise is a median over this time, of every third step
_NOISE_LAG = 3
_NOISE_FLOOR, _NOISE_PRIOR = 0.06, 0.2  # % of the interocular distance
_LEAST_NOISE = 20


class MotionGrid:
    """Resamples facial motion: each step of the grid is the mean of the motion over its span.

    The motion is drawn as straight lines between frames, so that any frame rate gives a mean over
    the same span: steps end at multiples of 1 / `GRID_HZ` and stand for their middle.
    """

    def __init__(self) -> None:
        self._blinks = BlinkSpotter()
        self.restart()

    def restart(self) -> None:
        """Forget the frames, not the usual opening of the eyes."""
        self._before: tuple[float, Array] | None = None
        self._sum = np.zeros(_CHANNELS + 2)
        self._step = 0

    def push(self, motion: FacialMotion) -> Iterator[tuple[float, Array]]:
        """Take a frame's motion; yield (middle in s, row) of the steps that end with it."""
        self._blinks.push(motion.time_s, motion.eye_opening)
        row = np.concatenate([motion.regions.ravel(), [self._blinks.closure, motion.head_speed]])
        before, self._before = self._before, (motion.time_s, row)
        if before is None:
            self._step = int(np.floor(motion.time_s * GRID_HZ)) + 1
            self._begin_s = motion.time_s
            return
        start_s, start = before
        slope = (row - start) / max(motion.time_s - start_s, 1e-9)
        while (end_s := self._step / GRID_HZ) <= motion.time_s + 1e-9:
            end = start + slope * (end_s - start_s)
            total = self._sum + 0.5 * (start + end) * (end_s - start_s)
            span_s = end_s - self._begin_s
            yield end_s - 0.5 * span_s, total / span_s if span_s > 1e-6 else end
            self._sum = np.zeros_like(total)
            self._begin_s = start_s = end_s
            start = end
            self._step += 1
        self._sum = self._sum + 0.5 * (start + row) * (motion.time_s - start_s)


class MotionSignals:
    """Turns rows of the grid into signals, causally: displacement from its recent mean, by noise.

    The noise of a channel is the running median of how far it moves in a tenth of a second.

    Attributes:
        scale: (channel,) the noise now, in % of the interocular distance.
    """

    def __init__(self) -> None:
        self._kept = np.empty((round(_NOISE_S * GRID_HZ / _NOISE_STEP), _CHANNELS))
        self._count = self._steps = 0
        self.scale = np.full(_CHANNELS, _NOISE_PRIOR)
        self.restart()

    def restart(self) -> None:
        """Forget the face's rest; the noise stays known."""
        self._rest: Array | None = None
        self._recent = np.zeros((0, _CHANNELS))

    def push(self, row: Array) -> Array:
        """Return the signals of a step, (signal,), linear: see `compress`."""
        regions = row[:_CHANNELS]
        self._learn_noise(regions)
        if self._rest is None:
            self._rest = regions.copy()
        self._rest = self._rest + (regions - self._rest) * _REST_SHARE
        moved = (regions - self._rest) / self.scale
        level = np.log(np.median(self.scale) / _NOISE_PRIOR)
        return np.concatenate([moved, row[_CHANNELS:], [level]])

    def _learn_noise(self, regions: Array) -> None:
        self._steps += 1
        if len(self._recent) == _NOISE_LAG and self._steps % _NOISE_STEP == 0:
            self._kept[self._count % len(self._kept)] = np.abs(regions - self._recent[0])
            self._count += 1
            if self._count >= _LEAST_NOISE and self._count % 5 == 0:
                kept = self._kept[: min(self._count, len(self._kept))]
                noise = np.median(kept, axis=0) / (0.6745 * np.sqrt(2.0))
                self.scale = np.maximum(noise, _NOISE_FLOOR)
        self._recent = np.vstack([self._recent[-_NOISE_LAG + 1 :], regions])


_REST_SHARE = 1.0 - float(np.exp(-1.0 / (GRID_HZ * _REST_S)))


def high_pass(displacement: Array) -> Array:
    """Return displacement (time, channel) from its recent mean, as `MotionSignals` does."""
    first = (1.0 - _REST_SHARE) * displacement[None, 0]
    rest, _ = lfilter([_REST_SHARE], [1.0, _REST_SHARE - 1.0], displacement, axis=0, zi=first)
    return np.asarray(displacement - rest)


def compress(signals: Array) -> Array:
    """Return signals (..., signal) with large motion compressed, the network's input, float32."""
    moved = np.arcsinh(signals[..., :_CHANNELS])
    head = np.arcsinh(5.0 * signals[..., _CHANNELS + 1 : _CHANNELS + 2])
    rest = signals[..., _CHANNELS : _CHANNELS + 1], head, signals[..., _CHANNELS + 2 :]
    return np.concatenate([moved, *rest], axis=-1).astype(np.float32)
