"""Results broken down by what is known of the recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.base import DatasetItem

__all__ = ["Group", "split_by_attributes", "split_by_facts"]

_MOST_VALUES = 12
_RANGES = 4


@dataclass(frozen=True, slots=True)
class Group:
    """Recordings that share an attribute's value (or range of values), by key."""

    attribute: str
    value: str
    keys: frozenset[str]


def split_by_attributes(items: Sequence[DatasetItem]) -> list[Group]:
    """Return the groups of each attribute that takes at least two values, see `split_by_facts`."""
    names = dict.fromkeys(name for item in items for name in item.attributes)
    return split_by_facts(
        {
            name: {item.key: item.attributes[name] for item in items if name in item.attributes}
            for name in names
        }
    )


def split_by_facts(facts: Mapping[str, Mapping[str, str]]) -> list[Group]:
    """Return the groups of each fact, given by recording's key, that takes at least two values.

    A number with more than twelve different values is cut into four ranges of about equally many
    recordings; a word with so many is left out, since it names recordings and no condition.
    """
    groups = []
    for name, known in facts.items():
        values = _ranges(known) if len(set(known.values())) > _MOST_VALUES else known
        if len(set(values.values())) < 2:
            continue
        for value in sorted(set(values.values()), key=_order):
            keys = frozenset(key for key, other in values.items() if other == value)
            groups.append(Group(name, value, keys))
    return groups


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return float("nan")


def _order(value: str) -> tuple[float, str]:
    leading = _number(value.partition(" ")[0])
    return (leading if np.isfinite(leading) else np.inf), value


def _ranges(values: Mapping[str, str]) -> dict[str, str]:
    numbers: Array = np.array([_number(value) for value in values.values()])
    if not np.isfinite(numbers).all():
        return {}
    edges = np.quantile(numbers, np.linspace(0.0, 1.0, _RANGES + 1)[1:-1], method="lower")
    place = np.searchsorted(np.unique(edges), numbers, side="left")
    named = {}
    for key, which in zip(values, place, strict=True):
        inside = numbers[place == which]
        low, high = inside.min(), inside.max()
        named[key] = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    return named
