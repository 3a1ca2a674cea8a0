"""Beats, heart rate variability, respiration and pulse amplitude, from the settled pulse."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.signals.beats import find_beats
from affectfuse.signals.heart_rate_variability import heart_rate_variability
from affectfuse.signals.pulse_amplitude import SIGNATURE, pulse_amplitude_percent
from affectfuse.signals.respiration import RATE_HZ, TRUSTED, modulation, respiration_rate

__all__ = ["Physiology", "Settled"]

BEATS_WINDOW_S = 13.0
AMPLITUDE_WINDOW_S = 8.0
VARIABILITY_EVERY = 5

_SETTLES_S = 1.3
_SAME_BEAT = 0.15
_MOST_MOTION = 0.05
_MOST_ERROR = 0.25
_LEAST_REGION_SHARE = 0.8
_RATE_TICKS = 15
_LEAST_WEIGHT = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """Samples on the uniform grid, all in a row, that later frames can no longer change.

    Attributes:
        start: index of the first on the grid; the parts of one recording follow each other.
        bvp: (time,) the pulse waveform, rising with blood volume.
        colours: (time, region, channel) mean colours, NaN where missing; the last region is the
            largest.
        motion: (time, 3) centre and logarithm of size of the head; NaN where not known.
    """

    start: int
    bvp: Array
    colours: Array
    motion: Array


class _Beat(NamedTuple):
    time_s: float
    interval_s: float
    quality: float
    error_s: float
    height: float
    baseline: float


class Physiology:
    """Reads on, tick by tick, what the pulse says beyond its rate; for one recording.

    Tracks: `beat_interval_ms` (each beat once, 1.3 s after its sample settled); `rmssd_ms`,
    `sdnn_ms` and `lf_hf` over the last `variability_s`, every fifth tick;
    `respiration_rate_per_min` over the last `respiration_s`; `pulse_amplitude_percent` over the
    last 8 s, NaN while the head moves by more than 0.05 interocular distances (standard deviation).
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
        self._beats: deque[_Beat] = deque()
        self._rates: deque[tuple[float, float]] = deque(maxlen=_RATE_TICKS)
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
            weights: (region,) of the pulses, for the amplitude.
            channels: to read the amplitude from: all three of a colour camera, else one.
        """
        self._hold(settled)
        held = self._held
        assert held is not None
        end_s = (held.start + len(held.bvp) - 1) / self._rate_hz
        if heart_rate_bpm > 0.0:
            self._rates.append((heart_rate_bpm, confidence + _LEAST_WEIGHT))
            rate_bpm = self._usual_rate_bpm()
            yield from _known(("beat_interval_ms",), lambda: self._new_beats(rate_bpm, end_s))
        while self._beats and self._beats[0].time_s < end_s - self._longest_s:
            self._beats.popleft()
        self._ticks += 1
        if self._ticks % VARIABILITY_EVERY == 0:
            names = ("rmssd_ms", "sdnn_ms", "lf_hf")
            yield from _known(names, lambda: self._variability(time_s, end_s), time_s)
        one = ("respiration_rate_per_min",)
        yield from _known(one, lambda: self._respiration(time_s, end_s), time_s)
        one = ("pulse_amplitude_percent",)
        yield from _known(one, lambda: self._amplitude(time_s, weights, channels), time_s)

    def _usual_rate_bpm(self) -> float:
        """Return the median of the last estimates, each weighing what its confidence is.

        A beat looks like a beat at twice or half its rate too, so that what the beats are looked
        for with must not follow every doubtful estimate.
        """
        rates, weights = np.array(sorted(self._rates)).T
        total = np.cumsum(weights)
        return float(rates[np.searchsorted(total, total[-1] / 2.0)])

    @property
    def _longest_s(self) -> float:
        return max(self._variability_s, self._respiration_s)

    def _hold(self, settled: Settled) -> None:
        held = self._held
        if held is None or settled.start != held.start + len(held.bvp):
            self._held = held = settled
        else:
            self._held = held = Settled(
                held.start,
                np.concatenate([held.bvp, settled.bvp]),
                np.concatenate([held.colours, settled.colours]),
                np.concatenate([held.motion, settled.motion]),
            )
        excess = max(0, len(held.bvp) - round(BEATS_WINDOW_S * self._rate_hz))
        if excess:
            self._held = Settled(
                held.start + excess,
                held.bvp[excess:],
                held.colours[excess:],
                held.motion[excess:],
            )
        seen = np.flatnonzero(np.isfinite(settled.bvp))
        if math.isnan(self._since_s) and len(seen):
            self._since_s = (settled.start + int(seen[0])) / self._rate_hz

    def _new_beats(self, heart_rate_bpm: float, end_s: float) -> Iterable[Track]:
        """Find the beats of the window and keep those that are settled and new."""
        held = self._held
        assert held is not None
        found = find_beats(held.bvp, self._rate_hz, heart_rate_bpm)
        times_s = found.times_s + held.start / self._rate_hz
        tolerance_s = _SAME_BEAT * 60.0 / heart_rate_bpm
        new: list[_Beat] = []
        newest_s = self._beats[-1].time_s if self._beats else -math.inf
        for i, at_s in enumerate(times_s):
            if at_s <= newest_s + 2.0 * tolerance_s or at_s > end_s - _SETTLES_S:
                continue
            interval_s = float(found.intervals_s[i])
            # The beat before has its own time already, from an earlier window.
            joined = abs(at_s - interval_s - newest_s) <= tolerance_s
            interval_s = at_s - newest_s if joined else math.nan
            height, baseline = self._shape(at_s, 60.0 / heart_rate_bpm)
            quality, error_s = float(found.quality[i]), float(found.error_s[i])
            new.append(_Beat(float(at_s), interval_s, quality, error_s, height, baseline))
            newest_s = float(at_s)
        self._beats.extend(new)
        if new:
            columns = [np.array(column) for column in zip(*new, strict=True)]
            yield Track("beat_interval_ms", "ms", columns[0], 1000.0 * columns[1], columns[2])

    def _shape(self, at_s: float, beat_s: float) -> tuple[float, float]:
        """Return the height of the pulse and the mean logarithm of green over the beat before."""
        held = self._held
        assert held is not None
        last = round(at_s * self._rate_hz) - held.start
        first = max(0, last - round(beat_s * self._rate_hz))
        bvp, green = held.bvp[first : last + 1], held.colours[first : last + 1, -1, :]
        green = green[:, 1] if np.any(green[:, 1] > 1.0) else green[:, 0]
        if len(bvp) < 2 or not np.isfinite(bvp).all() or not np.all(green > 0.0):
            return math.nan, math.nan
        return float(np.ptp(bvp)), float(np.log(green).mean())

    def _recent(self, span_s: float, end_s: float) -> tuple[Array, ...]:
        """Return the beats of a span as columns."""
        rows = [beat for beat in self._beats if beat.time_s > end_s - span_s]
        return tuple(np.array(rows, dtype=float).reshape(-1, len(_Beat._fields)).T)

    def _watched_s(self, span_s: float, end_s: float) -> float:
        """Return how much of a span has been watched since the first pulse."""
        watched_s = end_s - _SETTLES_S - self._since_s
        return 0.0 if math.isnan(watched_s) else max(0.0, min(span_s, watched_s))

    def _variability(self, time_s: float, end_s: float) -> Iterable[Track]:
        span_s = self._variability_s
        beat_s, interval_s, quality, error_s, _, _ = self._recent(span_s, end_s)
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
        beat_s, interval_s, quality, _, height, baseline = self._recent(span_s, end_s)
        good = quality >= 0.5
        rows = [np.where(good, column, np.nan) for column in (baseline, height, interval_s)]
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
        self, time_s: float, weights: Array, channels: tuple[int, ...]
    ) -> Iterable[Track]:
        held, name = self._held, "pulse_amplitude_percent"
        assert held is not None
        last = len(held.bvp) - round(_SETTLES_S * self._rate_hz)
        first = last - round(AMPLITUDE_WINDOW_S * self._rate_hz)
        window = slice(max(0, first), max(0, last))
        value, error, note = math.nan, math.inf, ""
        if first < 0:
            note = f"pulse amplitude needs {AMPLITUDE_WINDOW_S:g} s of pulse"
        elif _moves(held.motion[window]):
            note = "pulse amplitude is not read while the head moves much"
        else:
            start_s = (held.start + first) / self._rate_hz
            near = [beat for beat in self._beats if beat.time_s > start_s - 2.0]
            beat_s = np.array([beat.time_s for beat in near]) - start_s
            joined = np.array([math.isfinite(beat.interval_s) for beat in near], dtype=bool)
            colours = _together(held.colours[window][:, :, list(channels)], weights)
            signature = SIGNATURE[list(channels)] if len(channels) == 3 else np.ones(len(channels))
            value, error = pulse_amplitude_percent(
                colours, signature, self._rate_hz, beat_s, joined
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


def _together(colours: Array, weights: Array) -> Array:
    """Return the weighted mean over regions, each over its own mean: (time, channel)."""
    share = np.isfinite(colours).all(axis=2).mean(axis=0)
    kept = share >= _LEAST_REGION_SHARE * max(float(share.max()), 1e-9)
    weight = np.where(kept & (share > 0.0), weights, 0.0)
    kept = weight > 0.0
    if not kept.any():
        return np.full((len(colours), colours.shape[2]), np.nan)
    part = colours[:, kept]
    ratio = part / np.nanmean(part, axis=0)
    mean: Array = np.einsum("trc,r->tc", ratio, weight[kept] / weight[kept].sum())
    return mean
