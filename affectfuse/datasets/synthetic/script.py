"""A session as plain data: all of its randomness is drawn here, then replayed by the renderer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.action_units import basis_names
from affectfuse.datasets.synthetic.behaviour import (
    STATES,
    Event,
    Step,
    Wave,
    draw_absences,
    draw_expressions,
    draw_gaze,
    draw_renewals,
    draw_speech,
    draw_states,
    draw_waves,
)
from affectfuse.datasets.synthetic.parameters import Parameters
from affectfuse.datasets.synthetic.physiology import draw_beats
from affectfuse.datasets.synthetic.reactions import (
    PlantedReaction,
    add_expressions,
    check_reactions,
    response_course,
)
from affectfuse.datasets.synthetic.subject import Subject

__all__ = ["SessionScript", "draw_session"]

_GRID_S = 0.1
_TRANSITION_S = 2.0  # how fast the heart rate follows a change of state, time constant


@dataclass(frozen=True)
class SessionScript:
    """Everything that happens in one session, drawn and fixed.

    Attributes:
        seed: the session's.
        subject: who is animated.
        parameters: with one number for each that was given as a pair.
        frame_times_s: true time of each frame that is kept.
        states: stretches of the hidden state.
        micro_expressions, macro_expressions, blinks, syllables, absences: events.
        gaze: (time in s, degrees right, degrees down) of each shift.
        beats_s: times of the heart beats.
        breaths_s: beginnings of the breaths.
        motion: sines by axis: yaw, pitch, roll in degrees; x, y in % of the interocular distance.
        idle: sines by one-sided action unit, in % of the interocular distance.
        light: sines, in % of the light.
        noise_seed: of the sensor's noise.
        pulse_steps, light_steps: changes of the pulse's amplitude and of the light; none is drawn,
            they are planted with `dataclasses.replace`.
        reactions: that were planted; the heart beats and expressions above hold them already.
    """

    seed: int
    subject: Subject
    parameters: Parameters
    frame_times_s: tuple[float, ...]
    states: tuple[Event, ...]
    micro_expressions: tuple[Event, ...]
    macro_expressions: tuple[Event, ...]
    blinks: tuple[Event, ...]
    syllables: tuple[Event, ...]
    absences: tuple[Event, ...]
    gaze: tuple[tuple[float, float, float], ...]
    beats_s: tuple[float, ...]
    breaths_s: tuple[float, ...]
    motion: Mapping[str, tuple[Wave, ...]]
    idle: Mapping[str, tuple[Wave, ...]]
    light: tuple[Wave, ...]
    noise_seed: int
    pulse_steps: tuple[Step, ...] = ()
    light_steps: tuple[Step, ...] = ()
    reactions: tuple[PlantedReaction, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the script as plain data, from which `from_json` makes an equal one."""
        return {f.name: _plain(getattr(self, f.name)) for f in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the script that `to_json` wrote."""
        events = ("states", "micro_expressions", "macro_expressions", "blinks", "syllables")
        made: dict[str, Any] = {k: _tuples(v) for k, v in data.items()}
        made["subject"] = Subject.from_json(data["subject"])
        made["parameters"] = Parameters.of(data["parameters"])
        for name in (*events, "absences"):
            made[name] = tuple(Event(**event) for event in data[name])
        for name in ("pulse_steps", "light_steps"):
            made[name] = tuple(Step(**step) for step in data.get(name, ()))
        made["reactions"] = tuple(PlantedReaction(**r) for r in data.get("reactions", ()))
        return cls(**made)


def _plain(value: Any) -> Any:
    if isinstance(value, (Subject, Parameters, Event, Step, PlantedReaction)):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(v) for v in value]
    return value


def _tuples(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_tuples(v) for v in value)
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return value


def draw_session(
    seed: int,
    subject: int | Subject = 0,
    *,
    variant_seed: int | None = None,
    reactions: Sequence[PlantedReaction] = (),
    **parameters: Any,
) -> SessionScript:
    """Draw a session.

    Args:
        seed: of the session.
        subject: a `Subject`, or the number of one; 0 is the photograph as it is.
        variant_seed: the seed that subjects' numbers are drawn from; the session's, when None.
        reactions: to questions, planted; what is drawn beside them is the same without.
        parameters: fields of `Parameters`; a number may be a pair (low, high) to draw from.

    Raises:
        ConfigError: for an unknown parameter or one out of its range, or a reaction that does
            not fit.
    """
    rng = np.random.default_rng([seed, 0])
    if isinstance(subject, int):
        subject = Subject.draw(seed if variant_seed is None else variant_seed, subject)
    tone = parameters.get("skin_tone")
    given = Parameters.of(parameters)
    if isinstance(tone, (list, tuple)):  # a person's tone is the same in all of their sessions
        low, high = tone
        given = replace(given, skin_tone=round(low + (high - low) * subject.uniform, 3))
    p = given.resolve(rng)
    check_reactions(reactions, p)
    states = draw_states(rng, p)
    breaths = _draw_breaths(rng, p)
    grid = np.arange(-15.0, p.duration_s + 2 * _GRID_S, _GRID_S)
    plan = _plan_heart_rate(rng, p, subject, states, grid)
    for reaction in reactions:
        plan = plan + reaction.heart_rate_bpm * response_course(grid - reaction.onset_s)
    beats = draw_beats(rng, grid, plan, breaths, p.rsa_sd_ms, p.beat_jitter_sd_ms)
    absences = draw_absences(rng, p)
    micro, macro = draw_expressions(rng, p, states, absences)
    own = np.random.default_rng([seed, 1])
    micro, macro = add_expressions(own, p, reactions, micro, macro)
    blinks = tuple(
        Event(t, round(min(t + rng.uniform(*p.blink_duration_s), p.duration_s), 4), "blink")
        for t in draw_renewals(rng, 0.0, p.duration_s, p.blinks_per_min, 0.6)
    )
    return SessionScript(
        seed=seed,
        subject=subject,
        parameters=p,
        frame_times_s=_draw_frame_times(rng, p),
        states=states,
        micro_expressions=micro,
        macro_expressions=macro,
        blinks=blinks,
        syllables=draw_speech(rng, p),
        absences=absences,
        gaze=draw_gaze(rng, p),
        beats_s=_rounded(beats),
        breaths_s=_rounded(breaths),
        motion=_draw_motion(rng, p),
        idle={n: draw_waves(rng, p.idle_percent * 2**0.5, (0.1, 0.8)) for n in basis_names()},
        light=_draw_light(rng, p),
        noise_seed=int(rng.integers(2**31)),
        reactions=tuple(reactions),
    )


def _rounded(values: Array) -> tuple[float, ...]:
    return tuple(round(float(v), 5) for v in values)


def _draw_breaths(rng: np.random.Generator, p: Parameters) -> Array:
    times = [-20.0]
    while times[-1] < p.duration_s + 10.0:
        times.append(times[-1] + 60.0 / p.breaths_per_min * float(np.exp(rng.normal(0, 0.08))))
    return np.array(times)


def _plan_heart_rate(
    rng: np.random.Generator,
    p: Parameters,
    subject: Subject,
    states: tuple[Event, ...],
    grid: Array,
) -> Array:
    rate = np.full(len(grid), p.heart_rate_bpm + subject.heart_rate_z * p.heart_rate_subject_sd_bpm)
    if p.heart_rate_end_bpm is not None:
        rate += (p.heart_rate_end_bpm - p.heart_rate_bpm) * np.clip(grid / p.duration_s, 0, 1)
    if p.hidden_state:
        level = np.zeros(len(grid))
        for i, state in enumerate(states):
            shift = rng.normal(0.0, p.stretch_heart_rate_sd_bpm)
            shift += p.tense_heart_rate_bpm if state.label == STATES[1] else 0.0
            level[(grid >= state.onset_s) if i else slice(None)] = shift
        keep = np.exp(-_GRID_S / _TRANSITION_S)
        for i in range(1, len(level)):
            level[i] = keep * level[i - 1] + (1 - keep) * level[i]
        rate += level
    drift = draw_waves(rng, p.heart_rate_drift_sd_bpm * 2**0.5, (0.008, 0.04))
    for amplitude, frequency_hz, phase in drift:
        rate += amplitude * np.sin(2 * np.pi * frequency_hz * grid + phase)
    return np.asarray(np.clip(rate, 35.0, 210.0))


def _draw_frame_times(rng: np.random.Generator, p: Parameters) -> tuple[float, ...]:
    times, now = [], 0.0
    while now < p.duration_s - 1e-9:
        times.append(now)
        switched = p.second_fps is not None and now >= (p.second_fps_from_s or 0.0) - 1e-9
        rate = p.second_fps if switched and p.second_fps is not None else p.fps
        now += 1.0 / rate
    ideal = np.array(times)
    jitter = np.clip(rng.normal(0, 1, len(ideal)), -2.5, 2.5) * p.timestamp_jitter_ms / 1000.0
    room = np.diff(ideal).min() * 0.45 if len(ideal) > 1 else 0.0
    kept = rng.random(len(ideal)) >= p.dropped_frames_percent / 100.0
    kept[0] = True
    true = np.maximum(ideal + np.clip(jitter, -room, room), 0.0)[kept]
    true[0] = 0.0
    ticks = np.round(true * 90_000) / 90_000
    return tuple(round(float(t), 7) for t in ticks)


def _draw_motion(rng: np.random.Generator, p: Parameters) -> dict[str, tuple[Wave, ...]]:
    motion: dict[str, tuple[Wave, ...]] = {}
    for axis, share in {"yaw": 1.0, "pitch": 0.5, "roll": 0.35}.items():
        sway = (
            round(p.sway_degrees * share, 5),
            round(p.sway_hz * (1.0 if axis == "yaw" else rng.uniform(0.7, 1.3)), 5),
            round(rng.uniform(0, 6.2832), 5),
        )
        motion[axis] = (sway, *draw_waves(rng, p.drift_degrees * share, (0.01, 0.08)))
    for axis in "xy":
        motion[axis] = draw_waves(rng, p.drift_percent, (0.01, 0.12))
    return motion


def _draw_light(rng: np.random.Generator, p: Parameters) -> tuple[Wave, ...]:
    flicker = (p.flicker_percent, p.flicker_hz, round(rng.uniform(0, 6.2832), 5))
    return (*draw_waves(rng, p.light_drift_percent, (0.01, 0.1)), flicker)
