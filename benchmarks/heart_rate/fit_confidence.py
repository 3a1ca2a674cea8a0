"""Fit the confidence of a heart rate on synthetic traces and print how good it is.

    python benchmarks/heart_rate/fit_confidence.py [traces]

Half of the traces (every second seed) train the logistic function, the other half test it; a fifth
of both has no pulse, and counts eightfold in training: as if two of three recordings had none. So
the confidence holds back where a weak pulse and noise look alike. Prints the coefficients for
`affectfuse/modalities/heart_rate/confidence.py`.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import rankdata

from affectfuse.datasets.synthetic.traces import draw_conditions, simulate
from affectfuse.modalities.heart_rate.confidence import FEATURES
from affectfuse.modalities.heart_rate.tracker import HeartRateTracker
from affectfuse.signals.rppg import pos, windows_covering

RATE_HZ, DURATION_S, WINDOW_S = 30.0, 40, 10


def run(seed: int, pulse: bool) -> NDArray[np.float64]:
    """Return one row a tick: truth, estimate, confidence and features of one trace."""
    rng = np.random.default_rng([seed, 7])
    made = simulate(draw_conditions(rng, pulse), DURATION_S, RATE_HZ, seed)
    colours, motion, truth_bpm = made.colours, made.motion, made.heart_rate_bpm
    tracker, rows = HeartRateTracker((40.0, 220.0)), []
    first = 5 if rng.random() < 0.7 else int(rng.integers(5, 10))
    for tick in range(first, DURATION_S + 1):
        end = round(tick * RATE_HZ)
        start, begin = max(0, end - 420), max(0, end - round(WINDOW_S * RATE_HZ))
        part = colours[start:end]
        covering = windows_covering(np.ones(len(part), bool), 48)
        pulses = np.stack([-pos(part[:, r], RATE_HZ) / covering for r in range(colours.shape[1])])
        newest = pulses[:, begin - start :]
        estimate = tracker.update(newest, motion[begin:end], RATE_HZ)
        truth = truth_bpm[begin:end].mean() if pulse else np.nan
        rows.append([truth, estimate.heart_rate_bpm, estimate.confidence, *estimate.features])
    return np.array(rows)


def auroc(score: NDArray[np.float64], good: NDArray[np.bool_]) -> float:
    """Return the probability that a good one scores higher than a bad one."""
    ranks, n = rankdata(score), good.sum()
    return float((ranks[good].sum() - n * (n + 1) / 2) / (n * (~good).sum()))


def main(traces: int) -> None:
    rows = [run(seed, pulse=seed % 10 > 1) for seed in range(traces)]
    half = np.concatenate([np.full(len(part), seed % 2) for seed, part in enumerate(rows)])
    table = np.concatenate(rows)
    error = np.abs(table[:, 1] - table[:, 0])
    right = error <= 3.0  # NaN (no pulse) is never right
    features = table[:, 3:]
    train, test = half == 0, half == 1
    mean, sd = features[train].mean(axis=0), features[train].std(axis=0)
    design = np.column_stack([np.ones(len(features)), (features - mean) / sd])

    cost = np.where(np.isnan(error[train]), 8.0, 1.0)

    def loss(w: NDArray[np.float64]) -> float:
        z = design[train] @ w
        misfit = cost * np.logaddexp(0, np.where(right[train], -z, z))
        return float(misfit.mean() + 1e-4 * w[1:] @ w[1:])

    weights = minimize(loss, np.zeros(design.shape[1])).x
    slope = weights[1:] / sd
    print("INTERCEPT =", round(float(weights[0] - slope @ mean), 3))
    for name, value in zip(FEATURES, slope, strict=True):
        print(f"    {name!r}: {value:.3f},")
    fitted = 1 / (1 + np.exp(-design @ weights))
    for label, score in (("fitted", fitted), ("shipped", table[:, 2])):
        known = test & np.isfinite(error) & ((error > 5) | (error < 2))
        silent = test & np.isnan(error)
        print(
            f"{label}: {test.sum()} test ticks, right {right[test].mean():.3f}, mean "
            f"confidence {score[test].mean():.3f}, "
            f"AUROC {auroc(score[known], error[known] < 2):.4f}, "
            f"no pulse: 99th percentile {np.quantile(score[silent], 0.99):.3f}, "
            f"Brier {np.mean((score - right)[test] ** 2):.4f}"
        )
        for low in np.arange(0, 1, 0.1):
            within = test & (score >= low) & (score < low + 0.1)
            if within.sum() > 20:
                print(
                    f"  {low:.1f}: n {within.sum():5d}, mean {score[within].mean():.3f}, "
                    f"right {right[within].mean():.3f}"
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
