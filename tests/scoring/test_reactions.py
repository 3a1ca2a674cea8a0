"""Features in the field's windows: each against what was planted, or computed the plain way."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from affectfuse.containers import Estimate, Interval, IntervalTrack, Track
from affectfuse.scoring.base import Question, Reaction
from affectfuse.scoring.reactions.channels import Sources
from affectfuse.scoring.reactions.measure import channels_of, reactions
from affectfuse.scoring.reactions.series import Series
from affectfuse.scoring.reactions.windows import Windows

END_S = 120.0
ONSET_S = 60.0
Tracks = Mapping[str, Track | IntervalTrack]


def track(name: str, rate_hz: float, of: object, unit: str = "1") -> Track:
    times_s = np.arange(1, round(END_S * rate_hz) + 1) / rate_hz
    values = np.asarray(of(times_s) if callable(of) else of, float) + 0 * times_s
    return Track(name, unit, times_s, values, np.ones(len(times_s)))


def react(
    tracks: Tracks, question: Question | None = None, names: tuple[str, ...] = (), **more: object
) -> dict[str, Reaction]:
    sources = Sources(tracks, more.pop("estimates", []), Windows(**more), "face_visible", ("bvp",))
    asked = [question or Question(ONSET_S, ONSET_S + 3, "q")]
    return {r.channel: r for r in reactions(sources, asked, channels_of(sources), names)}


FACE = track("face_visible", 1, 1.0)


def bump(times_s: np.ndarray, at_s: float, height: float, width_s: float = 4.0) -> np.ndarray:
    return height * np.exp(-0.5 * ((times_s - at_s) / width_s) ** 2)


def test_deceleration_and_acceleration_of_beats() -> None:
    """Beats every 800 ms (75 bpm), for 6 s at 66 and then at 80 bpm."""
    beat_s, intervals = 0.0, []
    while beat_s < END_S:
        rate = 66.0 if 63 <= beat_s < 69 else 80.0 if 69 <= beat_s < 75 else 75.0
        intervals.append(60 / rate)
        beat_s += 60 / rate
    times_s = np.cumsum(intervals)
    beats = Track(
        "beat_interval_ms", "ms", times_s, 1000 * np.array(intervals), np.ones(len(times_s))
    )
    found = react({"beat_interval_ms": beats, "heart_rate_bpm": track("heart_rate_bpm", 1, 50.0)})
    assert found["heart_rate_deceleration"].value == pytest.approx(9.0, abs=0.05)
    assert found["heart_rate_acceleration"].value == pytest.approx(5.0, abs=0.05)
    assert found["heart_rate_deceleration"].unit == "bpm"
    assert found["heart_rate_deceleration"].modality == "heart_rate"
    assert found["heart_rate_bpm"].value == 0.0


def test_a_beat_that_cannot_be_one_is_left_out() -> None:
    times_s = np.arange(1.0, 121.0)
    interval_ms = np.full(120, 1000.0)
    interval_ms[64] = 200.0
    quality = np.ones(120)
    interval_ms[70], quality[70] = 500.0, 0.1
    beats = Track("beat_interval_ms", "ms", times_s, interval_ms, quality)
    found = react({"beat_interval_ms": beats})
    assert found["heart_rate_acceleration"].value == pytest.approx(0, abs=1e-9)


def test_without_beats_the_heart_rate_is_read() -> None:
    rate = track("heart_rate_bpm", 1, lambda t: np.where((t > 62) & (t <= 68), 70.0, 76.0), "bpm")
    found = react({"heart_rate_bpm": rate})
    assert found["heart_rate_deceleration"].value == pytest.approx(6.0)
    assert found["heart_rate_acceleration"].value == pytest.approx(0.0)


def test_pulse_amplitude_is_after_over_before() -> None:
    amplitude = track(
        "pulse_amplitude_percent",
        4,
        lambda t: np.where((t > 65) & (t <= 70), 1.2, np.where((t > 57) & (t <= 60), 2.0, 9.0)),
    )
    reaction = react({"pulse_amplitude_percent": amplitude})["pulse_amplitude"]
    assert reaction.value == pytest.approx(0.6)
    assert (reaction.stronger, reaction.ratio) == (-1, True)


def test_the_line_length_of_a_sine_and_of_held_breath() -> None:
    """A sine of amplitude 1 and period 5 s goes 4 per period: 12 in 15 s."""
    sine = track("respiration", 20, lambda t: np.sin(2 * np.pi * t / 5))
    reaction = react({"respiration": sine})["respiration_line_length"]
    assert reaction.value == pytest.approx(12.0, rel=0.005)
    assert (reaction.stronger, reaction.ratio) == (-1, True)
    held = track("respiration", 20, lambda t: np.where(t < 60, np.sin(2 * np.pi * t / 5), 0.0))
    assert react({"respiration": held})["respiration_line_length"].value < 0.1


def test_the_line_length_of_a_gap_is_that_of_the_rest() -> None:
    waveform = track("respiration", 20, lambda t: np.sin(2 * np.pi * t / 5))
    waveform.values[(waveform.times_s > 65) & (waveform.times_s <= 70)] = np.nan
    reaction = react({"respiration": waveform})["respiration_line_length"]
    assert reaction.value == pytest.approx(12.0, rel=0.02)
    assert reaction.coverage == pytest.approx(10 / 15, abs=0.01)


@pytest.mark.parametrize("rate_hz", [4.0, 32.0])
def test_the_rise_of_conductance_is_the_planted_one(rate_hz: float) -> None:
    eda = track("eda_us", rate_hz, lambda t: 5 - 0.01 * t + bump(t, 66, 0.8, 1.0), "uS")
    reaction = react({"eda_us": eda})["electrodermal_rise"]
    level = 5 - 0.01 * eda.times_s + bump(eda.times_s, 66, 0.8, 1.0)
    inside = level[(eda.times_s >= 60.5) & (eda.times_s <= 75)]
    expected = max(inside[j] - inside[: j + 1].min() for j in range(len(inside)))
    assert reaction.value == pytest.approx(expected, rel=0.01)
    assert (reaction.stronger, reaction.ratio, reaction.unit) == (1, True, "uS")


def test_a_rise_begins_in_the_response_onset_window() -> None:
    """A rise that begins 9 s after the onset counts if the answer came 5 s after it, not before."""
    eda = track("eda_us", 8, lambda t: 4 - 0.01 * t + np.clip(t - 69, 0, 3), "uS")
    late = react({"eda_us": eda}, Question(60, 61, "q", answer_s=65.0))
    early = react({"eda_us": eda}, Question(60, 61, "q", answer_s=61.5))
    assert late["electrodermal_rise"].value == pytest.approx(2.97, abs=0.01)
    # What has begun by then is all that counts: the level at the latest begin is the trough.
    trough = 4 - 0.01 * 66.5
    peak = 4 - 0.01 * 72 + 3
    assert early["electrodermal_rise"].value == pytest.approx(peak - trough, abs=0.02)
    falling = track("eda_us", 8, lambda t: 6 - 0.02 * t)
    assert react({"eda_us": falling})["electrodermal_rise"].value == 0.0


def test_tonic_and_phasic_together_are_the_conductance() -> None:
    tonic = track("eda_tonic_us", 4, lambda t: 3 + 0 * t, "uS")
    phasic = track("eda_phasic_us", 4, lambda t: bump(t, 66, 0.5, 1.0), "uS")
    found = react({"eda_tonic_us": tonic, "eda_phasic_us": phasic})
    assert found["electrodermal_rise"].value == pytest.approx(0.5, rel=0.02)
    assert found["eda_tonic_us"].modality == "electrodermal_activity"


def test_the_rise_of_cardio_leaves_the_pulse_out() -> None:
    cardio = track(
        "cardio", 20, lambda t: 3 * np.sin(2 * np.pi * t) + np.clip((t - 62) / 4, 0, 1) * 5
    )
    assert react({"cardio": cardio})["cardio_rise"].value == pytest.approx(5.0, rel=0.03)


def expression(onset_s: float, label: str, displacement: float, **p: float) -> Interval:
    values = {"displacement_iod_percent": displacement, **p}
    return Interval(onset_s, onset_s + 0.3, label, values=values)


def test_expressions_are_counted_measured_and_shared() -> None:
    micro = IntervalTrack(
        "micro_expression",
        (
            expression(50, "anger", 9.0),
            expression(62, "anger", 1.0, p_anger=0.9, p_joy=0.1),
            expression(64, "joy", 3.0, p_anger=0.3, p_joy=0.7),
        ),
    )
    found = react({"micro_expression": micro, "face_visible": FACE})
    assert found["micro_expression_count"].value == pytest.approx(2.0)
    assert found["micro_expression_intensity"].value == pytest.approx(2.0)
    assert found["micro_expression_share_anger"].value == pytest.approx(0.6)
    assert found["micro_expression_share_joy"].value == pytest.approx(0.4)
    assert found["micro_expression"].value == pytest.approx(2 / (14.5 / 60) - 1 / (10 / 60))
    half = track("face_visible", 1, lambda t: np.where(t > 67.75, 0.0, 1.0))
    seen = react({"micro_expression": micro, "face_visible": half}, min_coverage=0.4)
    assert seen["micro_expression_count"].value > 3.5
    assert seen["micro_expression_count"].artefact == "face partly out of sight"


def test_no_expression_is_a_count_of_zero_and_no_intensity() -> None:
    micro = IntervalTrack("micro_expression", (expression(20, "anger", 2.0),))
    found = react({"micro_expression": micro, "face_visible": FACE})
    assert found["micro_expression_count"].value == 0.0
    for name in ("micro_expression_intensity", "micro_expression_share_anger"):
        assert math.isnan(found[name].value)
        assert found[name].note == "no micro-expression in the window"


def test_the_lag_of_a_track_is_taken_off() -> None:
    rate = track("rate", 10, lambda t: np.where(t > 66, 74.0, 70.0))
    tracks = {"rate": rate}
    sources = Sources(tracks, [], Windows(), None, (), {"rate": 6.0})
    (reaction,) = reactions(sources, [Question(60, 61, "q")], channels_of(sources))
    assert reaction.value == pytest.approx(4.0)


def test_the_fused_estimate_has_probabilities_and_scales() -> None:
    estimates = [
        Estimate(
            t,
            {"calm": 0.5 - 0.3 * (t > 60), "tense": 0.5 + 0.3 * (t > 60)},
            {"a": 1.0},
            {},
            {"arousal": 2.0 * (t > 60)},
        )
        for t in np.arange(1.0, 121.0)
    ]
    found = react({}, estimates=estimates)
    assert found["p_tense"].value == pytest.approx(0.3)
    assert found["arousal"].value == pytest.approx(2.0)
    assert found["arousal"].modality == "fused"


def test_what_the_session_lacks_has_a_row_that_says_so() -> None:
    found = react({}, names=("respiration_line_length",))
    assert math.isnan(found["respiration_line_length"].value)
    assert found["respiration_line_length"].note == (
        "the session has no track for respiration_line_length"
    )


def test_artefacts_are_named() -> None:
    rate = track("rate", 1, 70.0)
    movement = track("movement_g", 1, lambda t: 0.02 + 0.01 * np.sin(9 * t) + (np.abs(t - 65) < 1))
    tracks = {
        "rate": rate,
        "movement_g": movement,
        "micro_expression": IntervalTrack("micro_expression", (expression(62, "joy", 1.0),)),
        "blink": IntervalTrack("blink", (Interval(62.2, 62.4, "blink"),)),
        "face_visible": FACE,
    }
    sources = Sources(tracks, [], Windows(), "face_visible", ())
    asked = [
        Question(60, 62, "q", answer_s=63.0),
        Question(70, 72, "close"),
        Question(110, 111, "far"),
    ]
    channels = channels_of(sources)
    found = {(r.question, r.channel): r.artefact for r in reactions(sources, asked, channels)}
    assert found[0, "rate"] == (
        "next question within the window; answer within the window; movement"
    )
    assert found[1, "rate"] == "baseline within the window of the question before; movement"
    assert found[2, "rate"] == ""
    assert found[0, "micro_expression_count"].endswith("blink during a micro-expression")


def test_means_of_a_series_are_those_of_its_steps() -> None:
    """Against a plain sum over readings, on uneven times with gaps."""
    generator = np.random.default_rng(0)
    times_s = np.cumsum(generator.uniform(0.1, 2.0, 200))
    values = generator.normal(70, 5, 200)
    values[generator.random(200) < 0.2] = np.nan
    series = Series(times_s, values)
    steps = np.r_[np.median(np.diff(times_s)), np.diff(times_s)]
    starts = times_s - np.minimum(steps, 1.5 * np.median(np.diff(times_s)))
    begin, end = np.array([5.0, 20.0, 77.7]), np.array([9.0, 60.0, 78.1])
    means, shares = series.mean(begin, end)
    for k in range(3):
        weight = np.clip(np.minimum(times_s, end[k]) - np.maximum(starts, begin[k]), 0, None)
        weight[np.isnan(values)] = 0
        assert shares[k] == pytest.approx(weight.sum() / (end[k] - begin[k]))
        if weight.sum() > 0:
            assert means[k] == pytest.approx(np.nansum(weight * values) / weight.sum())


@pytest.mark.parametrize(
    "wrong", [{"baseline_s": 0}, {"delay_s": 15}, {"after_answer_s": 0}, {"min_coverage": 1.1}]
)
def test_impossible_windows_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Windows(**wrong)


def test_a_wristband_alone_gives_heart_and_skin() -> None:
    beats_s = np.arange(0.8, END_S, 0.8)
    beats_s[beats_s > ONSET_S + 5] -= 0.2  # one short interval
    intervals_ms = 1000 * np.diff(beats_s, prepend=0.0)
    responses = tuple(Interval(t, t + 2, "response") for t in (55.0, 62.0, 64.0, 70.0))
    tracks: dict[str, Track | IntervalTrack] = {
        "face_visible": track("face_visible", 1, 0.0),
        "heart_rate_bpm": track("heart_rate_bpm", 1, math.nan, "bpm"),
        "bvp_beat_interval_ms": Track(
            "bvp_beat_interval_ms", "ms", beats_s, intervals_ms, np.ones(len(beats_s))
        ),
        "eda_phasic_us": track("eda_phasic_us", 4, 0.1, "uS"),
        "skin_conductance_responses": IntervalTrack("skin_conductance_responses", responses),
    }
    found = react(tracks)
    quicker = found["heart_rate_acceleration"]
    assert quicker.modality == "blood_volume_pulse"
    assert quicker.value > 1.0
    assert found["heart_rate_deceleration"].value == pytest.approx(0.0, abs=0.1)
    rate = found["skin_conductance_responses"]
    assert rate.value == pytest.approx(60 * (3 / 14.5 - 1 / 10))
    assert rate.coverage == pytest.approx(1.0)


def test_responses_of_the_skin_are_unknown_without_contact() -> None:
    phasic = track("eda_phasic_us", 4, 0.1, "uS")
    phasic.quality[:] = 0.0
    responses = IntervalTrack("skin_conductance_responses", ())
    found = react({"face_visible": FACE, "eda_phasic_us": phasic, responses.name: responses})
    assert math.isnan(found["skin_conductance_responses"].value)
    assert "0%" in found["skin_conductance_responses"].note
