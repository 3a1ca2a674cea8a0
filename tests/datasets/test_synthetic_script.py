"""Scripts: drawn from a seed, plain data, and with the effects that their parameters state."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from omegaconf import OmegaConf

from affectfuse.config import configs_dir
from affectfuse.datasets.synthetic import (
    CLASSES,
    Parameters,
    SessionScript,
    draw_session,
    separability,
    truth_of,
)
from affectfuse.datasets.synthetic.animation import animate, pulse_at
from affectfuse.datasets.synthetic.behaviour import Step
from affectfuse.datasets.synthetic.physiology import mean_heart_rate, pulse_wave
from affectfuse.errors import ConfigError


def test_the_same_seed_draws_the_same_script() -> None:
    first, again = draw_session(3, 2), draw_session(3, 2)
    assert json.dumps(first.to_json()) == json.dumps(again.to_json())
    assert draw_session(4, 2).beats_s != first.beats_s
    assert draw_session(4, 2, variant_seed=3).subject == first.subject
    assert draw_session(3, 5).subject.shape != first.subject.shape


def test_a_script_survives_json() -> None:
    script = draw_session(5, 1, speech_percent=30.0, absences_per_min=2.0, second_fps=15.0)
    assert SessionScript.from_json(json.loads(json.dumps(script.to_json()))) == script


@pytest.mark.parametrize("bpm", [50.0, 160.0])
def test_heart_rate_is_the_planned_one(bpm: float) -> None:
    script = draw_session(
        1, 0, hidden_state=False, heart_rate_bpm=bpm, heart_rate_drift_sd_bpm=0.0, duration_s=120.0
    )
    track = truth_of(script).tracks["heart_rate_bpm"]
    assert np.mean(track.values) == pytest.approx(bpm, rel=0.02)


def test_heart_rate_track_counts_the_beats() -> None:
    script = draw_session(2, 1, duration_s=60.0)
    beats = np.array(script.beats_s)
    track = truth_of(script).tracks["heart_rate_bpm"]
    for time_s, value in zip(track.times_s, track.values, strict=True):
        whole = np.sum((beats > time_s - 10) & (beats <= time_s))
        assert abs(value - 6 * whole) <= 6.0  # one beat at either end may be cut
    intervals = truth_of(script).tracks["beat_interval_ms"]
    inside = (track.times_s > 20) & (track.times_s < 50)
    covered = (intervals.times_s > 10) & (intervals.times_s < 50)
    assert 60_000 / intervals.values[covered].mean() == (
        pytest.approx(track.values[inside].mean(), rel=0.06)
    )


def test_mean_heart_rate_of_regular_beats_is_exact_and_unknown_outside() -> None:
    beats = np.arange(0.0, 30.0, 0.75)
    np.testing.assert_allclose(mean_heart_rate(beats, np.array([12.3, 20.0]), 10.0), 80.0)
    assert np.isnan(mean_heart_rate(beats, np.array([5.0, 31.0]), 10.0)).all()


def test_beat_variability_has_the_stated_spread() -> None:
    steady = {
        "hidden_state": False,
        "heart_rate_drift_sd_bpm": 0.0,
        "duration_s": 600.0,
        "heart_rate_bpm": 60.0,
    }
    jitter = draw_session(1, 0, rsa_sd_ms=0.0, beat_jitter_sd_ms=30.0, **steady)
    breathing = draw_session(1, 0, rsa_sd_ms=30.0, beat_jitter_sd_ms=0.0, **steady)
    for script in (jitter, breathing):
        assert np.diff(script.beats_s).std() * 1000 == pytest.approx(30.0, rel=0.12)
    breath = np.diff(breathing.beats_s) - np.mean(np.diff(breathing.beats_s))
    lag = np.corrcoef(breath[:-4], breath[4:])[0, 1]  # 15 breaths a minute: four beats
    assert lag > 0.5


def test_pulse_wave_is_normalised() -> None:
    times = np.arange(0, 10, 0.002)
    wave = pulse_wave(times, np.arange(-1.0, 12.0, 0.8))
    assert np.ptp(wave) == pytest.approx(1.0, abs=0.01)
    assert wave[times < 8.0].mean() == pytest.approx(0.0, abs=0.005)


def test_the_state_shifts_heart_rate_and_expression_rate_only() -> None:
    micro = {"calm": 0.0, "tense": 0.0}
    seconds = {"calm": 0.0, "tense": 0.0}
    labels: dict[str, list[str]] = {"calm": [], "tense": []}
    rates: dict[str, list[float]] = {"calm": [], "tense": []}
    for seed in range(60):
        script = draw_session(
            seed, 0, duration_s=180.0, macro_expressions_per_min=0.0, blinks_per_min=0.0
        )
        beats = np.array(script.beats_s)
        for state in script.states:
            inside = [
                e for e in script.micro_expressions if state.onset_s <= e.onset_s < state.offset_s
            ]
            micro[state.label] += len(inside)
            labels[state.label] += [e.label for e in inside]
            seconds[state.label] += state.offset_s - state.onset_s
            if state.offset_s - state.onset_s > 15:
                late = (beats > state.onset_s + 6) & (beats < state.offset_s)
                rates[state.label].append(60 / np.diff(beats[late]).mean())
    assert 60 * micro["calm"] / seconds["calm"] == pytest.approx(3.0, rel=0.15)
    assert 60 * micro["tense"] / seconds["tense"] == pytest.approx(12.0, rel=0.15)
    assert np.mean(rates["tense"]) - np.mean(rates["calm"]) == pytest.approx(10.0, abs=2.0)
    assert 4.0 < np.std(rates["calm"]) < 7.0
    for state_labels in labels.values():
        shares = [state_labels.count(label) / len(state_labels) for label in CLASSES]
        np.testing.assert_allclose(shares, 0.2, atol=0.06)


def test_both_kinds_of_evidence_beat_either() -> None:
    seen = separability(sessions=80, duration_s=180.0)
    assert 0.65 < seen.heart_rate < 0.85
    assert 0.65 < seen.micro_expression < 0.85
    assert seen.both > max(seen.heart_rate, seen.micro_expression) + 0.02
    nothing = separability(
        sessions=40,
        duration_s=180.0,
        tense_heart_rate_bpm=0.0,
        tense_micro_expressions_per_min=3.0,
    )
    assert nothing.both == pytest.approx(0.5, abs=0.07)


def test_expressions_keep_to_their_ranges_and_apart() -> None:
    script = draw_session(
        7, 1, duration_s=120.0, micro_expressions_per_min=30.0, macro_expressions_per_min=4.0
    )
    events = sorted((*script.micro_expressions, *script.macro_expressions), key=lambda e: e.onset_s)
    assert len(script.micro_expressions) > 20
    assert script.macro_expressions
    for event in script.micro_expressions:
        assert 0.2 - 1e-3 <= event.offset_s - event.onset_s <= 0.5 + 1e-3
        assert event.apex_s is not None
        assert event.onset_s < event.apex_s < event.offset_s
        assert 2.0 <= event.displacement_percent <= 4.5
    for one, other in pairwise(events):
        assert one.offset_s <= other.onset_s


def test_frame_times_switch_rate_and_drop_frames() -> None:
    switching = draw_session(1, 0, duration_s=4.0, second_fps=15.0, second_fps_from_s=2.0)
    times = np.array(switching.frame_times_s)
    np.testing.assert_allclose(np.diff(times[times < 2.0]), 1 / 30, atol=2e-5)
    np.testing.assert_allclose(np.diff(times[times >= 2.0]), 1 / 15, atol=2e-5)
    dropped = draw_session(1, 0, duration_s=60.0, dropped_frames_percent=20.0)
    kept = np.array(dropped.frame_times_s)
    assert len(kept) == pytest.approx(0.8 * 1800, rel=0.05)
    np.testing.assert_allclose(kept * 30, np.round(kept * 30), atol=2e-3)  # the rest keep their own
    jittered = np.array(draw_session(1, 0, timestamp_jitter_ms=5.0).frame_times_s)
    assert np.diff(jittered).min() > 0
    assert np.diff(jittered).std() * 1000 == pytest.approx(5 * 2**0.5, rel=0.15)


def test_a_pair_is_drawn_once_a_session_and_a_tone_once_a_subject() -> None:
    scripts = [
        draw_session(seed, 3, variant_seed=0, sway_degrees=[0.0, 2.0], skin_tone=[1.0, 6.0])
        for seed in range(4)
    ]
    assert len({s.parameters.sway_degrees for s in scripts}) == 4
    assert len({s.parameters.skin_tone for s in scripts}) == 1


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"sway_degree": 1.0}, "Did you mean 'sway_degrees'"),
        ({"fps": 0}, "fps is 0; allowed is a number from 1 to 240"),
        ({"fps": [30.0, 15.0]}, "fps is"),
        ({"micro_duration_s": 0.3}, "a pair of numbers"),
        ({"micro_classes": ["joy"]}, "unknown micro-expression class 'joy'"),
        ({"hidden_state": "yes"}, "allowed are true and false"),
        ({"width": 320.5}, "a whole number"),
        ({"noise_sd": None}, "noise_sd is None"),
    ],
)
def test_bad_parameters_are_refused(values: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        draw_session(0, 0, **values)


@pytest.mark.parametrize("name", ["dataset/synthetic", "dataset/synthetic_expressions", "synth"])
def test_configs_list_every_parameter(name: str) -> None:
    node = OmegaConf.to_container(OmegaConf.load(configs_dir() / f"{name}.yaml"))
    assert isinstance(node, dict)
    session = node.get("session", node)
    assert {f.name for f in fields(Parameters)} == set(session) - {"seed", "subject", "photo"}
    given = {
        key: value for key, value in session.items() if key not in {"seed", "subject", "photo"}
    }
    Parameters.of(given)


def test_events_can_be_set_by_hand() -> None:
    script = draw_session(0, 0)
    assert replace(script, absences=script.blinks[:1]).absences == script.blinks[:1]


def test_steps_of_pulse_and_light_are_planted_by_hand() -> None:
    calm = draw_session(0, 0, duration_s=30.0, light_drift_percent=0.0, respiration_percent=0.0)
    drop, dimmed = Step(10.0, 20.0, -20.0, 1.0), Step(15.0, 60.0, -15.0)
    script = replace(calm, pulse_steps=(drop,), light_steps=(dimmed,))
    assert SessionScript.from_json(json.loads(json.dumps(script.to_json()))) == script
    times_s = np.arange(0.0, 30.0, 0.01)
    inside, outside = (times_s > 11) & (times_s < 19), (times_s < 10) | (times_s > 20)
    pulse, before = pulse_at(script, times_s), pulse_at(calm, times_s)
    np.testing.assert_allclose(pulse[inside], 0.8 * before[inside])
    np.testing.assert_array_equal(pulse[outside], before[outside])
    light = animate(script, times_s, lambda _: 1.0).light
    np.testing.assert_allclose(light[times_s < 15.0], 1.0)
    np.testing.assert_allclose(light[times_s > 15.1], 0.85)
    events = truth_of(script).events
    assert events["pulse_step"][0].values == {"percent": -20.0}
    assert events["light_step"][0].onset_s == 15.0


def test_a_script_without_steps_is_read_as_before() -> None:
    data = draw_session(0, 0).to_json()
    del data["pulse_steps"], data["light_steps"]
    assert SessionScript.from_json(data) == draw_session(0, 0)
