"""Fit the confidence in a respiration rate on simulated modulations; measure it on others.

    python benchmarks/heart_rate/fit_respiration.py [simulations]

A simulation is 30 s of beats: intervals, pulse amplitudes and, half of the time, baseline, each
with noise whose power falls with frequency, waves of blood pressure near 0.1 Hz, errors of timing;
and, in half of them, respiration of 9 to 33 a minute, which breathes unevenly and shows in them to
any degree.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from affectfuse.signals.respiration import (
    RATE_HZ,
    RespirationRate,
    modulation,
    respiration_rate,
)

WINDOW_S = 30.0
TOLERATED_PER_MIN = 2.0


def pink(rng: np.random.Generator, count: int, exponent: float) -> NDArray[np.float64]:
    """Return noise of unit deviation whose power falls as 1/f**exponent."""
    spectrum = np.fft.rfft(rng.normal(size=count))
    spectrum[1:] *= np.arange(1.0, len(spectrum)) ** (-exponent / 2)
    spectrum[0] = 0.0
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std())


def simulate(seed: int) -> tuple[RespirationRate, float]:
    """Return the estimate of one simulation and its true rate, NaN where none breathes."""
    rng = np.random.default_rng(seed)
    breathes = rng.random() < 0.5
    rate_per_min = rng.uniform(9.0, 33.0)
    heart_rate_bpm = max(rng.normal(75.0, 14.0), 45.0, 2.4 * rate_per_min * breathes)
    beats = int(WINDOW_S * heart_rate_bpm / 60.0)
    time_s = np.arange(beats) * 60.0 / heart_rate_bpm
    phase = 2 * np.pi * rate_per_min / 60.0 * time_s + np.cumsum(rng.normal(0.0, 0.12, beats))
    wave = np.sin(phase) + rng.uniform(0.0, 0.3) * np.sin(2 * phase)
    slow = np.sin(2 * np.pi * rng.uniform(0.07, 0.12) * time_s + rng.uniform(0.0, 6.0))
    rows, count = [], int(rng.integers(2, 4))
    for depth in 10 ** rng.uniform(-0.5, 1.0, count) * rng.choice([0.0, 1.0], count, p=[0.2, 0.8]):
        row = pink(rng, beats, rng.uniform(0.0, 1.5)) + rng.uniform(0.0, 1.0) * slow
        row = row + rng.uniform(0.0, 1.0) * rng.normal(size=beats)
        row = row + breathes * depth * np.roll(wave, int(rng.integers(0, 3)))
        rows.append(modulation(time_s, row, 0.0, round(WINDOW_S * RATE_HZ)))
    return respiration_rate(np.stack(rows)), rate_per_min if breathes else np.nan


def fit(odds: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[float, float]:
    """Return intercept and slope of a logistic regression."""

    def loss(line: NDArray[np.float64]) -> float:
        score = line[0] + line[1] * odds
        return float(np.mean(np.logaddexp(0.0, score) - right * score))

    intercept, slope = minimize(loss, np.zeros(2)).x
    return float(intercept), float(slope)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    found = [simulate(seed) for seed in range(count)]
    shares = np.clip([estimate.concentration for estimate, _ in found], 0.01, 0.99)
    odds = np.log(shares / (1.0 - shares))
    true = np.array([rate for _, rate in found])
    rates = np.array([estimate.rate_per_min for estimate, _ in found])
    right = np.abs(rates - true) <= TOLERATED_PER_MIN
    half = count // 2
    intercept, slope = fit(odds[:half], right[:half])
    print(f"INTERCEPT, SLOPE = {intercept:.3f}, {slope:.3f}")
    score = intercept + slope * odds[half:]
    confidence, right, true = 1.0 / (1.0 + np.exp(-score)), right[half:], true[half:]
    for low in np.arange(0.0, 1.0, 0.2):
        inside = (confidence >= low) & (confidence < low + 0.2)
        if inside.any():
            print(
                f"confidence {low:.1f} to {low + 0.2:.1f}: "
                f"{inside.sum()}, {right[inside].mean():.2f} right"
            )
    none = np.isnan(true)
    for trusted in (0.5, 0.6, 0.7, 0.8, 0.9):
        given = confidence >= trusted
        error = np.abs(rates[half:] - true)[given & ~none]
        print(
            f"from a confidence of {trusted} on: given "
            f"without respiration {given[none].mean():.3f}, "
            f"with it {given[~none].mean():.2f}, median error {np.median(error):.2f} a minute, "
            f"within 2 in {np.mean(error <= 2.0):.3f}"
        )


if __name__ == "__main__":
    main()
