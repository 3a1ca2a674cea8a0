"""From a fused recipe to its table of samples: what `train` and `crossval` have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from affectfuse.caching import digest
from affectfuse.config import build, cache_dir
from affectfuse.containers import Target
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.datasets.splits import hold_out
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.fusion.outputs import Outputs
from affectfuse.modalities.base import Modality, check_modality
from affectfuse.modalities.features import Features
from affectfuse.training.collector import SampleCollector
from affectfuse.training.folds import FoldPlan
from affectfuse.training.fused.embeddings import EmbeddingCache, embed_frozen
from affectfuse.training.fused.module import TrainingSettings
from affectfuse.training.fused.pretrained import pretrained_encoders
from affectfuse.training.fused.samples import SampleTable, Sampling
from affectfuse.training.fused.training import FusionPlan
from affectfuse.training.recipes import check_keys, check_seed, container, settings_of, workers_of
from affectfuse.training.recognition.clips import LabelMap
from affectfuse.training.recognition.recognisers import (
    RecogniserSettings,
    TrainedRecogniser,
    train_recogniser,
)

__all__ = ["Prepared", "prepare"]

EXAMPLE = "train"
_KEYS = (
    "dataset", "recogniser_dataset", "recogniser_label_map", "modalities", "fusion", "targets",
    "seed", "sampling", "split", "training", "recogniser_training", "workers", "cache",
)  # fmt: skip
_FEATURES = f"{Features.__module__}.{Features.__qualname__}"


@dataclass(eq=False)
class Prepared:
    """A fused recipe, read and checked, its data set at hand.

    Attributes:
        recipe: as it was given.
        dataset: prepared.
        items: its labelled recordings.
        plan: what is trained.
        split: who is trained on, or which folds there are.
        configs: of the modalities, by name.
        recognisers: trained so far, by modality.
        coded: the data set they learnt from.
        coached: its subjects that they learnt from.
        left_out: its clips that no class was named for, by coded word.
    """

    recipe: DictConfig
    dataset: Dataset
    items: Sequence[DatasetItem]
    plan: FusionPlan
    split: FoldPlan
    configs: Mapping[str, Mapping[str, Any]]
    sampling: Sampling
    coaching: RecogniserSettings
    collector: SampleCollector
    recognisers: dict[str, TrainedRecogniser] = field(default_factory=dict)
    coded: Dataset | None = None
    coached: tuple[str, ...] = ()
    left_out: dict[str, int] = field(default_factory=dict)

    @property
    def subjects(self) -> list[str]:
        """Of the labelled recordings."""
        return sorted({item.subject for item in self.items})

    @property
    def skipped(self) -> dict[str, str]:
        """What could not be used so far, with the reason."""
        coded = self.coded.skipped if self.coded else {}
        return {**self.dataset.skipped, **coded, **self._placed(self.collector.skipped)}

    @property
    def notes(self) -> dict[str, str]:
        """What the data sets and reading them corrected."""
        left_out = {
            word: f"a word that recogniser_label_map has no class for: {count} clips left out"
            for word, count in self.left_out.items()
        }
        coded = self.coded.notes if self.coded else {}
        return {**self.dataset.notes, **coded, **left_out, **self._placed(self.collector.notes)}

    def _placed(self, said: Mapping[str, str]) -> dict[str, str]:
        """Return what is said of recordings by where these are described."""
        return {self.dataset.place(key): text for key, text in said.items()}

    def train_recognisers(self, subjects: Sequence[str] | None, progress: Progress | None) -> None:
        """Train the recognisers of the modalities that have one.

        Args:
            subjects: of the recipe's data set to learn from, where it names no other data set to
                learn from; None: there must be another.
            progress: told of each step.

        Raises:
            ConfigError: when there is none.
        """
        modalities = self.plan.modalities
        learning = {n: m for n, m in modalities.items() if m.recogniser_target is not None}
        if not learning:
            return
        recipe, self.coded = self.recipe, self.dataset
        if recipe.recogniser_dataset is not None:
            self.coded = build(recipe.recogniser_dataset, Dataset)  # type: ignore[type-abstract]
            self.coded.prepare(progress)
            everyone = [item.subject for item in self.coded.items()]
            subjects = hold_out(everyone, 0.0, self.coaching.held_out, recipe.seed).train
        if subjects is None:
            raise ConfigError(
                f"the recogniser of '{next(iter(learning))}' would learn from subjects that are "
                "tested on: name another data set for it, recogniser_dataset=NAME."
            )
        self.coached = tuple(subjects)
        words = recipe.recogniser_label_map
        for name, modality in learning.items():
            assert modality.recogniser_target is not None
            classes = modality.recogniser_target.classes
            labels = LabelMap(classes, None if words is None else container(words))
            clips = self.collector.clips(self.coded.items(), name, labels)
            self.left_out |= {f"'{word}'": n for word, n in sorted(labels.left_out.items())}
            self.recognisers[name] = train_recogniser(
                modality, clips, self.coached, self.coaching, recipe.seed, progress
            )

    def samples(self) -> SampleTable:
        """Return the labelled ticks of all subjects."""
        recognise = {name: trained.recognise for name, trained in self.recognisers.items()}
        return self.collector.samples(
            self.items,
            self.plan.targets,
            self.sampling,
            recognise=recognise,
            recogniser_digest=digest({name: found.digest() for name, found in recognise.items()}),
        )

    def embedded(self, table: SampleTable, progress: Progress | None) -> SampleTable:
        """Return a table of samples with the embeddings of frozen encoders, if there are any."""
        cache = EmbeddingCache(_cache(self.recipe), self.configs, workers_of(self.recipe), progress)
        return embed_frozen(table, self.plan, cache)


def prepare(recipe: DictConfig, progress: Progress | None = None) -> Prepared:
    """Read a fused recipe and make sure that its data set is there.

    Raises:
        AffectFuseError: when the recipe or the data set cannot be used.
    """
    check_keys(recipe, _KEYS, EXAMPLE)
    check_seed(recipe)
    settings = settings_of(recipe, "training", TrainingSettings, EXAMPLE)
    coaching = settings_of(recipe, "recogniser_training", RecogniserSettings, EXAMPLE)
    sampling = settings_of(recipe, "sampling", Sampling, EXAMPLE)
    split = settings_of(recipe, "split", FoldPlan, EXAMPLE)
    fusion = container(recipe.fusion)
    dataset = build(recipe.dataset, Dataset)  # type: ignore[type-abstract]
    targets = _targets(dataset, recipe.targets)
    dataset.prepare(progress)
    items = [item for item in dataset.items() if item.labels]
    modalities, configs = _modalities(recipe, items)
    source = settings.encoders_from
    encoders = pretrained_encoders(source, modalities, dataset.name) if source else None
    return Prepared(
        recipe,
        dataset,
        items,
        FusionPlan(modalities, fusion, targets, settings, encoders),
        split,
        configs,
        sampling,
        coaching,
        SampleCollector(modalities, configs, _cache(recipe), workers_of(recipe), progress),
    )


def _cache(recipe: DictConfig) -> Path:
    return Path(recipe.cache).expanduser() if recipe.cache else cache_dir() / "samples"


def _targets(dataset: Dataset, wanted: Any) -> tuple[Target, ...]:
    """Return the data set's targets, or those of them that the recipe names, in its order."""
    if not dataset.targets:
        raise DatasetError(
            f"the data set '{dataset.name}' labels no state, so that no fused model can be trained "
            "on it: name one that has a target, such as dataset=synthetic."
        )
    known = {target.name: target for target in dataset.targets}
    names = [wanted] if isinstance(wanted, str) else list(wanted or known)
    for name in names:
        if name not in known:
            raise ConfigError(f"unknown target '{name}'. {did_you_mean(str(name), known)}")
    chosen = tuple(known[name] for name in names)
    try:
        Outputs(chosen)
    except ValueError as error:
        raise ConfigError(f"the targets of '{dataset.name}': {error}") from error
    return chosen


