"""Beats, variability, respiration and amplitude, tick by tick, from a simulated settled pulse."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectfuse.config import build, load_node
from affectfuse.containers import Array, Track
from affectfuse.datasets.synthetic.physiology import pulse_wave
from affectfuse.extraction import extract, start
from affectfuse.modalities.base import Modality
from affectfuse.modalities.heart_rate import physiology
from affectfuse.modalities.heart_rate.physiology import Physiology, Settled
from affectfuse.recording.reader import open_recording
from affectfuse.signals.pulse_amplitude import SIGNATURE

RATE_HZ = 30.0
SKIN = np.array([170.0, 125.0, 105.0])
WEIGHTS = np.full(4, 0.25)


def face(
    beats_s: Array,
    duration_s: float,
    *,
    noise: float = 0.0004,
    amplitude: float | Array = 0.006,
    breath: Array | float = 0.0,
    seed: int = 0,
) -> Settled:
    """Return the pulse and the colours of four regions; noise in fractions of the colour."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    pulse = amplitude * (1.0 + 0.15 * np.asarray(breath)) * pulse_wave(times_s, beats_s)
    clean = 1.0 - pulse[:, None] * SIGNATURE + 0.004 * np.asarray(breath)[..., None]
    speckle = noise * rng.normal(size=(len(times_s), 4, 3))
    colours = SKIN * (clean[:, None, :] + speckle)
    bvp = pulse + noise * rng.normal(size=len(times_s))
    return Settled(0, bvp, colours, 0.001 * rng.normal(size=(len(times_s), 3)))


def regular(heart_rate_bpm: float, duration_s: float) -> Array:
    return np.arange(-3.0, duration_s + 3.0, 60.0 / heart_rate_bpm)


