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
    trace_rows,
    trace_signals,
    trace_signature,
)
from affectfuse.modalities.heart_rate.disturbances import ColourWindow
from affectfuse.modalities.heart_rate.history import History
from affectfuse.modalities.heart_rate.physiology import Physiology, Settled
from affectfuse.modalities.heart_rate.regions import BACKGROUND, REGIONS, SKIN, RegionReader
from affectfuse.modalities.heart_rate.tracker import HeartRateTracker
from affectfuse.signals.resampling import resample
from affectfuse.signals.rppg import METHODS, PULSE_SIGNATURE, check_colour, is_monochrome

__all__ = ["MINIMUM_VARIANCE", "HeartRateExtractor", "HeartRateSettings"]

MINIMUM_VARIANCE = "minimum_variance"
"""The method that is none of the published ones: see `projection.PulseProjection`."""

_SETTLE_S = 1.0
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
    method: str


class HeartRateExtractor(Extractor):
    """Reads the skin of every frame; at each tick estimates heart rate over the newest window.

    Tracks: `heart_rate_bpm` (one reading a tick, quality = confidence) and `bvp` (the pulse
    waveform in AC/DC on the uniform grid, rising with blood volume, each sample once, as soon as
    later frames can no longer change it: 1 s + the longest gap behind the tick); and what
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
        self._trace_shares = np.zeros(3)
        self._settle_s = _SETTLE_S + s.max_gap_s
        self._span_s = s.estimate_window_s + self._settle_s + 2.0
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
        grey = not self._trace and is_monochrome(colours[:, : len(SKIN)])
        newest = slice(-round(s.estimate_window_s * s.rate_hz), None)
        note = self._missing(time_s, colours[newest, : len(SKIN)])
        heart_rate_bpm = amplitude = math.nan
        confidence, shares = 0.0, np.full(len(SKIN), 1.0 / len(SKIN))
        bvp = np.full(len(colours), np.nan)
        if note:
            self._tracker.skip()
        else:
            estimate = self._tracker.update(self._signals(colours, motion, grey), newest)
            heart_rate_bpm, confidence = estimate.heart_rate_bpm, estimate.confidence
            shares, bvp, amplitude = estimate.shares, estimate.bvp, estimate.amplitude
            if grey:
                note = "camera without colour: heart rate from brightness alone (GREEN)"
        self._history.add(heart_rate_bpm, confidence, amplitude)
        yield Track.reading("heart_rate_bpm", "bpm", time_s, heart_rate_bpm, confidence, note)
        settled = self._settled(time_s, start, bvp, colours[:, : len(SKIN)], motion)
        if len(settled.bvp):
            yield self._waveform(settled, confidence)
        yield from self._physiology.update(
            time_s, settled, heart_rate_bpm, confidence, *self._amplitude_from(shares, grey)
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

    def _signals(self, colours: Array, motion: Array, grey: bool) -> ColourWindow:
        """Return what the pulse is looked for in.

        Of a colour camera that is each channel of each region, of a grey one each region; of a
        trace each channel, its part in the pulse measured (see `trace_signature`).
        """
        rate_hz = self._settings.rate_hz
        if self._trace:
            signals = trace_signals(colours[:, SKIN.index("skin")])
            dark = np.full(len(colours), np.nan)
            signature = trace_signature(signals, rate_hz)
            own = np.arange(3)
            return ColourWindow(signals, signature, own, motion, dark, rate_hz, shared_noise=False)
        logarithms = np.log(np.maximum(colours, 1.0))
        skin, light = logarithms[:, : len(SKIN)], logarithms[:, BACKGROUND].mean(axis=1)
        regions = np.arange(len(SKIN))
        if self._settings.method != MINIMUM_VARIANCE:
            pulses = self._published(colours[:, : len(SKIN)])
            return ColourWindow(
                pulses, np.ones(len(SKIN)), regions, motion, light, rate_hz, shared_noise=False
            )
        if grey:
            return ColourWindow(skin[..., 1], np.ones(len(SKIN)), regions, motion, light, rate_hz)
        signature = np.tile(np.array(PULSE_SIGNATURE) / PULSE_SIGNATURE[1], len(SKIN))
        rows = skin.reshape(len(skin), -1)
        return ColourWindow(rows, signature, np.repeat(regions, 3), motion, light, rate_hz)

    def _published(self, colours: Array) -> Array:
        """Return each region's pulse by a published method, of deviation 1: (time, region)."""
        method, rate_hz = METHODS[self._settings.method], self._settings.rate_hz
        check_colour(method, colours)
        pulses = np.stack([method(colours[:, r], rate_hz) for r in range(len(SKIN))], axis=1)
        known = np.isfinite(pulses)
        counts = np.maximum(known.sum(axis=0), 1)
        power = np.where(known, pulses - np.where(known, pulses, 0.0).sum(axis=0) / counts, 0.0)
        deviation = np.sqrt((power**2).sum(axis=0) / counts)
        normal: Array = pulses / np.where(deviation > 0.0, deviation, 1.0)
        return normal

    def _amplitude_from(self, shares: Array, grey: bool) -> tuple[Array, tuple[int, ...]]:
        """Return the regions' weights and the channels that the pulse amplitude is read from."""
        if not self._trace:
            return shares, (1,) if grey else (0, 1, 2)
        self._trace_shares += shares[:3]
        skin_alone = np.array([float(name == "skin") for name in SKIN])
        return skin_alone, (int(np.argmax(self._trace_shares)),)

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

    def _missing(self, time_s: float, colours: Array) -> str:
        """Return why there can be no estimate from the newest colours, or nothing."""
        s = self._settings
        if time_s - self._face_s > s.hold_s:
            return "no face visible"
        known_s = float(np.isfinite(colours[..., 0]).any(axis=1).sum()) / s.rate_hz
        if known_s < s.least_s - 0.25:
            unread = np.isnan([colours[: len(SKIN)] for _, colours, _ in self._frames]).all()
            if unread:
                return "the skin of the face is too small, too dark or overexposed"
            return f"heart rate needs {s.least_s:g} s of a visible face"
        needed_hz = 2.0 * s.band_bpm[1] / 60.0
        recent = sum(time_s - time <= s.estimate_window_s for time, _, _ in self._frames)
        if recent < needed_hz * known_s:
            return f"heart rate needs at least {needed_hz:.1f} frames a second"
        return ""

    def _settled(
        self, time_s: float, start: int, bvp: Array, colours: Array, motion: Array
    ) -> Settled:
        """Return what later frames can no longer change and was not given yet."""
        rate_hz = self._settings.rate_hz
        end = math.floor((time_s - self._settle_s) * rate_hz + 1e-6) + 1
        if not np.isfinite(bvp).any():  # wait for an estimate, as long as the window reaches back
            end = min(end, start + math.ceil(rate_hz))
        first = max(self._emitted, start)
        self._emitted = max(first, end)
        new = slice(first - start, self._emitted - start)
        return Settled(first, bvp[new], colours[new], motion[new])

    def _waveform(self, settled: Settled, confidence: float) -> Track:
        times_s = (settled.start + np.arange(len(settled.bvp))) / self._settings.rate_hz
        quality = np.where(np.isfinite(settled.bvp), confidence, 0.0)
        return Track("bvp", "AC/DC", times_s, settled.bvp, quality)
