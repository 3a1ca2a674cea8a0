"""How likely it is that a heart rate is right."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.disturbances import Disturbances
from affectfuse.modalities.heart_rate.projection import LOWEST_HZ, RESOLUTION_HZ, Projection
from affectfuse.signals.spectra import hann_spectrum

__all__ = ["FEATURES", "Confidence", "Evidence"]

INTERCEPT = -4.937
FEATURES = {
    "belief": 0.103,
    "match": 2.757,
    "colour": -0.155,
    "persistence": 0.093,
    "sway": -0.308,
    "light": -0.175,
    "taken": -1.485,
    "wander": -0.660,
    "ticks": 0.273,
    "slow_match": 4.629,
    "slow_colour": 0.229,
    "slow_persistence": -0.173,
}
"""Name and coefficient of each feature, in the order `Confidence` computes them."""

_WANDER_TICKS = 15
_SLOW_TICKS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What one window says of a heart rate.

    Attributes:
        rate_bpm: the heart rate.
        belief: the tracker's probability of a rate within 3 bpm of it.
        shown: the window's colour signals, seen against their noise.
        pulse: (time,) the combined signal.
        taken: (time,) what disturbances had added to it, by regression.
        disturbances: motion and light, in units of their noise.
        sampling_rate_hz: of `pulse` and the disturbances.
    """

    rate_bpm: float
    belief: float
    shown: Projection
    pulse: Array
    taken: Array
    disturbances: Disturbances
    sampling_rate_hz: float


class Confidence:
    """The estimated probability that the error is at most 3 bpm: a logistic function.

    Of: the log-odds of the tracker's belief; and the logarithms of how well the colours and regions
    match the signature of blood at that rate; of the evidence that is left when each region's
    brightness is disregarded, so of colour alone; of how strong the peak is in the weaker half of
    the window; of how far head motion and background light stand out at that rate; of how much of
    the signal at that rate was taken out as theirs; of how much the estimate moved from tick to
    tick over the last 15, and for how long there has been one; and the means of the second to
    fourth over the last 40 ticks. It never exceeds the belief.

    Fitted as `python benchmarks/heart_rate/fit_confidence.py` does, over stored readings of its
    sets: rendered faces, the same with their pulse taken out, and simulated traces. Those without
    a pulse weigh eight times, so that where there is one the middle of the scale is modest:
    docs/results/heart_rate.md has the figures.
    """

    def __init__(self) -> None:
        self._rates_bpm: deque[float] = deque(maxlen=_WANDER_TICKS)
        self._slow: deque[tuple[float, float, float]] = deque(maxlen=_SLOW_TICKS)

    def judge(self, evidence: Evidence) -> tuple[float, Array]:
        """Return the confidence in a heart rate, and its features."""
        shown, rate_bpm = evidence.shown, evidence.rate_bpm
        at = int(np.argmin(np.abs(60.0 * shown.frequencies_hz - rate_bpm)))
        vector = shown.whitened[:, at]
        match = float(shown.gain[at] / max((np.abs(vector) ** 2).sum(), 1e-9))
        inside = shown.brightness.T @ shown.direction
        colour = shown.direction - shown.brightness @ inside
        apart = float(np.linalg.norm(colour))
        chromatic = float(np.abs(colour @ vector) ** 2) / apart**2 if apart > 1e-3 else 0.0
        slow = (
            -math.log(1.02 - match),
            math.log(chromatic + 0.3),
            math.log(_weaker_half(evidence) + 0.1),
        )
        self._rates_bpm.append(rate_bpm)
        self._slow.append(slow)
        rates_bpm = np.array(self._rates_bpm)
        wander = float(np.abs(np.diff(rates_bpm)).mean()) if len(rates_bpm) > 1 else 3.0
        disturbances = evidence.disturbances
        _, taken = hann_spectrum(evidence.taken[None], evidence.sampling_rate_hz, RESOLUTION_HZ)
        left = shown.weights @ shown.spectra[:, at]
        features = np.array(
            [
                math.log(evidence.belief / (1.001 - evidence.belief) + 1e-9),
                *slow,
                _line(disturbances.motion, at, shown.frequencies_hz, evidence.sampling_rate_hz),
                _line(disturbances.light, at, shown.frequencies_hz, evidence.sampling_rate_hz),
                math.log1p(float(np.abs(taken[0, at]) ** 2 / (np.abs(left) ** 2 + 1e-18))),
                math.log(wander + 0.3),
                math.log(len(rates_bpm)),
                *np.mean(self._slow, axis=0),
            ]
        )
        score = INTERCEPT + float(features @ np.array(list(FEATURES.values())))
        likely = 1.0 / (1.0 + math.exp(-min(max(score, -30.0), 30.0)))
        return min(likely, evidence.belief), features


def _line(values: Array, at: int, frequencies_hz: Array, sampling_rate_hz: float) -> float:
    """Return the logarithm of the power of (time, channel) at a bin over the median of the band.

    Both plus that of the noise, 1: what is below the noise is no line.
    """
    _, spectra = hann_spectrum(values.T, sampling_rate_hz, RESOLUTION_HZ)
    power = (np.abs(spectra[:, : len(frequencies_hz)]) ** 2).sum(axis=0)
    band = (frequencies_hz >= LOWEST_HZ) & (frequencies_hz <= frequencies_hz[-1] / 2)
    return float(np.log((1.0 + power[at]) / (1.0 + np.median(power[band]))))


def _weaker_half(evidence: Evidence) -> float:
    """Return the peak over the median of the band, in that half of the window where it is less."""
    known = np.flatnonzero(evidence.pulse)
    if len(known) < 2:
        return 0.0
    first, middle, last = int(known[0]), int(known[len(known) // 2]), int(known[-1]) + 1
    frequencies_hz = evidence.shown.frequencies_hz
    near = np.abs(60.0 * frequencies_hz - evidence.rate_bpm) <= 6.0
    band = (frequencies_hz >= LOWEST_HZ) & (frequencies_hz <= frequencies_hz[-1] / 2)
    heights = []
    for half in (slice(first, middle), slice(middle, last)):
        _, spectrum = hann_spectrum(evidence.pulse[half], evidence.sampling_rate_hz, RESOLUTION_HZ)
        power = np.abs(spectrum[: len(near)]) ** 2
        heights.append(float(power[near].max() / (np.median(power[band]) + 1e-15)))
    return min(heights)
