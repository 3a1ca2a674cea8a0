"""Electrodermal activity as a modality: the skin's conductance, in microsiemens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from affectfuse.containers import Array, Interval, IntervalTrack, Reading, Track
from affectfuse.modalities.windowed_signal import WindowedSignal, WindowReader, WindowReading
from affectfuse.signals.skin_conductance import (
    SETTLES_S,
    Responses,
    find_responses,
    tonic_and_phasic,
)

__all__ = ["ElectrodermalActivity"]

_LEAST_CONTACT_US = 0.03
_LOWEST_US, _SMALLEST_US = 0.05, 0.002


class ElectrodermalActivity(WindowedSignal):
    """Level, slope and responses of the skin's conductance; see `WindowedSignal`.

    Tracks: `eda_tonic_us` and `eda_phasic_us`, and `skin_conductance_responses`, each from its
    onset to its peak. The quality is the share of the window in which the electrodes had contact.

    Args:
        response_us: least amplitude of a response.
    """

    name = "electrodermal_activity"

    def __init__(
        self,
        source: str,
        window_s: float,
        period_s: float,
        past_s: Sequence[float],
        past_gap_s: float,
        baseline_s: float | None,
        max_gap_s: float,
        response_us: float,
        quality_floor: float,
        embedding_dim: int,
    ) -> None:
        if not response_us > 0.0:
            raise ValueError(f"response_us is {response_us:g}; it must be above 0.")
        self.response_us = response_us
        super().__init__(
            source,
            window_s,
            period_s,
            past_s,
            past_gap_s,
            baseline_s,
            max_gap_s,
            quality_floor,
            embedding_dim,
        )

    def reader(self) -> WindowReader:
        return _Conductance(self.window_s, self.response_us)


class _Conductance(WindowReader):
    features = (
        "log_level_us",
        "log_lowest_us",
        "slope_percent_per_min",
        "log_slope",
        "log_rise_us_per_s",
        "log_phasic_us",
        "root_responses",
    )
    channels = 1
    rate_hz = 4.0

    def __init__(self, window_s: float, response_us: float) -> None:
        self._window_s, self._response_us = window_s, response_us
        self._settled_s = -math.inf

    def read(self, time_s: float, values: Array) -> WindowReading:
        conductance = values[:, 0]
        known = np.isfinite(conductance)
        contact = known & (conductance > _LEAST_CONTACT_US)
        if known.sum() < 3 or not np.ptp(conductance[known]) > 0.0:
            return WindowReading(np.full(len(self.features), np.nan), 0.0)
        tonic, phasic = tonic_and_phasic(conductance, self.rate_hz)
        found = find_responses(conductance, self.rate_hz, self._response_us)
        smooth = tonic + phasic
        level_us = max(float(np.median(smooth[known])), 0.0) + _LOWEST_US
        times_s = np.arange(len(smooth)) / self.rate_hz
        slope = float(np.polyfit(times_s[known], smooth[known], 1)[0])
        steps = np.diff(smooth) * self.rate_hz
        rise = float(np.maximum(steps[np.isfinite(steps)], 0.0).mean())
        features = np.array(
            [
                math.log(level_us),
                math.log(max(float(smooth[known].min()), 0.0) + _LOWEST_US),
                6000.0 * slope / level_us,
                math.copysign(math.log1p(1000.0 * abs(slope)), slope),
                math.log(rise + 0.0003),
                math.log(float(phasic[known].std()) + _SMALLEST_US),
                math.sqrt(len(found.peaks_s)),
            ]
        )
        quality = float(contact.sum() / known.sum())
        tracks = list(self._tracks(time_s - SETTLES_S, time_s, tonic, phasic, found, contact))
        return WindowReading(features, quality, tracks)

    def rest(self, time_s: float, values: Array) -> Iterator[Reading]:
        known = np.isfinite(values[:, 0])
        if known.sum() < 3:
            return
        conductance = values[:, 0]
        found = find_responses(conductance, self.rate_hz, self._response_us)
        contact = known & (conductance > _LEAST_CONTACT_US)
        yield from self._tracks(
            time_s, time_s, *tonic_and_phasic(conductance, self.rate_hz), found, contact
        )

    def _tracks(
        self,
        settled_s: float,
        end_s: float,
        tonic: Array,
        phasic: Array,
        found: Responses,
        contact: Array,
    ) -> Iterator[Reading]:
        """Yield what was not given yet of a window that ends at `end_s`, up to `settled_s`."""
        start_s = (round(end_s * self.rate_hz) - len(tonic)) / self.rate_hz
        times_s = start_s + np.arange(len(tonic)) / self.rate_hz
        before_s, self._settled_s = self._settled_s, settled_s - 1.0 / self.rate_hz
        new = (times_s > before_s) & (times_s <= self._settled_s)
        new[: int(np.argmax(np.isfinite(tonic)))] = False  # before the first reading
        for name, values in (("eda_tonic_us", tonic), ("eda_phasic_us", phasic)):
            yield Track(name, "uS", times_s[new], values[new], contact[new].astype(float))
        peaks_s = found.peaks_s + start_s
        fresh = (peaks_s > before_s) & (peaks_s <= self._settled_s)
        intervals = [
            Interval(onset, peak, "response", peak, values={"amplitude_us": amplitude})
            for onset, peak, amplitude in zip(
                (found.onsets_s + start_s)[fresh].tolist(),
                peaks_s[fresh].tolist(),
                found.amplitudes[fresh].tolist(),
                strict=True,
            )
        ]
        if intervals:
            yield IntervalTrack("skin_conductance_responses", tuple(intervals))
