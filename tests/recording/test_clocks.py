"""A device's times on the session's clock."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from affectfuse.errors import RecordingError
from affectfuse.recording.clocks import Clock, between_starts, from_marks, own, stated

START = datetime(2026, 3, 1, 10, 0, 0)


def test_a_stated_offset_is_added() -> None:
    clock = stated(-2.5)
    np.testing.assert_allclose(clock.to_session(np.array([0.0, 10.0])), [-2.5, 7.5])
    assert math.isnan(clock.drift_ppm)
    with pytest.raises(RecordingError, match="offset_s is nan"):
        stated(math.nan)


def test_start_times_give_the_offset() -> None:
    clock = between_starts("wrist", START + timedelta(seconds=12.5), START)
    assert clock.offset_s == 12.5
    assert clock.how == "start times"
    late = between_starts("wrist", START + timedelta(seconds=1000), START)
    assert "check its clock" in late.note
    zones = (timezone(timedelta(hours=1)), UTC)
    one, other = START.replace(hour=11, tzinfo=zones[0]), START.replace(tzinfo=zones[1])
    assert between_starts("wrist", one, other).offset_s == 0.0


@pytest.mark.parametrize("hours", [1, -1, 2])
def test_clocks_that_disagree_by_hours_are_refused(hours: int) -> None:
    start = START + timedelta(hours=hours, seconds=5)
    with pytest.raises(RecordingError, match=f"about {hours} h: do the two clocks stand in diff"):
        between_starts("wrist", start, START)


def test_one_time_zone_alone_is_refused() -> None:
    aware = START.replace(tzinfo=UTC)
    with pytest.raises(RecordingError, match="give both with a time zone"):
        between_starts("wrist", aware, START)


def test_shared_events_give_offset_and_drift() -> None:
    device = np.array([10.0, 700.0, 1500.0, 3000.0])
    session = 4.2 + device * (1 + 80e-6)
    clock = from_marks("wrist", device, session)
    assert clock.offset_s == pytest.approx(4.2)
    assert clock.drift_ppm == pytest.approx(80)
    assert clock.residual_s == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(clock.to_session(device), session)
    off = session.copy()
    off[1] += 0.3
    assert from_marks("wrist", device, off).residual_s == pytest.approx(0.2, abs=0.1)


def test_few_shared_events_say_less() -> None:
    one = from_marks("wrist", [5.0], [7.0])
    assert (one.offset_s, math.isnan(one.drift_ppm)) == (2.0, True)
    two = from_marks("wrist", [5.0, 1005.0], [7.0, 1007.1])
    assert two.drift_ppm == pytest.approx(100)
    assert math.isnan(two.residual_s)


def test_events_that_are_not_the_same_are_refused() -> None:
    with pytest.raises(RecordingError, match="are they the same events"):
        from_marks("wrist", [5.0, 100.0], [7.0, 150.0])
    with pytest.raises(RecordingError, match="has 2 shared events and the session 1"):
        from_marks("wrist", [5.0, 100.0], [7.0])
    with pytest.raises(RecordingError, match="in order"):
        from_marks("wrist", [100.0, 5.0], [107.0, 12.0])
    # A hand on a key is a tenth of a second off: over ten seconds that is no drift.
    assert from_marks("wrist", [0.0, 10.0], [0.0, 10.1]).drift_ppm > 1000


def test_a_clock_goes_both_ways_and_says_itself() -> None:
    clock = Clock(4.2, 80.0, 0.0125, "shared events")
    times_s = np.array([[0.0, 3000.0], [1.5, math.nan]])
    np.testing.assert_allclose(clock.from_session(clock.to_session(times_s)), times_s)
    assert str(clock) == (
        "aligned by shared events, +4.200 s, drift +80.0 ppm, shared events within 0.013 s"
    )
    assert str(stated(-2.0)) == "aligned by stated offset, -2.000 s"
    assert str(own()) == "as it stands, by its own clock"
    assert own().to_session(np.array(7.5)) == 7.5
