"""Who is trained on, who is validated on, who is tested on: always whole subjects.

A subject's recordings never stand on two sides of a split. Every function is deterministic in its
seed and does not depend on the order of the subjects it is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from affectfuse.errors import DatasetError, did_you_mean

__all__ = [
    "Split",
    "check_classes",
    "grouped_k_fold",
    "hold_out",
    "leave_one_dataset_out",
    "leave_one_subject_out",
]


@dataclass(frozen=True, slots=True)
class Split:
    """Three disjoint groups of subjects, each sorted.

    Raises:
        DatasetError: when a subject is on two sides, or nobody is left to train on.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    def __post_init__(self) -> None:
        sides = self.as_dict()
        for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
            both = sorted(set(sides[one]) & set(sides[other]))
            if both:
                raise DatasetError(
                    f"subject '{both[0]}' is in both {one} and {other}: a subject may be on one "
                    "side of a split only; take it out of one."
                )
        if not self.train:
            raise DatasetError(
                "the split leaves no subject to train on: add subjects or make validation and test "
                "smaller."
            )

    def as_dict(self) -> dict[str, list[str]]:
        """Return the three groups by name."""
        return {
            "train": list(self.train),
            "validation": list(self.validation),
            "test": list(self.test),
        }


def hold_out(
    subjects: Iterable[str],
    validation: float | Sequence[str],
    test: float | Sequence[str],
    seed: int,
) -> Split:
    """Hold some subjects out.

    Args:
        subjects: all of them.
        validation: the share of all subjects (0 to 1) to draw, or the subjects by name.
        test: likewise. A share above 0 draws at least one.
        seed: of the draw.

    Raises:
        DatasetError: when a named subject is not in the data set, or nobody is left to train on.
    """
    everyone = sorted(set(subjects))
    named = {
        "validation": _named(validation, everyone, "validation"),
        "test": _named(test, everyone, "test"),
    }
    taken = {subject for side in named.values() for subject in side}
    drawn = [subject for subject in everyone if subject not in taken]
    Random(seed).shuffle(drawn)
    for side, wanted in (("test", test), ("validation", validation)):
        if isinstance(wanted, float | int):
            count = _count(wanted, len(everyone), side)
            named[side], drawn = drawn[:count], drawn[count:]
    return Split(
        tuple(sorted(drawn)), tuple(sorted(named["validation"])), tuple(sorted(named["test"]))
    )


def grouped_k_fold(
    subjects: Iterable[str], folds: int, validation: float, seed: int
) -> list[Split]:
    """Return `folds` splits that test each subject once, in groups whose sizes differ by at most 1.

    The validation subjects of a fold are drawn from those it does not test.

    Raises:
        DatasetError: when there are fewer subjects than folds, or fewer than two folds.
    """
    everyone = sorted(set(subjects))
    if not 2 <= folds <= len(everyone):
        raise DatasetError(
            f"{folds} folds over {len(everyone)} subjects: take from 2 to as many folds as there "
            "are subjects."
        )
    shuffled = list(everyone)
    Random(seed).shuffle(shuffled)
    return [_fold(everyone, shuffled[fold::folds], validation, seed) for fold in range(folds)]


def leave_one_subject_out(subjects: Iterable[str], validation: float, seed: int) -> list[Split]:
    """Return one split a subject, in their order, that tests on that subject alone."""
    everyone = sorted(set(subjects))
    if len(everyone) < 2:
        raise DatasetError(
            f"leave-one-subject-out needs at least two subjects, but there are {len(everyone)}."
        )
    return [_fold(everyone, [subject], validation, seed) for subject in everyone]


def leave_one_dataset_out(
    databases: Mapping[str, str], validation: float, seed: int
) -> dict[str, Split]:
    """Return one split a database, by its name, that tests on all of that database's subjects.

    Args:
        databases: the database of each subject.
        validation: share of the other databases' subjects to validate on.
        seed: of that draw.

    Raises:
        DatasetError: when there are fewer than two databases.
    """
    named = sorted(set(databases.values()))
    if len(named) < 2:
        raise DatasetError(
            "leave-one-dataset-out needs at least two databases, but the data set names "
            f"{', '.join(map(repr, named)) or 'none'}: choose another protocol."
        )
    everyone = sorted(databases)
    return {
        name: _fold(everyone, [s for s in everyone if databases[s] == name], validation, seed)
        for name in named
    }


def _fold(everyone: list[str], test: list[str], validation: float, seed: int) -> Split:
    rest = [subject for subject in everyone if subject not in test]
    inner = hold_out(rest, validation, 0.0, seed)
    return Split(inner.train, inner.validation, tuple(sorted(test)))


def _named(wanted: float | Sequence[str], everyone: Sequence[str], side: str) -> list[str]:
    if isinstance(wanted, float | int):
        return []
    if isinstance(wanted, str):
        wanted = [wanted]
    for subject in wanted:
        if subject not in everyone:
            raise DatasetError(
                f"{side} subject '{subject}' is not in the data set. "
                f"{did_you_mean(str(subject), everyone)}"
            )
    return [str(subject) for subject in wanted]


def _count(share: float, subjects: int, side: str) -> int:
    if not 0 <= share < 1:
        raise DatasetError(f"the {side} share is {share}; it must be at least 0 and below 1.")
    return max(1, math.floor(share * subjects + 0.5)) if share > 0 else 0


def check_classes(counts: Mapping[str, int], where: str) -> None:
    """Refuse a training set in which a class has no sample.

    Args:
        counts: samples by class, in training.
        where: what was counted, for the message.

    Raises:
        DatasetError: naming the classes without one.
    """
    without = [name for name, count in counts.items() if count == 0]
    if without:
        raise DatasetError(
            f"no training sample of {', '.join(repr(n) for n in without)} among the {where}: add "
            "recordings, choose other subjects for the split, or take the class out of the target."
        )
