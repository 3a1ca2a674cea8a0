"""The sessions of `planted_sessions.py`: 8 questions in 5 minutes, with or without reactions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Interval, IntervalTrack, Track
from affectfuse.datasets.synthetic import PlantedReaction, SessionScript, draw_session, truth_of
from affectfuse.scoring.base import Question

__all__ = ["CHANNELS", "PLANTED", "PROTOCOL", "Measured", "planned", "questions_of", "twin"]

QUESTIONS = 8
FIRST_S, GAPS_S, GAP_JITTER_S = (12.0, 14.0), (24.0, 51.0), 1.0
HEART_RATE_BPM, MICRO_EXPRESSIONS = 4.0, 2
SESSION = {
    "duration_s": 300.0,
    "fps": 25.0,
    "width": 224,
    "height": 224,
    "interocular_percent": 24.0,
    "hidden_state": False,
    "micro_expressions_per_min": 1.0,
    "noise_sd": [1.0, 2.0],
    "breaths_per_min": [12.0, 18.0],
    "pulse_amplitude_percent": [0.4, 0.9],
    "sway_degrees": [0.3, 1.5],
    "sway_hz": [0.1, 0.5],
    "light_drift_percent": [0.5, 3.0],
    "skin_tone": [1.0, 4.0],
}
PLANTED = ("heart_rate_bpm", "micro_expression")
CHANNELS = (*PLANTED, "blink", "pulse_amplitude_percent")
PROTOCOL = {
    "config": "baseline_shift",
    "baseline_s": 6.0,
    "window_s": 10.0,
    "channels": list(CHANNELS),
}


@dataclass(frozen=True, eq=False)
class Measured:
    """What was read from a rendered session, and what is true of it."""

    script: SessionScript
    tracks: dict[str, Track | IntervalTrack]


def questions_of(seed: int) -> tuple[Question, ...]:
    """Return 8 relevant questions, at 7 distances from 24 to 51 s whose order is drawn."""
    rng = np.random.default_rng([seed, 2])
    gaps_s = np.linspace(*GAPS_S, QUESTIONS - 1)
    gaps_s = rng.permutation(gaps_s + rng.uniform(-GAP_JITTER_S, GAP_JITTER_S, QUESTIONS - 1))
    onsets_s = rng.uniform(*FIRST_S) + np.r_[0.0, np.cumsum(gaps_s)]
    return tuple(
        Question(round(at_s, 2), round(at_s + 3.0, 2), f"question {number}", "relevant")
        for number, at_s in enumerate(onsets_s.tolist(), start=1)
    )


def planned(seed: int, *, reacts: bool) -> SessionScript:
    """Return a session of its own person; with reactions to every question, or without."""
    reactions = [
        PlantedReaction(question.onset_s, HEART_RATE_BPM, MICRO_EXPRESSIONS)
        for question in questions_of(seed)
    ]
    given = reactions if reacts else []
    return draw_session(seed, seed, variant_seed=1, reactions=given, **SESSION)


def twin(seed: int, like: Measured) -> dict[str, Track | IntervalTrack]:
    """Return the tracks of a session without reactions, read as badly as a rendered one was.

    Its heart rate is off by what the rendered session's was, its pulse amplitude is that session's,
    both turned in time by a draw; of its expressions and blinks as many are missed as there, and as
    many false ones are added.
    """
    rng = np.random.default_rng([seed, 3])
    truth, known = truth_of(planned(seed, reacts=False)), truth_of(like.script)
    duration_s = like.script.parameters.duration_s
    tracks: dict[str, Track | IntervalTrack] = {}
    read = _track(like, "heart_rate_bpm")
    off = read.values - np.interp(read.times_s, *_points(known.tracks["heart_rate_bpm"]))
    turned = _turned(rng, off)
    true = np.interp(read.times_s, *_points(truth.tracks["heart_rate_bpm"]))
    tracks["heart_rate_bpm"] = _with(read, true + turned)
    amplitude = _track(like, "pulse_amplitude_percent")
    tracks["pulse_amplitude_percent"] = _with(amplitude, _turned(rng, amplitude.values))
    tracks["face_visible"] = _track(like, "face_visible")
    for kind in ("micro_expression", "blink"):
        found = like.tracks[kind]
        assert isinstance(found, IntervalTrack)
        hits, false = agreement(known.events[kind], found.intervals)
        recall = hits / max(len(known.events[kind]), 1)
        kept = [i.onset_s for i in truth.events[kind] if rng.random() < recall]
        kept += rng.uniform(0.0, duration_s, rng.poisson(false)).tolist()
        tracks[kind] = IntervalTrack(kind, tuple(Interval(t, t + 0.2, kind) for t in sorted(kept)))
    return tracks


def agreement(true: tuple[Interval, ...], found: tuple[Interval, ...]) -> tuple[int, int]:
    """Return how many true ones begin within 0.3 s of a found one, and how many are false."""
    onsets_s = [interval.onset_s for interval in found]
    hits = 0
    for interval in true:
        near = [at_s for at_s in onsets_s if abs(at_s - interval.onset_s) <= 0.3]
        if near:
            hits += 1
            onsets_s.remove(min(near, key=lambda at_s: abs(at_s - interval.onset_s)))
    return hits, len(onsets_s)


def _track(of: Measured, name: str) -> Track:
    track = of.tracks[name]
    assert isinstance(track, Track)
    return track


def _points(track: Track) -> tuple[Array, Array]:
    known = np.isfinite(track.values)
    return track.times_s[known], track.values[known]


def _turned(rng: np.random.Generator, values: Array) -> Array:
    return np.roll(values, int(rng.integers(len(values))))


def _with(track: Track, values: Array) -> Track:
    return Track(track.name, track.unit, track.times_s, values, track.quality)
