"""Heart beats in a pulse waveform, timed between its samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.beat_timing import fit_instants, timing_error

__all__ = ["RIGHT_WITHIN_S", "Beats", "find_beats"]

RIGHT_WITHIN_S = 0.05

_UPSAMPLING = 8
_HIGHEST_HZ = 7.0
_NOISE_MARGIN = 2.0
_LEAST_BEATS = 3.0
_REGULARITY = 3.0
_RESTART = 1.5
_MOST_STRENGTH = 1.5
_SHORTEST, _LONGEST = 0.45, 1.9


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Beats in order of time.

    Attributes:
        times_s: (beat,) seconds after the first sample: the steepest part of the systolic upstroke.
        intervals_s: (beat,) since the beat before; NaN where that one is missing.
        quality: (beat,) in [0, 1]: the probability that the noise shifts an interval by less than
            50 ms, times the likeness of the wave around the beat to that of the others.
        error_s: (beat,) standard error of the instant by the noise of the waveform.
    """

    times_s: Array
    intervals_s: Array
    quality: Array
    error_s: Array


def find_beats(bvp: Array, sampling_rate_hz: float, heart_rate_bpm: float) -> Beats:
    """Find the beats of a waveform of some seconds.

    The waveform is band-passed from half the heart rate up to where the pulse sinks into the noise
    (a Wiener gain from the spectrum itself), interpolated band-limited to eight times its rate, and
    differentiated. Every steep rise is a candidate; the sequence of candidates that best joins
    steepness with even spacing, by dynamic programming, is the beats. Where no candidate fits, the
    sequence is broken: no beat is invented, and none reaches across missing samples. Their instants
    are then fitted with the mean beat (see `beat_timing`).

    Args:
        bvp: (time,) rising with blood volume, NaN where missing.
        sampling_rate_hz: of `bvp`.
        heart_rate_bpm: about what it is throughout: beats may come 0.45 to 1.9 times its interval
            apart. NaN finds none.

    Reference:
        Ellis (2007), Beat tracking by dynamic programming, Journal of New Music Research 36(1).
        DOI 10.1080/09298210701653344. Deviation: works on candidates, and may break off.
    """
    beat_s = 60.0 / heart_rate_bpm if heart_rate_bpm > 0.0 else math.nan
    parts = [(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0))]
    for first, last in _runs(np.isfinite(bvp)):
        if (last - first) / sampling_rate_hz >= _LEAST_BEATS * beat_s:
            times_s, joined, quality, error_s = _in_run(bvp[first:last], sampling_rate_hz, beat_s)
            intervals_s = np.where(joined, np.diff(times_s, prepend=math.nan), math.nan)
            error = np.full(len(times_s), error_s)
            parts.append((times_s + first / sampling_rate_hz, intervals_s, quality, error))
    return Beats(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _runs(known: Array) -> list[tuple[int, int]]:
    """Return begin and end of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(int)))
    return [(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _in_run(values: Array, rate_hz: float, beat_s: float) -> tuple[Array, Array, Array, float]:
    """Return times, whether joined to the beat before, quality and error, without gaps."""
    gain = _gain(values - values.mean(), rate_hz, 1.0 / beat_s)
    wave, slope = _filtered(values, rate_hz, gain)
    rising = (slope[1:-1] > slope[:-2]) & (slope[1:-1] >= slope[2:]) & (slope[1:-1] > 0.0)
    at = np.flatnonzero(rising) + 1
    if len(at) == 0:
        return np.zeros(0), np.zeros(0, bool), np.zeros(0), math.inf
    fine_hz = rate_hz * _UPSAMPLING
    chosen, joined = _best_sequence(at / fine_hz, slope[at], beat_s)
    instants, mean_beat, likeness = fit_instants(wave, at[chosen], beat_s * fine_hz)
    times_s = instants / fine_hz
    error_s = timing_error(values, rate_hz, times_s, beat_s, mean_beat, fine_hz, gain)
    right = math.erf(RIGHT_WITHIN_S / (2.0 * error_s)) if error_s > 0.0 else 1.0
    return times_s, joined, likeness * right, error_s


def _filtered(values: Array, rate_hz: float, gain: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return the waveform and its derivative, filtered and upsampled."""
    count = len(values)
    ramp = np.linspace(values[0], values[-1], count)
    odd = np.concatenate([values - ramp, -(values - ramp)[::-1]])  # periodic without a step
    frequencies_hz = np.fft.rfftfreq(2 * count, 1.0 / rate_hz)
    spectrum = np.fft.rfft(odd) * np.interp(frequencies_hz, *gain) * _UPSAMPLING
    size = 2 * count * _UPSAMPLING
    wave = np.fft.irfft(spectrum, size)[: size // 2]
    slope = np.fft.irfft(spectrum * 2j * np.pi * frequencies_hz, size)[: size // 2]
    return wave, slope


def _gain(values: Array, rate_hz: float, beat_hz: float) -> tuple[Array, Array]:
    """Return frequencies_hz and at each the gain 1 - noise / power, within the pulse's band.

    The noise counts as white, twice as strong as where the smoothed spectrum is lowest.
    """
    size = 1 << math.ceil(math.log2(4 * len(values)))
    power = np.abs(np.fft.rfft(values * np.hanning(len(values)), size)) ** 2
    frequencies_hz = np.fft.rfftfreq(size, 1.0 / rate_hz)
    taper = np.hanning(max(3, round(beat_hz * size / rate_hz)) + 2)
    smooth = np.convolve(power, taper / taper.sum(), "same")
    band = (frequencies_hz >= 0.7 * beat_hz) & (frequencies_hz <= 0.47 * rate_hz)
    noise = _NOISE_MARGIN * float(smooth[band].min()) if band.any() else 0.0
    gain = np.maximum(1.0 - noise / np.maximum(smooth, 1e-300), 0.0)
    rise = np.clip((frequencies_hz / beat_hz - 0.4) / 0.3, 0.0, 1.0)
    fall = np.clip(min(_HIGHEST_HZ, 0.45 * rate_hz) - frequencies_hz, 0.0, 1.0)
    return frequencies_hz, gain * np.sin(0.5 * np.pi * rise) ** 2 * fall


def _best_sequence(times_s: Array, steepness: Array, beat_s: float) -> tuple[Array, Array]:
    """Return the indices of the best sequence and whether each follows the one before directly."""
    count = max(1, round((times_s[-1] - times_s[0]) / beat_s))
    typical = float(np.median(np.sort(steepness)[-count:]))
    strength = np.minimum(steepness / typical, _MOST_STRENGTH)
    score, before = strength.copy(), np.full(len(times_s), -1)
    joined = np.zeros(len(times_s), bool)
    far, late = -1, 0  # the best of those too long ago to be joined; the first that is not
    for i in range(len(times_s)):
        while times_s[i] - times_s[late] > _LONGEST * beat_s:
            far = late if far < 0 or score[late] > score[far] else far
            late += 1
        if far >= 0 and score[far] > _RESTART:
            score[i], before[i] = strength[i] + score[far] - _RESTART, far
        near = np.arange(late, i)
        near = near[times_s[i] - times_s[near] >= _SHORTEST * beat_s]
        if len(near):
            uneven = np.log((times_s[i] - times_s[near]) / beat_s)
            chain = strength[i] + score[near] - _REGULARITY * uneven**2
            best = int(np.argmax(chain))
            if chain[best] > score[i]:
                score[i], before[i], joined[i] = chain[best], near[best], True
    path = [int(np.argmax(score))]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    chosen = np.array(path[::-1])
    return chosen, joined[chosen]
