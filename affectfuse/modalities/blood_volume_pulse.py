"""The pulse of a contact sensor (photoplethysmography at the wrist or a finger) as a modality."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from scipy.signal import butter, sosfiltfilt

from affectfuse.containers import Array, Reading, Track
from affectfuse.modalities.heart_rate.beat_series import Beat, BeatSeries
from affectfuse.modalities.heart_rate.disturbances import ColourWindow
from affectfuse.modalities.heart_rate.settled import Settled
from affectfuse.modalities.heart_rate.tracker import HeartRateTracker
from affectfuse.modalities.windowed_signal import WindowedSignal, WindowReader, WindowReading
from affectfuse.signals.heart_rate_variability import heart_rate_variability

__all__ = ["BloodVolumePulse"]

_STEP_S = 2.5
_ESTIMATE_S, _MARGIN_S = 10.0, 6.0
_BEATS_S = 13.0
_PULSE_SHARE = 0.01
_SLOW_HZ, _FAST_HZ = (0.1, 0.5), (3.5, 8.0)
_LEAST_CONFIDENCE = 0.5
_CLEAR, _LEAST_CLEAR = 0.7, 6
_GOOD = 0.5


class BloodVolumePulse(WindowedSignal):
    """Heart rate, its variability, and the strength of the pulse; see `WindowedSignal`.

    The heart rate is tracked and the beats are found as in the `heart_rate` modality, which reads
    the pulse from video. The signal must rise with blood volume, in any unit. Tracks:
    `bvp_heart_rate_bpm` (twice a period; quality = confidence), `bvp_beat_interval_ms` (each beat
    once), `bvp_rmssd_ms` and `bvp_amplitude` (the pulse's first harmonic, in the signal's unit)
    once a period. The quality is the mean quality of the window's beats times the mean confidence.

    Args:
        band_bpm: lowest and highest heart rate.
    """

    name = "blood_volume_pulse"

    def __init__(
        self,
        source: str,
        band_bpm: Sequence[float],
        window_s: float,
        period_s: float,
        past_s: Sequence[float],
        past_gap_s: float,
        baseline_s: float | None,
        max_gap_s: float,
        quality_floor: float,
        embedding_dim: int,
    ) -> None:
        low_bpm, high_bpm = band_bpm
        if not 30.0 <= low_bpm < high_bpm <= 240.0:
            raise ValueError(
                f"band_bpm is [{low_bpm:g}, {high_bpm:g}]: give two rising rates from 30 to 240"
            )
        self.band_bpm = (float(low_bpm), float(high_bpm))
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
        return _Pulse(self.window_s, self.period_s, self.band_bpm)


class _Pulse(WindowReader):
    features = (
        "heart_rate_bpm",
        "log_heart_rate_spread_bpm",
        "log_rmssd_ms",
        "log_amplitude",
        "log_slow",
        "log_fast",
    )
    channels = 1
    rate_hz = 32.0

    def __init__(self, window_s: float, period_s: float, band_bpm: tuple[float, float]) -> None:
        self._window_s, self._period_s = window_s, period_s
        self._tracker = HeartRateTracker(band_bpm)
        self._beats = BeatSeries(self.rate_hz, window_s)
        self._rates: list[tuple[float, float, float]] = []
        self._filters = [
            butter(2, band_hz, "bandpass", fs=self.rate_hz, output="sos")
            for band_hz in (_SLOW_HZ, _FAST_HZ)
        ]

    def read(self, time_s: float, values: Array) -> WindowReading:
        pulse = values[:, 0]
        end = round(time_s * self.rate_hz)
        tracks = list(self._follow(time_s, pulse, end))
        self._beats.forget(time_s)
        beats = self._beats.since(time_s - self._window_s)
        self._rates = [rate for rate in self._rates if rate[0] > time_s - self._window_s]
        known = np.isfinite(pulse)
        if not known.any() or not np.ptp(pulse[known]) > 0.0:
            return WindowReading(np.full(len(self.features), np.nan), 0.0, tracks)
        rmssd_ms, sure = self._variability(beats)
        amplitude = _amplitude(beats)
        tracks += [
            Track.reading("bvp_rmssd_ms", "ms", time_s, rmssd_ms, sure),
            Track.reading("bvp_amplitude", "1", time_s, amplitude, float(amplitude > 0.0)),
        ]
        filled = np.where(known, pulse, pulse[known].mean())
        slow, fast = (
            float(np.median(np.abs(sosfiltfilt(sections, filled)))) for sections in self._filters
        )
        scale = float(np.median(np.abs(filled - np.median(filled)))) / 100.0 + 1e-9
        features = np.array(
            [
                _clear_rate_bpm(beats),
                _spread(self._rates),
                math.log(rmssd_ms + 3.0),
                math.log(amplitude) if amplitude > 0.0 else math.nan,
                math.log(slow + scale),
                math.log(fast + scale),
            ]
        )
        # Noise has beats too, now and then alike: the tracker must be confident besides.
        clear = float(np.mean([beat.quality for beat in beats])) if beats else 0.0
        sure = float(np.mean([rate[2] for rate in self._rates])) if self._rates else 0.0
        quality = clear * sure
        return WindowReading(features, quality, tracks)

    def _follow(self, time_s: float, pulse: Array, end: int) -> Iterator[Reading]:
        """Track the heart rate and find the beats of the newest period."""
        steps = max(1, round(self._period_s / _STEP_S))
        for step in range(steps):
            later = round((steps - 1 - step) * self._period_s / steps * self.rate_hz)
            upto = len(pulse) - later
            at_s = time_s - later / self.rate_hz
            recent = pulse[max(0, upto - round((_ESTIMATE_S + _MARGIN_S) * self.rate_hz)) : upto]
            newest = slice(-round(_ESTIMATE_S * self.rate_hz), None)
            spread = float(np.nanstd(recent)) if np.isfinite(recent).any() else 0.0
            if not spread > 0.0 or np.isfinite(recent[newest]).mean() < 0.5:
                self._tracker.skip()
                continue
            estimate = self._tracker.update(_window(recent / spread, self.rate_hz), newest)
            rate_bpm, confidence = estimate.heart_rate_bpm, estimate.confidence
            self._rates.append((at_s, rate_bpm, confidence))
            yield Track.reading("bvp_heart_rate_bpm", "bpm", at_s, rate_bpm, confidence)
            held = pulse[max(0, upto - round(_BEATS_S * self.rate_hz)) : upto]
            found = self._beats.find(_settled(held, end - later), rate_bpm, confidence)
            if found is not None:
                yield Track(
                    "bvp_beat_interval_ms", found.unit, found.times_s, found.values, found.quality
                )

    def _variability(self, beats: Sequence[Beat]) -> tuple[float, float]:
        columns = [(b.time_s, b.interval_s, b.quality, b.error_s) for b in beats]
        beat_s, interval_s, quality, error_s = np.array(columns).reshape(-1, 4).T
        found = heart_rate_variability(beat_s, interval_s, quality, error_s, self._window_s)
        return found.rmssd_ms, 0.0 if math.isnan(found.rmssd_ms) else found.quality


def _window(pulse: Array, rate_hz: float) -> ColourWindow:
    """Return a pulse of deviation 1 as the tracker takes it: one signal, no motion, no light."""
    count = len(pulse)
    return ColourWindow(
        _PULSE_SHARE * pulse[:, None],
        np.ones(1),
        np.arange(1),
        np.zeros((count, 3)),
        np.full(count, np.nan),
        rate_hz,
        shared_noise=False,
    )


def _settled(pulse: Array, end: int) -> Settled:
    """Return samples that end at an index of the grid, without colours or motion."""
    count = len(pulse)
    unknown = np.full((count, 1, 3), np.nan)
    return Settled(end - count, pulse, unknown, np.full((count, 3), np.nan))


def _clear_rate_bpm(beats: Sequence[Beat]) -> float:
    """Return the heart rate by the beats that are clear, NaN when these are few."""
    clear = [b.interval_s for b in beats if b.quality > _CLEAR and not math.isnan(b.interval_s)]
    return 60.0 / float(np.median(clear)) if len(clear) >= _LEAST_CLEAR else math.nan


def _spread(rates: Sequence[tuple[float, float, float]]) -> float:
    """Return the logarithm of how much the tracked heart rate varied."""
    sure = [rate_bpm for _, rate_bpm, confidence in rates if confidence > _LEAST_CONFIDENCE]
    return math.log(float(np.std(sure)) + 0.5) if len(sure) > 1 else math.nan


def _amplitude(beats: Sequence[Beat]) -> float:
    """Return the median strength of the good beats' first harmonic, of all when few are good."""
    strengths = [abs(b.pulse) for b in beats if not math.isnan(b.pulse.real)]
    good = [abs(b.pulse) for b in beats if b.quality > _GOOD and not math.isnan(b.pulse.real)]
    chosen = good if len(good) >= _LEAST_CLEAR else strengths
    return float(np.median(chosen)) if chosen else math.nan
