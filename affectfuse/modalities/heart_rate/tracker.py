"""Heart rate from the pulse of several regions: spectrum, tracking in time, confidence."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.heart_rate.confidence import probability
from affectfuse.signals.filters import remove_trend
from affectfuse.signals.spectra import band_median, hann_spectrum, peak_near

__all__ = ["HeartRateEstimate", "HeartRateTracker", "pulse_amplitude"]

_RESOLUTION_HZ = 0.01
_LANDMARK_NOISE = 0.003
_HARMONIC_WEIGHT = 0.5
_STRONGEST = 40.0
_KEPT = 0.25


@dataclass(frozen=True, slots=True)
class HeartRateEstimate:
    """Heart rate at one time.

    Attributes:
        confidence: estimated probability that the error is at most 3 bpm.
        weights: (region,) weight of each region's pulse, summing to 1.
        features: what the confidence was computed from, in the order of `confidence.FEATURES`.
    """

    heart_rate_bpm: float
    confidence: float
    weights: Array
    features: Array


class HeartRateTracker:
    """A filter over a grid of heart rates, fed with one spectrum a tick.

    The evidence for a rate f is the power at f, and half of that at 2f, in units of the noise floor
    around them (a running median), summed coherently over the regions after each was divided by
    its own noise. Between ticks the belief spreads by a few bpm, with a small chance of any rate;
    because neighbouring windows overlap, only part of the old belief counts beside new evidence.
    What moves with the head (centre, size) is regressed out of the pulse first, as far as it
    exceeds the jitter of landmarks.

    Args:
        band_bpm: lowest and highest heart rate.
    """

    def __init__(self, band_bpm: tuple[float, float]) -> None:
        self._grid_bpm = np.arange(band_bpm[0], band_bpm[1] + 0.5, 1.0)
        distance = np.abs(self._grid_bpm[:, None] - self._grid_bpm[None, :])
        spread = np.exp(-distance / 3.0)
        self._spread = spread / spread.sum(axis=1, keepdims=True)
        self._belief: Array | None = None
        self._recent: list[float] = []

    def update(self, pulses: Array, motion: Array, sampling_rate_hz: float) -> HeartRateEstimate:
        """Take the newest window and return the estimate for it.

        Args:
            pulses: (region, time) pulse waveforms, NaN where missing.
            motion: (time, 3) head motion, NaN where missing.
            sampling_rate_hz: of both.
        """
        steady = _without_motion(
            remove_trend(pulses.T, sampling_rate_hz, 1.6), motion, sampling_rate_hz
        ).T
        frequencies_hz, spectra = hann_spectrum(steady, sampling_rate_hz, _RESOLUTION_HZ)
        step_hz = frequencies_hz[1]
        keep = frequencies_hz < 2.05 * self._grid_bpm[-1] / 60.0
        frequencies_hz, spectra = frequencies_hz[keep], spectra[:, keep]
        power = np.abs(spectra) ** 2
        band = (frequencies_hz >= 0.6) & (frequencies_hz <= self._grid_bpm[-1] / 60.0)
        noise = np.median(power[:, band], axis=1) / math.log(2) + 1e-18
        present = np.asarray(np.isfinite(steady).any(axis=1))
        whitened = np.where(present[:, None], spectra / np.sqrt(noise)[:, None], 0.0)

        gains = self._gains(np.abs(whitened), frequencies_hz, band)
        fused = np.abs(gains @ whitened) ** 2
        every = max(1, round(0.05 / step_hz))
        coarse = band_median(fused[::every], max(3, round(1.6 / (every * step_hz))))
        floor = np.interp(frequencies_hz, frequencies_hz[::every], coarse) / math.log(2) + 1e-12
        ratio = fused / floor

        fundamental = np.interp(self._grid_bpm / 60.0, frequencies_hz, ratio)
        second = np.interp(2 * self._grid_bpm / 60.0, frequencies_hz, ratio)
        evidence = _STRONGEST * np.tanh((fundamental + _HARMONIC_WEIGHT * second) / _STRONGEST)
        belief = self._believe(evidence)
        best_bpm = float(self._grid_bpm[int(np.argmax(belief))])
        frequency_hz, _ = peak_near(frequencies_hz, ratio, best_bpm / 60.0, 4.0 / 60.0)
        rate_bpm = float(np.clip(60.0 * frequency_hz, self._grid_bpm[0], self._grid_bpm[-1]))

        features = self._features(
            rate_bpm,
            belief,
            frequencies_hz,
            fused,
            ratio,
            whitened,
            motion,
            sampling_rate_hz,
            steady,
        )
        self._recent = [*self._recent[-4:], rate_bpm]
        root = np.sqrt(noise)
        weights = np.where(present, gains / root, 0.0)
        return HeartRateEstimate(
            rate_bpm, probability(features), weights / max(weights.sum(), 1e-12), features
        )

    def skip(self) -> None:
        """Let a tick without evidence pass: the belief spreads."""
        if self._belief is not None:
            self._belief = self._spread @ self._belief
            self._belief /= self._belief.sum()

    def _gains(self, magnitude: Array, frequencies_hz: Array, band: Array) -> Array:
        """Weigh the regions by their signal-to-noise ratio where all of them together peak."""
        together = np.where(band, (magnitude**2).sum(axis=0), 0.0)
        at = int(np.argmax(together))
        if self._recent:
            near = np.abs(frequencies_hz * 60.0 - self._recent[-1]) < 5.0
            if near.any():
                at = int(np.argmax(np.where(near, together, 0.0)))
        gains = np.sqrt(np.maximum(magnitude[:, at] ** 2, 0.0) + 1.0) * (magnitude.max(axis=1) > 0)
        total = math.sqrt(float((gains**2).sum())) or 1.0
        return np.asarray(gains / total)

    def _believe(self, evidence: Array) -> Array:
        likelihood = np.exp(evidence - evidence.max())
        if self._belief is None:
            prior = np.ones_like(evidence)
        else:
            prior = self._spread @ self._belief
            prior = 0.98 * prior / prior.sum() + 0.02 / len(prior)
        belief = prior * likelihood
        belief /= belief.sum()
        kept = belief**_KEPT
        self._belief = kept / kept.sum()
        return np.asarray(belief)

    def _features(
        self,
        rate_bpm: float,
        belief: Array,
        frequencies_hz: Array,
        fused: Array,
        ratio: Array,
        whitened: Array,
        motion: Array,
        sampling_rate_hz: float,
        steady: Array,
    ) -> Array:
        mass = float(belief[np.abs(self._grid_bpm - rate_bpm) <= 3.0].sum())
        in_bpm = frequencies_hz * 60.0
        signal = (np.abs(in_bpm - rate_bpm) <= 8.0) | (np.abs(in_bpm - 2 * rate_bpm) <= 8.0)
        band = (in_bpm >= 36.0) & (in_bpm <= 300.0)
        snr = fused[signal & band].sum() / max(fused[~signal & band].sum(), 1e-12)
        at = int(np.argmin(np.abs(in_bpm - rate_bpm)))
        others = band & ~signal & (in_bpm <= self._grid_bpm[-1])
        rival = max(float(ratio[others].max()), 1e-6)
        strengths = whitened[:, at]
        present = np.abs(whitened).max(axis=1) > 0
        agreement = abs(strengths.sum()) ** 2 / max(
            present.sum() * float((np.abs(strengths) ** 2).sum()), 1e-12
        )
        recent = np.array([*self._recent[-4:], rate_bpm])
        wander = float(np.abs(np.diff(recent)).mean()) if len(recent) > 1 else 3.0
        _, sway = hann_spectrum(
            remove_trend(motion, sampling_rate_hz, 1.6).T, sampling_rate_hz, _RESOLUTION_HZ
        )
        swaying = float((np.abs(sway[:, at]) ** 2).sum()) / _LANDMARK_NOISE**2
        known_s = float(np.isfinite(steady).any(axis=0).sum()) / sampling_rate_hz
        return np.array(
            [
                math.log(max(snr, 1e-6)),
                math.log((mass + 1e-4) / (1.0 - mass + 1e-4)),
                math.log(max(float(ratio[at]), 1e-3)),
                math.log(max(float(ratio[at]), 1e-3) / rival),
                agreement,
                math.log(wander + 0.3),
                math.log(swaying + 1.0),
                known_s / 10.0,
            ]
        )


def _without_motion(pulses: Array, motion: Array, sampling_rate_hz: float) -> Array:
    """Regress the motion out of the pulses: (time, region), (time, 3) -> (time, region)."""
    moving = remove_trend(motion, sampling_rate_hz, 1.6)
    known = np.asarray(np.isfinite(moving).all(axis=1))
    moving = np.where(known[:, None], moving, 0.0)
    target = np.where(np.isfinite(pulses), pulses, 0.0)
    ridge = max(int(known.sum()), 1) * _LANDMARK_NOISE**2 * np.eye(moving.shape[1])
    coupling = np.linalg.solve(moving.T @ moving + ridge, moving.T @ target)
    cleaned: Array = pulses - moving @ coupling
    return cleaned


def pulse_amplitude(
    greens: Array, weights: Array, heart_rate_bpm: float, sampling_rate_hz: float
) -> float:
    """Return the AC/DC amplitude of the green channel at the heart rate, averaged by `weights`.

    Args:
        greens: (region, time) green over its mean, minus 1; NaN where missing.
        weights: (region,), summing to 1.
        heart_rate_bpm: where to read.
        sampling_rate_hz: of `greens`.
    """
    steady = remove_trend(greens.T, sampling_rate_hz, 1.6).T
    frequencies_hz, spectra = hann_spectrum(steady, sampling_rate_hz, _RESOLUTION_HZ)
    at = int(np.argmin(np.abs(frequencies_hz - heart_rate_bpm / 60.0)))
    return float(weights @ np.abs(spectra[:, at]))
