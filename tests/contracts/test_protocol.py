"""What every scoring protocol's config must hold."""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest

from affectfuse.config import build, load_node, names
from affectfuse.containers import Estimate, Interval, IntervalTrack, Track
from affectfuse.scoring.base import Question, ScoringProtocol

NAMES = names("protocol")
cases = pytest.mark.parametrize("name", NAMES)
QUESTIONS = tuple(Question(t, t + 5.0, f"question {t:.0f}") for t in (40.0, 80.0, 120.0, 160.0))


def make(name: str) -> ScoringProtocol:
    return build(load_node("protocol", name), ScoringProtocol)  # type: ignore[type-abstract]


def session(known: bool = True) -> tuple[dict[str, Track | IntervalTrack], list[Estimate]]:
    """200 s of a heart rate with a little noise, spotted expressions, fused estimates."""
    times_s = np.arange(1.0, 201.0)
    noise = np.random.default_rng(0).normal(size=200)
    rate = 70 + noise if known else np.full(200, np.nan)
    tracks: dict[str, Track | IntervalTrack] = {
        "heart_rate_bpm": Track("heart_rate_bpm", "bpm", times_s, rate, np.ones(200) * known),
        "micro_expression": IntervalTrack("micro_expression", (Interval(83.0, 83.3, "surprise"),)),
    }
    p = 1 / (1 + np.exp(-noise))
    estimates = [
        Estimate(float(t), {"calm": 1 - q, "tense": q}, {"heart_rate": 1.0}, {})
        for t, q in zip(times_s, p, strict=True)
    ]
    return tracks, estimates if known else []


def test_there_are_protocols() -> None:
    assert "baseline_shift" in NAMES


@cases
def test_config_lists_every_parameter(name: str) -> None:
    parameters = set(inspect.signature(type(make(name))).parameters)
    assert set(map(str, load_node("protocol", name))) - {"target"} == parameters
    assert make(name).name == name


@cases
def test_every_question_and_channel_has_a_row(name: str) -> None:
    score = make(name).score(*session(), QUESTIONS)
    assert score.protocol == name
    asked = {row.question for row in score.rows}
    assert asked <= {q.label for q in QUESTIONS}
    assert asked
    assert all(0 <= row.coverage <= 1 for row in score.rows)
    assert any(math.isfinite(row.value) for row in score.rows)


@cases
def test_what_is_not_known_is_nan_with_a_note(name: str) -> None:
    score = make(name).score(*session(known=False), QUESTIONS)
    rows = [row for row in score.rows if row.channel == "heart_rate_bpm"]
    assert all(math.isnan(row.value) and row.note for row in rows)


@cases
def test_no_tracks_and_no_events(name: str) -> None:
    assert make(name).score({}, [], QUESTIONS).rows is not None
    assert make(name).score(*session(), ()).rows == ()


@cases
def test_scoring_leaves_its_input_alone_and_repeats(name: str) -> None:
    tracks, estimates = session()
    before = tracks["heart_rate_bpm"].values.copy()  # type: ignore[union-attr]
    first = make(name).score(tracks, estimates, QUESTIONS)
    assert repr(make(name).score(tracks, estimates, QUESTIONS)) == repr(first)
    np.testing.assert_array_equal(tracks["heart_rate_bpm"].values, before)  # type: ignore[union-attr]
