"""Skin conductance (electrodermal activity): its slow level, and the responses that ride on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import moving_sum, remove_trend

__all__ = ["SETTLES_S", "Responses", "find_responses", "tonic_and_phasic"]

_SMOOTHING_S = 1.0
_TREND_S = 12.0
_LONGEST_RISE_S = 8.0
_GENTLE = 0.1

SETTLES_S = _TREND_S / 2.0 + _SMOOTHING_S
"""How far from the end of a signal its tonic and phasic parts no longer depend on what follows."""


@dataclass(frozen=True, slots=True, eq=False)
class Responses:
    """Skin conductance responses in order of time.

    Attributes:
        onsets_s: (response,) seconds after the first sample: the trough before the rise.
        peaks_s: (response,) likewise.
        amplitudes: (response,) from trough to peak, in the unit of the signal.
    """

    onsets_s: Array
    peaks_s: Array
    amplitudes: Array


def tonic_and_phasic(conductance: Array, sampling_rate_hz: float) -> tuple[Array, Array]:
    """Return the slow level and what rides on it, in the unit of the signal.

    Both are of the signal smoothed over 1 s; the level is its centred moving mean over 12 s, so
    that the phasic part is a high-pass with half its gain at 0.05 Hz, without delay.

    Shape: (time,) -> (time,), (time,); NaN stays NaN.
    """
    smooth = _smoothed(conductance, sampling_rate_hz)
    phasic = remove_trend(smooth, sampling_rate_hz, _TREND_S)
    return smooth - phasic, phasic


def find_responses(conductance: Array, sampling_rate_hz: float, least: float) -> Responses:
    """Find rises from a trough to a peak by at least `least`, in the signal smoothed over 1 s.

    The onset is where the slope passes a tenth of the steepest: what rises more gently before is a
    drift, and so is a rise longer than 8 s. None reaches across missing samples, and a response
    depends on nothing later than the first smoothed sample after its peak.

    Args:
        conductance: (time,), NaN where missing.
        sampling_rate_hz: of `conductance`.
        least: amplitude, in the unit of the signal; 0.01 to 0.05 uS are usual.

    Reference:
        Boucsein (2012), Electrodermal activity, 2nd ed., doi:10.1007/978-1-4614-1126-0. The
        amplitude is measured from the trough, the tail of the response before not taken off.
    """
    smooth = _smoothed(conductance, sampling_rate_hz)
    steps = np.diff(smooth)
    rising = np.where(np.isfinite(steps), steps > 0.0, False)
    falling = np.where(np.isfinite(steps), steps <= 0.0, False)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rising, [False]]).astype(int)))
    begins, ends = edges[::2], edges[1::2]
    seen = (ends < len(steps)) & (begins > 0)
    begins, ends = begins[seen], ends[seen]
    turned = falling[ends] & falling[begins - 1]
    onsets = [_onset(steps, run) for run in zip(begins.tolist(), ends.tolist(), strict=True)]
    begins = np.array(onsets, int)
    amplitudes = smooth[ends] - smooth[begins]
    short = ends - begins <= _LONGEST_RISE_S * sampling_rate_hz
    kept = turned & short & (amplitudes >= least)
    return Responses(
        begins[kept] / sampling_rate_hz, ends[kept] / sampling_rate_hz, amplitudes[kept]
    )


def _onset(steps: Array, run: tuple[int, int]) -> int:
    """Return where a rise becomes steep: before that it may be a drift."""
    begin, end = run
    rise = steps[begin:end]
    steepest = int(np.argmax(rise))
    gentle = np.flatnonzero(rise[:steepest] <= _GENTLE * rise[steepest])
    return begin + int(gentle[-1]) + 1 if len(gentle) else begin


def _smoothed(values: Array, rate_hz: float) -> Array:
    """Return the centred moving mean over about 1 s of the samples that exist."""
    half = max(1, round(_SMOOTHING_S * rate_hz / 2.0))
    known = np.isfinite(values)
    total = moving_sum(np.pad(np.where(known, values, 0.0), half), 2 * half + 1)
    count = moving_sum(np.pad(known.astype(float), half), 2 * half + 1)
    smooth: Array = np.where(known, total / np.maximum(count, 1.0), np.nan)
    return smooth
