"""How far the confidence of a heart rate can be trusted, on sets its coefficients have not seen.

    python benchmarks/heart_rate/confidence.py

The failure set: weak pulses, sway and flicker in the band of the pulse, noise, strong compression;
estimated over windows of 10 s, as always, and of 5 s. The pulse-free set: 30 minutes of faces
without a pulse, still and moving. What is read of each recording is kept in the cache.
"""

from __future__ import annotations

import sys

import numpy as np

from affectfuse.config import build, load_node
from affectfuse.datasets.base import Dataset
from affectfuse.evaluation.base import Pairs
from affectfuse.evaluation.confidence import auroc
from affectfuse.evaluation.heart_rate import evaluate_heart_rate, heart_rate_recipe


def read(dataset: str, *overrides: str) -> Pairs:
    """Return every second's estimate beside the truth."""

    def say(what: str, done: int, total: int) -> None:
        print(f"{what} {done}/{total}", file=sys.stderr, flush=True)

    return evaluate_heart_rate(heart_rate_recipe(dataset, ["draws=100", *overrides]), say).pairs


def failing(window_s: int) -> None:
    pairs = read("heart_rate_failure", f"modalities.heart_rate.estimate_window_s={window_s}")
    error, confidence = np.abs(pairs.error_bpm), pairs.confidence
    area = auroc(pairs, np.ones(len(pairs)))
    print(
        f"failure set, windows of {window_s} s: "
        f"within 2 bpm {np.sum(error <= 2)}, beyond 5 {np.sum(error > 5)}"
    )
    print(f"  the one told from the other, AUROC {area:.3f}")
    for low, high in ((0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        inside = (confidence >= low) & (confidence < high) & np.isfinite(error)
        if inside.any():
            share = np.mean(error[inside] <= 3)
            print(f"  {low:.1f} to {min(high, 1):.1f}: {inside.sum():5d}, within 3 bpm {share:.2f}")


def main() -> None:
    failing(10)
    failing(5)
    pairs = read("heart_rate_pulse_free")
    condition = {
        item.key: item.attributes["condition"]
        for item in build(load_node("dataset", "heart_rate_pulse_free"), Dataset).items()  # type: ignore[type-abstract]
    }
    of = np.array([condition[key] for key in pairs.items])
    print("without a pulse: confidence")
    for name in (*sorted(set(of)), "all"):
        values = pairs.confidence[(of == name) | (name == "all")]
        middle, most = np.quantile(values, [0.5, 0.99])
        print(f"  {name:8s} {len(values):5d} s, median {middle:.2f}, 99th percentile {most:.2f}")


if __name__ == "__main__":
    main()