def _modalities(
    recipe: DictConfig, items: Sequence[DatasetItem]
) -> tuple[dict[str, Modality], dict[str, dict[str, Any]]]:
    """Return the recipe's modalities and their configs, by the modalities' own names.

    Where it names none they are the samples that the data set brings ready-made.
    """
    widths = {name: int(found.shape[-1]) for item in items for name, found in item.features.items()}
    if not recipe.modalities:
        nodes: list[dict[str, Any]] = [
            {"target": _FEATURES, "name": name} for name in sorted(widths)
        ]
    else:
        nodes = [container(node) for node in recipe.modalities.values()]
    modalities: dict[str, Modality] = {}
    configs = {}
    for node in nodes:
        if node.get("target") == _FEATURES:
            name = str(node.get("name"))
            if name not in widths:
                advice = did_you_mean(name, widths) if widths else "It brings no features."
                raise ConfigError(f"the data set brings no features '{name}'. {advice}")
            node["n_features"] = widths[name]
        modality = build(node, Modality)  # type: ignore[type-abstract]
        check_modality(modality)
        if modality.name in modalities:
            raise ConfigError(f"two modalities are called '{modality.name}': keep one of them.")
        modalities[modality.name] = modality
        configs[modality.name] = node
    if not modalities:
        raise ConfigError(
            "the recipe names no modality, and the data set brings none ready-made: add one to "
            "'modalities'."
        )
    return modalities, configs