def ticks(whole: Settled, first: int = 0) -> Iterator[tuple[int, Settled]]:
    """Yield tick after tick what settles with each: 2.1 s behind, as in the extractor."""
    done = 0
    for second in range(1, len(whole.bvp) // round(RATE_HZ) + 3):
        end = min(max(0, round((second - 2.1) * RATE_HZ)), len(whole.bvp))
        part = slice(done, end)
        yield (
            second,
            Settled(first + done, whole.bvp[part], whole.colours[part], whole.motion[part]),
        )
        done = end


def run(
    whole: Settled, heart_rate_bpm: float | Array, model: Physiology | None = None
) -> Mapping[str, Track]:
    model = model or Physiology(RATE_HZ)
    found: dict[str, list[Track]] = defaultdict(list)
    for second, settled in ticks(whole):
        bpm = heart_rate_bpm if np.isscalar(heart_rate_bpm) else heart_rate_bpm[second - 1]  # type: ignore[index]
        bpm = float(bpm) if second >= 5 else np.nan
        for track in model.update(float(second), settled, bpm, 0.9, WEIGHTS, (0, 1, 2)):
            found[track.name].append(track)
    return {name: Track.join(parts) for name, parts in found.items()}


def known(track: Track) -> Array:
    values: Array = track.values[np.isfinite(track.values)]
    return values


@pytest.fixture(scope="module")
def calm() -> Mapping[str, Track]:
    """A perfectly regular pulse that does not breathe."""
    return run(face(regular(72.0, 80.0), 80.0), 72.0)


def test_every_beat_comes_once_and_in_its_place(calm: Mapping[str, Track]) -> None:
    beats = calm["beat_interval_ms"]
    true_s = regular(72.0, 80.0)
    assert np.all(np.diff(beats.times_s) > 0.6)
    assert len(beats.times_s) == pytest.approx(72.0 * 75.0 / 60.0, abs=4)
    delay_s = beats.times_s[:, None] - true_s
    nearest = delay_s[np.arange(len(beats.times_s)), np.abs(delay_s - 0.2).argmin(axis=1)]
    assert np.std(nearest) < 0.01
    assert np.nanmedian(beats.values) == pytest.approx(60_000.0 / 72.0, abs=1.0)
    assert np.isnan(beats.values).sum() <= 1
    assert np.median(beats.quality) > 0.9


@pytest.mark.parametrize(
    ("heart_rate_bpm", "noise"), [(55.0, 0.0003), (72.0, 0.0006), (72.0, 0.001), (110.0, 0.001)]
)
def test_regular_beats_vary_by_at_most_8_ms(heart_rate_bpm: float, noise: float) -> None:
    beats_s = regular(heart_rate_bpm, 70.0)
    found = run(face(beats_s, 70.0, noise=noise, seed=round(heart_rate_bpm)), heart_rate_bpm)
    rmssd = known(found["rmssd_ms"])
    assert len(rmssd) >= 5
    assert np.median(rmssd) <= 8.0
    assert rmssd.max() <= 10.0  # the first windows are of 20 s
    assert known(found["sdnn_ms"]).max() <= 10.0


def test_a_pulse_that_does_not_breathe_has_no_respiration(calm: Mapping[str, Track]) -> None:
    given = []
    for seed in range(3):
        whole = face(regular(66.0, 60.0), 60.0, noise=0.001, seed=seed)
        given.append(np.isfinite(run(whole, 66.0)["respiration_rate_per_min"].values[35:]))
    given.append(np.isfinite(calm["respiration_rate_per_min"].values[35:]))
    assert np.mean(np.concatenate(given)) <= 0.08
    track = calm["respiration_rate_per_min"]
    assert track.note.split("; ") == [
        "respiration needs 30 s of pulse",
        "no respiration shows in the pulse",
    ]


def test_light_and_a_swaying_head_are_no_respiration() -> None:
    """All that changes in the colour of a face at the rate of breathing is no breath by itself."""
    given = []
    for seed in range(4):
        whole = face(regular(66.0, 60.0), 60.0, noise=0.001, seed=seed)
        times_s = np.arange(len(whole.bvp)) / RATE_HZ
        swaying = 1.0 + 0.01 * np.sin(2 * np.pi * 0.3 * times_s)
        whole.colours[:] *= swaying[:, None, None]
        given.append(np.isfinite(run(whole, 66.0)["respiration_rate_per_min"].values[35:]))
    assert np.mean(given) <= 0.08


def test_variability_and_respiration_of_a_breathing_person() -> None:
    at_s = np.arange(-3.0, 95.0, 0.85)
    turns = 2 * np.pi * 0.25
    beats_s = at_s + 0.03 * np.sin(turns * at_s)
    times_s = np.arange(round(90.0 * RATE_HZ)) / RATE_HZ
    breath = np.sin(turns * times_s)
    found = run(face(beats_s, 90.0, breath=breath), 60.0 / 0.85)
    rates = known(found["respiration_rate_per_min"])
    assert len(rates) > 30
    assert np.median(np.abs(rates - 15.0)) < 0.5
    true_ms = 1000.0 * np.sqrt(np.mean(np.diff(beats_s, 2) ** 2))
    assert known(found["rmssd_ms"])[-1] == pytest.approx(true_ms, rel=0.2)
    assert known(found["lf_hf"]).max() < 0.3  # all of it breathes
    too_short = found["lf_hf"].values[: 55 // physiology.VARIABILITY_EVERY]
    assert np.isnan(too_short).all()
    assert "lf_hf needs 55 s of pulse" in found["lf_hf"].note


def test_amplitude_falls_with_the_pulse_and_not_with_the_light() -> None:
    times_s = np.arange(round(60.0 * RATE_HZ)) / RATE_HZ
    amplitude = np.where(times_s < 30.0, 0.006, 0.0048)
    whole = face(regular(72.0, 60.0), 60.0, amplitude=amplitude)
    whole.colours[times_s >= 33.0] *= 0.85
    values = run(whole, 72.0)["pulse_amplitude_percent"]
    before = np.nanmedian(values.values[(values.times_s > 14.0) & (values.times_s <= 31.0)])
    after = np.nanmedian(values.values[values.times_s >= 44.0])
    assert before == pytest.approx(0.6, rel=0.08)
    assert after / before == pytest.approx(0.8, abs=0.05)
    assert np.isfinite(values.values[14:]).mean() > 0.9


def test_amplitude_is_not_read_while_the_head_moves_much() -> None:
    whole = face(regular(72.0, 40.0), 40.0)
    moving = slice(round(20.0 * RATE_HZ), round(26.0 * RATE_HZ))
    whole.motion[moving, 0] += 0.2 * np.sin(np.arange(180) / 5.0)
    track = run(whole, 72.0)["pulse_amplitude_percent"]
    assert np.isnan(track.values[(track.times_s >= 27.0) & (track.times_s <= 29.0)]).all()
    assert "pulse amplitude is not read while the head moves much" in track.note
    assert np.isfinite(track.values[-2:]).all()


def test_a_gap_is_not_bridged_and_beats_go_on() -> None:
    whole = face(regular(72.0, 60.0), 60.0)
    gap = slice(round(25.0 * RATE_HZ), round(30.0 * RATE_HZ))
    whole.bvp[gap], whole.colours[gap] = np.nan, np.nan
    beats = run(whole, 72.0)["beat_interval_ms"]
    assert not np.any((beats.times_s > 25.0) & (beats.times_s < 30.0))
    assert np.isnan(beats.values[beats.times_s > 30.0][0])
    assert np.nanmax(beats.values) < 1000.0


def test_a_doubtful_heart_rate_does_not_double_the_beats() -> None:
    rates = np.full(70, 72.0)
    model = Physiology(RATE_HZ)
    whole = face(regular(72.0, 60.0), 60.0)
    times_s: list[float] = []
    for second, settled in ticks(whole):
        doubtful = 30 <= second < 40
        bpm, sure = (144.0, 0.05) if doubtful else (rates[0], 0.8)
        for track in model.update(float(second), settled, bpm, sure, WEIGHTS, (0, 1, 2)):
            if track.name == "beat_interval_ms":
                times_s += track.times_s.tolist()
    assert np.diff(times_s).min() > 0.7


@pytest.mark.parametrize(
    ("broken", "names"),
    [
        ("heart_rate_variability", {"rmssd_ms", "sdnn_ms", "lf_hf"}),
        ("respiration_rate", {"respiration_rate_per_min"}),
        ("_moves", {"pulse_amplitude_percent"}),
    ],
)
def test_one_failure_leaves_the_others_alone(
    broken: str, names: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(physiology, broken, fail)
    found = run(face(regular(72.0, 40.0), 40.0), 72.0)
    for name, track in found.items():
        planted = "could not be computed (ZeroDivisionError: planted)" in track.note
        assert planted == (name in names)
        assert not planted or np.isnan(track.values[-1])
    assert np.isfinite(found["beat_interval_ms"].values).sum() > 30


def test_nothing_but_missing_samples_is_nothing_known() -> None:
    whole = face(regular(72.0, 40.0), 40.0)
    whole.bvp[:], whole.colours[:], whole.motion[:] = np.nan, np.nan, np.nan
    for bpm in (np.nan, 72.0):
        found = run(whole, bpm)
        assert "beat_interval_ms" not in found
        for track in found.values():
            assert np.isnan(track.values).all()
            assert not track.quality.any()
            assert track.note


def test_it_neither_holds_nor_takes_more_with_time() -> None:
    """Its own time a tick, the quickest of many, in the third minute and in the second."""
    minute = face(regular(60.0, 60.0), 60.0)
    model = Physiology(RATE_HZ)
    sizes, took_s, second = [], [], 0
    for _ in range(3):
        for part in np.split(np.arange(len(minute.bvp)), 60):
            second += 1
            settled = Settled(
                (second - 1) * 30, minute.bvp[part], minute.colours[part], minute.motion[part]
            )
            began_s = time.thread_time()
            list(model.update(float(second), settled, 60.0, 0.9, WEIGHTS, (0, 1, 2)))
            took_s.append(time.thread_time() - began_s)
            assert model._held is not None
            sizes.append((len(model._held.bvp), len(model._beats)))
    assert max(sizes[70:]) <= (13 * 30, 62)
    assert min(took_s[120:]) < 2 * min(took_s[60:120])


def test_a_camera_trace_gives_all_of_it(tmp_path: Path) -> None:
    """A finger on the lens: only red is lit; the rows are jittered in time."""
    rng = np.random.default_rng(2)
    times_s = np.cumsum(rng.uniform(0.028, 0.039, 2100))
    pulse = pulse_wave(times_s, regular(75.0, 75.0))
    red = 230.0 * (1.0 - 0.012 * pulse) + rng.normal(0.0, 0.1, len(times_s))
    rows = [f"{1000 * t:.0f},{r:.3f},0.0,0.1" for t, r in zip(times_s, red, strict=True)]
    path = tmp_path / "PPG.csv"
    path.write_text("time,R,G,B\n" + "\n".join(rows))
    modalities = {"heart_rate": build(load_node("modality", "heart_rate"), Modality)}  # type: ignore[type-abstract]
    found: dict[str, list[Track]] = defaultdict(list)
    with open_recording(path) as recording:
        for reading in extract(recording.observations(), modalities, start(modalities)):
            if isinstance(reading, Track):
                found[reading.name].append(reading)
    tracks = {name: Track.join(parts) for name, parts in found.items()}
    rate = tracks["heart_rate_bpm"]
    assert np.nanmedian(rate.values) == pytest.approx(75.0, abs=0.5)
    assert np.median(rate.quality) > 0.5
    assert np.nanmedian(tracks["beat_interval_ms"].values) == pytest.approx(800.0, abs=3.0)
    assert known(tracks["rmssd_ms"])[-1] <= 8.0
    assert np.nanmedian(tracks["pulse_amplitude_percent"].values) == pytest.approx(1.2, rel=0.1)
    assert not np.isfinite(tracks["face_visible"].values).any()


@pytest.mark.shared_data
@pytest.mark.parametrize("subject", ["subject_05", "subject_06", "subject_10"])
def test_beats_of_a_real_finger_agree_with_a_chest_strap(shared_data: Path, subject: str) -> None:
    """Over 10 s before each second, at the lag of the clocks that fits best."""
    folder = shared_data / "welltory" / subject
    strap_ms = np.array((folder / "RR.txt").read_text().split(), dtype=float)
    modalities = {"heart_rate": build(load_node("modality", "heart_rate"), Modality)}  # type: ignore[type-abstract]
    parts = []
    with open_recording(folder / "PPG.csv") as recording:
        for reading in extract(recording.observations(), modalities, start(modalities)):
            if isinstance(reading, Track) and reading.name == "beat_interval_ms":
                parts.append(reading)
    beats = Track.join(parts)
    good = np.isfinite(beats.values) & (beats.quality >= 0.5)
    ends_s = np.arange(14.0, beats.times_s[-1])

    def rates(times_s: Array, intervals_ms: Array) -> Array:
        inside = (times_s > ends_s[:, None] - 10.0) & (times_s <= ends_s[:, None])
        count = inside.sum(axis=1)
        mean_ms = (inside * intervals_ms).sum(axis=1) / np.maximum(count, 1)
        found: Array = np.where(count >= 3, 60_000.0 / np.maximum(mean_ms, 1.0), np.nan)
        return found

    ours = rates(beats.times_s[good], beats.values[good])
    strap_s = np.cumsum(strap_ms) / 1000.0
    lags = np.arange(-4.0, 4.01, 0.1)
    errors = [np.nanmedian(np.abs(ours - rates(strap_s + lag, strap_ms))) for lag in lags]
    assert min(errors) <= 0.7
    assert np.isfinite(ours).mean() > 0.9
