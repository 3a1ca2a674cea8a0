"""Protocols: which folds there are, and the running of them, whatever is trained in a fold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from affectfuse.caching import Extracted, Task, digest, run_tasks
from affectfuse.containers import Array
from affectfuse.datasets.base import Progress
from affectfuse.datasets.splits import (
    Split,
    grouped_k_fold,
    hold_out,
    leave_one_dataset_out,
    leave_one_subject_out,
)
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.fusion.estimator import one_thread

__all__ = ["Examples", "FoldPlan", "Learner", "plan_folds", "run_folds"]

PROTOCOLS = ("leave_one_subject_out", "leave_one_dataset_out", "hold_out", "grouped_k_fold")


@dataclass(frozen=True, slots=True)
class FoldPlan:
    """How the subjects are divided.

    Attributes:
        protocol: 'leave_one_subject_out', 'leave_one_dataset_out', 'hold_out' or 'grouped_k_fold'.
        folds: number of folds of 'grouped_k_fold'.
        test: of 'hold_out', the share of the subjects to test on, or their names.
        validation: share of a fold's training subjects held back to choose the epoch by, of
            'hold_out' also their names; 0: none, the number of epochs is fixed.
        seed: of what is drawn.
    """

    protocol: Literal[
        "leave_one_subject_out", "leave_one_dataset_out", "hold_out", "grouped_k_fold"
    ]
    folds: int
    test: float | Sequence[str]
    validation: float | Sequence[str]
    seed: int

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            advice = did_you_mean(str(self.protocol), PROTOCOLS)
            raise ValueError(f"unknown protocol '{self.protocol}'. {advice}")
        named = not isinstance(self.validation, int | float)
        if named and self.protocol != "hold_out":
            raise ValueError(
                f"validation names subjects ({', '.join(map(str, self.validation))}), which only "  # type: ignore[arg-type]
                "protocol=hold_out can take: set that, or give a share."
            )
        if not named and not 0 <= self.validation < 1:  # type: ignore[operator]
            raise ValueError(f"validation is {self.validation}; allowed: 0 to below 1")
        for name, least in (("folds", 2), ("seed", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is {value}; it must be a whole number, {least} or more.")

    def hold_out(self, subjects: Iterable[str]) -> Split:
        """Return the subjects divided once, whatever the protocol."""
        return hold_out(subjects, self.validation, self.test, self.seed)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is predicted, one row an example: which, of whom, from which database, and its class."""

    classes: tuple[str, ...]
    keys: Array
    subjects: Array
    databases: Array
    labels: Array


class Learner(ABC):
    """What is trained in a fold. Picklable: folds run in processes of their own.

    Attributes:
        examples: all of them.
        side_by_side: how many folds it trains at once.
        seeded: whether what comes out depends on the seed; if not, folds are trained once.
        facts: all that decides what comes out, but for folds and seed; what JSON can hold.
    """

    examples: Examples
    side_by_side: int
    seeded: bool
    facts: Mapping[str, Any]

    @abstractmethod
    def learn(self, splits: Sequence[Split], seed: int) -> list[Extracted]:
        """Train on each split; return what is said of its test rows, arrays (row, ...) by name.

        'probabilities' (row, class) is one of them. A fold's result depends on its split and the
        seed, not on the folds beside it.
        """


def plan_folds(plan: FoldPlan, examples: Examples) -> dict[str, Split]:
    """Return the folds by name.

    Raises:
        DatasetError: when the subjects cannot be divided so, or one is in two databases.
    """
    subjects, seed = examples.subjects.tolist(), plan.seed
    held_back = plan.validation if isinstance(plan.validation, int | float) else 0.0
    if plan.protocol == "leave_one_dataset_out":
        databases: dict[str, str] = {}
        for subject, database in zip(subjects, examples.databases.tolist(), strict=True):
            if databases.setdefault(subject, database) != database:
                raise DatasetError(
                    f"subject '{subject}' is in '{database}' and in '{databases[subject]}': rename "
                    "the subjects of one database."
                )
        return leave_one_dataset_out(databases, held_back, seed)
    if plan.protocol == "leave_one_subject_out":
        splits = leave_one_subject_out(subjects, held_back, seed)
        return {split.test[0]: split for split in splits}
    if plan.protocol == "grouped_k_fold":
        splits = grouped_k_fold(subjects, plan.folds, held_back, seed)
        return {f"fold {number}": split for number, split in enumerate(splits, start=1)}
    split = plan.hold_out(subjects)
    if not split.test:
        raise ConfigError("hold_out tests on nobody: set split.test to a share or to names.")
    return {"held out": split}


def run_folds(
    learner: Learner,
    folds: Mapping[str, Split],
    seeds: Sequence[int],
    folder: Path,
    workers: int,
    progress: Progress | None = None,
) -> Extracted:
    """Return what is said of each example by a model that had not seen its subject.

    The folds of a seed are trained in groups; what a group gave is written whole into `folder`, so
    that a run that was ended goes on where it stopped.

    Args:
        learner: what is trained in a fold.
        folds: by name.
        seeds: of the models.
        folder: for the groups' results.
        workers: processes to run at once.
        progress: told how many groups are done.

    Returns:
        by name (seed, row, ...), 'probabilities' among them; NaN in rows that no fold tests.
    """
    names = list(folds)
    groups = [
        names[start : start + learner.side_by_side]
        for start in range(0, len(names), learner.side_by_side)
    ]
    tasks: list[Task] = []
    drawn = seeds if learner.seeded else seeds[:1]
    for seed in drawn:
        for group in groups:
            splits = [folds[name] for name in group]
            facts = {"seed": seed, "splits": [asdict(s) for s in splits], **learner.facts}
            file = folder / f"{digest(facts)}.safetensors"
            name = f"seed {seed}: {', '.join(group)}"
            tasks.append((name, file, partial(_learn, learner, splits, seed)))
    found, failed = run_tasks(tasks, workers, "training folds", progress, one_thread)
    for name, reason in failed.items():
        raise DatasetError(f"{name}: {reason}")
    joined: Extracted = {}
    places = [(place, group) for place in range(len(drawn)) for group in groups]
    for (name, *_), (place, group) in zip(tasks, places, strict=True):
        for number, fold in enumerate(group):
            rows = np.isin(learner.examples.subjects, folds[fold].test)
            prefix = f"{number}."
            for key, part in found[name].items():
                if key.startswith(prefix):
                    shape = (len(drawn), len(rows), *part.shape[1:])
                    whole = joined.setdefault(key.removeprefix(prefix), np.full(shape, np.nan))
                    whole[place, rows] = part
    if learner.seeded:
        return joined
    return {name: np.repeat(part, len(seeds), axis=0) for name, part in joined.items()}


def _learn(learner: Learner, splits: Sequence[Split], seed: int) -> Extracted:
    return {
        f"{number}.{name}": array.astype(np.float32)
        for number, learnt in enumerate(learner.learn(splits, seed))
        for name, array in learnt.items()
    }
