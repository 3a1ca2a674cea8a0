"""The beats of a recording, found in one window after another and kept for a while."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.modalities.heart_rate.settled import Settled
from affectfuse.signals.beats import find_beats

__all__ = ["SETTLES_S", "Beat", "BeatSeries"]

SETTLES_S = 1.3
"""How long after its sample a beat is final."""

_SAME_BEAT = 0.15
_RATE_TICKS = 15
_LEAST_WEIGHT = 0.01
_LEAST_SHARE = 0.8


class Beat(NamedTuple):
    """A heart beat.

    Attributes:
        time_s: of the steepest rise.
        interval_s: since the beat before; NaN where that one is missing.
        quality: in [0, 1], see `find_beats`.
        error_s: standard error of the time.
        pulse: first harmonic of the waveform over the interval before, cosine + i sine.
        baseline: mean logarithm of green there, NaN for a face: what moves that most is the light
            and the head.
    """

    time_s: float
    interval_s: float
    quality: float
    error_s: float
    pulse: complex
    baseline: float


class BeatSeries:
    """Finds the beats of a settled pulse, each once, and holds the newest; for one recording.

    Args:
        rate_hz: of the grid.
        longest_s: how long beats are held.
    """

    def __init__(self, rate_hz: float, longest_s: float) -> None:
        self._rate_hz, self._longest_s = rate_hz, longest_s
        self._beats: deque[Beat] = deque()
        self._rates: deque[tuple[float, float]] = deque(maxlen=_RATE_TICKS)

    def __len__(self) -> int:
        return len(self._beats)

    def since(self, time_s: float) -> list[Beat]:
        """Return the beats after a time."""
        return [beat for beat in self._beats if beat.time_s > time_s]

    def forget(self, end_s: float) -> None:
        """Drop what is older than is held, at `end_s`."""
        while self._beats and self._beats[0].time_s < end_s - self._longest_s:
            self._beats.popleft()

    def find(self, held: Settled, heart_rate_bpm: float, confidence: float) -> Track | None:
        """Return the beats of the held samples that are final and new; None when there are none.

        Args:
            held: the newest settled samples.
            heart_rate_bpm: the newest estimate.
            confidence: in that.
        """
        self._rates.append((heart_rate_bpm, confidence + _LEAST_WEIGHT))
        rate_bpm = self._usual_rate_bpm()
        found = find_beats(held.bvp, self._rate_hz, rate_bpm)
        times_s = found.times_s + held.start / self._rate_hz
        final_s = (held.end - 1) / self._rate_hz - SETTLES_S
        tolerance_s = _SAME_BEAT * 60.0 / rate_bpm
        new: list[Beat] = []
        newest_s = self._beats[-1].time_s if self._beats else -math.inf
        for i, at_s in enumerate(times_s.tolist()):
            if at_s <= newest_s + 2.0 * tolerance_s or at_s > final_s:
                continue
            interval_s = float(found.intervals_s[i])
            # The beat before has its own time already, from an earlier window.
            joined = abs(at_s - interval_s - newest_s) <= tolerance_s
            interval_s = at_s - newest_s if joined else math.nan
            shape = self._shape(held, at_s, 60.0 / rate_bpm)
            quality, error_s = float(found.quality[i]), float(found.error_s[i])
            new.append(Beat(at_s, interval_s, quality, error_s, *shape))
            newest_s = at_s
        self._beats.extend(new)
        if not new:
            return None
        return Track(
            "beat_interval_ms",
            "ms",
            np.array([beat.time_s for beat in new]),
            1000.0 * np.array([beat.interval_s for beat in new]),
            np.array([beat.quality for beat in new]),
        )

    def _usual_rate_bpm(self) -> float:
        """Return the median of the last estimates, each weighing what its confidence is.

        A beat looks like a beat at twice or half its rate too, so that what the beats are looked
        for with must not follow every doubtful estimate.
        """
        rates, weights = np.array(sorted(self._rates)).T
        total = np.cumsum(weights)
        return float(rates[np.searchsorted(total, total[-1] / 2.0)])

    def _shape(self, held: Settled, at_s: float, beat_s: float) -> tuple[complex, float]:
        """Return pulse and baseline over the interval before a beat."""
        last, length = round(at_s * self._rate_hz) - held.start, round(beat_s * self._rate_hz)
        seen = held.part(max(0, last - length), last + 1)
        if len(seen.bvp) < _LEAST_SHARE * length or not np.isfinite(seen.bvp).all():
            return complex(math.nan), math.nan
        turn = 2j * np.pi * np.arange(len(seen.bvp)) / length
        design = np.stack([np.exp(turn).real, np.exp(turn).imag, turn.imag, np.ones(len(turn))])
        cosine, sine, *_ = np.linalg.lstsq(design.T, seen.bvp, rcond=None)[0]
        return complex(cosine, sine), _baseline(seen.colours)


def _baseline(colours: Array) -> float:
    if np.isfinite(colours[:, :-1]).any():
        return math.nan
    green = colours[:, -1, 1] if np.any(colours[:, -1, 1] > 1.0) else colours[:, -1, 0]
    return float(np.log(green).mean()) if np.all(green > 0.0) else math.nan
