"""References and protocols on planted signals: aligned in time, gaps counted, nothing invented."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from evaluation.planted import RATE_HZ, TOOLBOX, example, track

from affectfuse.config import build, load_node, names
from affectfuse.containers import Array, Track
from affectfuse.errors import ConfigError
from affectfuse.evaluation.base import Compared, HeartRateProtocol
from affectfuse.evaluation.references import reference_heart_rate

SECONDS = np.arange(1.0, 61.0)
FINE_S = np.arange(1800) / RATE_HZ


def protocol(name: str, **changes: Any) -> HeartRateProtocol:
    node = load_node("evaluation", name)
    return build(node | changes, HeartRateProtocol)  # type: ignore[type-abstract]


def rate_at(time_s: Array) -> Array:
    """A heart rate that rises from 60 by 0.5 bpm a second."""
    return 60.0 + 0.5 * time_s


def beats(until_s: float) -> Array:
    """Beats of that heart rate: the phase 60 t + t^2 / 4, in minutes, at whole numbers."""
    number = np.arange(0, int(until_s + until_s**2 / 240) + 1)
    return -120.0 + np.sqrt(120.0**2 + 240.0 * number)


def intervals() -> Track:
    times_s = beats(60.0)
    return track("beat_interval_ms", times_s[1:], 1000 * np.diff(times_s))


def pulse(bpm: float, times_s: Array = FINE_S) -> Track:
    return track("bvp", times_s, np.sin(2 * np.pi * bpm / 60 * times_s), 0.5)


def mean_before(time_s: Array, window_s: float = 10.0) -> Array:
    """The mean of `rate_at` over the window before, which begins with the recording."""
    return rate_at((time_s + np.maximum(time_s - window_s, 0.0)) / 2)


def windows(window_s: float = 10.0) -> tuple[Array, Array]:
    ends = SECONDS[4:]
    return np.maximum(ends - window_s, 0.0), ends


@pytest.mark.parametrize(
    ("reference", "tolerance"),
    [
        (intervals(), 0.1),
        (track("heart_rate_bpm", FINE_S, rate_at(FINE_S)), 0.02),
        (track("heart_rate_bpm", SECONDS, rate_at(SECONDS - 0.5)), 0.15),
    ],
    ids=["beats", "sensor", "slow sensor"],
)
def test_a_rising_heart_rate_is_averaged_over_the_window(
    reference: Track, tolerance: float
) -> None:
    found = reference_heart_rate({reference.name: reference}, reference.name, *windows(), 0.5)
    assert found == pytest.approx(mean_before(windows()[1]), abs=tolerance)


@pytest.mark.parametrize("bpm", [48.3, 71.9, 166.2])
def test_the_pulse_waveform_gives_its_frequency(bpm: float) -> None:
    found = reference_heart_rate({"bvp": pulse(bpm)}, "bvp", *windows(), 0.5)
    assert found == pytest.approx(bpm, abs=0.6)


def test_a_reference_that_is_mostly_missing_or_faulty_is_not_known() -> None:
    values = rate_at(FINE_S)
    quality = np.where((FINE_S > 20) & (FINE_S < 32), 0.0, 1.0)
    faulty = track("heart_rate_bpm", FINE_S, values, quality)
    missing = track("heart_rate_bpm", FINE_S, np.where(quality > 0, values, np.nan))
    for reference in (faulty, missing):
        found = reference_heart_rate({"heart_rate_bpm": reference}, reference.name, *windows(), 0.5)
        known = np.isfinite(found)
        ends = windows()[1]
        assert not known[(ends > 25.1) & (ends < 36.9)].any()
        assert known[(ends < 24.9) | (ends > 37.1)].all()
    gone = pulse(70.0).between(0.0, 20.0)
    found = reference_heart_rate({"bvp": gone}, "bvp", *windows(), 0.5)
    assert np.isfinite(found).sum() == 20  # seconds 5 to 24


def estimated(values: Array, bvp: Track | None = None) -> dict[str, Track]:
    confidence = np.linspace(0.0, 1.0, len(values))
    heart_rate = track("heart_rate_bpm", SECONDS[: len(values)], values, confidence)
    return {"heart_rate_bpm": heart_rate, "bvp": bvp or track("bvp", [], [])}


def test_an_estimate_of_its_own_window_has_no_error() -> None:
    """And one that is 5 s late has the error of 5 s: estimate and reference are aligned."""
    late = mean_before(np.maximum(SECONDS - 5.0, 0.0))
    for values, error in ((mean_before(SECONDS), 0.0), (late, -2.5)):
        found = protocol("affectfuse").compare(estimated(values), {"beat_interval_ms": intervals()})
        assert found.times_s.tolist() == SECONDS[4:].tolist()
        assert found.reference == "beat_interval_ms"
        settled = found.times_s > 15.5
        off = (found.estimate_bpm - found.reference_bpm)[settled]
        assert off == pytest.approx(error, abs=0.1)
        assert found.confidence == pytest.approx(np.linspace(0.0, 1.0, 60)[4:])


def test_a_second_without_an_estimate_stays_and_one_without_a_reference_goes() -> None:
    values = np.where(SECONDS == 30.0, np.nan, 70.0)
    reference = track("heart_rate_bpm", FINE_S, np.where(FINE_S < 40, 70.0, np.nan))
    found = protocol("affectfuse").compare(estimated(values), {"heart_rate_bpm": reference})
    assert found.times_s.tolist() == list(range(5, 45))
    assert found.times_s[np.isnan(found.estimate_bpm)].tolist() == [30.0]


def test_waveforms_of_the_window_give_snr_and_macc() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=len(FINE_S))
    wave = np.where(FINE_S < 30, pulse(72.0).values, noise)
    wave[(FINE_S > 45) & (FINE_S < 54)] = np.nan
    found = protocol("affectfuse").compare(
        estimated(np.full(60, 72.0), track("bvp", FINE_S, wave)), {"bvp": pulse(72.0)}
    )
    assert (found.snr_db[found.times_s == 25] > 8).all()
    assert (found.macc[found.times_s == 25] > 0.99).all()
    assert (found.snr_db[found.times_s == 42] < 2).all()
    assert (found.macc[found.times_s == 42] < 0.7).all()
    assert np.isnan(found.snr_db[found.times_s == 54]).all()
    assert np.isnan(found.macc[found.times_s == 54]).all()


def test_the_first_known_reference_is_taken() -> None:
    made = protocol("affectfuse")
    unknown = track("heart_rate_bpm", SECONDS, np.full(60, np.nan))
    assert made.usable({"heart_rate_bpm": unknown, "bvp": pulse(70.0)}) == "bvp"
    assert made.usable({"heart_rate_bpm": unknown, "respiration": pulse(15.0)}) is None
    assert made.usable({"bvp": track("bvp", FINE_S, FINE_S, 0.0)}) is None
    chosen = protocol("affectfuse", references=["bvp"])
    assert chosen.usable({"beat_interval_ms": intervals()}) is None


# ------------------------------------------------------------------------------- the Toolbox's


def rows(found: Compared) -> list[tuple[float, ...]]:
    columns = (found.reference_bpm, found.estimate_bpm, found.snr_db, found.macc)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_the_toolbox_protocol_gives_the_toolboxs_figures() -> None:
    times_s = np.arange(900) / RATE_HZ
    wave, label = (track("bvp", times_s, values, 0.5) for values in example())
    tracks = estimated(np.full(30, 70.0), wave)
    whole = protocol("toolbox").compare(tracks, {"bvp": label})
    assert rows(whole) == [pytest.approx(TOOLBOX[0, 900], rel=1e-9)]
    assert whole.confidence == pytest.approx(0.5)
    parts = rows(protocol("toolbox", window_s=10.0).compare(tracks, {"bvp": label}))
    assert len(parts) == 3
    assert parts[0] == pytest.approx(TOOLBOX[0, 300], rel=1e-9)
    assert parts[1] == pytest.approx(TOOLBOX[300, 600], rel=1e-9)


def test_the_toolbox_protocol_reads_the_label_at_the_estimates_times() -> None:
    fine_s = np.arange(0.0, 62.0, 1 / 62)
    found = protocol("toolbox").compare(
        estimated(np.full(60, 70.0), pulse(90.0, 2.0 + FINE_S[:1500])), {"bvp": pulse(90.0, fine_s)}
    )
    assert found.macc[0] > 0.99
    assert found.estimate_bpm[0] == found.reference_bpm[0] == pytest.approx(90.0, abs=0.5)


def test_the_toolbox_protocol_counts_what_was_not_estimated() -> None:
    wave = np.where((FINE_S >= 20) & (FINE_S < 40), np.nan, pulse(72.0).values)
    tracks = estimated(np.full(60, 72.0), track("bvp", FINE_S, wave))
    found = protocol("toolbox", window_s=20.0).compare(tracks, {"bvp": pulse(72.0)})
    assert np.isfinite(found.reference_bpm).all()
    assert np.isnan(found.estimate_bpm).tolist() == [False, True, False]
    nothing = protocol("toolbox").compare(estimated(np.full(60, np.nan)), {"bvp": pulse(72.0)})
    assert np.isnan(nothing.estimate_bpm).tolist() == [True]
    assert nothing.reference_bpm == pytest.approx(72.0, abs=1.0)


# ------------------------------------------------------------------------------------ configs


def test_there_are_protocols() -> None:
    assert {"affectfuse", "toolbox"} <= set(names("evaluation"))


@pytest.mark.parametrize("name", names("evaluation"))
def test_a_protocol_describes_itself_with_its_parameters(name: str) -> None:
    assert protocol(name).name == name
    said = " ".join(protocol(name, band_hz=[0.71, 2.9]).describe({"bvp": 2}))
    assert f"rotocol {name}" in said
    assert "0.71 to 2.9 Hz" in said


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("affectfuse", {"window_s": 0.0}, "window_s is 0"),
        ("affectfuse", {"references": ["bpv"]}, "Did you mean 'bvp'"),
        ("affectfuse", {"band_hz": [3.0, 1.0]}, "two rising frequencies"),
        ("toolbox", {"least_known": 0.0}, "must lie in"),
        ("toolbox", {"window_s": -1.0}, "give seconds, or null"),
    ],
)
def test_parameters_out_of_range_are_refused(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        protocol(name, **changes)
