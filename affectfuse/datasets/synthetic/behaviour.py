"""What a synthetic person does in a session: states, expressions, blinks, gaze, speech, motion."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from affectfuse.datasets.synthetic.action_units import EXPRESSIONS
from affectfuse.datasets.synthetic.parameters import Parameters

__all__ = [
    "STATES",
    "Event",
    "Step",
    "Wave",
    "draw_absences",
    "draw_expression",
    "draw_expressions",
    "draw_gaze",
    "draw_renewals",
    "draw_speech",
    "draw_states",
    "draw_waves",
    "evaluate",
]

STATES = ("calm", "tense")


@dataclass(frozen=True)
class Event:
    """Something with a beginning and an end; `weights` are its action units, before scaling."""

    onset_s: float
    offset_s: float
    label: str
    apex_s: float | None = None
    displacement_percent: float = 0.0
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A quantity that is `percent` higher for a time (lower when negative).

    It gets there within `transition_s` after the onset, and is back `transition_s` before the
    offset.
    """

    onset_s: float
    offset_s: float
    percent: float
    transition_s: float = 0.1


Wave = tuple[float, float, float]
"""A sine: amplitude, frequency in Hz, phase in radians. Motion and light are sums of some."""


def evaluate(waves: Sequence[Wave], times_s: np.ndarray) -> np.ndarray:
    """Return the sum of the sines at `times_s` (time,)."""
    total = np.zeros(len(times_s))
    for amplitude, frequency_hz, phase in waves:
        total += amplitude * np.sin(2 * np.pi * frequency_hz * times_s + phase)
    return total


def draw_waves(
    rng: np.random.Generator, amplitude: float, band_hz: tuple[float, float], count: int = 3
) -> tuple[Wave, ...]:
    """Draw sines whose sum has the standard deviation of one sine of that amplitude."""
    each = amplitude / np.sqrt(count)
    return tuple(
        (round(float(each), 6), round(rng.uniform(*band_hz), 5), round(rng.uniform(0, 6.2832), 5))
        for _ in range(count)
    )


def draw_states(rng: np.random.Generator, p: Parameters) -> tuple[Event, ...]:
    """Draw stretches of calm and tense in turn; the first is either; all calm without a state."""
    if not p.hidden_state:
        return (Event(0.0, p.duration_s, STATES[0]),)
    stretches, start, state = [], 0.0, int(rng.integers(2))
    while start < p.duration_s:
        end = round(start + rng.uniform(*p.stretch_s), 3)
        stretches.append(Event(start, min(end, p.duration_s), STATES[state]))
        start, state = end, 1 - state
    return tuple(stretches)


def draw_renewals(
    rng: np.random.Generator, start_s: float, end_s: float, per_min: float, gap_s: float
) -> Iterator[float]:
    """Draw times at a mean rate: gaps are `gap_s` and an exponential waiting time on top."""
    if per_min <= 0:
        return
    waiting = max(60.0 / per_min - gap_s, 0.1 * 60.0 / per_min)
    now = start_s + rng.exponential(60.0 / per_min)
    while now < end_s:
        yield round(float(now), 4)
        now += gap_s + rng.exponential(waiting)


def draw_absences(rng: np.random.Generator, p: Parameters) -> tuple[Event, ...]:
    """Draw when the face is out of the picture."""
    absences = []
    for onset in draw_renewals(
        rng, 2.0, p.duration_s - 2.0, p.absences_per_min, p.absence_s[1] + 3
    ):
        offset = min(onset + rng.uniform(*p.absence_s), p.duration_s)
        absences.append(Event(onset, round(offset, 4), "face_absent"))
    return tuple(absences)


