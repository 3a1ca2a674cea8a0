"""Scores of fused models broken down by what is known of the people and recordings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Target
from affectfuse.evaluation.fused import FusedPredictions
from affectfuse.evaluation.fused_scores import FusedScore, measure_fused
from affectfuse.evaluation.groups import split_by_facts

__all__ = ["FEW_IN_GROUP", "FusedGroup", "measure_groups"]

FEW_IN_GROUP = 5
"""A group of fewer subjects says nothing of people like them."""


@dataclass(frozen=True, slots=True, eq=False)
class FusedGroup:
    """The scores of the samples that share a word.

    Attributes:
        attribute, value: the word, and of what.
        rows, subjects: labelled samples, and of how many people.
        scores: as those of all samples.
    """

    attribute: str
    value: str
    rows: int
    subjects: int
    scores: tuple[FusedScore, ...]

    @property
    def few(self) -> bool:
        """Whether the group has too few subjects to say anything of others."""
        return self.subjects < FEW_IN_GROUP


def measure_groups(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> list[FusedGroup]:
    """Return the scores by each attribute, and by database, that has at least two words.

    Subjects are drawn inside a group, for its own intervals; see `split_by_facts`.
    """
    here = predictions.take(predictions.labelled(target))
    columns = {"database": here.databases, **here.attributes}
    facts = {
        name: {key: word for key, word in zip(here.keys.tolist(), words.tolist(), strict=True)
               if word}
        for name, words in columns.items()
    }  # fmt: skip
    found = []
    for group in split_by_facts(facts):
        some = here.take(np.isin(here.keys, sorted(group.keys)))
        scores, _ = measure_fused(some, target, draws, seed)
        people = len(np.unique(some.subjects))
        found.append(FusedGroup(group.attribute, group.value, len(some), people, tuple(scores)))
    return found
