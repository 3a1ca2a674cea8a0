"""A session of an hour, as a pass over its recordings would have left it: tracks, no recordings.

Every track at the rate that its modality gives it: a pulse waveform at 30 readings a second and
movement at 32, skin conductance and temperature at 4, beats as they come, all else once a second;
expressions and blinks with pictures; estimates of five modalities; stretches that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from affectfuse.containers import Array, Estimate, Interval, IntervalTrack, Track
from affectfuse.gathering import Gathered
from affectfuse.scoring.base import Question, QuestionKind

__all__ = ["MODALITIES", "gathered_hour", "questions", "write_events"]

MODALITIES = (
    "heart_rate", "micro_expression", "electrodermal_activity", "movement", "skin_temperature",
)  # fmt: skip
CLASSES = ("calm", "amused", "stressed")
KINDS: dict[str, Sequence[QuestionKind]] = {
    "baseline_shift": [""] * 60,
    "comparison_question": ["comparison", "relevant"] * 30,
    "oss3": ["comparison", "relevant"] * 30,
    "concealed_information": ["irrelevant", "irrelevant", "probe", *["irrelevant"] * 3] * 10,
}


def questions(protocol: str, duration_s: float = 3600.0, count: int = 60) -> list[Question]:
    """Return so many questions of the kinds that a protocol scores, evenly spread."""
    kinds = KINDS[protocol][:count]
    length = {"comparison_question": 6, "oss3": 6, "concealed_information": 6}.get(protocol, 1)
    step_s = duration_s / (count + 1)
    return [
        Question(
            (i + 0.5) * step_s, (i + 0.5) * step_s + 4.0,
            f"Question {i % length + 1 if length > 1 else i + 1}: what happened then?",
            kind, "", i // length + 1, (i + 0.5) * step_s + 5.0,
        )
        for i, kind in enumerate(kinds)
    ]  # fmt: skip


def write_events(path: Path, marked: Sequence[Question]) -> None:
    """Write questions as the BIDS table that `affectfuse score` reads."""
    kinds = any(question.kind for question in marked)
    rows = ["onset\tduration\ttrial_type" + "\tquestion\tpresentation" * kinds]
    for q in marked:
        row = f"{q.onset_s}\t{q.offset_s - q.onset_s}\t{q.kind or q.label}"
        rows.append(row + f"\t{q.label}\t{q.presentation}" * kinds)
    path.write_text("\n".join(rows) + "\n", "utf-8")


def gathered_hour(seed: int = 0, duration_s: float = 3600.0) -> Gathered:
    """Return what a pass over an hour's recordings would have yielded."""
    rng = np.random.default_rng(seed)
    seconds = int(duration_s)
    away = _stretches(rng, duration_s, 12, 8.0)
    heart_rate = 72 + 4 * _drift(rng, seconds, 60) + 0.5 * rng.normal(size=seconds)
    tracks = [
        _track("face_visible", "fraction", 1, 1 - 0.01 * rng.random(seconds)),
        _lost(_track("heart_rate_bpm", "bpm", 1, heart_rate), away, "too little pulse"),
        _lost(_waveform(rng, "bvp", "AC/DC", 30, duration_s, 1.2, 0.004), away, "too little pulse"),
        _lost(_beats(rng, heart_rate), away, "too little pulse"),
        _lost(
            _track("pulse_amplitude_percent", "%", 1, np.exp(0.2 * _drift(rng, seconds, 30))), away
        ),
        _lost(_waveform(rng, "respiration", "1", 10, duration_s, 0.25, 1.0), away),
        _lost(_track("respiration_rate_per_min", "1/min", 1, 15 + _drift(rng, seconds, 60)), away),
        _track("eda_us", "uS", 4, 5 + _drift(rng, 4 * seconds, 400) + _responses(rng, 4 * seconds)),
        _track("movement_g", "g", 32, np.abs(0.02 * rng.normal(size=32 * seconds))),
        _track("skin_temperature_degc", "degC", 4, 33 + 0.3 * _drift(rng, 4 * seconds, 4000)),
    ]
    tracks[0].values[np.isin(np.arange(seconds), np.flatnonzero(away(tracks[0].times_s)))] = 0.0
    picture = _picture(rng)
    intervals = {
        name: _spotted(rng, name, per_minute, length_s, duration_s, picture)
        for name, per_minute, length_s in (
            ("micro_expression", 1.5, 0.3), ("macro_expression", 2.0, 1.5), ("blink", 15.0, 0.2),
        )
    }  # fmt: skip
    quality = {
        name: _track(name, "fraction", 1, np.clip(0.8 + 0.1 * _drift(rng, seconds, 30), 0, 1))
        for name in MODALITIES
    }
    return Gathered(
        duration_s, 30 * seconds, {t.name: t for t in tracks}, intervals, quality,
        _estimates(rng, seconds), [], "solutions",
    )  # fmt: skip


