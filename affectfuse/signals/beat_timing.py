"""The instants of beats fitted with their mean, and how far noise can have shifted them."""

from __future__ import annotations

import math

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import savgol_filter

from affectfuse.containers import Array

__all__ = ["fit_instants", "timing_error"]

_REACH = (0.3, 0.25)
_SEARCH = 0.12
_ROUNDS = 2
_LEAST_FITTED = 3
_PER_BEAT = 16
_HARMONICS = 6
_LOW_SHARE = 0.3
_SMOOTHED_BEATS = 7


def fit_instants(wave: Array, at: Array, period: float) -> tuple[Array, Array, Array]:
    """Return the instants at which the mean beat fits best, that mean beat, and the likeness to it.

    The mean beat spans 0.3 of a period before the instant and 0.25 after it: the upstroke and its
    surroundings, whose timing depends least on the length of the beat. A beat's instant is where it
    correlates best within 0.12 of a period, read between the samples by a parabola; and once more
    with the mean of the beats so aligned.

    Args:
        wave: (time,) filtered waveform.
        at: (beat,) samples near which the beats are.
        period: length of a beat in samples.

    Returns:
        (beat,) instants in samples; (time,) the mean beat, empty where fewer than three beats lie
        inside the wave, whose instants then stay; (beat,) likeness in [0, 1]: the correlation with
        the mean beat, less where the beat is smaller than half or larger than twice it; 0 at the
        ends, where it is not seen whole.
    """
    before, after = (round(share * period) for share in _REACH)
    reach = max(2, round(_SEARCH * period))
    exact, rows = at.astype(float), np.arange(len(at))
    inside = (at - before - reach >= 0) & (at + after + reach <= len(wave) - 1)
    if inside.sum() < _LEAST_FITTED:
        return exact, np.zeros(0), np.zeros(len(at))
    grid, offsets = np.arange(len(wave)), np.arange(-before - reach, after + reach + 1)
    mean = np.zeros(0)
    for _ in range(_ROUNDS):
        pieces = np.interp(exact[:, None] + offsets, grid, wave)
        mean = pieces[inside, reach:-reach].mean(axis=0)
        mean = mean - mean.mean()
        fit = np.lib.stride_tricks.sliding_window_view(pieces, len(mean), axis=1) @ mean
        best = np.clip(np.argmax(fit, axis=1), 1, fit.shape[1] - 2)
        left, middle, right = fit[rows, best - 1], fit[rows, best], fit[rows, best + 1]
        bend = left - 2.0 * middle + right
        between = np.clip(0.5 * (left - right) / np.where(bend < 0.0, bend, -np.inf), -1.0, 1.0)
        shift = best - reach + between
        exact = exact + shift - shift[inside].mean()  # all of them together stay in their place
    pieces = np.interp(exact[:, None] + offsets[reach:-reach], grid, wave)
    pieces = pieces - pieces.mean(axis=1, keepdims=True)
    energy = max(float(mean @ mean), 1e-300)
    size = pieces @ mean / energy
    correlation = size * math.sqrt(energy) / np.maximum(np.linalg.norm(pieces, axis=1), 1e-300)
    usual = 2.0 * np.minimum(size, 1.0 / np.maximum(size, 1e-3))
    likeness: Array = np.clip(correlation, 0.0, 1.0) * np.clip(usual, 0.0, 1.0) * inside
    return exact, mean, likeness


def timing_error(
    values: Array,
    rate_hz: float,
    times_s: Array,
    beat_s: float,
    mean_beat: Array,
    fine_hz: float,
    gain: tuple[Array, Array],
) -> float:
    """Return the standard error, in seconds, that the waveform's noise gives a fitted instant.

    The noise is read where the pulse is not: between its harmonics, once time is counted in beats
    (of their smoothed rhythm, so that a changing heart rate does not smear them); there from the
    lower part of the periodogram, so that a modulation by respiration does not count as noise. Its
    spectrum and that of the mean beat's slope give the variance of a shift fitted by least squares.

    Args:
        values: (time,) the waveform before it was filtered.
        rate_hz: of `values`.
        times_s: (beat,) of its beats.
        beat_s: typical interval.
        mean_beat: (time,) as `fit_instants` returns it.
        fine_hz: sampling rate of `mean_beat`.
        gain: frequencies_hz and the gain of the filter at each.

    Returns:
        Infinity where there are fewer than seven beats or no mean beat.
    """
    if len(times_s) < _SMOOTHED_BEATS or not len(mean_beat):
        return math.inf
    rhythm_s = savgol_filter(times_s, _SMOOTHED_BEATS, 2)
    count = len(times_s) - 1
    phases = np.arange(count * _PER_BEAT) / _PER_BEAT
    at_s = CubicSpline(np.arange(count + 1), rhythm_s)(phases)
    turned = CubicSpline(np.arange(len(values)) / rate_hz, values)(at_s)
    taper = np.hanning(len(turned) + 2)[1:-1]
    power = np.abs(np.fft.rfft((turned - turned.mean()) * taper)) ** 2 / (taper @ taper)
    per_beat = np.fft.rfftfreq(len(turned), 1.0 / _PER_BEAT)
    # The power of noise is exponentially distributed: a quantile tells its mean.
    to_mean = -1.0 / math.log(1.0 - _LOW_SHARE)
    between = np.arange(_HARMONICS) + 0.5
    noise = [np.quantile(power[np.abs(per_beat - at) < 0.25], _LOW_SHARE) for at in between]
    density = np.maximum(np.array(noise) * to_mean, 1e-300) * beat_s / _PER_BEAT

    size = 1 << math.ceil(math.log2(4 * len(mean_beat)))
    frequencies_hz = np.fft.rfftfreq(size, 1.0 / fine_hz)
    slope = np.abs(np.fft.rfft(np.gradient(mean_beat) * fine_hz, size)) ** 2
    spectrum = np.exp(np.interp(frequencies_hz * beat_s, between, np.log(density)))
    spectrum = spectrum * np.interp(frequencies_hz, *gain) ** 2
    variance = float(spectrum @ slope) * fine_hz * size / (2.0 * float(slope.sum()) ** 2)
    return math.sqrt(variance)
