"""Recognisers of clips as what is trained in a fold."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from affectfuse.caching import Extracted, digest
from affectfuse.config import build
from affectfuse.containers import Array
from affectfuse.datasets.splits import Split, check_classes
from affectfuse.modalities.base import Modality
from affectfuse.modalities.recognition import ClosedForm
from affectfuse.training.fitting import deterministic, fit
from affectfuse.training.folds import Examples, Learner
from affectfuse.training.recognition.clips import ClipTable
from affectfuse.training.recognition.recognisers import (
    ClipBatches,
    RecogniserSettings,
    TrainingRows,
    fit_recognisers,
)
from affectfuse.training.recognition.side_by_side import SideBySide

__all__ = ["ClipLearner"]

_BATCH = 256


@dataclass(frozen=True, eq=False)
class ClipLearner(Learner):
    """One or more recognisers of clips; the probabilities of several are averaged.

    Attributes:
        clips: all of them.
        classes: names.
        recognisers: the config of each, by name; empty: the modality's own.
        modality: whose recogniser it is, when none is given.
        settings: how each is trained.
        side_by_side: how many folds are trained at once: 1 on a CPU, many on a graphics card.
    """

    clips: ClipTable
    classes: tuple[str, ...]
    recognisers: Mapping[str, Mapping[str, Any]]
    modality: Modality | None
    modality_config: Mapping[str, Any]
    settings: RecogniserSettings
    side_by_side: int = 1
    examples: Examples = field(init=False)
    seeded: bool = field(init=False)
    facts: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        clips = self.clips
        object.__setattr__(
            self,
            "examples",
            Examples(self.classes, clips.keys, clips.subjects, clips.databases, clips.labels),
        )
        created = [self._create(name) for name in self._names()]
        drawn = not all(isinstance(network, ClosedForm) for network in created)
        object.__setattr__(self, "seeded", drawn)
        facts = {
            "clips": digest({"arrays": _content(clips.arrays), "keys": clips.keys.tolist(),
                             "labels": clips.labels.tolist(),
                             "action_units": clips.action_units.tolist()}),
            "classes": self.classes,
            "recognisers": {name: dict(config) for name, config in self.recognisers.items()},
            "modality": dict(self.modality_config),
            "settings": {k: v for k, v in asdict(self.settings).items() if k != "held_out"},
            "code": _code({type(network) for network in created}),
        }  # fmt: skip
        object.__setattr__(self, "facts", facts)

    def parameters(self) -> int:
        """Return the number of learnt numbers of all recognisers together."""
        networks = [self._create(name) for name in self._names()]
        return sum(p.numel() for network in networks for p in network.parameters())

    def learn(self, splits: Sequence[Split], seed: int) -> list[Extracted]:
        subjects = self.clips.subjects
        test = [np.isin(subjects, split.test) for split in splits]
        sums = [np.zeros((int(rows.sum()), len(self.classes))) for rows in test]
        names = self._names()
        for number, name in enumerate(names):
            folds = [self._rows(split, seed, number) for split in splits]
            with deterministic(seed):
                trained = fit_recognisers(
                    lambda name=name: self._create(name),  # type: ignore[misc]
                    self.clips,
                    folds,
                    len(self.classes),
                    self.settings,
                )
            for total, network, rows in zip(sums, trained, test, strict=True):
                total += _probabilities(network, self.clips.arrays[rows])
        return [{"probabilities": total / len(names)} for total in sums]

    def _names(self) -> list[str]:
        return list(self.recognisers) or [""]

    def _create(self, name: str) -> nn.Module:
        if name:
            network = build(
                self.recognisers[name],
                nn.Module,
                clip_shape=self.clips.arrays.shape[1:],
                n_classes=len(self.classes),
            )
        else:
            assert self.modality is not None
            own = self.modality.recogniser_to_train()
            assert own is not None
            network = own
        return network

    def _rows(self, split: Split, seed: int, number: int) -> TrainingRows:
        subjects, labels = self.clips.subjects, self.clips.labels
        train = np.flatnonzero(np.isin(subjects, split.train))
        counts = np.bincount(labels[train], minlength=len(self.classes)).tolist()
        where = f"clips when {', '.join(split.test[:3])} are held out"
        check_classes(dict(zip(self.classes, counts, strict=True)), where)
        drawn = np.random.SeedSequence(
            [seed, number, *(ord(letter) for name in split.test for letter in name)]
        )
        return TrainingRows(
            train,
            np.flatnonzero(np.isin(subjects, split.validation)),
            int(drawn.generate_state(1)[0]),
        )


@torch.inference_mode()
def _probabilities(network: nn.Module, arrays: Array) -> Array:
    parts = [
        torch.softmax(network(torch.from_numpy(arrays[start : start + _BATCH]))[1].float(), -1)
        for start in range(0, len(arrays), _BATCH)
    ]
    return torch.cat(parts).numpy()


def _code(networks: Iterable[type]) -> str:
    """Return a digest of the code that learns: the networks' and the training's."""
    code: list[Any] = [*networks, ClipLearner, SideBySide, ClipBatches, fit]
    parts = {inspect.getfile(part) for part in code}
    found = hashlib.sha256()
    for file in sorted(parts, key=lambda name: Path(name).name):
        found.update(Path(file).read_bytes())
    return found.hexdigest()


def _content(array: Array) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
