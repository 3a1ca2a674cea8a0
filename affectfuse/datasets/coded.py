"""What coders wrote of facial expressions, by the numbers of frames, and corrections of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from affectfuse.containers import Array

__all__ = ["MACRO", "MICRO", "Coded", "Correction"]

MICRO, MACRO = "micro_expression", "macro_expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """One coded expression, as its sheet has it.

    Attributes:
        where: the row, for messages.
        row: its number in the sheet, 0 where there is no sheet.
        key: of the recording.
        subject: who is recorded.
        folder: of the recording's images.
        label: the coders' word.
        onset: frame number, as are `apex` (NaN where unknown) and `offset`.
        action_units: as written.
        kind: MICRO or MACRO.
        attributes: further facts about the recording.
        note: what the loader did to the row.
    """

    where: str
    row: int = 0
    key: str
    subject: str
    folder: Path
    label: str
    onset: float
    apex: float = math.nan
    offset: float
    action_units: str = ""
    kind: str = MICRO
    attributes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def fault(self, numbers: Array) -> str:
        """Return why the row cannot be true of a folder with these frame numbers, or ''."""
        if math.isnan(self.onset) or math.isnan(self.offset):
            return "its onset or its offset is no frame number"
        order = (("onset", self.onset), ("apex", self.apex), ("offset", self.offset))
        for i, (earlier, frame) in enumerate(order):
            for later, other in order[i + 1 :]:
                if frame > other:
                    return f"its {earlier} {frame:g} comes after its {later} {other:g}"
        if self.onset < numbers[0] or self.offset > numbers[-1]:
            return (
                f"frames {self.onset:g} to {self.offset:g} are not all among the images "
                f"{numbers[0]} to {numbers[-1]} of {self.folder}"
            )
        if ((numbers >= self.onset) & (numbers <= self.offset)).sum() < 2:
            return "a clip of one frame"
        return "" if self.label else "it has no label"


@dataclass(frozen=True, slots=True)
class Correction:
    """A known fault of a sheet.

    It is made only where the fault is and the corrected row can be true: where the row says
    `found`, or, the faulty value not being public, where the row contradicts itself or its images,
    or where the corrected onset or offset is the first or last of the images and the row's is not.

    Attributes:
        at: the row's number as a spreadsheet program shows it, or the recording's key.
        values: frame numbers as they should be, by 'onset', 'apex' or 'offset'.
        found: the faulty row's frame numbers, or empty.
    """

    at: int | str
    values: Mapping[str, float]
    found: Mapping[str, float] = field(default_factory=dict)

    def correct(self, coded: Coded, numbers: Array) -> Coded | None:
        """Return the row corrected, or None where this is not the fault."""
        if self.at not in (coded.row, coded.key):
            return None
        changes: dict[str, Any] = dict(self.values)
        corrected = replace(coded, **changes)
        if self.found:
            faulty = all(getattr(coded, name) == value for name, value in self.found.items())
        else:
            faulty = bool(coded.fault(numbers)) or _ends(corrected, numbers) > _ends(coded, numbers)
        if not faulty or corrected.fault(numbers):
            return None
        said = ", ".join(
            f"{name} {getattr(coded, name):g} is {'unknown' if math.isnan(value) else f'{value:g}'}"
            for name, value in self.values.items()
            if not (math.isnan(value) and math.isnan(getattr(coded, name)))
        )
        return replace(corrected, note=f"corrected: {said}")


def _ends(coded: Coded, numbers: Array) -> int:
    """Return how many of onset and offset are the first and the last of the images."""
    return int(coded.onset == numbers[0]) + int(coded.offset == numbers[-1])
