"""The signal-based spotter on motion made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from modalities.micro_expression.motions import (
    BROWS,
    NAMES,
    OPEN,
    SMILE,
    labels,
    motions,
    pattern,
    pulse,
    times,
)
from modalities.micro_expression.motions import spot as run

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.blinks import BlinkSpotter
from affectfuse.modalities.micro_expression.motion import FacialMotion
from affectfuse.modalities.micro_expression.pulse_spotter import PulseSpotter
from affectfuse.modalities.micro_expression.spotter import BLINK, MACRO, MICRO


def spot(stream: Iterable[FacialMotion]) -> list[tuple[Interval, float]]:
    return run(PulseSpotter(1.5, 0.5), stream)


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
@pytest.mark.parametrize(
    ("onset", "apex", "offset"), [(8.0, 8.12, 8.3), (8.01, 8.1, 8.22), (8.0, 8.2, 8.48)]
)
def test_a_pulse_is_found_with_its_times(
    onset: float, apex: float, offset: float, rate_hz: float
) -> None:
    t = times(14, rate_hz)
    found = spot(motions(t, 2.5 * pulse(t, onset, apex, offset)[:, None, None] * pattern(SMILE)))
    assert labels(found) == [MICRO]
    interval, decided_s = found[0]
    assert interval.onset_s == pytest.approx(onset, abs=2 / 30)
    assert interval.apex_s == pytest.approx(apex, abs=1.5 / 30)
    assert interval.offset_s == pytest.approx(offset, abs=2 / 30)
    assert interval.values["displacement_iod_percent"] == pytest.approx(2.5 * 2**0.5, rel=0.25)
    assert interval.confidence > 0.6
    assert decided_s - offset <= 1.0


def test_a_longer_pulse_is_a_macro_expression() -> None:
    t = times(20)
    for duration in (0.8, 1.5, 3.0):
        course = 6 * pulse(t, 9, 9 + 0.4 * duration, 9 + duration)
        found = spot(motions(t, course[:, None, None] * pattern(SMILE)))
        assert labels(found) == [MACRO]
        assert found[0][1] - found[0][0].offset_s <= PulseSpotter.latency_s
        interval = found[0][0]
        assert interval.onset_s == pytest.approx(9, abs=0.2 * duration)
        assert interval.duration_s == pytest.approx(duration, rel=0.3)


@pytest.mark.parametrize(
    "course",
    [
        lambda t: 0 * t,  # nothing but noise
        lambda t: 0.8 * t,  # drift
        lambda t: 4 * (t > 9),  # a step: a new posture of the face
        lambda t: 3 * np.sin(2 * np.pi * 0.1 * t),  # slow swaying
    ],
)
def test_what_is_no_pulse_is_not_found(course: Callable[[Array], Array]) -> None:
    t = times(30)
    for seed in range(3):
        assert labels(spot(motions(t, course(t)[:, None, None] * pattern(SMILE), seed=seed))) == []


def test_a_blink_is_a_blink_and_nothing_else() -> None:
    t = times(30)
    closing = sum(pulse(t, at, at + 0.08, at + 0.24) for at in (6.0, 11.0, 17.0, 23.5))
    moved = 2.0 * closing[:, None, None] * pattern(BROWS)  # brows and their skin go along a little
    found = spot(motions(t, moved, eyes=OPEN * (1 - 0.8 * closing)))
    assert labels(found) == [BLINK] * 4
    for (interval, decided_s), at in zip(found, (6.0, 11.0, 17.0, 23.5), strict=True):
        assert interval.onset_s == pytest.approx(at, abs=0.05)
        assert interval.offset_s == pytest.approx(at + 0.24, abs=0.08)
        assert decided_s - interval.offset_s < 0.2
    without_eyes = spot(motions(t, moved))  # the same motion with the eyes open is an expression
    assert labels(without_eyes) == [MICRO] * 4


def test_speech_is_kept_out() -> None:
    t = times(30)
    rng = np.random.default_rng(3)
    course = np.zeros_like(t)
    for at in np.arange(8, 14, 0.24):
        course += rng.uniform(1.5, 8) * pulse(t, at, at + 0.12, at + 0.26)
    mouth = pattern({"lower_lip": (0, 1), "chin": (0, 0.8), "upper_lip": (0, -0.1)})
    assert labels(spot(motions(t, course[:, None, None] * mouth))).count(MICRO) <= 1


def test_fast_head_motion_raises_the_bar() -> None:
    t = times(16)
    moved = 0.9 * pulse(t, 8, 8.12, 8.3)[:, None, None] * pattern(SMILE | BROWS)
    assert labels(spot(motions(t, moved))) == [MICRO]
    assert labels(spot(motions(t, moved, head=4.0 * pulse(t, 7.8, 8.1, 8.5)))) == []


def test_a_short_leap_is_no_expression() -> None:
    t = times(14)
    course = pulse(t, 8, 8.12, 8.3)[:, None, None] * pattern(SMILE)
    assert labels(spot(motions(t, 25 * course))) == []
    assert labels(spot(motions(t, 5 * course))) == [MICRO]


def test_a_face_that_comes_back_is_no_pulse() -> None:
    t = times(16)
    moved = np.where((t > 8)[:, None, None], 5.0, 0.0) * pattern(SMILE)
    stream = motions(t, moved)
    middle = int(np.searchsorted(t, 8.0))
    stream[middle] = FacialMotion(t[middle], stream[middle].regions, 0.1, OPEN, restarted=True)
    assert labels(spot(stream)) == []


def test_it_looks_only_back() -> None:
    """Whatever follows, the first 9 seconds give the same."""
    t = times(20)
    moved = 2.5 * (pulse(t, 6, 6.1, 6.3) + 3 * pulse(t, 9.2, 9.5, 9.9))[:, None, None]
    stream = motions(t, moved * pattern(SMILE))
    whole = [(i.onset_s, when) for i, when in spot(stream) if when <= 9.0]
    part = [(i.onset_s, when) for i, when in spot(stream[: 9 * 30 + 1]) if when <= 9.0]
    assert whole == part
    assert len(part) == 1


def test_memory_is_bounded() -> None:
    spotter = PulseSpotter(1.5, 0.5)
    t = times(200)
    for motion in motions(t, np.zeros((len(t), len(NAMES), 2))):
        list(spotter.push(motion))
    assert len(spotter._history.times) < 30 * 7
    assert spotter._history._rows.shape[0] == 1024
    assert max(map(len, spotter._strengths)) < 30


def test_eyes_that_stay_shut_are_no_blink() -> None:
    spotter = BlinkSpotter()
    eyes = [OPEN] * 60 + [0.05] * 60 + [OPEN] * 60
    assert [b for i, e in enumerate(eyes) if (b := spotter.push(i / 30, e))] == []
