"""Pulse amplitude read from all regions of the face at once, on one scale throughout."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.pulse_amplitude import SIGNATURE, fit_pulse

__all__ = ["AmplitudeReader"]

_LEAST_REGION_SHARE = 0.9
_MEMORY = 60.0


class AmplitudeReader:
    """Reads the amplitude of the pulse in the largest region, with the help of the others.

    The pulse is not equally strong everywhere. A mean over regions whose weights follow their noise
    would therefore change with the weights; so how strong each region's pulse is beside that of the
    largest (the last one) is learned, over about the last 60 readings, and is part of the signature
    that the sum of least noise must return as it is. The scale is that of the largest region, green
    (or the one channel that is read). For one recording.
    """

    def __init__(self) -> None:
        self._along: dict[int, float] = {}
        self._power: dict[int, float] = {}

    def read(
        self,
        colours: Array,
        channels: tuple[int, ...],
        rate_hz: float,
        beats_s: Array,
        joined: Array,
    ) -> tuple[float, float]:
        """Return the amplitude in %, peak to peak, and its standard error.

        Args:
            colours: (time, region, channel) of some seconds, NaN where missing.
            channels: to read from: all three of a colour camera, else one.
            rate_hz: of `colours`.
            beats_s: (beat,) seconds after the first sample.
            joined: (beat,) whether each follows the beat before directly.

        Returns:
            NaN and infinity where it is not known.
        """
        colours = colours[:, :, list(channels)]
        signature = SIGNATURE[list(channels)] if len(channels) == 3 else np.ones(len(channels))
        share = np.isfinite(colours).all(axis=2).mean(axis=0)
        kept = np.flatnonzero((share > 0.0) & (share >= _LEAST_REGION_SHARE * share.max()))
        if not len(kept):
            return math.nan, math.inf
        fit = fit_pulse(colours[:, kept].reshape(len(colours), -1), rate_hz, beats_s, joined)
        if fit is None:
            return math.nan, math.inf
        pulses = {}
        for place, region in enumerate(kept.tolist()):
            part = fit.only(slice(place * len(channels), (place + 1) * len(channels)))
            pulses[region] = part.waves @ part.weights(signature)
        self._learn(pulses, largest=colours.shape[1] - 1)
        gains = np.array([self._gain(region) for region in pulses])
        return fit.amplitude_percent(np.outer(gains, signature).ravel())

    def _learn(self, pulses: Mapping[int, Array], largest: int) -> None:
        if largest not in pulses:
            return
        kept = 1.0 - 1.0 / _MEMORY
        for region, pulse in pulses.items():
            along, power = float(pulse @ pulses[largest]), float(pulses[largest] @ pulses[largest])
            self._along[region] = kept * self._along.get(region, 0.0) + along
            self._power[region] = kept * self._power.get(region, 0.0) + power

    def _gain(self, region: int) -> float:
        """Return how strong the pulse of a region is beside the largest's; 1 until it is known."""
        if not self._power.get(region, 0.0) > 0.0:
            return 1.0
        return max(0.0, self._along[region] / self._power[region])
