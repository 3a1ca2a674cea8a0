"""One realistic session: gaps, events, an absent modality, text that would like to be HTML."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from affectfuse.containers import Array, Estimate, Interval, IntervalTrack, Target, Track
from affectfuse.reports.session import SessionResult
from affectfuse.scoring.base import Question
from affectfuse.scoring.baseline_shift import BaselineShift

MakeSession = Callable[..., SessionResult]


def picture(rng: np.random.Generator) -> bytes:
    """A small JPEG of an oval on a ground."""
    image = np.full((96, 96, 3), rng.integers(60, 120, 3), np.uint8)
    tone = [int(c) for c in rng.integers(120, 210, 3)]
    cv2.ellipse(image, (48, 52), (27, 37), 0, 0, 360, tone, -1, cv2.LINE_AA)
    for x in (38, 58):
        cv2.circle(image, (x, 44), 3, (30, 30, 30), -1, cv2.LINE_AA)
    cv2.ellipse(image, (48, 68), (10, 4), 0, 0, 180, (40, 40, 60), 2, cv2.LINE_AA)
    return bytes(cv2.imencode(".jpg", image)[1])


def expressions(rng: np.random.Generator, duration_s: float, count: int) -> IntervalTrack:
    labels = ["happiness", "surprise", "disgust", "repression", "others"]
    onsets = np.sort(rng.uniform(5, duration_s - 5, count))
    found = []
    for onset in onsets:
        length = rng.uniform(0.2, 0.48)
        values = {"displacement_iod_percent": float(rng.uniform(1, 4))}
        found.append(
            Interval(
                onset,
                onset + length,
                str(rng.choice(labels)),
                onset + 0.45 * length,
                float(rng.uniform(0.4, 0.95)),
                values,
                picture(rng),
            )
        )
    return IntervalTrack("micro_expression", tuple(found))


def blinks(rng: np.random.Generator, duration_s: float) -> IntervalTrack:
    onsets = np.cumsum(rng.exponential(4, int(duration_s / 4)))
    found = tuple(Interval(t, t + 0.18, "blink") for t in onsets[onsets < duration_s - 1])
    return IntervalTrack("blink", found)


def estimate(time_s: float, p: float, weights: dict[str, float]) -> Estimate:
    present = {name: {"calm": 1 - p, "tense": p} for name, weight in weights.items() if weight}
    return Estimate(time_s, {"calm": 1 - p, "tense": p}, weights, present)


def smooth(rng: np.random.Generator, count: int, length: int) -> Array:
    noise = rng.normal(size=count + length)
    level = np.convolve(noise, np.hanning(length), "same")[:count]
    return level / level.std()


@pytest.fixture(scope="session")
def make_session() -> MakeSession:
    def make(
        *, seconds: int = 500, checkpoint: bool = True, events: bool = True, **changes: Any
    ) -> SessionResult:
        rng = np.random.default_rng(7)
        times = np.arange(1.0, seconds + 1)
        away = (times > 0.36 * seconds) & (times <= 0.44 * seconds)
        face = np.where(away, 0.0, np.clip(1 - 0.02 * np.abs(rng.normal(size=seconds)), 0, 1))
        rate = 72 + 5 * smooth(rng, seconds, 60) + 0.6 * rng.normal(size=seconds)
        confidence = np.clip(0.8 + 0.1 * smooth(rng, seconds, 30), 0, 1)
        unknown = (times < 10) | away | (confidence < 0.55)
        rate = np.where(unknown, np.nan, rate)
        confidence = np.where(unknown, 0.0, confidence)
        tense = 1 / (1 + np.exp(-1.4 * smooth(rng, seconds, 80)))
        tracks = {
            "face_visible": Track("face_visible", "fraction", times, face, np.ones(seconds)),
            "heart_rate_bpm": Track(
                "heart_rate_bpm", "bpm", times, rate, confidence, "too little pulse in the light"
            ),
        }
        found = {
            "micro_expression": expressions(rng, seconds, 10),
            "blink": blinks(rng, seconds),
        }
        expression_quality = np.where(away, 0.0, 0.9)
        beats = np.arange(0, 30 * seconds) / 30
        known = np.isfinite(rate)[np.minimum(beats.astype(int), seconds - 1)]
        wave = np.where(known, 0.004 * np.sin(2 * np.pi * 1.2 * beats), np.nan)
        tracks["bvp"] = Track("bvp", "AC/DC", beats, wave, known.astype(float))
        quality = {
            "heart_rate": Track("heart_rate", "fraction", times, confidence, np.ones(seconds)),
            "micro_expression": Track(
                "micro_expression", "fraction", times, expression_quality, np.ones(seconds)
            ),
        }
        estimates = [
            estimate(
                t,
                0.4 if gone else float(p),
                {"heart_rate": float(c), "micro_expression": 0.0 if gone else 0.6},
            )
            for t, p, c, gone in zip(times, tense, confidence, away, strict=True)
        ]
        marked = tuple(
            Question(t, t + 12, text)
            for t, text in zip(
                np.linspace(30, seconds - 40, 6),
                [
                    "Is your name Alex?",
                    "Were you in the room on Friday evening?",
                    "Have you ever kept something that was not yours?",
                    "Did you take the envelope?",
                    "Did you see who took the envelope?",
                    "Is today Sunday?",
                ],
                strict=True,
            )
        )
        if not events:
            marked = ()
        if not checkpoint:
            estimates = []
        score = BaselineShift().score(tracks | found, estimates, marked) if events else None
        seen = {"dataset": "synthetic", "provenance": "rendered faces: no real person was seen"}
        model = {
            "source": "demo",
            "modalities": ["heart_rate", "micro_expression"],
            "trained_on": {**seen, "recognisers": {"micro_expression": {**seen, "uar": 0.7}}},
            "metrics": [{"estimate": "fused", "uar": 0.8}, {"estimate": "heart_rate", "uar": 0.7}],
            "versions": {"torch": "2.13.0"},
        }
        session: dict[str, Any] = {
            "source": "recordings/interview_03.mp4",
            "duration_s": seconds + 0.4,
            "mode": "offline causal",
            "tracks": tracks,
            "intervals": found,
            "estimates": estimates,
            "target": Target("hidden_state", ("calm", "tense"), "window", "planted")
            if checkpoint
            else None,
            "modality_quality": quality,
            "events": marked,
            "score": score,
            "provenance": {
                "recording": {"sha256": "9f2c" * 16, "codec": "h264", "width": 640, "height": 480},
                "checkpoint": model if checkpoint else None,
                "created": "2026-11-22T12:40:00+00:00",
                "versions": {"affectfuse": "0.1.0", "numpy": "2.4.6"},
                "configuration": {"face": {"choose": "largest"}},
            },
            "notes": ["the face was lost once, from 3:01 to 3:40"],
        }
        return SessionResult(**(session | changes))

    return make
