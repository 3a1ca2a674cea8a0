"""Fused models as what is trained in a fold."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.caching import Extracted
from affectfuse.checkpoint import build_model
from affectfuse.datasets.splits import Split
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs
from affectfuse.training.callbacks import EpochLog
from affectfuse.training.fitting import deterministic, fit
from affectfuse.training.folds import Examples, Learner
from affectfuse.training.fused.calibration import fit_calibration
from affectfuse.training.fused.data import SampleData
from affectfuse.training.fused.embeddings import embed_frozen
from affectfuse.training.fused.fusion import fit_fusion
from affectfuse.training.fused.inner_folds import learn_inner_folds
from affectfuse.training.fused.learning_rate import find_learning_rate
from affectfuse.training.fused.module import AffectModule
from affectfuse.training.fused.pooling import fit_pool_weights
from affectfuse.training.fused.predictions import said_over_subsets
from affectfuse.training.fused.pretrained import PretrainedEncoders
from affectfuse.training.fused.samples import SampleTable
from affectfuse.training.fused.targets import loss
from affectfuse.training.fused.training import FusedTraining, FusionPlan

__all__ = ["FusionLearner"]


@dataclass(frozen=True, eq=False)
class FusionLearner(Learner):
    """Fused models of a table of samples.

    What it says of the test rows: see `said_over_subsets`.

    Attributes:
        table: of all subjects.
        plan: what is trained.
        configs: of the modalities, by name.
    """

    table: SampleTable
    plan: FusionPlan
    configs: Mapping[str, Mapping[str, Any]]
    side_by_side: int = 1
    seeded: bool = True
    examples: Examples = field(init=False)
    facts: Mapping[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        table, plan = self.table, self.plan
        main = plan.targets[0]
        keys = np.array([f"{k}@{t:.3f}" for k, t in zip(table.keys, table.times_s, strict=True)])
        examples = Examples(
            main.classes, keys, table.subjects, table.databases, table.labels[main.name]
        )
        object.__setattr__(self, "examples", examples)
        facts = {
            "table": _content(table),
            "targets": [asdict(target) for target in plan.targets],
            "modalities": {name: dict(config) for name, config in self.configs.items()},
            "fusion": dict(plan.fusion),
            "settings": asdict(plan.settings),
            "encoders": plan.encoders.sha256 if plan.encoders else None,
            "code": _code(plan),
        }
        object.__setattr__(self, "facts", facts)

    def learn(self, splits: Sequence[Split], seed: int) -> list[Extracted]:
        found = []
        for split in splits:
            with deterministic(seed):
                fitted = fit_fusion(self.table, split, self.plan, seed)
            test = self.table.of_subjects(split.test)
            learnt, names = self.plan.targets, sorted(self.plan.modalities)
            found.append(
                said_over_subsets(
                    fitted.model, learnt, fitted.calibration, fitted.best_single, names, test
                )
            )
        return found

    def parameters(self) -> int:
        """Return the number of learnt numbers of a model."""
        return sum(p.numel() for p in _untrained(self.plan).parameters())


def _content(table: SampleTable) -> str:
    found = hashlib.sha256()
    for f in fields(table):
        value = getattr(table, f.name)
        for name, array in value.items() if isinstance(value, Mapping) else [("", value)]:
            if array.dtype.kind == "U":
                array = np.array("\n".join(array.tolist()).encode())
            found.update(f"{f.name} {name} {array.dtype} {array.shape}".encode())
            found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _untrained(plan: FusionPlan) -> FusionModel:
    return build_model(plan.modalities, plan.fusion, [0.0] * len(Outputs(plan.targets)))


def _code(plan: FusionPlan) -> str:
    """Return a digest of the code that learns: the model's and the training's."""
    model = _untrained(plan)
    code: list[Any] = [
        FusionLearner, AffectModule, SampleData, EpochLog, find_learning_rate, fit, fit_fusion,
        fit_calibration, fit_pool_weights, learn_inner_folds, loss, FusedTraining,
        PretrainedEncoders, said_over_subsets, embed_frozen,
    ]  # fmt: skip
    files = {inspect.getfile(part) for part in [*code, *map(type, model.modules())]}
    own = {name for name in files if "torch/nn" not in name.replace("\\", "/")}
    found = hashlib.sha256()
    for file in sorted(own, key=lambda name: Path(name).name):
        found.update(Path(file).read_bytes())
    return found.hexdigest()
