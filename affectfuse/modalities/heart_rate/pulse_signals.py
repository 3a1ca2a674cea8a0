"""The signals a pulse network reads: regions' colours and the head's motion, normalised."""

from __future__ import annotations

import math

import numpy as np
from scipy.signal import lfilter

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.regions import MOTION, SKIN

__all__ = ["N_CHANNELS", "PULSE_CHANNELS", "pulse_signals"]

PULSE_CHANNELS = tuple(
    [f"{region}_{colour}" for region in SKIN for colour in ("red", "green", "blue")]
    + [f"motion_{axis}" for axis in MOTION]
    + [f"{region}_present" for region in SKIN]
)
"""Rows of the signals: colour in percent and motion in hundredths of an interocular distance, less
their running means; and whether each region is there, 1 or 0."""
N_CHANNELS = len(PULSE_CHANNELS)

_MEAN_S = 1.0
_LARGEST = 20.0


def pulse_signals(colours: Array, motion: Array, rate_hz: float) -> Array:
    """Return the normalised signals, float32 (channel, time), channels as in `PULSE_CHANNELS`.

    The logarithm of colour, times 100, less its exponential running mean over the second before:
    a change in percent, whatever the skin and the light. Causal. What is missing is 0.

    Args:
        colours: (time, region, channel) of the skin, NaN where missing.
        motion: (time, 3), NaN where missing.
        rate_hz: of the uniform grid.
    """
    count = len(colours)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithms = np.log(colours).reshape(count, -1)
    present = np.isfinite(colours).all(axis=-1)
    changes = 100.0 * _less_running_mean(np.concatenate([logarithms, motion], axis=1), rate_hz)
    rows = np.concatenate([np.clip(changes, -_LARGEST, _LARGEST), present], axis=1)
    return np.ascontiguousarray(rows.T, dtype=np.float32)


def _less_running_mean(values: Array, rate_hz: float) -> Array:
    """Return values (time, channel) less their exponential running means; 0 where not finite."""
    known = np.isfinite(values)
    filled = np.where(known, values, 0.0)
    keep = math.exp(-1.0 / (_MEAN_S * rate_hz))
    total = lfilter([1.0], [1.0, -keep], filled, axis=0)
    weight = lfilter([1.0], [1.0, -keep], known.astype(float), axis=0)
    return np.where(known, filled - total / np.maximum(weight, 1e-9), 0.0)
