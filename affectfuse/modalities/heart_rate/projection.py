"""The pulse as that combination of the colour signals which lets the least noise through."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.signals.spectra import band_median, hann_spectrum

__all__ = ["LOWEST_HZ", "RESOLUTION_HZ", "SHRINKAGE", "Projection", "PulseProjection"]

RESOLUTION_HZ = 0.01
LOWEST_HZ = 0.6
_NOISE_BAND_HZ = (0.6, 3.8)
_SPACING_HZ = 0.1
_BESIDE_HZ = 0.25
_MEMORY_TICKS = 20
SHRINKAGE = 0.2
_LEAST_KNOWN = 0.3
_FLOOR_SPAN_HZ = 1.6
_MOST_RANGE = 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """One window's colour signals, seen against their noise.

    Attributes:
        frequencies_hz: (frequency,) from 0 to twice the highest heart rate.
        spectra: (signal, frequency) complex.
        whitened: (signal, frequency) the same in units of the noise, in coordinates in which the
            noise of all is equal and independent.
        direction: (signal,) of norm 1: the pulse in those coordinates.
        brightness: (signal, region) orthonormal: in those coordinates, each region growing brighter
            or darker in all its colours.
        gain: (frequency,) how much likelier, in nats, the window is with a pulse of the best
            strength and phase at that frequency than without.
        weights: (signal,) of the combination: it passes the pulse unchanged, in the unit AC/DC of
            green, and of noise the least there can be.
    """

    frequencies_hz: Array
    spectra: Array
    whitened: Array
    direction: Array
    brightness: Array
    gain: Array
    weights: Array


class PulseProjection:
    """Minimum-variance combination of colour signals under a known signature of the pulse.

    As in PBV, the weights are the inverse of the signals' covariance times the signature of blood
    volume. Deviations: the regions' colours are combined all at once, so that what disturbs them
    together cancels; and the covariance is that of the noise: it is taken between 0.6 and 3.8 Hz
    without the neighbourhood of the rate that is being followed, each frequency weighing the same
    however strong (Tyler's estimator, which a few strong peaks do not bend), remembered over about
    20 ticks, and its correlations are shrunk. Its level follows the frequency: a
    geometric mean, 3 to 1, of the running median over 1.6 Hz and the median of the band.

    Args:
        shrinkage: of the correlations, 0 to 1; with 1 the noise of each signal is its own.

    Reference:
        de Haan, van Leest (2014), Improved motion robustness of remote-PPG by using the blood
        volume pulse signature, Physiol. Meas. 35(9). DOI 10.1088/0967-3334/35/9/1913.
        Tyler (1987), A distribution-free M-estimator of multivariate scatter, Ann. Statist. 15(1).
        DOI 10.1214/aos/1176350263.
    """

    def __init__(self, shrinkage: float = SHRINKAGE) -> None:
        self.shrinkage = shrinkage
        self._covariance = np.zeros((0, 0))
        self._ticks = 0

    def update(
        self,
        steady: Array,
        signature: Array,
        regions: Array,
        sampling_rate_hz: float,
        highest_bpm: float,
        near_bpm: float,
    ) -> Projection:
        """Take the newest window and return what it shows.

        Args:
            steady: (time, signal) colour signals without trend and disturbances, NaN where missing.
            signature: (signal,) how strong the pulse is in each, relative to green.
            regions: (signal,) number of the region each belongs to.
            sampling_rate_hz: of `steady`.
            highest_bpm: end of the band.
            near_bpm: the heart rate that is being followed, or NaN.
        """
        frequencies_hz, spectra = hann_spectrum(steady.T, sampling_rate_hz, RESOLUTION_HZ)
        keep = frequencies_hz < 2.05 * highest_bpm / 60.0
        frequencies_hz, spectra = frequencies_hz[keep], spectra[:, keep]
        present = np.isfinite(steady).mean(axis=0) > _LEAST_KNOWN
        spectra = np.where(present[:, None], spectra, 0.0)
        band = (frequencies_hz >= LOWEST_HZ) & (frequencies_hz <= highest_bpm / 60.0)
        length_s = float(np.isfinite(steady).any(axis=1).sum()) / sampling_rate_hz
        beside_hz = max(_BESIDE_HZ, 2.0 / max(length_s, 1.0))
        pulse = np.where(present, signature, 0.0)
        if not self._ticks:  # nothing is known yet: look first, so that no pulse counts as noise
            whiten = self._learn(spectra, present, frequencies_hz, math.nan, beside_hz)
            gain = np.abs(_unit(whiten @ pulse)[0] @ whiten @ spectra) ** 2
            near_bpm = 60.0 * float(frequencies_hz[int(np.argmax(np.where(band, gain, 0.0)))])
            self._ticks = 0
        whiten = self._learn(spectra, present, frequencies_hz, near_bpm, beside_hz)
        whitened = whiten @ spectra
        energy = (np.abs(whitened) ** 2).sum(axis=0) / max(present.sum() - 1 / 3, 0.7)
        level = _level(energy, frequencies_hz, band, near_bpm / 60.0, beside_hz)
        whitened = whitened / np.sqrt(level)
        direction, strength = _unit(whiten @ pulse)
        apart = (regions[:, None] == np.unique(regions)[None, :]) & present[:, None]
        apart = apart[:, apart.any(axis=0)].astype(float)
        return Projection(
            frequencies_hz,
            spectra,
            whitened,
            direction,
            np.linalg.qr(whiten @ apart)[0],
            np.abs(direction @ whitened) ** 2,
            whiten.T @ direction / strength,
        )

    def _learn(
        self,
        spectra: Array,
        present: Array,
        frequencies_hz: Array,
        near_bpm: float,
        beside_hz: float,
    ) -> Array:
        """Update the covariance of the noise and return what whitens it, (signal, signal)."""
        places = np.arange(*_NOISE_BAND_HZ, _SPACING_HZ)
        if math.isfinite(near_bpm):
            for harmonic in (1, 2, 3):
                places = places[np.abs(places - harmonic * near_bpm / 60.0) > beside_hz]
        sample = spectra[:, np.searchsorted(frequencies_hz, places)]
        variance = np.median(np.abs(sample) ** 2, axis=1) / math.log(2)
        variance = np.where(present, np.maximum(variance, 1e-14), 1.0)
        if not self._ticks or len(self._covariance) != len(present):
            self._covariance, self._ticks = np.diag(variance), 0
        both = np.outer(present, present)
        for _ in range(1 if self._ticks else 2):
            inverse = np.linalg.inv(_conditioned(self._covariance, present, self.shrinkage))
            size = np.einsum("sf,st,tf->f", sample.conj(), inverse, sample).real
            scatter = np.real((sample / np.maximum(size, 1e-12)) @ sample.conj().T)
            spread = np.maximum(np.diag(scatter)[present], 1e-30)
            scatter *= np.median(variance[present] / spread) if present.any() else 1.0
            share = max(1.0 / _MEMORY_TICKS, 1.0 / (self._ticks + 1))
            mixed = (1.0 - share) * self._covariance + share * scatter
            self._covariance = np.where(both, mixed, self._covariance)
        self._ticks += 1
        whiten: Array = np.linalg.inv(
            np.linalg.cholesky(_conditioned(self._covariance, present, self.shrinkage))
        )
        return whiten


def _unit(vector: Array) -> tuple[Array, float]:
    """Return a vector of norm 1 and the norm."""
    norm = max(float(np.linalg.norm(vector)), 1e-12)
    return vector / norm, norm


def _conditioned(covariance: Array, present: Array, shrinkage: float) -> Array:
    """Return the covariance with shrunk correlations; a missing signal is noise of its own."""
    deviation = np.sqrt(np.maximum(np.diag(covariance), 1e-14))
    scale = np.outer(deviation, deviation)
    correlation = (1.0 - shrinkage) * covariance / scale + shrinkage * np.eye(len(present))
    both = np.outer(present, present)
    conditioned: Array = np.where(both, correlation, np.eye(len(present))) * scale
    return conditioned


def _level(
    energy: Array, frequencies_hz: Array, band: Array, near_hz: float, beside_hz: float
) -> Array:
    """Return the level of the noise, (frequency,): 1 where the covariance is right.

    A straight line under the pulse and its harmonic, whose peaks must keep their shape; below the
    band its value there; and never less than a 40th of the strongest peak, beside which a pulse's
    third harmonic would else stand out as much as the pulse.

    Args:
        energy: (frequency,) of all signals, over the median that noise of level 1 has.
        frequencies_hz: of the spectrum.
        band: (frequency,) where heart rates lie.
        near_hz: the pulse, or NaN.
        beside_hz: half the width of its peak.
    """
    every = max(1, round(0.05 / frequencies_hz[1]))
    bins = round(_FLOOR_SPAN_HZ / (every * frequencies_hz[1]))
    places = frequencies_hz[::every]
    coarse = band_median(energy[::every], bins)
    free = places >= LOWEST_HZ
    for harmonic in (1, 2) if math.isfinite(near_hz) else ():
        free &= np.abs(places - harmonic * near_hz) > beside_hz
    local = np.interp(frequencies_hz, places[free], coarse[free])
    least = energy[band].max() / _MOST_RANGE + 1e-12
    level: Array = local**0.75 * np.median(energy[band]) ** 0.25 + least
    return level
