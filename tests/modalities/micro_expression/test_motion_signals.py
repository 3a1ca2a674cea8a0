"""Facial motion on a grid: the same whatever the frame rate, and causal."""

from __future__ import annotations

import numpy as np
import pytest
from modalities.micro_expression.motions import NAMES, SMILE, motions, pattern, pulse, times

from affectfuse.containers import Array
from affectfuse.modalities.micro_expression.motion import FacialMotion
from affectfuse.modalities.micro_expression.motion_signals import (
    GRID_HZ,
    N_SIGNALS,
    MotionGrid,
    MotionSignals,
    compress,
    high_pass,
)


def gridded(stream: list[FacialMotion]) -> tuple[Array, Array]:
    grid = MotionGrid()
    steps = [step for motion in stream for step in grid.push(motion)]
    return np.array([t for t, _ in steps]), np.array([row for _, row in steps])


@pytest.mark.parametrize("rate_hz", [15.0, 25.0, 30.0, 60.0, 200.0])
def test_a_straight_line_stays_one_at_every_rate(rate_hz: float) -> None:
    t = times(4, rate_hz)
    middle_s, rows = gridded(motions(t, t[:, None, None] * pattern(SMILE), noise=0.0))
    assert np.diff(middle_s)[1:-1] == pytest.approx(1 / GRID_HZ)
    moved = pattern(SMILE).ravel()
    np.testing.assert_allclose(rows[:, :-2], middle_s[:, None] * moved, atol=1e-6)


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0, 200.0])
def test_a_step_is_the_mean_over_its_span(rate_hz: float) -> None:
    """Against the mean of a fine grid; what lies between frames is not known, hence the margin."""
    t, fine = times(4, rate_hz), times(4, 3000.0)
    middle_s, rows = gridded(
        motions(t, pulse(t, 1, 1.2, 1.5)[:, None, None] * pattern(SMILE), noise=0.0)
    )
    course = pulse(fine, 1, 1.2, 1.5)
    wanted = [course[np.abs(fine - m) <= 0.5 / GRID_HZ].mean() for m in middle_s[2:-2]]
    right = 2 * NAMES.index("left_lip_corner")  # the channel of its motion to the right
    np.testing.assert_allclose(rows[2:-2, right], wanted, atol=0.03)


def test_noise_is_learned_and_displacement_told_in_its_units() -> None:
    t = times(20)
    signals, rows = MotionSignals(), gridded(motions(t, np.zeros((len(t), 13, 2)), noise=0.4))[1]
    out = np.array([signals.push(row) for row in rows])
    assert out.shape[1] == N_SIGNALS
    assert signals.scale == pytest.approx(0.4 / np.sqrt(2), rel=0.35)  # means of two frames
    assert out[300:, :-3].std() == pytest.approx(1.0, rel=0.2)


def test_high_pass_is_what_the_signals_do() -> None:
    t = times(10)
    moved = np.random.default_rng(0).normal(size=(len(t), 26)).cumsum(axis=0) * 0.1
    signals = MotionSignals()
    rows = np.concatenate([moved, np.zeros((len(t), 2))], axis=1)
    out = np.array([signals.push(row)[:-3] * signals.scale for row in rows])
    np.testing.assert_allclose(out, high_pass(moved), atol=1e-9)


def test_compression_keeps_sign_and_order() -> None:
    signals = np.zeros((3, N_SIGNALS))
    signals[:, 0] = (-50.0, 0.0, 100.0)
    out = compress(signals)
    assert out.dtype == np.float32
    assert out[:, 0].tolist() == pytest.approx(np.arcsinh([-50.0, 0.0, 100.0]).tolist())