def draw_expressions(
    rng: np.random.Generator, p: Parameters, states: Sequence[Event], absences: Sequence[Event]
) -> tuple[tuple[Event, ...], tuple[Event, ...]]:
    """Draw micro- and macro-expressions.

    Micro-expressions come at the state's rate, their classes in shuffled rounds, so that all are
    equally frequent in either state; the state shows in how many there are, not in which.
    No expression overlaps another, or an absence.
    """
    taken = [(a.onset_s - 1.0, a.offset_s + 1.0) for a in absences]
    macro, micro = [], []
    for onset in draw_renewals(rng, 1.0, p.duration_s, p.macro_expressions_per_min, 2.0):
        label = str(rng.choice(p.micro_classes))
        event = draw_expression(rng, onset, label, p.macro_duration_s, p.macro_displacement_percent)
        if _free(event, taken, p.duration_s):
            macro.append(event)
            taken.append((event.onset_s - 0.2, event.offset_s + 0.2))
    labels: list[str] = []
    for state in states:
        rate = p.micro_expressions_per_min
        if state.label == STATES[1]:
            rate = p.tense_micro_expressions_per_min
        for onset in draw_renewals(rng, state.onset_s, state.offset_s, rate, p.micro_gap_s):
            if not labels:
                labels = [str(label) for label in rng.permutation(p.micro_classes)]
            label = labels.pop()
            event = draw_expression(
                rng, onset, label, p.micro_duration_s, p.micro_displacement_percent
            )
            if _free(event, taken, p.duration_s):
                micro.append(event)
                taken.append((event.onset_s, event.offset_s))
    return tuple(micro), tuple(macro)


def _free(event: Event, taken: Sequence[tuple[float, float]], duration_s: float) -> bool:
    inside = event.offset_s <= duration_s and event.onset_s >= 0.1
    return inside and all(event.offset_s <= a or event.onset_s >= b for a, b in taken)


def draw_expression(
    rng: np.random.Generator,
    onset_s: float,
    label: str,
    duration_s: tuple[float, float],
    displacement_percent: tuple[float, float],
) -> Event:
    """Draw one expression of a class: how long it lasts, which action units, how strong."""
    length = rng.uniform(*duration_s)
    rise = rng.uniform(0.35, 0.55) * length
    choices = EXPRESSIONS[label]
    units = choices[int(rng.integers(len(choices)))]
    weights = {
        f"{unit}{side}": round(float(w * np.exp(rng.normal(0, 0.15))), 4)
        for unit, w in units.items()
        for side in "RL"
    }
    return Event(
        onset_s,
        round(onset_s + length, 4),
        label,
        round(onset_s + rise, 4),
        round(rng.uniform(*displacement_percent), 4),
        weights,
    )


def draw_gaze(rng: np.random.Generator, p: Parameters) -> tuple[tuple[float, float, float], ...]:
    """Draw gaze shifts: (time in s, degrees to the image's right, degrees down) each."""
    return tuple(
        (
            onset,
            round(rng.normal(0, p.gaze_degrees), 3),
            round(rng.normal(0, p.gaze_degrees / 2), 3),
        )
        for onset in draw_renewals(rng, 0.0, p.duration_s, p.gaze_shifts_per_min, 0.3)
    )


def draw_speech(rng: np.random.Generator, p: Parameters) -> tuple[Event, ...]:
    """Draw syllables, 3 to 6 a second, in utterances that fill the wanted share of the time."""
    if p.speech_percent <= 0:
        return ()
    share = min(p.speech_percent / 100.0, 0.98)
    syllables, now = [], rng.exponential(2.0) * (1 - share)
    while now < p.duration_s:
        length = rng.uniform(1.5, 5.0)
        end = min(now + length, p.duration_s)
        while now < end:
            syllable = rng.uniform(0.16, 0.32)
            opening = rng.uniform(1.5, 9.0)
            syllables.append(
                Event(round(now, 4), round(now + syllable, 4), "syllable",
                      displacement_percent=round(opening, 3))
            )  # fmt: skip
            now += syllable * rng.uniform(0.75, 1.0)
        now = end + length * (1 - share) / share
    return tuple(syllables)
