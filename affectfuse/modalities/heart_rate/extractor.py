"""From frames with a face to heart rate, pulse waveform and samples, causally."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import (
    Array,
    Frame,
    ModalitySample,
    Observation,
    Reading,
    SignalBlock,
    Track,
)
from affectfuse.modalities.base import Extractor
from affectfuse.modalities.heart_rate.camera_traces import (
    CAMERA,
    channel_ratios,
    trace_pulses,
    trace_rows,
)
from affectfuse.modalities.heart_rate.history import History
from affectfuse.modalities.heart_rate.physiology import Physiology, Settled
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
    later frames can no longer change it: 1.6 s + the longest gap behind the tick); and what
    `Physiology` reads from that. Colours without pictures (a camera's `SignalBlock`) are taken as
    those of the skin.
    """

    def __init__(self, name: str, settings: HeartRateSettings) -> None:
        self._name, self._settings = name, settings
        s = settings
        self._regions = RegionReader(s.min_region_pixels, s.landmark_smoothing_s)
        self._tracker = HeartRateTracker(s.band_bpm)
        self._history = History(s.history_s)
        self._physiology = Physiology(s.rate_hz)
        self._trace = False
        self._trace_weights = np.zeros(3)
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
                self._add(observation.time_s, *self._regions.read(observation))
        elif isinstance(observation, SignalBlock) and observation.source == CAMERA:
            self._trace = True
            for time_s, colours, motion in trace_rows(observation):
                if time_s > self._time_s:
                    self._time_s = time_s
                    self._add(time_s, colours, motion)
        return ()

    def tick(self, time_s: float) -> Iterable[Reading]:
        s = self._settings
        colours, motion, start = self._window(time_s)
        grey = self._trace or _is_grey(colours)
        pulses = self._pulses(colours, grey)
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
            ratios = self._ratios(colours[newest])
            amplitude = pulse_amplitude(ratios, weights, heart_rate_bpm, s.rate_hz)
            if grey and not self._trace:
                note = "camera without colour: heart rate from brightness alone (GREEN)"
        self._history.add(heart_rate_bpm, confidence, amplitude)
        yield Track.reading("heart_rate_bpm", "bpm", time_s, heart_rate_bpm, confidence, note)
        settled = self._settled(time_s, start, pulses, weights, colours, motion)
        if len(settled.bvp):
            yield self._waveform(settled, confidence)
        yield from self._physiology.update(
            time_s,
            settled,
            heart_rate_bpm,
            confidence,
            *self._amplitude_from(weights, grey),
        )
        yield ModalitySample(
            self._name,
            time_s - s.history_s - s.estimate_window_s,
            time_s,
            self._history.sample(),
            self._history.quality(_QUALITY_TICKS),
        )

    def _add(self, time_s: float, colours: Array, motion: Array) -> None:
        self._frames.append((time_s, colours, motion))
        self._face_s = time_s
        while time_s - self._frames[0][0] > self._span_s:
            self._frames.popleft()

    def _pulses(self, colours: Array, grey: bool) -> Array:
        """Return the pulse of each region, or of each candidate of a trace: (row, time)."""
        rate_hz = self._settings.rate_hz
        if self._trace:
            return trace_pulses(colours[:, -1], rate_hz, POS_WINDOW_S)
        return np.stack([_pulse(colours[:, r], rate_hz, grey) for r in range(len(REGIONS))])

    def _ratios(self, colours: Array) -> Array:
        """Return what the amplitude of a sample is read from, in AC/DC: (row, time)."""
        if self._trace:
            return channel_ratios(colours[:, -1])
        return np.stack([green(colours[:, r]) for r in range(len(REGIONS))])

    def _amplitude_from(self, weights: Array, grey: bool) -> tuple[Array, tuple[int, ...]]:
        """Return the regions' weights and the channels that the pulse amplitude is read from."""
        if not self._trace:
            return weights, (1,) if grey else (0, 1, 2)
        self._trace_weights += weights[:3]
        skin_alone = np.arange(len(REGIONS)) == len(REGIONS) - 1
        return skin_alone.astype(float), (int(np.argmax(self._trace_weights)),)

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

    def _settled(
        self,
        time_s: float,
        start: int,
        pulses: Array,
        weights: Array,
        colours: Array,
        motion: Array,
    ) -> Settled:
        """Return what later frames can no longer change and was not given yet."""
        end = math.floor((time_s - self._settle_s) * self._settings.rate_hz + 1e-6) + 1
        first = max(self._emitted, start)
        self._emitted = max(first, end)
        new = slice(first - start, self._emitted - start)
        known = np.isfinite(pulses[:, new])
        share = np.where(known, weights[:, None], 0.0)
        total = share.sum(axis=0)
        fused = (share * np.where(known, pulses[:, new], 0.0)).sum(axis=0)
        bvp = np.where(total > 0.0, fused / np.where(total > 0.0, total, 1.0), np.nan)
        return Settled(first, bvp, colours[new], motion[new])

    def _waveform(self, settled: Settled, confidence: float) -> Track:
        times_s = (settled.start + np.arange(len(settled.bvp))) / self._settings.rate_hz
        quality = np.where(np.isfinite(settled.bvp), confidence, 0.0)
        return Track("bvp", "AC/DC", times_s, settled.bvp, quality)


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
