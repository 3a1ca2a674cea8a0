"""Where nothing was reacted to nothing is found too often; where something was, it is.

A small version of `benchmarks/session_scoring/null_sessions.py`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom, kstest
from scoring.simulated import Design, Effect, simulate

from affectfuse.config import build, load_node
from affectfuse.containers import Track
from affectfuse.scoring.base import Question
from affectfuse.scoring.baseline_shift import BaselineShift
from affectfuse.scoring.measuring import MeasuringProtocol

SESSIONS = 200
PROTOCOLS: list[tuple[str, Design]] = [
    ("baseline_shift", "events"),
    ("comparison_question", "comparison"),
    ("concealed_information", "items"),
    ("oss3", "comparison"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "design"), PROTOCOLS)
def test_sessions_without_an_effect(name: str, design: Design) -> None:
    node = load_node("protocol", name)
    node.permutations = 199
    protocol = build(node, MeasuringProtocol)  # type: ignore[type-abstract]
    by_channel, any_plain, any_uniform = [], [], []
    for seed in range(3000, 3000 + SESSIONS):
        permuted = protocol.permuted(protocol.measure(*simulate(seed, design).all()))
        by_channel.append(permuted.p_values())
        any_plain.append(permuted.p_any())
        any_uniform.append(permuted.p_any(float(np.random.default_rng(seed).random())))
    most = binom.ppf(0.999, SESSIONS, 0.05) / SESSIONS
    shares = np.mean(np.array(by_channel) <= 0.05, axis=0)
    assert shares.max() <= most
    assert 0.03 <= shares.mean() <= 0.07
    assert np.mean(np.array(any_plain) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / SESSIONS)
    assert kstest(any_uniform, "uniform").pvalue > 0.01


def test_events_at_uneven_distances_are_told_from_other_times() -> None:
    found = {"heart_rate_bpm": 0, "cardio": 0}
    for seed in range(12):
        score = BaselineShift().score(*simulate(seed, "events", Effect(heart_rate_bpm=5.0)).all())
        for contrast in score.contrasts:
            if contrast.channel in found:
                found[contrast.channel] += contrast.p_adjusted <= 0.05
    assert found["heart_rate_bpm"] >= 8
    assert found["cardio"] <= 1


def test_events_at_even_distances_are_noted() -> None:
    times_s = np.arange(1.0, 400.0)
    track = Track("x", "1", times_s, np.random.default_rng(0).normal(size=399), np.ones(399))
    events = [Question(30.0 + 30 * i, 32.0 + 30 * i, f"e{i}") for i in range(8)]
    even = BaselineShift().score({"x": track}, [], events)
    assert any("even distances" in note for note in even.notes)
    moved = [*events[:3], replace(events[3], onset_s=127.0, offset_s=129.0), *events[4:]]
    uneven = BaselineShift().score({"x": track}, [], moved)
    assert not any("even distances" in note for note in uneven.notes)


def test_a_session_too_short_for_other_times_has_no_p() -> None:
    times_s = np.arange(1.0, 61.0)
    track = Track("x", "1", times_s, np.random.default_rng(0).normal(size=60), np.ones(60))
    events = [Question(t, t + 1, "e") for t in (15.0, 22.0, 31.0)]
    (contrast,) = BaselineShift().score({"x": track}, [], events).contrasts
    assert np.isfinite(contrast.value)
    assert np.isnan(contrast.p_value)
    assert "too few" in contrast.note
