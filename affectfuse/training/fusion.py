"""One fused model, fitted on one split of a table of samples: what a fold is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectfuse.checkpoint import build_model
from affectfuse.containers import Target
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import Split, check_classes
from affectfuse.errors import DatasetError
from affectfuse.fusion.model import FusionModel
from affectfuse.modalities.base import Modality
from affectfuse.training.data import SampleData, as_batch
from affectfuse.training.evaluation import fit_temperatures, metrics_table
from affectfuse.training.fitting import EpochLog, fit
from affectfuse.training.module import AffectModule, TrainingSettings
from affectfuse.training.samples import SampleTable

__all__ = ["Fitted", "fit_fusion"]


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A fused model, calibrated on validation subjects and measured on test subjects.

    Attributes:
        class_prior: frequency of each class among the training samples.
        temperatures: by modality, and 'fused'.
        metrics: see `metrics_table`.
        samples: labelled samples by side of the split.
        log: what was logged in training, by epoch.
    """

    model: FusionModel
    class_prior: tuple[float, ...]
    temperatures: Mapping[str, float]
    metrics: list[dict[str, Any]]
    samples: Mapping[str, int]
    log: EpochLog


def fit_fusion(
    table: SampleTable,
    split: Split,
    modalities: Mapping[str, Modality],
    fusion: Mapping[str, Any],
    target: Target,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None = None,
) -> Fitted:
    """Build, train, calibrate and measure a fused model.

    With validation subjects training stops early and takes the best epoch; without, it makes all
    epochs and the temperatures are 1.

    Raises:
        DatasetError: when a class has no training sample, or validation or test subjects have none.
    """
    data = SampleData(table, split, settings.batch_size, seed)
    train, validation = data.sides["train"], data.sides["validation"]
    counts = np.bincount(train.labels, minlength=len(target.classes))
    check_classes(
        dict(zip(target.classes, counts.tolist(), strict=True)), f"samples of '{target.name}'"
    )
    for side, subjects in split.as_dict().items():
        if subjects and not len(data.sides[side]):
            raise DatasetError(
                f"the {side} subjects ({', '.join(subjects)}) have no labelled sample: choose "
                "others, or look at which recordings were skipped."
            )
    prior = tuple((counts / counts.sum()).tolist())
    model = build_model(modalities, fusion, prior)
    rows = as_batch(train)
    model.fit_standardisation(rows["samples"], rows["present"])
    log = fit(
        AffectModule(model, settings, seed),
        data,
        max_epochs=settings.max_epochs,
        patience=settings.patience if len(validation) else None,
        accelerator=settings.accelerator,
        threads=1,  # small matrices: more threads wait for each other, and round differently
        what="training the fused model",
        progress=progress,
    )
    temperatures = fit_temperatures(model, validation)
    return Fitted(
        model,
        prior,
        temperatures,
        metrics_table(model, data.sides["test"], temperatures),
        {side: len(part) for side, part in data.sides.items()},
        log,
    )
