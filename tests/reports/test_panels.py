"""What the timeline is given: series packed, long ones thinned to their extremes."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from affectfuse.containers import Array, Track
from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page import panels

MakeSession = Callable[..., SessionResult]


def unpacked(series: dict[str, Any]) -> tuple[Array, Array]:
    """The times and values of a series."""
    values = np.frombuffer(base64.b64decode(series["values"]), "<f4")
    told = series["times"]
    if "ms" in told:
        return np.frombuffer(base64.b64decode(told["ms"]), "<i4") / 1000, values
    return told["first_s"] + told["step_s"] * np.arange(len(values)), values


def series_of(make_session: MakeSession, times: Array, values: Array) -> tuple[Array, Array]:
    track = Track("respiration", "1/min", times, values, np.ones(len(times)))
    found = panels.timeline_panels(make_session(seconds=60, tracks={"respiration": track}))
    return unpacked(found["panels"][0]["series"][0])


@pytest.mark.parametrize("jitter_s", [0.0, 2e-4, 0.02])
def test_a_series_comes_back(make_session: MakeSession, jitter_s: float) -> None:
    rng = np.random.default_rng(3)
    times = np.arange(1.0, 3000.0) / 32 + jitter_s * rng.uniform(-1, 1, 2999)
    values = np.where(rng.random(2999) < 0.1, np.nan, rng.normal(size=2999))
    found_s, found = series_of(make_session, times, values)
    assert found_s == pytest.approx(times, abs=1.1e-3)
    np.testing.assert_array_equal(found, values.astype(np.float32))


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_short_series_comes_back(make_session: MakeSession, count: int) -> None:
    times, values = np.arange(count) + 5.0, np.arange(count) * 1.0
    found_s, found = series_of(make_session, times, values)
    assert (found_s.tolist(), found.tolist()) == (times.tolist(), values.tolist())


def test_an_hour_at_32_hz_is_whole_and_longer_keeps_its_extremes(
    make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = np.arange(1, 32 * 3600 + 1) / 32
    values = np.sin(times)
    assert len(series_of(make_session, times, values)[1]) == len(times)
    monkeypatch.setattr(panels, "_MAX_POINTS", 4000)
    times = np.arange(1, 40_001) / 10
    values = np.where((times > 1000) & (times < 1100), np.nan, 60 + times / 100)
    values[[5, 12_345]] = 10.0, 500.0
    found_s, found = series_of(make_session, times, values)
    assert len(found) == 4000
    known = np.isfinite(found)
    assert np.all(np.diff(found_s) >= 0)
    assert (np.nanmin(found), np.nanmax(found)) == (10.0, 500.0)
    told = values[np.searchsorted(times, found_s - 1e-6)]
    assert found == pytest.approx(told, abs=1e-3, nan_ok=True)
    assert 95 < np.count_nonzero(~known) < 105
