"""Targets whose labels stand in columns of a table, as a config names them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from affectfuse.containers import Target, TargetKind
from affectfuse.datasets.sheets import Row
from affectfuse.errors import ConfigError, did_you_mean

__all__ = ["LabelColumns", "SegmentLabels"]

_UNITS = ("clip", "window", "session")
_EVIDENCE = ("coder", "condition", "planted", "self-report")


@dataclass(frozen=True, slots=True)
class SegmentLabels:
    """What is known of one segment.

    Attributes:
        label: the class, '' where it is not labelled.
        values: labels (0 or 1) and scales by name, of those that are labelled.
    """

    label: str
    values: Mapping[str, float]

    def __bool__(self) -> bool:
        return bool(self.label or self.values)


@dataclass(frozen=True, slots=True)
class _Column:
    target: Target
    name: str
    words: Mapping[str, str] = field(default_factory=dict)
    """By word of the column the class it stands for; empty: the words are numbers."""
    strict: bool = True


class LabelColumns:
    """The targets of a data set that one describes oneself.

    Each target is a mapping:

    - `{kind: classes, column: label, classes: [calm, stressed]}`: one of the classes; any other
      word is refused. `classes: {rest: calm, stroop: stressed}` says which word stands for which
      class; other words are then left out and counted. There can be one such target.
    - `{kind: labels, columns: [au4, au12]}`: each 0 or 1.
    - `{kind: scales, columns: [valence, arousal]}`: each a number.

    `column` may be left out where it is called as the target. A blank cell (or 'n/a', as BIDS has
    it) is not labelled.

    Args:
        targets: by name.
        unit: what one label is given to: 'clip', 'window' or 'session'.
        evidence: what stands behind the labels: 'condition', 'self-report', 'coder' or 'planted'.
        strict: refuse words that are in no list of classes; False: leave them out, and count them.

    Attributes:
        targets: what the labels say, those of classes first.
        left_out: how often each word without a class was met.

    Raises:
        ConfigError: when a target cannot be understood.
    """

    def __init__(
        self,
        targets: Mapping[str, Mapping[str, Any]],
        unit: str,
        evidence: str,
        strict: bool = True,
    ) -> None:
        for what, given, allowed in (("unit", unit, _UNITS), ("evidence", evidence, _EVIDENCE)):
            if given not in allowed:
                raise ConfigError(f"{what} is '{given}'. {did_you_mean(given, allowed)}")
        self.left_out: Counter[str] = Counter()
        self._columns: list[_Column] = []
        for name, said in targets.items():
            if not isinstance(said, Mapping):
                raise ConfigError(f"target '{name}' is '{said}'; say its kind: {{kind: scales}}.")
            self._columns += _columns(str(name), dict(said), unit, evidence, strict)
        self._columns.sort(key=lambda column: column.target.kind)
        self.targets = tuple(dict.fromkeys(column.target for column in self._columns))
        if sum(target.kind == "classes" for target in self.targets) > 1:
            raise ConfigError(
                f"{', '.join(repr(t.name) for t in self.targets if t.kind == 'classes')} are both "
                "of kind 'classes'; one target may be: make the other one labels or scales."
            )

    @property
    def names(self) -> list[str]:
        """Of the columns."""
        return list(dict.fromkeys(column.name for column in self._columns))

    def read(self, row: Row) -> tuple[SegmentLabels, list[str]]:
        """Return a row's labels, and what is wrong with them."""
        label, values, faults = "", {}, []
        for column in self._columns:
            cell = row[column.name]
            if not cell or cell.lower() == "n/a":
                continue
            if column.target.kind != "classes":
                value, allowed = (
                    _value(cell),
                    "0, 1" if column.target.kind == "labels" else "a number",
                )
                if math.isnan(value) or (column.target.kind == "labels" and value not in (0, 1)):
                    faults.append(
                        f"'{column.name}' is '{cell}'; allowed: {allowed}, or a blank cell where "
                        "it is not labelled"
                    )
                values[column.name] = value
            elif (word := _word(cell, column.words)) in column.words:
                label = column.words[word]
            elif column.strict or cell.lower() == "nan":
                faults.append(
                    f"'{column.name}' is '{cell}', which is no class of '{column.target.name}'. "
                    f"{did_you_mean(cell, column.words)} Leave the cell blank where it is not "
                    "labelled"
                )
            else:
                self.left_out[cell] += 1
        return SegmentLabels(label, values), faults


def _word(cell: str, words: Mapping[str, str]) -> str:
    """Return the word of a cell; '1.0', as a spreadsheet may write it, is the word '1'."""
    value = _value(cell)
    return str(int(value)) if cell not in words and value.is_integer() else cell


def _value(cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _columns(
    name: str, said: dict[str, Any], unit: str, evidence: str, strict: bool
) -> list[_Column]:
    kind = said.pop("kind", None)
    if kind not in get_args(TargetKind):
        raise ConfigError(
            f"target '{name}' is of kind '{kind}'. {did_you_mean(str(kind), get_args(TargetKind))}"
        )
    wanted = {"column", "classes"} if kind == "classes" else {"columns"}
    for key in said:
        if key not in wanted:
            raise ConfigError(f"target '{name}' says '{key}'. {did_you_mean(key, wanted)}")
    if kind != "classes":
        columns = _words(said.get("columns") or [name])
        target = _target(name, columns, unit, evidence, kind)
        return [_Column(target, column) for column in columns]
    classes = said.get("classes")
    if not classes or not isinstance(classes, Mapping | list | tuple):
        raise ConfigError(
            f"target '{name}' names no classes; list them, such as classes: [calm, stressed]."
        )
    if isinstance(classes, Mapping):
        words = {str(word): str(stands_for) for word, stands_for in classes.items()}
        strict = False
    else:
        words = {word: word for word in _words(classes)}
    target = _target(name, list(dict.fromkeys(words.values())), unit, evidence, kind)
    return [_Column(target, str(said.get("column") or name), words, strict)]


def _words(given: str | Sequence[Any]) -> list[str]:
    return [str(word) for word in given] if isinstance(given, list | tuple) else [str(given)]


def _target(
    name: str, classes: Sequence[str], unit: str, evidence: str, kind: TargetKind
) -> Target:
    try:
        return Target(name, tuple(classes), unit, evidence, kind)
    except ValueError as error:
        raise ConfigError(f"{error}.") from None