def _drift(rng: np.random.Generator, count: int, length: int) -> Array:
    noise = rng.normal(size=count + length)
    sums = np.r_[0.0, np.cumsum(noise)]
    level = sums[length : length + count] - sums[:count]
    return np.asarray(level / level.std())


def _track(name: str, unit: str, rate_hz: float, values: Array) -> Track:
    return Track(
        name, unit, (np.arange(len(values)) + 1) / rate_hz, values.copy(), np.ones(len(values))
    )


def _waveform(
    rng: np.random.Generator, name: str, unit: str, rate_hz: int, duration_s: float, hz: float,
    height: float,
) -> Track:  # fmt: skip
    count = int(duration_s * rate_hz)
    phase = np.cumsum(hz * np.exp(0.05 * _drift(rng, count, 20 * rate_hz))) / rate_hz
    return _track(name, unit, rate_hz, height * np.sin(2 * np.pi * phase))


def _beats(rng: np.random.Generator, heart_rate_bpm: Array) -> Track:
    phase = np.cumsum(heart_rate_bpm / 60)
    at_s = np.interp(np.arange(1, int(phase[-1])), phase, np.arange(len(phase)))
    at_s = np.sort(at_s + 0.01 * rng.normal(size=len(at_s)))
    interval_ms = 1000 * np.diff(at_s, prepend=np.nan)
    return Track("beat_interval_ms", "ms", at_s, interval_ms, np.ones(len(at_s)))


def _responses(rng: np.random.Generator, count: int) -> Array:
    impulses = (rng.random(count) < 1 / 60) * rng.gamma(2, 0.15, count)
    shape = np.exp(-np.arange(120) / 16) - np.exp(-np.arange(120) / 4)
    return np.asarray(np.convolve(impulses, shape)[:count])


def _stretches(
    rng: np.random.Generator, duration_s: float, count: int, length_s: float
) -> Callable[[Array], Array]:
    begins = rng.uniform(0, duration_s, count)
    ends = begins + rng.exponential(length_s, count)
    return lambda t: ((t[:, None] > begins) & (t[:, None] <= ends)).any(axis=1)


def _lost(track: Track, away: Callable[[Array], Array], note: str = "no face") -> Track:
    gone = away(track.times_s)
    track.values[gone], track.quality[gone] = np.nan, 0.0
    return Track(track.name, track.unit, track.times_s, track.values, track.quality, note)


def _picture(rng: np.random.Generator) -> bytes:
    image = cv2.GaussianBlur(rng.integers(0, 255, (96, 96, 3)).astype(np.uint8), (9, 9), 3)
    cv2.ellipse(image, (48, 52), (27, 37), 0, 0, 360, (140, 160, 190), -1, cv2.LINE_AA)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 85])[1])


def _spotted(
    rng: np.random.Generator, name: str, per_minute: float, length_s: float, duration_s: float,
    picture: bytes,
) -> IntervalTrack:  # fmt: skip
    onsets = np.sort(rng.uniform(0, duration_s - 5, rng.poisson(per_minute * duration_s / 60)))
    labels = ("happiness", "surprise", "disgust") if name == "micro_expression" else (name,)
    return IntervalTrack(
        name,
        tuple(
            Interval(
                t, t + length_s, str(rng.choice(labels)), t + 0.4 * length_s,
                float(rng.uniform(0.4, 0.95)),
                {"displacement_iod_percent": float(rng.uniform(1, 4))},
                b"" if name == "blink" else picture,
            )
            for t in onsets
        ),
    )  # fmt: skip


def _estimates(rng: np.random.Generator, seconds: int) -> list[Estimate]:
    logits = np.stack([_drift(rng, seconds, 60) for _ in CLASSES], axis=1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    weights = rng.dirichlet([4.0] * len(MODALITIES), seconds)
    return [
        Estimate(
            float(second + 1),
            dict(zip(CLASSES, p[second].tolist(), strict=True)),
            dict(zip(MODALITIES, weights[second].tolist(), strict=True)),
            {name: dict(zip(CLASSES, p[second].tolist(), strict=True)) for name in MODALITIES},
        )
        for second in range(seconds)
    ]
