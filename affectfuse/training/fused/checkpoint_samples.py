"""The samples of a data set as a trained model takes them: its modalities, recognisers, ticks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from affectfuse.caching import digest
from affectfuse.checkpoint import Checkpoint
from affectfuse.config import cache_dir
from affectfuse.containers import Target
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.modalities.recognition import FrozenRecogniser
from affectfuse.training.collector import SampleCollector
from affectfuse.training.fused.samples import SampleTable, Sampling
from affectfuse.training.recipes import settings_of, workers_of

__all__ = [
    "collect_samples",
    "sample_collector",
    "sampling_of",
    "shown_modalities",
    "training_recipe",
    "with_hidden",
]


def training_recipe(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return the recipe that the model was trained by."""
    return dict(checkpoint.trained_on.get("recipe") or {})


def shown_modalities(recipe: DictConfig, checkpoint: Checkpoint) -> list[str]:
    """Return the names of the modalities that are shown to the model, sorted.

    Raises:
        ConfigError: when `without` names one that it does not have, or all of them.
    """
    known, without = sorted(checkpoint.modality_configs), recipe.without or []
    hidden = [without] if isinstance(without, str) else list(without)
    for name in hidden:
        if name not in known:
            raise ConfigError(
                f"without: {checkpoint.source} has no modality '{name}'. "
                f"{did_you_mean(str(name), known)}"
            )
    names = [name for name in known if name not in hidden]
    if not names:
        raise ConfigError(
            f"without=[{', '.join(known)}] hides every modality of the model: keep one."
        )
    return names


def sampling_of(recipe: DictConfig, checkpoint: Checkpoint) -> Sampling:
    """Return which ticks are samples: as the recipe says, else as in the model's training.

    Raises:
        ConfigError: when neither says so, or the recipe not all of it.
    """
    given = recipe.sampling
    if given is None:
        given = training_recipe(checkpoint).get("sampling")
    if given is None:
        raise ConfigError(
            f"{checkpoint.source} does not say which ticks it learnt from: say which to test on, "
            "sampling={start_s: 0.0, settle_s: 10.0, every_s: 1.0}."
        )
    return settings_of(OmegaConf.create({"sampling": given}), "sampling", Sampling, "train")


def sample_collector(
    recipe: DictConfig,
    checkpoint: Checkpoint,
    names: Sequence[str],
    progress: Progress | None,
) -> SampleCollector:
    """Return what extracts the samples of some modalities, built as in the model's training."""
    modalities = checkpoint.modalities()
    folder = Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples"
    return SampleCollector(
        {name: modalities[name] for name in names},
        {name: checkpoint.modality_configs[name] for name in names},
        folder,
        workers_of(recipe),
        progress,
    )


def collect_samples(
    checkpoint: Checkpoint,
    names: Sequence[str],
    collector: SampleCollector,
    items: Sequence[DatasetItem],
    targets: Sequence[Target],
    sampling: Sampling,
) -> SampleTable:
    """Return the labelled ticks of recordings, clips named by the checkpoint's recognisers.

    Args:
        checkpoint: the trained model.
        names: of the modalities that are shown to it.
        collector: of those modalities.
        items: the recordings.
        targets: what their labels say.
        sampling: which ticks.

    Raises:
        DatasetError: when no tick is labelled, or a modality is absent from all of them.
    """
    recognise = {
        name: FrozenRecogniser(module)
        for name, module in checkpoint.recognisers().items()
        if name in names
    }
    table = collector.samples(
        items,
        targets,
        sampling,
        recognise=recognise,
        recogniser_digest=digest({name: found.digest() for name, found in recognise.items()}),
    )
    absent = [name for name in names if not table.present[name].any()]
    if absent:
        rest = f", or test the model without it, without=[{', '.join(absent)}]"
        raise DatasetError(
            f"'{absent[0]}', which the model was trained with, is absent from all {len(table)} "
            "samples: see that the data set gives its source under the name that the modality "
            f"reads{rest if len(absent) < len(names) else ''}."
        )
    return table


def with_hidden(table: SampleTable, shapes: Mapping[str, Sequence[int]]) -> SampleTable:
    """Return the table with the model's other modalities too, absent from every row."""
    rows = len(table)
    hidden = {name: shape for name, shape in shapes.items() if name not in table.present}
    empty = {n: np.zeros((rows, *shape), np.float32) for n, shape in hidden.items()}
    return replace(
        table,
        samples={**table.samples, **empty},
        present={**table.present, **{n: np.zeros(rows, bool) for n in hidden}},
        quality={**table.quality, **{n: np.zeros(rows, np.float32) for n in hidden}},
    )
