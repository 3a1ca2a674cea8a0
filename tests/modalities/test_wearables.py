"""What the four modalities of a wristband read from signals whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from modalities.sensors import make, run_whole, samples_of, signal, track_of

from affectfuse.containers import Array, IntervalTrack
from affectfuse.errors import ConfigError
from affectfuse.modalities.blood_volume_pulse import BloodVolumePulse
from affectfuse.signals.skin_conductance import tonic_and_phasic


def features(name: str, times_s: Array, values: Array) -> dict[str, Array]:
    """Each feature's difference from the past over the samples that have one."""
    modality = make(name)
    names = modality.reader().features
    samples = [s for s in samples_of(run_whole(modality, times_s, values)) if s.quality > 0]
    table = np.stack([s.array for s in samples])
    return {
        "time_s": np.array([s.offset_s for s in samples]),
        **dict(zip(names, table.T, strict=True)),
    }


# ------------------------------------------------------------------ electrodermal activity


def test_conductance_level_counts_in_ratios() -> None:
    times_s, values = signal("electrodermal_activity", 300.0)
    modality = make("electrodermal_activity")
    doubled = np.where(times_s[:, None] > 200.0, 2.0 * values, values)
    one = features("electrodermal_activity", times_s, values)
    two = features("electrodermal_activity", times_s, doubled)
    at = np.flatnonzero(one["time_s"] == 265.0)
    rise = two["log_level_us"][at] - one["log_level_us"][at]
    assert rise == pytest.approx(np.log(2.0), abs=0.03)
    assert modality.sample_shape == (7,)


def test_responses_and_slopes_show() -> None:
    times_s = np.arange(0, 300, 0.25)
    rng = np.random.default_rng(0)
    quiet = 2.0 + rng.normal(0, 0.001, len(times_s))
    after_s = np.where(times_s > 200.0, times_s % 12.0, 50.0)
    busy = quiet + 0.4 * (np.exp(-after_s / 4.0) - np.exp(-after_s / 0.8))
    found = features("electrodermal_activity", times_s, busy[:, None])
    last, before = found["time_s"] == 265.0, found["time_s"] == 195.0
    assert found["root_responses"][last] == pytest.approx(np.sqrt(5), abs=0.3)
    assert found["root_responses"][before] == 0.0
    assert found["log_phasic_us"][last] > 1.0
    rising = quiet + np.where(times_s > 200.0, 0.002 * (times_s - 200.0), 0.0)
    found = features("electrodermal_activity", times_s, rising[:, None])
    per_min = 100.0 * 0.002 * 60.0 / (2.06 + 0.05)
    assert found["slope_percent_per_min"][last] == pytest.approx(per_min, rel=0.1)


def test_streamed_tracks_are_those_of_the_whole_signal() -> None:
    times_s, values = signal("electrodermal_activity", 300.0)
    readings = run_whole(make("electrodermal_activity"), times_s, values)
    tonic, phasic = tonic_and_phasic(values[:, 0], 4.0)
    for name, whole in (("eda_tonic_us", tonic), ("eda_phasic_us", phasic)):
        track = track_of(readings, name)
        np.testing.assert_allclose(np.diff(track.times_s), 0.25, rtol=0, atol=1e-9)
        inside = (track.times_s > 20) & (track.times_s < 280)
        expected = whole[np.round(track.times_s[inside] * 4).astype(int)]
        # The grid's cells are means over the interpolated readings.
        np.testing.assert_allclose(track.values[inside], expected, rtol=0, atol=0.01)


def test_each_response_is_given_once() -> None:
    times_s, values = signal("electrodermal_activity", 300.0)
    readings = run_whole(make("electrodermal_activity"), times_s, values)
    found = IntervalTrack.join([r for r in readings if isinstance(r, IntervalTrack)]).intervals
    large = [i for i in found if i.values["amplitude_us"] > 0.1]
    onsets_s = np.array([i.onset_s for i in large])
    expected_s = 17.0 * np.arange(1, 18)  # the last one, too, 11 s before the end
    np.testing.assert_allclose(onsets_s, expected_s, rtol=0, atol=1.0)


