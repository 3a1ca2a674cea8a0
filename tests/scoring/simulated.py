"""Sessions made of tracks: what bodies do anyway, and reactions to questions where planted.

A heart rate with 1/f drift, habituation and respiratory arrhythmia; skin conductance with drift and
spontaneous responses that fade; respiration, cardio, pulse amplitude and fused estimates that are
autocorrelated; micro-expressions and blinks that come in bursts; stretches missing from every one.
Every question, whatever its kind, calls forth the same response, which fades with repetition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from affectfuse.containers import Array, Estimate, Interval, IntervalTrack, Track
from affectfuse.scoring.base import Question, QuestionKind

__all__ = ["Design", "Effect", "Simulated", "simulate"]

Design = Literal["events", "comparison", "items"]
RATE_HZ = 10.0


@dataclass(frozen=True)
class Effect:
    """What a relevant question, a probe or an event adds to everybody's response.

    Attributes:
        heart_rate_bpm: for 12 s from 2 s after the onset.
        eda_us: height of a response of the skin.
        micro_expressions: spotted within 10 s.
    """

    heart_rate_bpm: float = 0.0
    eda_us: float = 0.0
    micro_expressions: int = 0


@dataclass(frozen=True)
class Simulated:
    """A session to score."""

    tracks: dict[str, Track | IntervalTrack]
    estimates: list[Estimate]
    questions: tuple[Question, ...]

    def all(self) -> tuple[dict[str, Track | IntervalTrack], list[Estimate], tuple[Question, ...]]:
        return self.tracks, self.estimates, self.questions


def simulate(
    seed: int,
    design: Design,
    effect: Effect = Effect(),
    *,
    fixed_order: bool = False,
    orienting: float = 1.0,
) -> Simulated:
    """Return a session.

    Args:
        seed: of everything.
        design: 'events': 10 events at uneven distances; 'comparison': 3 relevant and 3 comparison
            questions in 5 presentations; 'items': a probe and 5 irrelevant items in 6.
        effect: nothing, when left out.
        fixed_order: the kinds in the same order in every presentation, comparison first.
        orienting: size of the response to every question; of events there is none.
    """
    generator = np.random.default_rng(seed)
    questions = _questions(generator, design, fixed_order)
    end_s = questions[-1].offset_s + 30.0
    times_s = np.arange(1, round(end_s * RATE_HZ) + 1) / RATE_HZ
    onsets_s = np.array([question.onset_s for question in questions])
    strong = np.array([question.kind in ("", "relevant", "probe") for question in questions])
    fading = np.exp(-np.arange(len(questions)) / 12.0)
    common = 0.0 if design == "events" else orienting
    eda = _eda(generator, times_s)
    eda += _responses(times_s, onsets_s, common * 0.3 * fading + effect.eda_us * strong)
    rate = _heart_rate(generator, times_s)
    rate += _plateaus(times_s, onsets_s, effect.heart_rate_bpm * strong - common * 2.0 * fading)
    tracks: dict[str, Track | IntervalTrack] = {
        "face_visible": _track("face_visible", "fraction", times_s, _face(generator, times_s), 1.0),
        "beat_interval_ms": _beats(generator, times_s, rate),
        "heart_rate_bpm": _heart_rate_track(generator, times_s, rate),
        "eda_us": _missing(generator, _track("eda_us", "uS", times_s, eda, 4.0)),
        "respiration": _missing(
            generator, _track("respiration", "1", times_s, _breath(generator, times_s), RATE_HZ)
        ),
        "cardio": _missing(
            generator, _track("cardio", "1", times_s, 3 * _pink(generator, times_s), 4.0)
        ),
        "pulse_amplitude_percent": _missing(
            generator,
            _track(
                "pulse_amplitude_percent",
                "%",
                times_s,
                np.exp(0.15 * _pink(generator, times_s)),
                1.0,
            ),
        ),
    }
    planted = _planted(generator, onsets_s[strong], effect.micro_expressions)
    bursts = _bursts(generator, times_s, 2.0)
    tracks["micro_expression"] = _intervals("micro_expression", [*bursts, *planted])
    tracks["blink"] = _intervals("blink", _bursts(generator, times_s, 15.0))
    return Simulated(tracks, _estimates(generator, end_s), questions)


def _questions(
    generator: np.random.Generator, design: Design, fixed_order: bool
) -> tuple[Question, ...]:
    kinds: Sequence[QuestionKind]
    if design == "events":
        kinds, presentations = [""] * 10, 1
    elif design == "comparison":
        kinds, presentations = ["comparison", "relevant"] * 3, 5
    else:
        kinds, presentations = ["irrelevant", "irrelevant", "probe"] + ["irrelevant"] * 3, 6
    found, at_s = [], float(generator.uniform(25, 45))
    for presentation in range(1, presentations + 1):
        order = np.arange(len(kinds)) if fixed_order else generator.permutation(len(kinds))
        for number in order.tolist():
            label = f"{kinds[number] or 'event'} {number}"
            found.append(
                Question(at_s, at_s + 3.0, label, kinds[number], "", presentation, at_s + 3.5)
            )
            at_s += float(generator.uniform(22, 45))
        at_s += 20.0
    return tuple(found)


def _pink(generator: np.random.Generator, times_s: Array) -> Array:
    """Return 1/f noise of standard deviation 1."""
    count = len(times_s)
    frequencies = np.fft.rfftfreq(2 * count, 1 / RATE_HZ)
    spectrum = generator.normal(size=(2, len(frequencies)))
    gain = 1 / np.sqrt(np.maximum(frequencies, frequencies[1]))
    noise = np.fft.irfft((spectrum[0] + 1j * spectrum[1]) * gain)[:count]
    return np.asarray((noise - noise.mean()) / noise.std())


def _heart_rate(generator: np.random.Generator, times_s: Array) -> Array:
    breath = np.sin(2 * np.pi * 0.25 * times_s + generator.uniform(0, 6))
    habituation = 5.0 * np.exp(-times_s / 120.0)
    return np.asarray(72.0 + habituation + 2.5 * _pink(generator, times_s) + 1.5 * breath)


def _plateaus(times_s: Array, onsets_s: Array, heights: Array) -> Array:
    since_s = times_s[:, None] - onsets_s
    shape = np.clip(since_s - 2, 0, 2) / 2 * (since_s < 14)
    return np.asarray(shape @ heights)


def _beats(generator: np.random.Generator, times_s: Array, rate: Array) -> Track:
    phase = np.cumsum(rate / 60 / RATE_HZ)
    at_s = np.interp(np.arange(1, int(phase[-1])), phase, times_s)
    at_s = at_s + generator.normal(0, 0.01, len(at_s))
    interval_ms = 1000 * np.diff(at_s, prepend=np.nan)
    track = Track("beat_interval_ms", "ms", at_s, interval_ms, np.ones(len(at_s)))
    return _missing(generator, track)


def _heart_rate_track(generator: np.random.Generator, times_s: Array, rate: Array) -> Track:
    """Mean of the last 10 s, once a second."""
    sums = np.r_[0.0, np.cumsum(rate)]
    last = np.arange(100, len(rate) + 1, round(RATE_HZ))
    means = (sums[last] - sums[last - 100]) / 100 + generator.normal(0, 0.3, len(last))
    track = Track("heart_rate_bpm", "bpm", times_s[last - 1], means, np.ones(len(last)))
    return _missing(generator, track)


def _eda(generator: np.random.Generator, times_s: Array) -> Array:
    end_s = float(times_s[-1])
    level = 5.0 + 1.5 * np.exp(-times_s / 200.0) + 0.3 * _pink(generator, times_s)
    own_s = np.sort(generator.uniform(0, end_s, generator.poisson(4 * end_s / 60)))
    heights = generator.gamma(2, 0.12, len(own_s)) * np.exp(-own_s / 400.0)
    noise = 0.005 * generator.normal(size=len(times_s))
    return np.asarray(level + _responses(times_s, own_s - 2.0, heights) + noise)


def _responses(times_s: Array, onsets_s: Array, heights: Array) -> Array:
    """Return responses of the skin: 2 s late, rising for about 2 s, falling for 6."""
    since_s = np.clip(times_s[:, None] - onsets_s - 2.0, 0, 200)
    shape = np.exp(-since_s / 4.0) - np.exp(-since_s / 1.0)
    return np.asarray(shape @ heights / 0.4725)


def _breath(generator: np.random.Generator, times_s: Array) -> Array:
    rate_hz = 0.25 * np.exp(0.08 * _pink(generator, times_s))
    height = np.exp(0.2 * _pink(generator, times_s))
    return np.asarray(height * np.sin(2 * np.pi * np.cumsum(rate_hz) / RATE_HZ))


def _face(generator: np.random.Generator, times_s: Array) -> Array:
    seen = np.ones(len(times_s))
    for at_s in generator.uniform(0, times_s[-1], 2):
        seen[(times_s > at_s) & (times_s < at_s + generator.uniform(1, 8))] = 0.0
    return seen


def _track(name: str, unit: str, times_s: Array, values: Array, rate_hz: float) -> Track:
    kept = slice(round(RATE_HZ / rate_hz) - 1, None, round(RATE_HZ / rate_hz))
    return Track(name, unit, times_s[kept], values[kept].copy(), np.ones(len(times_s[kept])))


def _missing(generator: np.random.Generator, track: Track) -> Track:
    for at_s in generator.uniform(0, track.times_s[-1], generator.poisson(3)):
        gone = (track.times_s > at_s) & (track.times_s < at_s + generator.exponential(8))
        track.values[gone], track.quality[gone] = np.nan, 0.0
    return track


def _bursts(generator: np.random.Generator, times_s: Array, per_minute: float) -> list[float]:
    """Return onsets at a rate that drifts."""
    rate = per_minute * np.exp(0.5 * _pink(generator, times_s) - 0.125)
    return times_s[generator.random(len(times_s)) < rate / 60 / RATE_HZ].tolist()


def _planted(generator: np.random.Generator, onsets_s: Array, count: int) -> list[float]:
    return [float(t) for on in onsets_s for t in on + generator.uniform(1, 10, count)]


def _intervals(name: str, onsets_s: Sequence[float]) -> IntervalTrack:
    return IntervalTrack(
        name,
        tuple(
            Interval(t, t + 0.2, name, values={"displacement_iod_percent": 2.0})
            for t in sorted(onsets_s)
        ),
    )


def _estimates(generator: np.random.Generator, end_s: float) -> list[Estimate]:
    times_s = np.arange(1.0, end_s)
    innovations = generator.normal(0, 0.3, len(times_s))
    level, tense = 0.0, []
    for innovation in innovations:
        level = 0.9 * level + innovation
        tense.append(1 / (1 + np.exp(-level)))
    return [
        Estimate(float(t), {"calm": 1 - p, "tense": p}, {"heart_rate": 1.0}, {})
        for t, p in zip(times_s, tense, strict=True)
    ]
