"""From frames with a face to heart rate, pulse waveform and samples, causally."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Frame, ModalitySample, Observation, Reading, Track
from affectfuse.modalities.base import Extractor
from affectfuse.modalities.heart_rate.history import History
from affectfuse.modalities.heart_rate.regions import REGIONS, RegionReader
from affectfuse.modalities.heart_rate.spectrum import pulse_amplitude
from affectfuse.modalities.heart_rate.tracker import HeartRateTracker
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.resampling import resample
from affectfuse.signals.rppg import green, pos, windows_covering

__all__ = ["HeartRateExtractor", "HeartRateSettings"]

POS_WINDOW_S = 1.6
_GREY_LEVELS = 1.5
_QUALITY_TICKS = 5


@dataclass(frozen=True, slots=True)
class HeartRateSettings:
    """What the extractor runs with; see the parameters of `HeartRate`."""

    estimate_window_s: float
    least_s: float
    band_bpm: tuple[float, float]
    rate_hz: float
    max_gap_s: float
    hold_s: float
    min_region_pixels: int
    landmark_smoothing_s: float
    history_s: int


class HeartRateExtractor(Extractor):
    """Reads the skin of every frame; at each tick estimates heart rate over the newest window.

    Tracks: `heart_rate_bpm` (one reading a tick, quality = confidence) and `bvp` (the pulse
    waveform in AC/DC on the uniform grid, rising with blood volume, each sample once, as soon as
    later frames can no longer change it: 1.6 s + the longest gap behind the tick).
    """

    def __init__(self, name: str, settings: HeartRateSettings) -> None:
        self._name, self._settings = name, settings
        s = settings
        self._regions = RegionReader(s.min_region_pixels, s.landmark_smoothing_s)
        self._tracker = HeartRateTracker(s.band_bpm)
        self._history = History(s.history_s)
        self._settle_s = POS_WINDOW_S + s.max_gap_s
        self._span_s = s.estimate_window_s + POS_WINDOW_S + self._settle_s + 2.0
        self._frames: deque[tuple[float, Array, Array]] = deque()
        self._face_s = -math.inf
        self._time_s = -math.inf
        self._emitted = 0

    def push(self, observation: Observation) -> Iterable[Reading]:
        if isinstance(observation, Frame) and observation.time_s > self._time_s:
            self._time_s = observation.time_s
            if observation.face is not None:
                colours, motion = self._regions.read(observation)
                self._frames.append((observation.time_s, colours, motion))
                self._face_s = observation.time_s
                while observation.time_s - self._frames[0][0] > self._span_s:
                    self._frames.popleft()
        return ()

    def tick(self, time_s: float) -> Iterable[Reading]:
        s = self._settings
        colours, motion, start = self._window(time_s)
        grey = _is_grey(colours)
        pulses = np.stack([_pulse(colours[:, r], s.rate_hz, grey) for r in range(len(REGIONS))])
        newest = slice(-round(s.estimate_window_s * s.rate_hz), None)
        note = self._missing(time_s, pulses[:, newest])
        heart_rate_bpm = amplitude = math.nan
        confidence, weights = 0.0, np.full(len(REGIONS), 1.0 / len(REGIONS))
        if note:
            self._tracker.skip()
        else:
            estimate = self._tracker.update(
                pulses[:, newest], motion[newest], s.rate_hz, chromatic=not grey
            )
            heart_rate_bpm, confidence = estimate.heart_rate_bpm, estimate.confidence
            weights = estimate.weights
            greens = np.stack([green(colours[newest, r]) for r in range(len(REGIONS))])
            amplitude = pulse_amplitude(greens, weights, heart_rate_bpm, s.rate_hz)
            note = "camera without colour: heart rate from brightness alone (GREEN)" if grey else ""
        self._history.add(heart_rate_bpm, confidence, amplitude)
        yield Track.reading("heart_rate_bpm", "bpm", time_s, heart_rate_bpm, confidence, note)
        yield from self._waveform(time_s, start, pulses, weights, confidence)
        yield ModalitySample(
            self._name,
            time_s - s.history_s - s.estimate_window_s,
            time_s,
            self._history.sample(),
            self._history.quality(_QUALITY_TICKS),
        )

    def _window(self, time_s: float) -> tuple[Array, Array, int]:
        """Return colours (time, region, channel), motion (time, 3) and the first grid index."""
        s = self._settings
        count = round(self._span_s * s.rate_hz)
        start = math.floor(time_s * s.rate_hz + 1e-6) - count + 1
        colours, motion = np.full((count, len(REGIONS), 3), np.nan), np.full((count, 3), np.nan)
        if len(self._frames) < 2:
            return colours, motion, start
        times_s = np.array([time for time, _, _ in self._frames])
        rows = np.array([colour for _, colour, _ in self._frames])
        grid = (start / s.rate_hz, count, s.rate_hz, s.max_gap_s)
        moved = np.array([place for _, _, place in self._frames])
        motion = resample(times_s, moved, *grid)
        for r in range(len(REGIONS)):
            seen = np.isfinite(rows[:, r]).all(axis=1)
            colours[:, r] = resample(times_s[seen], rows[seen, r], *grid)
        return colours, motion, start

    def _missing(self, time_s: float, pulses: Array) -> str:
        """Return why there can be no estimate, or nothing."""
        s = self._settings
        if time_s - self._face_s > s.hold_s:
            return "no face visible"
        known_s = float(np.isfinite(pulses).any(axis=0).sum()) / s.rate_hz
        if known_s < s.least_s - 0.25:
            unread = np.isnan([colours for _, colours, _ in self._frames]).all()
            if unread:
                return "the skin of the face is too small, too dark or overexposed"
            return f"heart rate needs {s.least_s:g} s of a visible face"
        needed_hz = 2.0 * s.band_bpm[1] / 60.0
        recent = sum(time_s - time <= s.estimate_window_s for time, _, _ in self._frames)
        if recent < needed_hz * known_s:
            return f"heart rate needs at least {needed_hz:.1f} frames a second"
        return ""

    def _waveform(
        self, time_s: float, start: int, pulses: Array, weights: Array, confidence: float
    ) -> Iterable[Track]:
        rate_hz = self._settings.rate_hz
        end = math.floor((time_s - self._settle_s) * rate_hz + 1e-6) + 1
        first = max(self._emitted, start)
        if end <= first:
            return
        part = pulses[:, first - start : end - start]
        known = np.isfinite(part)
        share = np.where(known, weights[:, None], 0.0)
        total = share.sum(axis=0)
        seen = total > 0.0
        fused = (share * np.where(known, part, 0.0)).sum(axis=0) / np.where(seen, total, 1.0)
        self._emitted = end
        yield Track(
            "bvp",
            "AC/DC",
            np.arange(first, end) / rate_hz,
            np.where(seen, fused, np.nan),
            np.where(seen, confidence, 0.0),
        )


def _is_grey(colours: Array) -> bool:
    """Whether the camera gives no colour: the channels of every region are the same."""
    known = colours[np.isfinite(colours).all(axis=-1)]
    return len(known) > 0 and float(np.abs(np.diff(known, axis=-1)).max()) < _GREY_LEVELS


def _pulse(rgb: Array, rate_hz: float, grey: bool) -> Array:
    """Return the pulse in AC/DC, rising with blood volume: (time, channel) -> (time,)."""
    if grey:
        return np.asarray(-remove_trend(green(rgb), rate_hz, POS_WINDOW_S))
    length = round(POS_WINDOW_S * rate_hz)
    covering = windows_covering(np.asarray(np.isfinite(rgb).all(axis=1)), length)
    return np.asarray(-pos(rgb, rate_hz, POS_WINDOW_S) / np.maximum(covering, 1.0))
