"""Amplitude of the pulse in the colour of the skin, whatever the light does meanwhile."""

from __future__ import annotations

import math

import numpy as np

from affectfuse.containers import Array

__all__ = ["SIGNATURE", "pulse_amplitude_percent"]

SIGNATURE = np.array([0.33, 0.77, 0.53]) / 0.77
"""Strength of the pulse in red, green and blue over that in green (Wang et al. 2017)."""

_HARMONICS = 2
_TREND = 3
_RIDGE = 0.02
_LEAST_BEATS = 4
_LEAST_SHARE = 0.6
_STEP_REACH_S = 0.2
_LEAST_STEP = 0.03
_STEP_DEVIATIONS = 8.0
_MOST_STEPS = 2


def pulse_amplitude_percent(
    colours: Array, signature: Array, rate_hz: float, beats_s: Array, joined: Array
) -> tuple[float, float]:
    """Return the peak-to-peak amplitude of the pulse in % of the mean, and its standard error.

    Two harmonics of the beats' phase, a cubic trend and a step at every sudden change of the light
    are fitted together to the logarithm of each channel, by least squares under a sine taper. What
    is left over is noise, and tells how the channels are best summed: with the weights of least
    variance among those that return a pulse of the given signature as it is. Their sum is linear
    and its gain for the pulse fixed, unlike the ratio of deviations inside POS and CHROM, which
    follows the amplitude and destroys it; a change of the light, common to all channels, has a
    large variance and is cancelled.

    Args:
        colours: (time, channel) mean colours of skin over some seconds, NaN where missing.
        signature: (channel,) strength of the pulse in each over that in the channel whose
            amplitude is asked for: `SIGNATURE` for a face, whose answer is that of green.
        rate_hz: of `colours`.
        beats_s: (beat,) seconds after the first sample.
        joined: (beat,) whether each follows the beat before directly: what lies between others is
            not used.

    Returns:
        NaN and infinity with fewer than four beats or where they cover less than 60 % of the time.

    Reference:
        de Haan, van Leest (2014), Improved motion robustness of remote-PPG by using the blood
        volume pulse signature, Physiological Measurement 35(9). DOI 10.1088/0967-3334/35/9/1913.
        Deviation: the covariance is that of the noise alone, so that the amplitude is kept.
    """
    count = len(colours)
    logs = np.log(np.where(colours > 0.0, colours, np.nan))
    usable = np.isfinite(logs).all(axis=1)
    steps = _steps(logs.mean(axis=1), rate_hz)
    known = usable & _between_joined(np.arange(count) / rate_hz, beats_s, joined)
    for at in steps:
        known &= np.abs(np.arange(count) - at) > _STEP_REACH_S * rate_hz
    if len(beats_s) < _LEAST_BEATS or known.sum() < _LEAST_SHARE * count:
        return math.nan, math.inf
    phase = 2.0 * np.pi * np.interp(np.arange(count) / rate_hz, beats_s, np.arange(len(beats_s)))
    place = np.linspace(-1.0, 1.0, count)
    columns = [*_waves(phase), *(place**power for power in range(_TREND + 1))]
    columns += [(np.arange(count) > at).astype(float) for at in steps]
    taper = np.sin(np.pi * (np.arange(count) + 0.5) / count)[known, None]
    design = np.stack(columns, axis=1)[known] * taper
    signals = logs[known] * taper
    fitted, *_ = np.linalg.lstsq(design, signals, rcond=None)
    rest = signals - design @ fitted
    noise = rest.T @ rest / len(rest)
    noise += _RIDGE * (np.trace(noise) / len(noise) + 1e-18) * np.eye(len(noise))
    weights = np.linalg.solve(noise, signature)
    weights = weights / float(weights @ signature)

    turn = np.stack(_waves(np.linspace(0.0, 2.0 * np.pi, 64, endpoint=False)))
    beat = weights @ fitted[: len(turn)].T @ turn
    direction = turn[:, beat.argmax()] - turn[:, beat.argmin()]
    spread = np.linalg.pinv(design.T @ design)[: len(turn), : len(turn)]
    variance = float(direction @ spread @ direction) * float(weights @ noise @ weights)
    return 100.0 * float(np.ptp(beat)), 100.0 * math.sqrt(max(variance, 0.0))


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
