from __future__ import annotations

import numpy as np
import pytest

from affectfuse.config import build, load_node
from affectfuse.containers import Estimate, Interval, IntervalTrack, Track
from affectfuse.scoring.base import Question, QuestionScore, ScoringProtocol
from affectfuse.scoring.baseline_shift import BaselineShift

SECONDS = np.arange(1.0, 121.0)
ONSET_S = 60.0


def track(values: np.ndarray, times: np.ndarray = SECONDS, name: str = "rate") -> Track:
    return Track(name, "bpm", times, values, np.ones(len(times)))


def face(values: np.ndarray | float = 1.0) -> Track:
    return track(np.broadcast_to(values, SECONDS.shape).astype(float), name="face_visible")


def score_one(**tracks: Track | IntervalTrack) -> QuestionScore:
    rows = BaselineShift().score(tracks, [], [Question(ONSET_S, 65, "q")]).rows
    assert len(rows) == 1
    return rows[0]


def step(times: np.ndarray = SECONDS) -> np.ndarray:
    """70 before the event, 74 after it."""
    return np.where(times <= ONSET_S, 70.0, 74.0)


@pytest.mark.parametrize("rate_hz", [1.0, 4.0, 30.0])
def test_a_step_is_found_at_any_rate(rate_hz: float) -> None:
    times = np.arange(1, 120 * rate_hz + 1) / rate_hz
    row = score_one(rate=track(step(times), times))
    assert row.value == pytest.approx(4.0)
    assert row.coverage == pytest.approx(1.0)
    assert (row.question, row.onset_s, row.channel, row.unit) == ("q", 60.0, "rate", "bpm")


def test_means_are_over_time_not_over_readings() -> None:
    # After the onset: 1 s at 80 told ten times, then 14 s at 70 told once a second.
    times = np.r_[np.arange(1.0, 61.0), 60 + np.arange(1, 11) / 10, np.arange(62.0, 121.0)]
    values = np.where((times > 60) & (times <= 61), 80.0, 70.0)
    row = BaselineShift(delay_s=0.0).score(
        {"rate": track(values, times)}, [], [Question(ONSET_S, 65, "q")]
    )
    assert row.rows[0].value == pytest.approx(10 / 15)


def test_only_the_windows_count() -> None:
    values = step()
    values[(SECONDS <= 50) | (SECONDS > 75)] = 500.0
    assert score_one(rate=track(values)).value == pytest.approx(4.0)


def test_unknown_time_lowers_coverage_and_then_the_value_goes() -> None:
    values = step()
    values[(SECONDS > 55) & (SECONDS <= 60)] = np.nan
    half = score_one(rate=track(values))
    assert half.value == pytest.approx(4.0)
    assert half.coverage == pytest.approx((5 + 14.5) / 24.5)
    values[(SECONDS > 54) & (SECONDS <= 60)] = np.nan
    less = score_one(rate=track(values))
    assert np.isnan(less.value)
    assert "known in 40% of the baseline, at least 50% needed" in less.note


def test_a_window_beyond_the_end_is_not_known() -> None:
    row = score_one(rate=track(step()[:64], SECONDS[:64]))
    assert np.isnan(row.value)
    assert "of the window" in row.note


def test_an_empty_track_and_a_lone_reading_give_nan() -> None:
    for times in (SECONDS[:0], SECONDS[59:60]):
        row = score_one(rate=track(np.full(len(times), 70.0), times))
        assert np.isnan(row.value)
        assert row.coverage == 0


def spotted(*onsets: float) -> IntervalTrack:
    return IntervalTrack("blink", tuple(Interval(t, t + 0.2, "blink") for t in onsets))


def test_intervals_are_rates_of_watched_time() -> None:
    blinks = spotted(52, 61, 63, 70)
    row = score_one(blink=blinks, face_visible=face())
    assert row.value == pytest.approx(3 / (14.5 / 60) - 1 / (10 / 60))
    assert row.unit == "per minute"
    away = np.where((SECONDS > 64) & (SECONDS <= 71), 0.0, 1.0)
    row = score_one(blink=spotted(52, 61, 63), face_visible=face(away))
    assert row.value == pytest.approx(2 / (7.5 / 60) - 1 / (10 / 60))
    assert row.coverage == pytest.approx(17.5 / 24.5)


