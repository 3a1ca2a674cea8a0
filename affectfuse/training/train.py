"""Training from a recipe: recognisers, samples, the fused model, and one checkpoint of it all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from affectfuse.caching import available_cores, digest
from affectfuse.checkpoint import Checkpoint, sample_spec, save_checkpoint
from affectfuse.config import build, cache_dir
from affectfuse.containers import Target
from affectfuse.datasets.base import Dataset, Progress
from affectfuse.datasets.splits import Split, hold_out
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.files import write_whole
from affectfuse.modalities.base import Modality
from affectfuse.training.evaluation import FUSED, format_metrics
from affectfuse.training.fitting import deterministic, torch_threads
from affectfuse.training.fusion import Fitted, fit_fusion
from affectfuse.training.module import TrainingSettings
from affectfuse.training.recipes import check_keys, container, settings_of, share
from affectfuse.training.recognisers import RecogniserSettings, TrainedRecogniser, train_recogniser
from affectfuse.training.samples import SampleCollector
from affectfuse.training.trained_weights import without_nan
from affectfuse.versions import package_versions

__all__ = ["TrainingResult", "train"]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingResult:
    """What a training run gave.

    Attributes:
        checkpoint: the written file.
        metrics: one row an estimate and subset, on held-out subjects.
        recognisers: metrics of each recogniser, on held-out subjects.
        split: subjects by side.
        samples: labelled samples by side.
        skipped: recordings, and rows of a sheet, that could not be used, with the reason.
    """

    checkpoint: Path
    metrics: list[dict[str, Any]]
    recognisers: Mapping[str, Mapping[str, float]]
    split: Split
    samples: Mapping[str, int]
    skipped: Mapping[str, str]

    def table(self) -> str:
        """Return the metrics as text, with what was skipped."""
        lines = [format_metrics(self.metrics)]
        for name, found in self.recognisers.items():
            lines.append(
                f"recogniser of {name}: UAR {found['uar']:.3f} (chance {found['chance_uar']:.3f}) "
                f"on {found['held_out_clips']} clips of {found['held_out_subjects']} held-out "
                "subjects"
            )
        if self.skipped:
            lines.append(f"skipped {len(self.skipped)} recordings or rows:")
            lines += [f"  {key}: {reason}" for key, reason in self.skipped.items()]
        return "\n".join(lines)


def train(recipe: DictConfig, out: Path, progress: Progress | None = None) -> TrainingResult:
    """Train, calibrate and measure a fused model; write its checkpoint.

    Subjects are split once. The recognisers learn from training subjects only (or from a data set
    of their own), the fused model from training subjects, early stopping and temperatures from
    validation subjects; the metrics are of test subjects. Deterministic in `recipe.seed`.

    Writes `checkpoint.pt`, `metrics.json`, `training.csv` and `recipe.yaml`.

    Args:
        recipe: a filled recipe, see `configs/train.yaml`.
        out: folder, made readable by its owner alone.
        progress: told of each step.

    Raises:
        AffectFuseError: when the recipe, a data set or the folder cannot be used.
    """
    check_keys(recipe, _KEYS, "train")
    modalities, configs = _build_modalities(recipe)
    settings = settings_of(recipe, "training", TrainingSettings, "train")
    coaching = settings_of(recipe, "recogniser_training", RecogniserSettings, "train")
    fusion = container(recipe.fusion)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    target = _target(dataset)
    dataset.prepare(progress)
    items = dataset.items()
    split = hold_out(
        [item.subject for item in items if item.labels],
        validation=share(recipe, "validation"),
        test=share(recipe, "test"),
        seed=recipe.seed,
    )
    folder = Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples"
    workers = recipe.workers or available_cores()
    collector = SampleCollector(modalities, configs, folder, workers, progress)
    with deterministic(recipe.seed), torch_threads(1):
        recognisers, coded = _train_recognisers(
            recipe, coaching, modalities, dataset, split, collector, progress
        )
        table = collector.samples(
            items,
            target,
            recognise={name: trained.recognise for name, trained in recognisers.items()},
            recogniser_digest=digest(
                {name: trained.recognise.digest() for name, trained in recognisers.items()}
            ),
            settle_s=recipe.settle_s,
        )
        fitted = fit_fusion(
            table, split, modalities, fusion, target, settings, recipe.seed, progress
        )
    skipped = {**dataset.skipped, **coded.skipped, **collector.skipped}
    checkpoint = Checkpoint(
        modality_configs=configs,
        sample_specs={name: sample_spec(modality) for name, modality in modalities.items()},
        fusion_config=fusion,
        target=target,
        class_prior=fitted.class_prior,
        temperature=fitted.temperatures[FUSED],
        modality_temperatures={n: t for n, t in fitted.temperatures.items() if n != FUSED},
        weights=fitted.model.state_dict(),
        recogniser_weights={n: trained.recognise.weights() for n, trained in recognisers.items()},
        trained_on={
            "dataset": dataset.name,
            "provenance": dataset.provenance,
            "subjects": split.as_dict(),
            "samples": fitted.samples,
            "skipped": skipped,
            "notes": {**dataset.notes, **coded.notes},
            "recognisers": {
                name: {
                    "dataset": coded.name,
                    "provenance": coded.provenance,
                    "clips": list(modalities[name].clip_steps()),
                    **trained.metrics,
                }
                for name, trained in recognisers.items()
            },
            "recipe": container(recipe),
        },
        metrics=fitted.metrics,
        versions=package_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    result = TrainingResult(
        out / "checkpoint.pt",
        fitted.metrics,
        {name: trained.metrics for name, trained in recognisers.items()},
        split,
        fitted.samples,
        skipped,
    )
    _write(out, result, checkpoint, recipe, fitted)
    return result


def _write(
    out: Path, result: TrainingResult, checkpoint: Checkpoint, recipe: DictConfig, fitted: Fitted
) -> None:
    report = {
        "metrics": result.metrics,
        "recognisers": result.recognisers,
        "temperatures": fitted.temperatures,
        "class_prior": dict(zip(checkpoint.target.classes, fitted.class_prior, strict=True)),
        "split": result.split.as_dict(),
        "samples": result.samples,
        "skipped": result.skipped,
    }
    text = json.dumps(without_nan(report), indent=2, allow_nan=False)
    write_whole(out / "metrics.json", (text + "\n").encode())
    write_whole(out / "training.csv", fitted.log.csv().encode())
    write_whole(out / "recipe.yaml", OmegaConf.to_yaml(recipe, resolve=True).encode())
    save_checkpoint(checkpoint, result.checkpoint)


_KEYS = (
    "dataset", "recogniser_dataset", "modalities", "fusion", "seed", "settle_s", "split",
    "training", "recogniser_training", "workers", "cache",
)  # fmt: skip


def _target(dataset: Dataset) -> Target:
    if dataset.target is None:
        raise DatasetError(
            f"the data set '{dataset.name}' labels no state, so that no fused model can be trained "
            "on it: name one that has a target, such as dataset=synthetic."
        )
    return dataset.target


def _build_modalities(
    recipe: DictConfig,
) -> tuple[dict[str, Modality], dict[str, dict[str, Any]]]:
    """Return the recipe's modalities and their configs, by the modalities' own names."""
    modalities: dict[str, Modality] = {}
    configs = {}
    for node in (recipe.modalities or {}).values():
        modality = build(node, Modality)  # type: ignore[type-abstract]
        if modality.name in modalities:
            raise ConfigError(f"two modalities are called '{modality.name}': keep one of them.")
        modalities[modality.name] = modality
        configs[modality.name] = container(node)
    if not modalities:
        raise ConfigError("the recipe names no modality: add one to 'modalities'.")
    return modalities, configs


def _train_recognisers(
    recipe: DictConfig,
    settings: RecogniserSettings,
    modalities: Mapping[str, Modality],
    dataset: Dataset,
    split: Split,
    collector: SampleCollector,
    progress: Progress | None,
) -> tuple[dict[str, TrainedRecogniser], Dataset]:
    """Return the trained recognisers, and the data set whose coded intervals they learnt from."""
    learning = {n: m for n, m in modalities.items() if m.recogniser_target is not None}
    if not learning:
        return {}, dataset
    subjects: tuple[str, ...] = split.train
    if recipe.recogniser_dataset is not None:
        dataset = build(recipe.recogniser_dataset, Dataset)  # type: ignore[type-abstract]
        dataset.prepare(progress)
        everyone = [item.subject for item in dataset.items()]
        subjects = hold_out(everyone, 0.0, settings.held_out, recipe.seed).train
    trained = {}
    for name, modality in learning.items():
        clips = collector.clips(dataset.items(), name)
        trained[name] = train_recogniser(modality, clips, subjects, settings, recipe.seed, progress)
    return trained, dataset
