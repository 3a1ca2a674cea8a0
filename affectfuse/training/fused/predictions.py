"""What one fused model says of samples it has not learnt from, in the form that is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affectfuse.caching import Extracted
from affectfuse.containers import Array, Target
from affectfuse.datasets.base import DatasetItem
from affectfuse.evaluation.fused import BEST_SINGLE, FUSED, FusedPredictions, subset_name
from affectfuse.fusion.calibration import Calibration, prediction_set
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.fused.evaluation import estimates, predict
from affectfuse.training.fused.pooling import subsets
from affectfuse.training.fused.samples import SampleTable

__all__ = ["pooled_predictions", "said_over_subsets"]


def said_over_subsets(
    model: FusionModel,
    learnt: Sequence[Target],
    calibration: Calibration,
    best_single: str,
    names: Sequence[str],
    table: SampleTable,
    targets: Sequence[Target] | None = None,
) -> Extracted:
    """Return what a model says of the rows of a table, with everything and with less shown to it.

    Args:
        model: the fused model.
        learnt: all that it predicts.
        calibration: its own.
        best_single: the modality that was best by itself inside training; '' if none was chosen.
        names: of the modalities that are shown, sorted; the model's others stay hidden.
        table: the rows.
        targets: those of `learnt` that are asked for, the main target first; None: all.

    Returns:
        (row, ...) by name: 'probabilities', 'estimate.NAME', 'subset.NAME', 'set.TARGET',
        'half_width.SCALE', 'chosen'; see `affectfuse.evaluation.fused.FusedPredictions`.
    """

    outputs, asked = Outputs(learnt), Outputs(targets or learnt)
    columns = np.concatenate([np.arange(len(outputs))[outputs.of(t)] for t in asked.targets])

    def shown(modalities: Sequence[str]) -> dict[str, Array]:
        present = {n: there & (n in modalities) for n, there in table.present.items()}
        found = estimates(predict(model, table, present), outputs, model, calibration)
        return {name: values[:, columns] for name, values in found.items()}

    everything = shown(names)
    found = {name: everything[name] for name in (FUSED, *names)}
    unknown = np.full_like(found[FUSED], np.nan)  # where nothing was held out to choose on
    said: Extracted = {
        "probabilities": found[FUSED],
        **{f"estimate.{name}": values for name, values in found.items()},
        f"estimate.{BEST_SINGLE}": found[best_single] if best_single else unknown,
        "chosen": np.full(len(table), names.index(best_single) if best_single else -1),
    }
    for part in subsets(names)[:-1]:  # all of them together is the fused estimate
        said[f"subset.{subset_name(part)}"] = shown(part)[FUSED]
    for target in asked.targets:
        if target.kind == "classes" and target.name in calibration.thresholds:
            values = found[FUSED][:, asked.of(target)]
            inside = prediction_set(values, calibration.thresholds[target.name])
            said[f"set.{target.name}"] = inside
        elif target.kind == "scales":
            for name in target.classes:
                width = calibration.thresholds.get(name, np.nan)
                said[f"half_width.{name}"] = np.full(len(table), width)
    return said


def pooled_predictions(
    targets: Sequence[Target],
    table: SampleTable,
    said: Mapping[str, Array],
    coverage: float,
    items: Sequence[DatasetItem],
) -> FusedPredictions:
    """Return as one table what models said of samples, of those of which something was said.

    Args:
        targets: what was predicted, the main target first.
        table: the samples.
        said: by name (seed, row, ...), see `said_over_subsets`; NaN in rows that were not tested.
        coverage: of the conformal sets.
        items: the recordings, whose attributes results are broken down by.
    """
    tested = np.asarray(np.isfinite(said["probabilities"]).all(axis=(0, 2)))

    def named(prefix: str) -> dict[str, Array]:
        start = f"{prefix}."
        return {k.removeprefix(start): v for k, v in said.items() if k.startswith(start)}

    return FusedPredictions(
        tuple(targets),
        table.keys,
        table.subjects,
        table.databases,
        table.times_s,
        table.segments,
        table.durations_s,
        table.labels,
        table.present,
        named("estimate"),
        said["chosen"],
        named("subset"),
        {name: inside > 0.5 for name, inside in named("set").items()},
        named("half_width"),
        coverage,
        _attributes(items, table.keys),
    ).take(tested)


def _attributes(items: Sequence[DatasetItem], keys: Array) -> dict[str, Array]:
    """Return by name the word that each row's recording has, '' where it has none."""
    by_key = {item.key: item.attributes for item in items}
    names = sorted({name for facts in by_key.values() for name in facts} - {"database"})
    return {n: np.array([by_key[key].get(n, "") for key in keys.tolist()]) for n in names}