def test_intervals_that_nobody_watched_are_not_zero() -> None:
    assert np.isnan(score_one(blink=spotted(), face_visible=face(0.0)).value)
    result = BaselineShift().score({"blink": spotted()}, [], [Question(ONSET_S, 65, "q")])
    assert np.isnan(result.rows[0].value)
    assert "no track 'face_visible'" in result.notes[0]
    always = BaselineShift(watched_by=None).score(
        {"blink": spotted()}, [], [Question(ONSET_S, 65, "q")]
    )
    assert always.rows[0].value == 0.0


def test_probabilities_are_channels_where_there_is_evidence() -> None:
    def estimate(time_s: float, weight: float) -> Estimate:
        p = 0.2 if time_s <= ONSET_S else 0.7
        return Estimate(time_s, {"calm": 1 - p, "tense": p}, {"heart_rate": weight}, {})

    event = [Question(ONSET_S, 65, "q")]
    seen = BaselineShift().score({}, [estimate(t, 0.5) for t in SECONDS], event)
    assert {row.channel: row.value for row in seen.rows} == pytest.approx(
        {"p_calm": -0.5, "p_tense": 0.5}
    )
    prior = BaselineShift().score({}, [estimate(t, 0.0) for t in SECONDS], event)
    assert all(np.isnan(row.value) for row in prior.rows)


def test_the_summary_is_standardised_by_the_session() -> None:
    values = np.random.default_rng(3).normal(70, 2, 120)
    events = [Question(40, 45, "a"), Question(80, 85, "b")]
    result = BaselineShift().score({"rate": track(values)}, [], events)
    fine_s = np.arange(0.005, 15, 0.01)  # independent of the code: the signal, read every 10 ms

    def shift(onset_s: float) -> float:
        before = np.ceil(onset_s - 10 + fine_s[fine_s < 10]).astype(int) - 1
        after = np.ceil(onset_s + fine_s[fine_s > 0.5]).astype(int) - 1
        return float(values[after].mean() - values[before].mean())

    spread = np.std([shift(t) for t in np.arange(11, 105.1, 15)], ddof=1)  # all that fit in
    mean = np.mean([shift(40), shift(80)])
    assert result.summary["mean_shift.rate"] == pytest.approx(mean)
    assert result.summary["standardised_shift.rate"] == pytest.approx(mean / spread)
    assert result.summary["events_scored.rate"] == 2
    flat = BaselineShift().score({"rate": track(np.full(120, 70.0))}, [], events)
    assert np.isnan(flat.summary["standardised_shift.rate"])


def test_waveforms_and_the_watch_itself_are_not_scored() -> None:
    tracks = {"bvp": track(step()), "face_visible": face(), "rate": track(step())}
    events = [Question(ONSET_S, 65, "q")]
    rows = BaselineShift().score(tracks, [], events).rows
    assert [row.channel for row in rows] == ["rate"]
    rows = BaselineShift(exclude=["rate"]).score(tracks, [], events).rows
    assert [row.channel for row in rows] == ["bvp"]


def test_rows_follow_the_events_and_notes_name_contaminated_baselines() -> None:
    events = [Question(60, 61, "later"), Question(40, 41, "earlier")]
    result = BaselineShift().score({"rate": track(step())}, [], events)
    assert [row.question for row in result.rows] == ["earlier", "later"]
    assert result.notes == ("the baseline of 'later' overlaps the window of 'earlier'",)


def test_without_events_there_are_no_rows_and_a_note() -> None:
    result = BaselineShift().score({"rate": track(step())}, [], [])
    assert result.rows == ()
    assert np.isnan(result.summary["mean_shift.rate"])
    assert "no events" in result.notes[0]


def test_the_config_builds_it_with_its_defaults() -> None:
    built = build(load_node("protocol", "baseline_shift"), ScoringProtocol)
    assert vars(built) == vars(BaselineShift())


@pytest.mark.parametrize(
    "wrong",
    [
        {"baseline_s": 0},
        {"delay_s": 15},
        {"delay_s": -1},
        {"min_coverage": 0},
        {"heart_rate_smoothing_s": -1},
    ],
)
def test_impossible_windows_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BaselineShift(**wrong)
