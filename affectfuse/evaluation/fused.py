"""What fused models said of samples of people they had not learnt from, pooled over all folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from affectfuse.containers import Array, Target

__all__ = ["BEST_SINGLE", "FUSED", "FusedPredictions", "subset_name"]

FUSED = "fused"
BEST_SINGLE = "best single"
"""Name of the estimate of the modality that was best by itself on subjects inside training, at the
main target."""


def subset_name(modalities: tuple[str, ...]) -> str:
    """Return the name of a subset of the modalities: 'eda + temperature'."""
    return " + ".join(sorted(modalities))


@dataclass(frozen=True, slots=True, eq=False)
class FusedPredictions:
    """One row a sample.

    Attributes:
        targets: what was predicted, the main target first; their outputs lie side by side.
        keys: (row,) which recording.
        subjects: (row,) who.
        databases: (row,) from which database; empty words when there is one.
        times_s: (row,) end of the sample's window.
        segments: (row,) how manieth labelled interval of its recording, from 0.
        durations_s: (row,) how long that interval lasts.
        labels: by target: of classes (row,) index or -1; else (row, output), NaN if not labelled.
        present: by modality (row,) bool.
        estimates: by name (seed, row, output), calibrated: FUSED, BEST_SINGLE, each modality.
        chosen: (seed, row) index, among the sorted modalities, of the best single one at the main
            target; -1 where nothing was held out to choose on.
        subsets: by `subset_name` (seed, row, output): the fused estimate when only those
            modalities are shown to the model; every subset but the full one, which is FUSED.
        sets: by target of classes (seed, row, class) bool: conformal prediction sets.
        half_widths: by scale (seed, row): half-width of its conformal interval.
        coverage: what sets and intervals are to hold.
        attributes: by name (row,) word: facts to break results down by (sex, skin tone).
    """

    targets: tuple[Target, ...]
    keys: Array
    subjects: Array
    databases: Array
    times_s: Array
    segments: Array
    durations_s: Array
    labels: Mapping[str, Array]
    present: Mapping[str, Array]
    estimates: Mapping[str, Array]
    chosen: Array
    subsets: Mapping[str, Array]
    sets: Mapping[str, Array]
    half_widths: Mapping[str, Array]
    coverage: float
    attributes: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.subjects)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, sorted."""
        return tuple(sorted(self.present))

    @property
    def matched(self) -> Array:
        """Rows at which every modality is present, (row,) bool."""
        return np.asarray(np.logical_and.reduce(list(self.present.values())))

    def outputs_of(self, target: Target) -> slice:
        """Return where the outputs of a target lie."""
        start = 0
        for other in self.targets:
            if other.name == target.name:
                break
            start += len(other.classes)
        return slice(start, start + len(target.classes))

    def names_of(self, target: Target) -> list[str]:
        """Return the names of the estimates of a target, FUSED first.

        BEST_SINGLE is one of the main target alone: of another it may be among the worst. It is
        none where it could not be chosen for all rows.
        """
        main = target.name == self.targets[0].name and bool((self.chosen >= 0).all())
        return [FUSED, *([BEST_SINGLE] if main else []), *self.modalities]

    def labelled(self, target: Target) -> Array:
        """Return at which rows a target, or any of its labels or scales, is labelled, (row,)."""
        truth = self.labels[target.name]
        return np.asarray(truth >= 0 if target.kind == "classes" else np.isfinite(truth).any(1))

    def take(self, rows: Array) -> FusedPredictions:
        """Return some rows, given by a mask or by indices."""
        by_seed = {"estimates", "chosen", "subsets", "sets", "half_widths"}
        changed: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            if f.name in ("targets", "coverage"):
                continue
            if isinstance(value, Mapping):
                changed[f.name] = {
                    name: part[:, rows] if f.name in by_seed else part[rows]
                    for name, part in value.items()
                }
            else:
                changed[f.name] = value[:, rows] if f.name in by_seed else value[rows]
        return replace(self, **changed)