def test_conductance_is_told_to_its_end_and_once() -> None:
    times_s, values = signal("electrodermal_activity", 97.3)
    track = track_of(run_whole(make("electrodermal_activity"), times_s, values), "eda_tonic_us")
    assert track.times_s[-1] == times_s[-1]
    np.testing.assert_allclose(np.diff(track.times_s), 0.25, rtol=0, atol=1e-9)


def test_electrodes_without_contact_are_of_no_quality() -> None:
    times_s, values = signal("electrodermal_activity", 200.0)
    off = np.where(times_s[:, None] > 100, 0.001 * values, values)
    samples = {
        s.offset_s: s for s in samples_of(run_whole(make("electrodermal_activity"), times_s, off))
    }
    assert samples[165.0].quality == 0.0
    flat = samples_of(run_whole(make("electrodermal_activity"), times_s, np.ones_like(values)))
    assert all(sample.quality == 0.0 for sample in flat)


# ------------------------------------------------------------------------- temperature


def test_temperature_level_slope_and_unrest() -> None:
    times_s = np.arange(0, 300, 0.25)
    rng = np.random.default_rng(0)
    cooling = 34.0 - np.where(times_s > 200.0, 0.36 * (times_s - 200.0) / 60.0, 0.0)
    found = features("skin_temperature", times_s, cooling[:, None])
    last = found["time_s"] == 260.0
    assert found["root_slope"][last] == pytest.approx(-0.6, abs=0.02)
    assert found["level_degc"][last] == pytest.approx(-0.18, abs=0.01)
    noisy = 34.0 + np.where(times_s > 200.0, 0.1, 0.01) * rng.normal(0, 1, len(times_s))
    found = features("skin_temperature", times_s, noisy[:, None])
    assert found["log_unrest_degc"][last] == pytest.approx(np.log(10.0), abs=0.7)
    assert abs(found["level_degc"][last]) < 0.05
    track = track_of(
        run_whole(make("skin_temperature"), times_s, cooling[:, None]), "skin_temperature_degc"
    )
    assert track.values[0] == pytest.approx(34.0, abs=1e-6)


def test_a_band_on_the_table_is_of_no_quality() -> None:
    times_s = np.arange(0, 200, 0.25)
    room = np.full((len(times_s), 1), 18.5)
    assert all(
        s.quality == 0.0 for s in samples_of(run_whole(make("skin_temperature"), times_s, room))
    )


# ---------------------------------------------------------------------------- movement


def test_movement_is_read_in_g() -> None:
    times_s = np.arange(0, 120, 1 / 32)
    waving = np.stack([0.2 * np.sin(2 * np.pi * times_s), 0 * times_s, 1 + 0 * times_s], axis=1)
    track = track_of(run_whole(make("movement"), times_s, waving), "movement_g")
    assert track.values[-2] == pytest.approx(0.2 / np.sqrt(2), rel=0.05)


def test_bands_tell_movements_apart() -> None:
    times_s = np.arange(0, 300, 1 / 32)
    rng = np.random.default_rng(0)
    still = np.tile([0.0, 0.6, 0.8], (len(times_s), 1)) + rng.normal(0, 0.002, (len(times_s), 3))
    late = (times_s > 200.0)[:, None]
    feature = {0.3: "log_strong_sway_g", 1.1: "log_strong_gestures_g", 8.0: "log_tremor_g"}
    for hz, name in feature.items():
        shaking = still + 0.1 * late * np.sin(2 * np.pi * hz * times_s)[:, None] * [1, 0.5, 0]
        found = features("movement", times_s, shaking)
        last = found["time_s"] == 265.0
        rises = {other: float(found[other][last][0]) for other in feature.values()}
        assert max(rises, key=lambda other: rises[other]) == name
        assert rises[name] > 2.0
        if hz == 1.1:
            assert found["active_share"][last] == pytest.approx(1.0, abs=0.02)


def test_how_the_band_is_worn_does_not_matter() -> None:
    times_s, values = signal("movement", 200.0)
    turn, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    one = samples_of(run_whole(make("movement"), times_s, values))
    two = samples_of(run_whole(make("movement"), times_s, values @ turn))
    for sample, turned in zip(one, two, strict=True):
        np.testing.assert_allclose(sample.array, turned.array, rtol=0, atol=2e-3)


# ---------------------------------------------------------------------------- the pulse


