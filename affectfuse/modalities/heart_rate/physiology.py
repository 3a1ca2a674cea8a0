"""Beats, heart rate variability, respiration and pulse amplitude, from the settled pulse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.modalities.heart_rate.amplitude import AmplitudeReader
from affectfuse.modalities.heart_rate.beat_series import SETTLES_S, BeatSeries
from affectfuse.modalities.heart_rate.settled import Settled
from affectfuse.signals.heart_rate_variability import heart_rate_variability
from affectfuse.signals.respiration import RATE_HZ, TRUSTED, modulation, respiration_rate

__all__ = ["Physiology", "Settled"]

BEATS_WINDOW_S = 13.0
AMPLITUDE_WINDOW_S = 10.0
VARIABILITY_EVERY = 5

_MOST_MOTION = 0.05
_MOST_ERROR = 0.25
_GOOD_BEAT = 0.5


class Physiology:
    """Reads on, tick by tick, what the pulse says beyond its rate; for one recording.

    Tracks: `beat_interval_ms` (each beat once, 1.3 s after its sample settled); `rmssd_ms`,
    `sdnn_ms` and `lf_hf` over the last `variability_s`, every fifth tick;
    `respiration_rate_per_min` over the last `respiration_s`; `pulse_amplitude_percent` over the
    last 10 s, NaN while the head moves by more (sd) than 0.05 interocular distances.
    A reading that is not known is NaN, and its note says why; so it is when the computation of one
    of them fails, which leaves the others alone. It holds 13 s of samples and the beats of the
    longer of the two spans, whatever the length of the recording.

    Args:
        rate_hz: of the grid.
        variability_s: span of the heart rate variability.
        respiration_s: span of the respiration rate.
    """

    def __init__(
        self, rate_hz: float, variability_s: float = 60.0, respiration_s: float = 30.0
    ) -> None:
        self._rate_hz = rate_hz
        self._variability_s, self._respiration_s = variability_s, respiration_s
        self._held: Settled | None = None
        self._beats = BeatSeries(rate_hz, max(variability_s, respiration_s))
        self._amplitudes = AmplitudeReader()
        self._since_s = math.nan
        self._ticks = 0

    def update(
        self,
        time_s: float,
        settled: Settled,
        heart_rate_bpm: float,
        confidence: float,
        weights: Array,
        channels: tuple[int, ...],
    ) -> Iterator[Track]:
        """Take the samples settled since the last tick and yield what is known with them.

        Args:
            time_s: of the tick.
            settled: may be empty.
            heart_rate_bpm: the estimate at this tick, or NaN.
            confidence: in that estimate.
            weights: (region,) share of each in the pulse; the amplitude is not read from one
                without any.
            channels: to read the amplitude from: all three of a colour camera, else one.
        """
        longest = round(BEATS_WINDOW_S * self._rate_hz)
        before = self._held or settled.part(0, 0)
        self._held = held = before.followed_by(settled, longest)
        seen = np.flatnonzero(np.isfinite(settled.bvp))
        if math.isnan(self._since_s) and len(seen):
            self._since_s = (settled.start + int(seen[0])) / self._rate_hz
        end_s = (held.end - 1) / self._rate_hz
        if heart_rate_bpm > 0.0:
            yield from _known(
                ("beat_interval_ms",), lambda: self._new_beats(held, heart_rate_bpm, confidence)
            )
        self._beats.forget(end_s)
        self._ticks += 1
        if self._ticks % VARIABILITY_EVERY == 0:
            names = ("rmssd_ms", "sdnn_ms", "lf_hf")
            yield from _known(names, lambda: self._variability(time_s, end_s), time_s)
        one = ("respiration_rate_per_min",)
        yield from _known(one, lambda: self._respiration(time_s, end_s), time_s)
        one = ("pulse_amplitude_percent",)
        yield from _known(one, lambda: self._amplitude(time_s, held, weights, channels), time_s)

    def _new_beats(self, held: Settled, heart_rate_bpm: float, sure: float) -> Iterable[Track]:
        found = self._beats.find(held, heart_rate_bpm, sure)
        return [] if found is None else [found]

    def _watched_s(self, span_s: float, end_s: float) -> float:
        """Return how much of a span has been watched since the first pulse."""
        watched_s = end_s - SETTLES_S - self._since_s
        return 0.0 if math.isnan(watched_s) else max(0.0, min(span_s, watched_s))

    def _variability(self, time_s: float, end_s: float) -> Iterable[Track]:
        span_s = self._variability_s
        beats = self._beats.since(end_s - span_s)
        columns = [(b.time_s, b.interval_s, b.quality, b.error_s) for b in beats]
        beat_s, interval_s, quality, error_s = np.array(columns).reshape(-1, 4).T
        watched_s = self._watched_s(span_s, end_s)
        found = heart_rate_variability(beat_s, interval_s, quality, error_s, watched_s)
        for name, unit, value, note in (
            ("rmssd_ms", "ms", found.rmssd_ms, found.note),
            ("sdnn_ms", "ms", found.sdnn_ms, found.note),
            ("lf_hf", "1", found.lf_hf, found.lf_hf_note),
        ):
            sure = 0.0 if math.isnan(value) else found.quality
            yield Track.reading(name, unit, time_s, value, sure, note and f"{name} {note}")

    def _respiration(self, time_s: float, end_s: float) -> Iterable[Track]:
        span_s, name = self._respiration_s, "respiration_rate_per_min"
        if self._watched_s(span_s, end_s) < span_s - 1.0:
            note = f"respiration needs {span_s:g} s of pulse"
            yield Track.reading(name, "1/min", time_s, math.nan, 0.0, note)
            return
        beats = [b for b in self._beats.since(end_s - span_s) if b.quality >= _GOOD_BEAT]
        beat_s = np.array([beat.time_s for beat in beats])
        pulses = np.array([beat.pulse for beat in beats], dtype=complex)
        rows = (
            np.array([beat.interval_s for beat in beats]),
            (pulses * np.conj(np.nansum(pulses))).real,
            np.array([beat.baseline for beat in beats]),
        )
        count = round(span_s * RATE_HZ)
        found = respiration_rate(
            np.stack([modulation(beat_s, row, end_s - span_s, count) for row in rows])
        )
        if found.confidence >= TRUSTED:
            yield Track.reading(name, "1/min", time_s, found.rate_per_min, found.confidence)
        else:
            note = "no respiration shows in the pulse"
            yield Track.reading(name, "1/min", time_s, math.nan, 0.0, note)

    def _amplitude(
        self, time_s: float, held: Settled, weights: Array, channels: tuple[int, ...]
    ) -> Iterable[Track]:
        name = "pulse_amplitude_percent"
        last = len(held.bvp) - round(SETTLES_S * self._rate_hz)
        first = last - round(AMPLITUDE_WINDOW_S * self._rate_hz)
        window = held.part(max(0, first), max(0, last))
        value, error, note = math.nan, math.inf, ""
        if first < 0:
            note = f"pulse amplitude needs {AMPLITUDE_WINDOW_S:g} s of pulse"
        elif _moves(window.motion):
            note = "pulse amplitude is not read while the head moves much"
        else:
            start_s = window.start / self._rate_hz
            beats = self._beats.since(start_s - 2.0)
            beat_s = np.array([beat.time_s for beat in beats]) - start_s
            good = [math.isfinite(b.interval_s) and b.quality >= _GOOD_BEAT for b in beats]
            colours = np.where(weights[:, None] > 0.0, window.colours, np.nan)
            value, error = self._amplitudes.read(
                colours, channels, self._rate_hz, beat_s, np.array(good, dtype=bool)
            )
            if not error <= _MOST_ERROR * value:
                value, note = math.nan, "the pulse is too weak to read its amplitude"
        sure = 0.0 if math.isnan(value) else 1.0 / (1.0 + (error / (0.1 * value)) ** 2)
        yield Track.reading(name, "%", time_s, value, sure, note)


def _known(
    names: tuple[str, ...], compute: Callable[[], Iterable[Track]], time_s: float = math.nan
) -> list[Track]:
    """Return what is computed, or, when that fails, readings that say so: nothing else suffers."""
    units = {"lf_hf": "1", "respiration_rate_per_min": "1/min", "pulse_amplitude_percent": "%"}
    try:
        return list(compute())
    except Exception as error:
        if math.isnan(time_s):
            return []
        note = f"could not be computed ({type(error).__name__}: {error})"
        return [
            Track.reading(name, units.get(name, "ms"), time_s, math.nan, 0.0, f"{name} {note}")
            for name in names
        ]


def _moves(motion: Array) -> bool:
    known = motion[np.isfinite(motion).all(axis=1)]
    return len(known) > 1 and float(known.std(axis=0).max()) > _MOST_MOTION
