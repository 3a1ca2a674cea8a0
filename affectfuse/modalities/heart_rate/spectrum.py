"""The spectrum of the pulse, fused over the regions of the skin."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.spectra import band_median, hann_spectrum

__all__ = ["FusedSpectrum", "fuse", "pulse_amplitude"]

RESOLUTION_HZ = 0.01
DETREND_S = 1.6
LANDMARK_NOISE = 0.003
"""Jitter of the head's place and size as the landmarks give it, in interocular distances."""
LOWEST_HZ = 0.6


@dataclass(frozen=True, slots=True, eq=False)
class FusedSpectrum:
    """What one window says about the pulse.

    Attributes:
        frequencies_hz: (frequency,) from 0 to twice the highest heart rate.
        pulses: (region, time) in units of each region's noise, motion and trend removed.
        sampling_rate_hz: of `pulses`.
        spectra: (region, frequency) complex, of `pulses`.
        gains: (region,) the weights the regions were summed with, of norm 1; 0 where missing.
        power: (frequency,) of the weighted sum.
        ratio: (frequency,) that power over the noise floor around it.
        sway: (frequency,) power of the head's motion over that of the landmarks' jitter.
        weights: (region,) the same weights for the pulses in their own unit, summing to 1.
    """

    frequencies_hz: Array
    pulses: Array
    sampling_rate_hz: float
    spectra: Array
    gains: Array
    power: Array
    ratio: Array
    sway: Array
    weights: Array


def fuse(
    pulses: Array, motion: Array, sampling_rate_hz: float, highest_bpm: float, near_bpm: float
) -> FusedSpectrum:
    """Return the fused spectrum of one window.

    What moves with the head is regressed out of each pulse, as far as the motion exceeds the jitter
    of landmarks (ridge regression). Each spectrum is divided by its region's noise (median power in
    the band) and summed coherently, because all skin pulses in phase and noise does not; the weight
    of a region is its signal-to-noise ratio where all of them together peak, within 5 bpm of
    `near_bpm` when there is one. The floor is a geometric mean, 3 to 1, of the running median of
    the power over 1.6 Hz and the median of the band: the first alone is erratic beside a strong
    pulse.

    Args:
        pulses: (region, time) pulse waveforms, NaN where missing.
        motion: (time, 3) centre and logarithm of size of the head, NaN where missing.
        sampling_rate_hz: of both.
        highest_bpm: end of the band.
        near_bpm: the heart rate that is being followed, or NaN.
    """
    steady = _without_motion(pulses.T, motion, sampling_rate_hz).T
    frequencies_hz, spectra = hann_spectrum(steady, sampling_rate_hz, RESOLUTION_HZ)
    keep = frequencies_hz < 2.05 * highest_bpm / 60.0
    frequencies_hz, spectra = frequencies_hz[keep], spectra[:, keep]
    power = np.abs(spectra) ** 2
    band = (frequencies_hz >= LOWEST_HZ) & (frequencies_hz <= highest_bpm / 60.0)
    noise = np.sqrt(np.median(power[:, band], axis=1) / math.log(2))
    present = noise > 1e-9
    unit = np.where(present, noise, 1.0)[:, None]
    steady, spectra = steady / unit, np.where(present[:, None], spectra / unit, 0.0)

    together = np.where(band, (np.abs(spectra) ** 2).sum(axis=0), 0.0)
    near = band & (np.abs(60.0 * frequencies_hz - near_bpm) < 5.0)
    at = int(np.argmax(np.where(near, together, -1.0) if near.any() else together))
    gains = np.sqrt(np.abs(spectra[:, at]) ** 2 + 1.0) * present
    gains = gains / max(float(np.sqrt((gains**2).sum())), 1e-12)
    fused = np.abs(gains @ spectra) ** 2
    every = max(1, round(0.05 / frequencies_hz[1]))
    coarse = band_median(fused[::every], round(1.6 / (every * frequencies_hz[1])))
    local = np.interp(frequencies_hz, frequencies_hz[::every], coarse)
    floor = local**0.75 * np.median(fused[band]) ** 0.25 / math.log(2)
    moving = remove_trend(motion, sampling_rate_hz, DETREND_S).T
    _, moved = hann_spectrum(moving, sampling_rate_hz, RESOLUTION_HZ)
    sway = (np.abs(moved[:, keep]) ** 2).sum(axis=0) / LANDMARK_NOISE**2
    weights = gains / unit[:, 0]
    return FusedSpectrum(
        frequencies_hz,
        steady,
        sampling_rate_hz,
        spectra,
        gains,
        fused,
        fused / (floor + 1e-12),
        sway,
        weights / max(float(weights.sum()), 1e-12),
    )


def _without_motion(pulses: Array, motion: Array, sampling_rate_hz: float) -> Array:
    """Remove trend and motion: (time, region), (time, 3) -> (time, region)."""
    steady = remove_trend(pulses, sampling_rate_hz, DETREND_S)
    moving = np.nan_to_num(remove_trend(motion, sampling_rate_hz, DETREND_S), nan=0.0)
    ridge = len(moving) * LANDMARK_NOISE**2 * np.eye(moving.shape[1])
    coupling = np.linalg.solve(moving.T @ moving + ridge, moving.T @ np.nan_to_num(steady, nan=0.0))
    cleaned: Array = steady - moving @ coupling
    return cleaned


def pulse_amplitude(
    greens: Array, weights: Array, heart_rate_bpm: float, sampling_rate_hz: float
) -> float:
    """Return the AC/DC amplitude of green at the heart rate, averaged over the regions.

    Taken from green, because the ratio inside POS and CHROM destroys the amplitude.

    Args:
        greens: (region, time) green over its mean, minus 1; NaN where missing.
        weights: (region,) summing to 1.
        heart_rate_bpm: where to read.
        sampling_rate_hz: of `greens`.
    """
    steady = remove_trend(greens.T, sampling_rate_hz, DETREND_S).T
    frequencies_hz, spectra = hann_spectrum(steady, sampling_rate_hz, RESOLUTION_HZ)
    at = int(np.argmin(np.abs(frequencies_hz - heart_rate_bpm / 60.0)))
    return float(weights @ np.abs(spectra[:, at]))