def test_heart_rate_beats_and_amplitude() -> None:
    times_s = np.arange(0, 240, 1 / 64)
    rate_hz = np.where(times_s < 140, 1.1, 1.5)
    turns = np.cumsum(rate_hz) / 64
    strength = np.where(times_s < 140, 40.0, 20.0)
    wave = strength * (np.sin(2 * np.pi * turns) + 0.4 * np.sin(4 * np.pi * turns - 1.0))
    wave += np.random.default_rng(0).normal(0, 2, len(wave))
    readings = run_whole(make("blood_volume_pulse"), times_s, wave[:, None])
    rate = track_of(readings, "bvp_heart_rate_bpm")
    early, late = (rate.times_s > 30) & (rate.times_s < 140), rate.times_s > 160
    np.testing.assert_allclose(rate.values[early], 66.0, rtol=0, atol=1.0)
    np.testing.assert_allclose(rate.values[late], 90.0, rtol=0, atol=1.0)
    beats = track_of(readings, "bvp_beat_interval_ms")
    assert (np.diff(beats.times_s) > 0.5).all()
    late = beats.times_s > 160
    assert np.nanmedian(beats.values[late]) == pytest.approx(1000 / 1.5, abs=5)
    assert late.sum() == pytest.approx(1.5 * (beats.times_s[-1] - 160), abs=2)
    found = features("blood_volume_pulse", times_s, wave[:, None])
    last = found["time_s"] == 235.0
    assert found["heart_rate_bpm"][last] == pytest.approx(24.0, abs=1.0)
    assert found["log_amplitude"][last] == pytest.approx(np.log(0.5), abs=0.1)


def test_the_unit_of_the_pulse_does_not_matter() -> None:
    times_s, values = signal("blood_volume_pulse", 180.0)
    one = samples_of(run_whole(make("blood_volume_pulse"), times_s, values))
    two = samples_of(run_whole(make("blood_volume_pulse"), times_s, 0.001 * values + 5.0))
    for sample, other in zip(one, two, strict=True):
        np.testing.assert_allclose(sample.array, other.array, rtol=0, atol=0.05)
        assert sample.quality == pytest.approx(other.quality, abs=0.02)


def test_noise_has_less_quality_than_a_pulse() -> None:
    times_s, values = signal("blood_volume_pulse", 160.0)
    noise = np.random.default_rng(2).normal(0, 30, values.shape)
    clear, none = (
        np.mean(
            [s.quality for s in samples_of(run_whole(make("blood_volume_pulse"), times_s, v))[-3:]]
        )
        for v in (values, noise)
    )
    assert clear > 0.8
    assert none < 0.35
    flat = samples_of(run_whole(make("blood_volume_pulse"), times_s, np.ones_like(values)))
    assert all(sample.quality == 0.0 for sample in flat)


def test_an_impossible_band_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"band_bpm is \[90, 60\]"):
        make("blood_volume_pulse", band_bpm=[90.0, 60.0])
    assert isinstance(make("blood_volume_pulse"), BloodVolumePulse)


def test_as_neurokit_does() -> None:
    neurokit2 = pytest.importorskip("neurokit2")
    rate_hz = 64
    simulated = neurokit2.ppg_simulate(
        duration=120, sampling_rate=rate_hz, heart_rate=76, ibi_randomness=0.1,
        powerline_amplitude=0, burst_number=0, random_state=1,
    )  # fmt: skip
    _, info = neurokit2.ppg_peaks(
        neurokit2.ppg_clean(simulated, sampling_rate=rate_hz), sampling_rate=rate_hz
    )
    theirs_s = info["PPG_Peaks"] / rate_hz
    times_s = np.arange(len(simulated)) / rate_hz
    readings = run_whole(make("blood_volume_pulse"), times_s, np.asarray(simulated)[:, None])
    ours = track_of(readings, "bvp_beat_interval_ms")
    inside = (theirs_s > 10) & (theirs_s < 110)
    nearest = np.array([np.abs(ours.times_s - t).min() for t in theirs_s[inside]])
    assert (nearest < 0.35).all()  # theirs are peaks, ours the steepest rise before
    expected_ms = 1000 * np.median(np.diff(theirs_s))
    assert np.nanmedian(ours.values) == pytest.approx(expected_ms, rel=0.02)
