"""Beats: found once each, timed between the samples, never invented; how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.datasets.synthetic.physiology import pulse_wave
from affectfuse.signals.beats import find_beats

RATE_HZ = 30.0


def pulse(beats_s: Array, duration_s: float, snr_db: float, seed: int = 0) -> Array:
    """Return a pulse in noise whose power falls with frequency, as that of a video does."""
    times_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = pulse_wave(times_s, beats_s)
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=len(wave)))
    hz = np.fft.rfftfreq(len(wave), 1.0 / RATE_HZ)
    noise = np.fft.irfft(spectrum * np.where(hz > 0.3, np.maximum(hz, 0.3) ** -0.4, 0.3), len(wave))
    noisy: Array = wave + noise * wave.std() / noise.std() / 10 ** (snr_db / 20)
    return noisy


def regular(heart_rate_bpm: float, duration_s: float) -> Array:
    return np.arange(-2.0, duration_s + 2.0, 60.0 / heart_rate_bpm)


def errors_s(found_s: Array, true_s: Array) -> Array:
    """Return how far each found beat is from its true one, less the delay common to all."""
    offset = found_s[:, None] - true_s
    nearest = offset[np.arange(len(found_s)), np.abs(offset - 0.2).argmin(axis=1)]
    centred: Array = nearest - np.median(nearest)
    return centred


@pytest.mark.parametrize("heart_rate_bpm", [50.0, 72.0, 120.0, 180.0])
def test_regular_beats_are_found_once_each_and_to_a_millisecond(heart_rate_bpm: float) -> None:
    beats_s = regular(heart_rate_bpm, 14.0)
    found = find_beats(pulse(beats_s, 14.0, snr_db=50.0), RATE_HZ, heart_rate_bpm)
    seen = (found.times_s > 1.5) & (found.times_s < 12.5)
    assert abs(np.sum(seen) - 11.0 * heart_rate_bpm / 60.0) <= 1.0
    assert np.nanstd(found.intervals_s[seen]) < 0.001
    assert np.median(found.intervals_s[seen]) == pytest.approx(60.0 / heart_rate_bpm, abs=0.001)
    assert np.all(found.quality[seen] > 0.9)


def test_the_standard_error_is_what_the_instants_err_by() -> None:
    """Root mean squares over rates and noises, within a quarter; noise ten times as weak: less."""
    told = {}
    for snr_db in (4.0, 10.0, 20.0):
        true, stated = [], []
        for seed, heart_rate_bpm in enumerate([55.0, 66.0, 75.0, 80.0, 100.0, 130.0]):
            beats_s = regular(heart_rate_bpm, 14.0)
            found = find_beats(pulse(beats_s, 14.0, snr_db, seed), RATE_HZ, heart_rate_bpm)
            seen = (found.times_s > 1.5) & (found.times_s < 12.5)
            true.append(np.mean(errors_s(found.times_s, beats_s)[seen] ** 2))
            stated.append(found.error_s[0] ** 2)
        told[snr_db] = np.sqrt(np.mean(stated))
        assert told[snr_db] == pytest.approx(np.sqrt(np.mean(true)), rel=0.25)
    assert told[20.0] < 0.35 * told[4.0]


def test_respiration_in_the_rhythm_is_not_taken_for_noise() -> None:
    intervals_s = 0.85 + 0.05 * np.sin(2 * np.pi * 0.25 * 0.85 * np.arange(22))
    found = find_beats(pulse(np.cumsum(intervals_s) - 2.0, 14.0, 40.0), RATE_HZ, 60.0 / 0.85)
    assert found.error_s[0] < 0.004


def test_nothing_is_found_in_a_gap_and_no_interval_crosses_it() -> None:
    bvp = pulse(regular(72.0, 24.0), 24.0, snr_db=25.0)
    gap = slice(round(10.0 * RATE_HZ), round(13.0 * RATE_HZ))
    bvp[gap] = np.nan
    found = find_beats(bvp, RATE_HZ, 72.0)
    assert not np.any((found.times_s > 10.0) & (found.times_s < 13.0))
    assert np.isnan(found.intervals_s[found.times_s > 13.0][0])
    assert np.nanmax(found.intervals_s) < 0.95


def test_a_flat_stretch_breaks_the_sequence() -> None:
    bvp = pulse(regular(72.0, 24.0), 24.0, snr_db=35.0)
    bvp[round(10.0 * RATE_HZ) : round(14.0 * RATE_HZ)] = 0.0
    found = find_beats(bvp, RATE_HZ, 72.0)
    inside = (found.times_s > 10.7) & (found.times_s < 13.3)
    assert not np.any(found.quality[inside] > 0.3)


def test_an_early_beat_and_a_missing_one_are_told() -> None:
    beats_s = regular(60.0, 20.0)
    early = beats_s.copy()
    early[np.argmin(np.abs(early - 9.0))] -= 0.3
    found = find_beats(pulse(early, 20.0, snr_db=40.0), RATE_HZ, 60.0)
    assert np.nanmin(found.intervals_s) == pytest.approx(0.75, abs=0.1)
    assert np.nanmax(found.intervals_s) == pytest.approx(1.25, abs=0.1)
    assert abs(len(found.times_s) - 20) <= 1


@pytest.mark.parametrize(
    "bvp", [np.full(300, np.nan), np.zeros(300), np.ones(20), np.zeros(0), np.arange(300.0)]
)
def test_without_a_pulse_there_are_no_good_beats(bvp: Array) -> None:
    found = find_beats(bvp, RATE_HZ, 70.0)
    assert not np.any(found.quality > 0.5)
    assert len(find_beats(bvp, RATE_HZ, np.nan).times_s) == 0
