"""Intervals are matched one to one at an overlap; counts are summed before they are scored."""

from __future__ import annotations

import math

import pytest

from affectfuse.containers import Interval
from affectfuse.evaluation.intervals import (
    SpottingCounts,
    intersection_over_union,
    match_intervals,
)


def interval(onset_s: float, offset_s: float) -> Interval:
    return Interval(onset_s, offset_s, "micro")


def test_overlap_of_known_intervals() -> None:
    assert intersection_over_union(interval(0, 2), interval(1, 3)) == pytest.approx(1 / 3)
    assert intersection_over_union(interval(0, 1), interval(2, 3)) == 0.0
    assert intersection_over_union(interval(1, 1), interval(1, 1)) == 0.0


def test_one_found_interval_serves_one_truth_only() -> None:
    truth = [interval(0, 1.0), interval(0.1, 1.1)]
    pairs, counts = match_intervals(truth, [interval(0.1, 1.1)])
    assert pairs == [(1, 0)]
    assert counts == SpottingCounts(1, 0, 1)


def test_just_below_and_at_the_threshold() -> None:
    truth = [interval(0.0, 1.0)]
    assert match_intervals(truth, [interval(0.0, 0.5)])[1].true_positives == 1
    assert match_intervals(truth, [interval(0.0, 0.49)])[1] == SpottingCounts(0, 1, 1)


def test_f1_of_summed_counts_is_not_the_mean_of_f1s() -> None:
    counts = SpottingCounts(8, 2, 2) + SpottingCounts(0, 5, 0)
    assert counts.f1 == pytest.approx(16 / 25)
    assert math.isnan(SpottingCounts().f1)
    assert match_intervals([], [])[1] == SpottingCounts()
    assert match_intervals([], [interval(0, 1)])[1].f1 == 0.0
