"""Tracker and learned network side by side: error by condition, on one reading of the faces.

    python benchmarks/heart_rate/learned.py [DATASET ...]

Data sets: by default the stress set, on which neither was tuned or trained (it was looked at while
the tracker was tuned), and the tuning set, which the tracker and both confidences were fitted on.
Every second from 10 s on counts, known or not: the median and mean absolute error are of the known
ones, the share within 3 bpm is of all. The last column tells seconds within 2 bpm from those beyond
5 by the confidence (AUROC).
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping

import numpy as np
from agreement import WINDOW_S, auroc

from affectfuse.config import build, load_node
from affectfuse.containers import Array, Observation, Reading, Track
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.extraction import extract, observe
from affectfuse.modalities.base import Extractor, Modality
from affectfuse.recording.faces import FaceTracker

METHODS = {"tracker": "heart_rate", "network": "heart_rate_learned"}


class Named(Extractor):
    """An extractor whose tracks begin with its name, so that two can read the same frames."""

    def __init__(self, name: str, extractor: Extractor) -> None:
        self._name, self._extractor = name, extractor

    def push(self, observation: Observation) -> Iterable[Reading]:
        return self._named(self._extractor.push(observation))

    def tick(self, time_s: float) -> Iterable[Reading]:
        return self._named(self._extractor.tick(time_s))

    def _named(self, readings: Iterable[Reading]) -> Iterable[Reading]:
        for reading in readings:
            if isinstance(reading, Track) and reading.name == "heart_rate_bpm":
                name = f"{self._name} {reading.name}"
                yield Track(name, "bpm", reading.times_s, reading.values, reading.quality)


def read(item: DatasetItem, modalities: Mapping[str, Modality]) -> dict[str, Track]:
    """Return the heart rate of each method."""
    extractors = {name: Named(name, m.extractor()) for name, m in modalities.items()}
    parts: dict[str, list[Track]] = defaultdict(list)
    with item.open() as recording, FaceTracker() as faces:
        seen = observe(recording, modalities.values(), faces)
        for reading in extract(seen, modalities, extractors):
            if isinstance(reading, Track) and reading.name.endswith("heart_rate_bpm"):
                parts[reading.name.partition(" ")[0]].append(reading)
    return {name: Track.join(parts[name]) for name in modalities}


def compared(item: DatasetItem, said: Track) -> Array:
    """Return (second, 2) error in bpm and confidence, from the first whole window on."""
    truth = item.references["heart_rate_bpm"]
    seconds = said.times_s[said.times_s >= WINDOW_S]
    true = np.interp(seconds, truth.times_s, truth.values)
    kept = said.times_s >= WINDOW_S
    return np.stack([np.abs(said.values[kept] - true), said.quality[kept]], axis=1)


def row(rows: Array) -> str:
    """Return median, MAE, share within 3 bpm and AUROC as text."""
    error, confidence = rows.T
    known = error[np.isfinite(error)]
    area = auroc(confidence[error <= 2.0], confidence[error > 5.0])
    told = f"{area:.2f}" if np.sum(error > 5.0) >= 5 else "-"
    return (
        f"{np.median(known):7.2f}{known.mean():7.2f}{np.mean(error <= 3.0):7.2f}"
        f"{np.mean(np.isfinite(error)):7.2f}{told:>6}"
    )


def table(dataset: str) -> None:
    modalities = {
        name: build(load_node("modality", config), Modality)  # type: ignore[type-abstract]
        for name, config in METHODS.items()
    }
    recordings = build(load_node("dataset", dataset), Dataset)  # type: ignore[type-abstract]
    recordings.prepare()
    by_condition: dict[str, dict[str, list[Array]]] = defaultdict(lambda: defaultdict(list))
    items = recordings.items()
    for done, item in enumerate(items, start=1):
        if item.attributes["condition"].startswith("pulse_free"):
            continue
        for name, said in read(item, modalities).items():
            rows = compared(item, said)
            by_condition[item.attributes["condition"]][name].append(rows)
            by_condition["all"][name].append(rows)
        print(f"{dataset} {done}/{len(items)}", file=sys.stderr, flush=True)
    heading = f"{'median':>7}{'MAE':>7}{'in 3':>7}{'known':>7}{'AUROC':>6}"
    print(f"\n{dataset:20}" + "".join(f"   {name:8}{heading}" for name in METHODS))
    for condition in sorted(by_condition, key=lambda name: (name == "all", name)):
        found = by_condition[condition]
        cells = (f"{'':11}{row(np.concatenate(found[name]))}" for name in METHODS)
        print(f"{condition:20}" + "".join(cells))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="*", default=["heart_rate_stress", "heart_rate_tuning"])
    for dataset in parser.parse_args().datasets:
        table(dataset)


if __name__ == "__main__":
    main()
