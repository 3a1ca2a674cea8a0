"""Skin temperature as a modality, in degrees Celsius."""

from __future__ import annotations

import math

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.modalities.windowed_signal import WindowedSignal, WindowReader, WindowReading

__all__ = ["SkinTemperature"]

_WORN_DEGC = (20.0, 42.0)


class SkinTemperature(WindowedSignal):
    """Level, slope and unrest of the skin's temperature; see `WindowedSignal`.

    Tracks: `skin_temperature_degc`, the window's median once a period. The quality is the share of
    the window in which the temperature is one of skin, 20 to 42 degC.
    """

    name = "skin_temperature"

    def reader(self) -> WindowReader:
        return _Temperature()


class _Temperature(WindowReader):
    features = ("level_degc", "root_slope", "log_unrest_degc")
    channels = 1
    rate_hz = 4.0

    def read(self, time_s: float, values: Array) -> WindowReading:
        temperature = values[:, 0]
        known = np.isfinite(temperature)
        if known.sum() < 3:
            return WindowReading(np.full(len(self.features), np.nan), 0.0)
        degc = temperature[known]
        minutes = np.flatnonzero(known) / self.rate_hz / 60.0
        slope, start = np.polyfit(minutes, degc, 1)
        level = float(np.median(degc))
        unrest = float((degc - start - slope * minutes).std())
        features = np.array(
            [level, math.copysign(math.sqrt(abs(slope)), slope), math.log(unrest + 0.005)]
        )
        low, high = _WORN_DEGC
        quality = float(((degc >= low) & (degc <= high)).mean())
        track = Track.reading("skin_temperature_degc", "degC", time_s, level, quality)
        return WindowReading(features, quality, [track])
