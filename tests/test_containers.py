"""Contradictory values are refused when they are made; parts join to a whole."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Interval, IntervalTrack, SignalBlock, Target, Track


def test_a_track_of_unequal_lengths_is_refused() -> None:
    with pytest.raises(ValueError, match="'rate' has 2 times, 1 values and 2 qualities"):
        Track("rate", "bpm", np.zeros(2), np.zeros(1), np.zeros(2))


def test_tracks_join_in_order_with_each_note_once() -> None:
    notes = ["", "no face", "no face", "too dark"]
    parts = [Track.reading("rate", "bpm", t, 60 + t, 0.5, note) for t, note in enumerate(notes)]
    whole = Track.join(parts)
    assert whole.times_s.tolist() == [0, 1, 2, 3]
    assert whole.values.tolist() == [60, 61, 62, 63]
    assert whole.note == "no face; too dark"
    assert whole.between(1, 3).values.tolist() == [61, 62]


def test_tracks_of_another_name_or_unit_do_not_join() -> None:
    with pytest.raises(ValueError, match="one name and unit"):
        Track.join([Track.reading("a", "bpm", 0, 1, 1), Track.reading("a", "Hz", 1, 1, 1)])


def test_an_interval_must_not_end_before_it_begins() -> None:
    assert Interval(1.0, 1.5, "smile").duration_s == 0.5
    with pytest.raises(ValueError, match="must not come before"):
        Interval(2.0, 1.0, "smile")
    with pytest.raises(ValueError, match="must not come before"):
        Interval(float("nan"), 1.0, "smile")


def test_interval_tracks_join_by_onset() -> None:
    late, early = Interval(5, 6, "b"), Interval(1, 2, "a")
    parts = [IntervalTrack("blink", (late,)), IntervalTrack("blink", (early,), "note")]
    assert IntervalTrack.join(parts).intervals == (early, late)
    assert IntervalTrack.join(parts).note == "note"


def test_a_block_is_known_from_its_last_reading_on() -> None:
    times_s = np.array([0.0, 0.25])
    block = SignalBlock("E4", times_s, np.zeros((2, 1)), ("eda",), ("uS",))
    assert block.time_s == 0.25


@pytest.mark.parametrize("classes", [(), ("calm",), ("calm", "calm")])
def test_a_target_needs_distinct_classes(classes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="at least 2 distinct classes"):
        Target("state", classes, "window", "planted")
