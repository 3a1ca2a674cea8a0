"""The tracks of a script at given times: what moves how far, and how bright it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.action_units import basis_names
from affectfuse.datasets.synthetic.behaviour import Event, Step, evaluate
from affectfuse.datasets.synthetic.physiology import pulse_wave, respiration_wave
from affectfuse.datasets.synthetic.script import SessionScript

__all__ = ["LEAVING_S", "Animation", "animate", "expression_course", "pulse_at", "stepped"]

LEAVING_S = 0.7
"""How long the face takes to slide out of the picture before an absence, and back in after it."""


@dataclass(frozen=True, eq=False)
class Animation:
    """Per-frame tracks.

    Attributes:
        units: (time, basis) weights of the one-sided action units, in interocular distances of
            the event's peak displacement.
        angles_degrees: (time, 3) yaw, pitch, roll.
        shift: (time, 2) translation of the head in interocular distances.
        closure: (time,) of the eyes, 0 open to 1 closed.
        gaze_degrees: (time, 2) to the image's right and down.
        opening: (time,) of the mouth in interocular distances.
        pulse: (time,) blood volume, peak to peak about 1.
        light: (time,) factor on the picture's brightness.
        away: (time,) 0 in the picture, 1 out of it.
    """

    units: Array
    angles_degrees: Array
    shift: Array
    closure: Array
    gaze_degrees: Array
    opening: Array
    pulse: Array
    light: Array
    away: Array


def _smooth(share: Array) -> Array:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def expression_course(event: Event, times_s: Array) -> Array:
    """Return the displacement of an expression over time (time,), 0 to 1: smooth rise and fall."""
    assert event.apex_s is not None
    rise = _smooth((times_s - event.onset_s) / (event.apex_s - event.onset_s))
    fall = _smooth((event.offset_s - times_s) / (event.offset_s - event.apex_s))
    return np.minimum(rise, fall)


def pulse_at(script: SessionScript, times_s: Array) -> Array:
    """Return the blood volume pulse (time,): peak to peak 1 on average, modulated by breathing."""
    breath = respiration_wave(times_s, np.array(script.breaths_s))
    depth = script.parameters.respiration_percent / 100.0
    wave = pulse_wave(times_s, np.array(script.beats_s))
    amplitude = stepped(script.pulse_steps, times_s)
    return wave * amplitude * (1.0 + depth * breath) + 0.5 * depth * breath


def stepped(steps: Sequence[Step], times_s: Array) -> Array:
    """Return the factor (time,) that steps make of a quantity: 1 outside them."""
    factor = np.ones(len(times_s))
    for step in steps:
        rise = _smooth((times_s - step.onset_s) / step.transition_s)
        fall = _smooth((step.offset_s - times_s) / step.transition_s)
        factor += step.percent / 100.0 * np.minimum(rise, fall)
    return factor


def animate(script: SessionScript, times_s: Array, peak: Callable[[Array], float]) -> Animation:
    """Return a script's tracks at `times_s`.

    Args:
        script: of the session.
        times_s: (time,) seconds.
        peak: gives, for weights (basis,), how far the landmark that moves farthest moves, in
            interocular distances; an expression's weights are divided by it, so that its stated
            displacement results.
    """
    names = basis_names()
    units = np.stack([evaluate(script.idle[name], times_s) for name in names], axis=-1) / 100.0
    for event in (*script.micro_expressions, *script.macro_expressions):
        weights = np.array([event.weights.get(n, 0.0) * script.subject.gain[n] for n in names])
        weights *= event.displacement_percent / 100.0 / peak(weights)
        inside = (times_s > event.onset_s) & (times_s < event.offset_s)
        units[inside] += expression_course(event, times_s[inside])[:, None] * weights
    motion = {axis: evaluate(waves, times_s) for axis, waves in script.motion.items()}
    return Animation(
        units=units,
        angles_degrees=np.stack([motion["yaw"], motion["pitch"], motion["roll"]], axis=-1),
        shift=np.stack([motion["x"], motion["y"]], axis=-1) / 100.0,
        closure=_closure(script.blinks, times_s),
        gaze_degrees=_gaze(script.gaze, times_s),
        opening=_opening(script.syllables, times_s),
        pulse=pulse_at(script, times_s),
        light=stepped(script.light_steps, times_s) + evaluate(script.light, times_s) / 100.0,
        away=_away(script.absences, times_s),
    )


def _closure(blinks: Sequence[Event], times_s: Array) -> Array:
    closure = np.zeros(len(times_s))
    for blink in blinks:  # lids close in the first third, and open more slowly
        share = (times_s - blink.onset_s) / (blink.offset_s - blink.onset_s)
        course = np.minimum(_smooth(share / 0.35), _smooth((1 - share) / 0.5))
        closure = np.maximum(closure, course)
    return closure


def _gaze(shifts: Sequence[tuple[float, float, float]], times_s: Array) -> Array:
    gaze = np.zeros((len(times_s), 2))
    before = np.zeros(2)
    for onset_s, right, down in shifts:  # a saccade of these sizes takes about 40 ms
        target = np.array([right, down])
        gaze += _smooth((times_s - onset_s) / 0.04)[:, None] * (target - before)
        before = target
    return gaze


def _opening(syllables: Sequence[Event], times_s: Array) -> Array:
    opening = np.zeros(len(times_s))
    for syllable in syllables:
        share = (times_s - syllable.onset_s) / (syllable.offset_s - syllable.onset_s)
        inside = (share > 0) & (share < 1)
        course = np.sin(np.pi * share[inside]) ** 2
        opening[inside] += syllable.displacement_percent / 100.0 * course
    return opening


def _away(absences: Sequence[Event], times_s: Array) -> Array:
    away = np.zeros(len(times_s))
    for absence in absences:
        leaving = _smooth((times_s - absence.onset_s) / LEAVING_S + 1.0)
        back = _smooth((absence.offset_s - times_s) / LEAVING_S + 1.0)
        away = np.maximum(away, np.minimum(leaving, back))
    return away
