"""Amplitude of the pulse in the colours of the skin, whatever the light does meanwhile."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from affectfuse.containers import Array

__all__ = ["SIGNATURE", "PulseFit", "fit_pulse"]

SIGNATURE = np.array([0.33, 0.77, 0.53]) / 0.77
"""Strength of the pulse in red, green and blue over that in green (Wang et al. 2017)."""

_HARMONICS = 2
_BAND = (0.5, 4.0)
_RIDGE = 0.1
_LEAST_BEATS = 4
_LEAST_SHARE = 0.6
_STEP_REACH_S = 0.2
_LEAST_STEP = 0.03
_STEP_DEVIATIONS = 8.0
_MOST_STEPS = 2


@dataclass(frozen=True, slots=True, eq=False)
class PulseFit:
    """The pulse in each of several signals over some seconds, and the noise beside it.

    Signals are summed with the weights of least variance among those that return a pulse of a given
    signature as it is. The sum is linear and its gain for the pulse fixed, unlike the ratio of
    deviations inside POS and CHROM, which follows the amplitude and destroys it; a change of the
    light, common to all signals, has a large variance and is cancelled.

    Attributes:
        waves: (wave, signal) amplitudes of cosine and sine of each harmonic of the beats, in
            fractions of the mean colour.
        noise: (signal, signal) covariance of what is left over, in the pulse's band.
        spread: (wave, wave) covariance of the amplitudes for noise of variance 1.

    Reference:
        de Haan, van Leest (2014), Improved motion robustness of remote-PPG by using the blood
        volume pulse signature, Physiological Measurement 35(9). DOI 10.1088/0967-3334/35/9/1913.
        Deviation: the covariance is that of the noise alone, so that the amplitude is kept.
    """

    waves: Array
    noise: Array
    spread: Array

    def only(self, signals: slice) -> PulseFit:
        """Return the fit of some of the signals."""
        return PulseFit(self.waves[:, signals], self.noise[signals, signals], self.spread)

    def weights(self, signature: Array) -> Array:
        """Return the weights (signal,) of least noise that sum a signature (signal,) to 1."""
        noise = self.noise + np.diag(_RIDGE * np.diag(self.noise) + 1e-18)
        weights = np.linalg.solve(noise, signature)
        return np.asarray(weights / float(weights @ signature))

    def amplitude_percent(self, signature: Array) -> tuple[float, float]:
        """Return the peak-to-peak amplitude in % of the mean, and its standard error.

        Args:
            signature: (signal,) strength of the pulse in each over that in the one whose amplitude
                is asked for.
        """
        weights = self.weights(signature)
        turn = np.stack(_waves(np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)))
        beat = weights @ self.waves.T @ turn
        direction = turn[:, beat.argmax()] - turn[:, beat.argmin()]
        variance = float(direction @ self.spread @ direction)
        variance *= float(weights @ self.noise @ weights)
        return 100.0 * float(np.ptp(beat)), 100.0 * math.sqrt(max(variance, 0.0))


def fit_pulse(colours: Array, rate_hz: float, beats_s: Array, joined: Array) -> PulseFit | None:
    """Fit the pulse to the logarithm of each signal, by least squares under a sine taper.

    Together with two harmonics of the beats' phase all that is slower than half the heart rate is
    fitted, and a step at every sudden change of the light.

    Args:
        colours: (time, signal) mean colours of skin over some seconds, NaN where missing.
        rate_hz: of `colours`.
        beats_s: (beat,) seconds after the first sample.
        joined: (beat,) whether each follows the beat before directly: what lies between others is
            not used.

    Returns:
        None with fewer than four beats, or where they cover less than 60 % of the time.
    """
    count = len(colours)
    logs = np.log(np.where(colours > 0.0, colours, np.nan))
    known = np.isfinite(logs).all(axis=1)
    known &= _between_joined(np.arange(count) / rate_hz, beats_s, joined)
    steps = _steps(logs.mean(axis=1), rate_hz)
    for at in steps:
        known &= np.abs(np.arange(count) - at) > _STEP_REACH_S * rate_hz
    if len(beats_s) < _LEAST_BEATS or known.sum() < _LEAST_SHARE * count:
        return None
    turns = np.interp(np.arange(count) / rate_hz, beats_s, np.arange(len(beats_s)))
    low_hz, high_hz = np.array(_BAND) / float(np.median(np.diff(beats_s)))
    bins_hz = np.arange(count) * rate_hz / (2.0 * count)
    half_turns = np.pi * (np.arange(count) + 0.5) / count
    slow = np.cos(np.outer(np.arange(np.sum(bins_hz < low_hz)), half_turns))
    stepped = [(np.arange(count) > at).astype(float) for at in steps]
    taper = np.sin(half_turns)[known, None]
    design = np.stack([*_waves(2.0 * np.pi * turns), *slow, *stepped], axis=1)[known] * taper
    spread = np.linalg.pinv(design.T @ design, hermitian=True)
    signals = (logs[known] - logs[known].mean(axis=0)) * taper
    fitted = spread @ (design.T @ signals)
    rest = np.zeros(logs.shape)
    rest[known] = signals - design @ fitted
    beside = dct(rest, axis=0, norm="ortho")[(bins_hz > low_hz) & (bins_hz < high_hz)]
    waves = 2 * _HARMONICS
    # The fit has taken as many directions out of the noise, and so will the weights.
    free = max(1, len(beside) - waves - logs.shape[1])
    return PulseFit(fitted[:waves], beside.T @ beside / free, spread[:waves, :waves])


def _waves(phase: Array) -> list[Array]:
    """Return cosine and sine of each harmonic."""
    return [wave(k * phase) for k in range(1, _HARMONICS + 1) for wave in (np.cos, np.sin)]


def _between_joined(times_s: Array, beats_s: Array, joined: Array) -> Array:
    """Return which times lie between a beat and the one that follows it directly."""
    if not len(beats_s):
        return np.zeros(len(times_s), bool)
    after = np.searchsorted(beats_s, times_s, side="right")
    inside = (after > 0) & (after < len(beats_s))
    return np.asarray(inside & joined[np.clip(after, 0, len(beats_s) - 1)])


def _steps(brightness: Array, rate_hz: float) -> list[int]:
    """Return the samples at which the light suddenly changed: by 3 %, and far more than usual."""
    reach = max(1, round(_STEP_REACH_S * rate_hz))
    change = np.abs(brightness[2 * reach :] - brightness[: -2 * reach])
    if not np.isfinite(change).any():
        return []
    limit = max(_LEAST_STEP, _STEP_DEVIATIONS * float(np.nanmedian(change)))
    change = np.nan_to_num(change, nan=0.0)
    found: list[int] = []
    while len(found) < _MOST_STEPS and change.max() > limit:
        at = int(np.argmax(change))
        found.append(at + reach)
        change[max(0, at - 2 * reach) : at + 2 * reach + 1] = 0.0
    return found
