"""What a window of skin colours says about the pulse."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.matched_filter import AdaptiveMatchedFilter
from affectfuse.signals.spectra import hann_spectrum

__all__ = ["PULSE_RGB", "PulseSpectrum", "SkinSeries", "skin_series"]

PULSE_RGB = np.array([0.33, 0.77, 0.53]) / 0.77
"""Relative strength of the pulse in red, green and blue, green being 1, for white light and a
common camera (de Haan and van Leest 2014, DOI 10.1088/0967-3334/35/9/1913)."""

DETREND_S = 3.0
RESOLUTION_HZ = 0.01
LANDMARK_NOISE = 0.003
"""Jitter of the head's place and size as the landmarks give it, in interocular distances."""
_LEAST_GAIN = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class SkinSeries:
    """Skin colours and head motion over time, trends removed.

    A camera without colour gives three times the same: then a region has one channel.

    Attributes:
        values: (channel, time) in AC/DC, region after region, NaN where missing.
        motion: (time, 3) centre and logarithm of size of the head, 0 where missing.
        signature: (channel,) what more blood by 1 (AC/DC in green) does to it: colours fall.
        per_region: how many channels a region has.
        sampling_rate_hz: of both.
    """

    values: Array
    motion: Array
    signature: Array
    per_region: int
    sampling_rate_hz: float

    def newest(self, count: int) -> SkinSeries:
        """Return the last `count` samples."""
        values, motion = self.values[:, -count:], self.motion[-count:]
        return SkinSeries(values, motion, self.signature, self.per_region, self.sampling_rate_hz)

    def without_motion(self, coupling: Array) -> SkinSeries:
        """Return it less what the motion adds, `coupling` (3, channel)."""
        values = self.values - (self.motion @ coupling).T
        return SkinSeries(
            values, self.motion, self.signature, self.per_region, self.sampling_rate_hz
        )

    def combine(self, weights: Array) -> Array:
        """Return the pulse (time,) in AC/DC of green, rising with blood volume.

        Weights (channel,) that sum to the gain of the channels that are there; NaN where they
        pass too little of the pulse.
        """
        known = np.isfinite(self.values)
        gain = (weights * self.signature) @ known
        enough = gain >= _LEAST_GAIN
        total = weights @ np.where(known, self.values, 0.0)
        return np.where(enough, total / np.where(enough, gain, 1.0), np.nan)


def skin_series(
    colours: Array, motion: Array, sampling_rate_hz: float, chromatic: bool = True
) -> SkinSeries:
    """Return the series of mean colours (time, region, R G B) and head motion (time, 3)."""
    used = colours if chromatic else colours[:, :, 1:2]
    logarithms = np.log(np.maximum(used.reshape(len(used), -1), 1.0))
    moving = np.nan_to_num(remove_trend(motion, sampling_rate_hz, DETREND_S), nan=0.0)
    return SkinSeries(
        remove_trend(logarithms, sampling_rate_hz, DETREND_S).T,
        moving,
        np.tile(-PULSE_RGB if chromatic else -np.ones(1), used.shape[1]),
        used.shape[2],
        sampling_rate_hz,
    )


class PulseSpectrum:
    """The spectrum of one window under an adaptive matched filter.

    What moves with the head is first regressed out, as far as the motion exceeds the jitter of
    landmarks (ridge regression). Then, at each frequency, the filter weighs regions and channels by
    the noise beside it: green where compression has blurred the colours, differences of colours
    where light or motion moves all channels together, a region only as far as it is quiet.

    Args:
        window: the newest seconds.
        highest_bpm: end of the band; the spectrum reaches to its second harmonic.

    Attributes:
        frequencies_hz: (frequency,).
        statistic: (frequency,) power of the pulse over the noise around it.
        sway: (frequency,) power of the head's motion over that of the landmarks' jitter.
        coupling: (3, channel) what was regressed out of the window.
        steady: the window without it.
    """

    def __init__(self, window: SkinSeries, highest_bpm: float) -> None:
        moving = window.motion
        ridge = len(moving) * LANDMARK_NOISE**2 * np.eye(moving.shape[1])
        with_colour = moving.T @ np.nan_to_num(window.values.T, nan=0.0)
        self.coupling: Array = np.linalg.solve(moving.T @ moving + ridge, with_colour)
        self.steady = window.without_motion(self.coupling)
        rate_hz, highest_hz = window.sampling_rate_hz, 2.05 * highest_bpm / 60.0
        self._filter = AdaptiveMatchedFilter(
            self.steady.values,
            window.signature,
            rate_hz,
            highest_hz,
            RESOLUTION_HZ,
            rival=np.ones_like(window.signature) if window.per_region > 1 else None,
            per_group=window.per_region,
        )
        self.frequencies_hz = self._filter.frequencies_hz
        self.statistic = self._filter.statistic
        _, moved = hann_spectrum(moving.T, rate_hz, RESOLUTION_HZ)
        power = np.abs(moved[:, : len(self.frequencies_hz)]) ** 2
        self.sway: Array = power.sum(axis=0) / LANDMARK_NOISE**2

    def weights(self, heart_rate_bpm: float) -> Array:
        """Return the best combination of the channels at a rate, for `SkinSeries.combine`."""
        return self._filter.weights(heart_rate_bpm / 60.0)

    def power(self, heart_rate_bpm: float) -> Array:
        """Return the power (frequency,) of the pulse that the weights at a rate make."""
        power: Array = np.abs(self.weights(heart_rate_bpm) @ self._filter.spectra) ** 2
        return power

    def amplitude(self, heart_rate_bpm: float) -> float:
        """Return the amplitude of the pulse at a rate, AC/DC of green, from all channels."""
        spectra = self._filter.spectra[:, self._bin(heart_rate_bpm)]
        return float(np.abs(self.weights(heart_rate_bpm) @ spectra))

    def regions(self, heart_rate_bpm: float, regions: slice) -> Array:
        """Return what each region adds to the pulse at a rate: (region,) complex."""
        added = self.weights(heart_rate_bpm) * self._filter.spectra[:, self._bin(heart_rate_bpm)].T
        parts: Array = added.reshape(-1, self.steady.per_region).sum(axis=1)[regions]
        return parts

    def _bin(self, heart_rate_bpm: float) -> int:
        return round(heart_rate_bpm / 60.0 / float(self.frequencies_hz[1]))
