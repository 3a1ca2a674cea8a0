"""Heart rate variability against its definitions, against known errors, and NaN with a reason."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.signals.heart_rate_variability import (
    HeartRateVariability,
    heart_rate_variability,
    normal_intervals,
)


def measured(
    intervals_s: Array, error_s: float = 0.001, stated_s: float | None = None, seed: int = 0
) -> HeartRateVariability:
    """Return the variability of intervals whose beats' instants err by `error_s`."""
    noise = np.random.default_rng(seed).normal(0.0, error_s, len(intervals_s) + 1)
    times_s = np.concatenate([[0.0], np.cumsum(intervals_s)]) + noise
    count = len(times_s)
    stated = np.full(count, error_s if stated_s is None else stated_s)
    found = np.diff(times_s, prepend=np.nan)
    return heart_rate_variability(times_s, found, np.ones(count), stated, times_s[-1] - times_s[0])


def breathing(beats: int, low_ms: float = 0.0, high_ms: float = 30.0) -> Array:
    """Return intervals that vary at 0.1 and at 0.27 Hz."""
    at_s = 0.8 * np.arange(beats)
    low, high = np.sin(2 * np.pi * 0.1 * at_s), np.sin(2 * np.pi * 0.27 * at_s)
    intervals_s: Array = 0.8 + (low_ms * low + high_ms * high) / 1000.0
    return intervals_s


def test_exact_beats_give_the_definitions() -> None:
    intervals_s = breathing(90, low_ms=20.0)
    found = measured(intervals_s, error_s=0.0)
    assert found.rmssd_ms == pytest.approx(1000 * np.sqrt(np.mean(np.diff(intervals_s) ** 2)))
    assert found.sdnn_ms == pytest.approx(1000 * np.std(intervals_s, ddof=1))
    assert found.note == found.lf_hf_note == ""
    assert found.quality > 0.98


@pytest.mark.parametrize("error_ms", [4.0, 8.0, 12.0, 16.0])
def test_regular_beats_with_errors_have_no_variability(error_ms: float) -> None:
    seeds = range(12)
    found = [measured(np.full(60, 0.8), error_ms / 1000, seed=seed).rmssd_ms for seed in seeds]
    assert np.median(found) < 4.0
    assert np.mean(np.array(found) <= 8.0) >= 0.8
    uncorrected = measured(np.full(60, 0.8), error_ms / 1000, stated_s=0.0).rmssd_ms
    assert uncorrected == pytest.approx(np.sqrt(6.0) * error_ms, rel=0.35)


def test_true_variability_survives_the_correction() -> None:
    intervals_s = breathing(75, low_ms=20.0)
    true_ms = 1000 * np.sqrt(np.mean(np.diff(intervals_s) ** 2))
    found = [measured(intervals_s, 0.012, seed=seed) for seed in range(12)]
    assert np.median([f.rmssd_ms for f in found]) == pytest.approx(true_ms, rel=0.12)
    assert np.median([f.sdnn_ms for f in found]) == pytest.approx(
        1000 * np.std(intervals_s, ddof=1), rel=0.12
    )


def test_low_over_high_follows_the_powers() -> None:
    """Sines of 0.1 and 0.27 Hz: the ratio of their squared amplitudes, within a quarter."""
    for low_ms, high_ms in ((40.0, 20.0), (20.0, 20.0), (15.0, 30.0)):
        found = measured(breathing(160, low_ms, high_ms), error_s=0.0).lf_hf
        assert found == pytest.approx((low_ms / high_ms) ** 2, rel=0.25)


@pytest.mark.parametrize(
    ("beats", "note", "lf_hf_note"),
    [(20, "needs 20 s of pulse", "needs 55 s of pulse"), (40, "", "needs 55 s of pulse")],
)
def test_too_short_is_not_known_and_said(beats: int, note: str, lf_hf_note: str) -> None:
    found = measured(breathing(beats))
    assert (found.note, found.lf_hf_note) == (note, lf_hf_note)
    assert np.isnan(found.lf_hf)
    assert np.isnan(found.rmssd_ms) == np.isnan(found.sdnn_ms) == bool(note)


def test_a_noisy_pulse_is_not_known_and_said() -> None:
    found = measured(breathing(60), error_s=0.025)
    assert np.isnan([found.rmssd_ms, found.sdnn_ms]).all()
    assert found.note == "the pulse is too noisy to time its beats to 18 ms"


def test_few_clear_beats_are_not_enough() -> None:
    intervals_s = np.concatenate([[np.nan], breathing(60)])
    times_s = np.nancumsum(intervals_s)
    quality = np.where(np.arange(61) % 2 == 0, 1.0, 0.1)
    found = heart_rate_variability(times_s, intervals_s, quality, np.full(61, 0.001), times_s[-1])
    assert found.note == "needs clear beats over 60% of the time"
    assert np.isnan(found.rmssd_ms)
    nothing = heart_rate_variability(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0), 60.0)
    assert np.isnan(nothing.rmssd_ms)
    assert nothing.note


def test_extra_missed_and_ectopic_beats_are_left_out() -> None:
    intervals_s = breathing(60)
    spoilt = intervals_s.copy()
    spoilt[20:22] = [0.45, 1.15]  # a beat too early
    spoilt[40] = 1.6  # a beat missed
    normal = normal_intervals(spoilt, np.ones(60))
    assert np.flatnonzero(~normal).tolist() == [20, 21, 40]
    clean, found = measured(intervals_s, 0.0).rmssd_ms, measured(spoilt, 0.0).rmssd_ms
    assert found == pytest.approx(clean, rel=0.1)


def test_a_run_of_missed_beats_is_left_out() -> None:
    spoilt = breathing(60)
    spoilt[30:40] = (
        1.6  # every second beat missed for a while: the neighbours agree with each other
    )
    assert np.flatnonzero(~normal_intervals(spoilt, np.ones(60))).tolist() == [*range(30, 40)]
