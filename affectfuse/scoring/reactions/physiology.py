"""Channels of the body: heart rate, pulse amplitude, respiration, skin conductance, cardio."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.scoring.reactions.channels import MODALITIES, Channel, Measured, Sources
from affectfuse.scoring.reactions.series import Series, highest, largest_rise
from affectfuse.scoring.reactions.windows import Moments, Windows

__all__ = ["CARDIO", "ELECTRODERMAL", "RESPIRATION", "physiology"]

ELECTRODERMAL = ("eda_us", "eda", "electrodermal_activity")
RESPIRATION = ("respiration", "resp")
CARDIO = ("cardio", "blood_pressure_mmhg")
"""Names that the track of a raw signal may have; the first that is there is read."""

_HEART = (
    ("beat_interval_ms", "heart_rate_bpm"),
    ("bvp_beat_interval_ms", "bvp_heart_rate_bpm"),
)
"""Beats and heart rate, of the camera, else of a contact sensor."""

_FINEST_S = 0.1
_CARDIO_SMOOTHING_S = 3.0
_POSSIBLE_MS = (250.0, 2500.0)
_GOOD_BEAT = 0.5
_PULSE_BEFORE_S = 3.0
_PULSE_AFTER_S = (5.0, 10.0)


def physiology(sources: Sources) -> Iterator[Channel]:
    """Yield the channels that the session's tracks allow.

    `heart_rate_deceleration` and `heart_rate_acceleration`: the mean before the onset less the
    lowest, and the highest less that mean, of the moving means over `heart_rate_smoothing_s` in
    the window; from the intervals between beats where there are, else from the heart rate.
    `pulse_amplitude`: mean of the 5 s from 5 s after the onset over the mean of the 3 s before it.
    `respiration_line_length`: path of the respiration's waveform over the whole window.
    `electrodermal_rise` and `cardio_rise`: the largest rise from a begin that is neither too
    early nor too late to a peak within the window; of cardio in its moving means over 3 s, which
    hold no pulse.
    """
    windows = sources.windows
    heart = _heart_rate(sources)
    if heart is not None:
        for name, sign in (("deceleration", -1), ("acceleration", 1)):
            smoothing_s = sources.heart_rate_smoothing_s
            yield _heart_rate_extreme(f"heart_rate_{name}", sign, *heart, smoothing_s, windows)
    amplitude = sources.series("pulse_amplitude_percent")
    if amplitude is not None:
        yield _pulse_amplitude(amplitude)
    for name in RESPIRATION:
        waveform = sources.series(name)
        if waveform is not None:
            yield _line_length(waveform, name, sources.unit(name), windows)
            break
    conductance = _conductance(sources)
    if conductance is not None:
        modality = "electrodermal_activity"
        yield _rise("electrodermal_rise", modality, "uS", conductance, windows)
    for name in CARDIO:
        pressure = sources.series(name)
        if pressure is not None:
            smooth = pressure.smoothed(_CARDIO_SMOOTHING_S)
            yield _rise("cardio_rise", "cardio", sources.unit(name), smooth, windows)
            break


def _heart_rate(sources: Sources) -> tuple[Series, str] | None:
    """Return the heart rate, from beats where there are, and what it was measured by."""
    unknown = None
    for beats_name, rate_name in _HEART:
        beats = sources.tracks.get(beats_name)
        if isinstance(beats, Track):
            low, high = _POSSIBLE_MS
            good = (beats.values >= low) & (beats.values <= high) & (beats.quality >= _GOOD_BEAT)
            if good.any():
                interval_ms = np.where(good, beats.values, np.nan)
                spans_s = np.nan_to_num(interval_ms) / 1000.0
                return Series(beats.times_s, 60000.0 / interval_ms, spans_s), MODALITIES[beats_name]
        rate = sources.series(rate_name)
        if rate is not None and rate.ends_s is not None:
            return rate, MODALITIES[rate_name]
        if rate is not None and unknown is None:
            unknown = rate, MODALITIES[rate_name]
    return unknown


def _heart_rate_extreme(
    name: str, sign: int, rate: Series, modality: str, smoothing_s: float, windows: Windows
) -> Channel:
    half_s = smoothing_s / 2
    step_s = smoothing_s / 6 if smoothing_s > 0 else min(rate.step_s or _FINEST_S, _FINEST_S)
    centres_s = np.arange(windows.delay_s + half_s, windows.window_s - half_s + 1e-9, step_s)
    smooth = rate.smoothed(smoothing_s) if smoothing_s > 0 else rate

    def measure(moments: Moments) -> Measured:
        onsets_s = moments.onsets_s
        before, before_share = rate.mean(onsets_s - windows.baseline_s, onsets_s)
        _, share = rate.mean(onsets_s + windows.delay_s, onsets_s + windows.window_s)
        furthest = highest(smooth, moments, centres_s, sign)
        return Measured(sign * (furthest - before), before_share, share)

    length_s = windows.window_s - windows.delay_s
    return Channel(name, modality, "bpm", 1, False, windows.baseline_s, length_s, measure)


def _pulse_amplitude(amplitude: Series) -> Channel:
    first_s, last_s = _PULSE_AFTER_S

    def measure(moments: Moments) -> Measured:
        onsets_s = moments.onsets_s
        before, before_share = amplitude.mean(onsets_s - _PULSE_BEFORE_S, onsets_s)
        after, after_share = amplitude.mean(onsets_s + first_s, onsets_s + last_s)
        positive = (before > 0) & (after > 0)
        ratio = np.where(positive, after / np.where(positive, before, 1.0), np.nan)
        return Measured(ratio, before_share, after_share)

    return Channel(
        "pulse_amplitude",
        MODALITIES["pulse_amplitude_percent"],
        "after / before",
        -1,
        True,
        _PULSE_BEFORE_S,
        last_s - first_s,
        measure,
    )


def _line_length(waveform: Series, track: str, unit: str, windows: Windows) -> Channel:
    speed = waveform.speed()

    def measure(moments: Moments) -> Measured:
        onsets_s = moments.onsets_s
        mean, share = speed.mean(onsets_s, onsets_s + windows.window_s)
        return Measured(mean * windows.window_s, np.ones(len(moments)), share)

    name = "respiration_line_length"
    modality = MODALITIES.get(track, "respiration")
    return Channel(
        name, modality, unit, -1, True, 0.0, windows.window_s, measure, own_baseline=False
    )


def _conductance(sources: Sources) -> Series | None:
    for name in ELECTRODERMAL:
        series = sources.series(name)
        if series is not None:
            return series
    tonic, phasic = (sources.tracks.get(f"eda_{part}_us") for part in ("tonic", "phasic"))
    if not isinstance(tonic, Track) or not isinstance(phasic, Track):
        return None
    # The two are the conductance, smoothed and taken apart.
    whole = _together(tonic, phasic)
    return Series(tonic.times_s, whole)


def _together(tonic: Track, phasic: Track) -> Array:
    if len(tonic.times_s) == len(phasic.times_s) and np.allclose(tonic.times_s, phasic.times_s):
        return np.asarray(tonic.values + phasic.values)
    return np.full(len(tonic.times_s), np.nan)


def _rise(
    name: str, modality: str, unit: str, series: Series, windows: Windows, sign: Literal[1] = 1
) -> Channel:
    def measure(moments: Moments) -> Measured:
        onsets_s = moments.onsets_s
        _, share = series.mean(onsets_s + windows.delay_s, onsets_s + windows.window_s)
        rise = largest_rise(series, moments, windows.delay_s, windows.window_s)
        return Measured(rise, np.ones(len(moments)), share)

    length_s = windows.window_s - windows.delay_s
    return Channel(name, modality, unit, sign, True, 0.0, length_s, measure)
