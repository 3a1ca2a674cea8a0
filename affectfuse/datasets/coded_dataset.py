"""Data sets of images in which coders timed facial expressions by the numbers of frames."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import ClassVar

from affectfuse.containers import Array, Interval
from affectfuse.datasets.action_units import parse_action_units
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.coded import MICRO, Coded, Correction
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.frames import frame_numbers, open_frames
from affectfuse.errors import ConfigError, DatasetError

__all__ = ["CodedDataset"]


class CodedDataset(FolderDataset):
    """A folder of images a recording, and rows that say when in them an expression begins and ends.

    Frames become seconds by the rate, counted from the recording's first image; an image that is
    missing leaves a gap. `items` leaves out rows that cannot be true (an onset after its apex or
    outside the images, fewer than two frames, no images) and says so in `skipped`.

    Items have `annotations['micro_expression']`, and 'macro_expression' where the set has such:
    the coders' word in lower case as the label; action units in `values` (see
    `parse_action_units`); an unknown apex is NaN.

    Args:
        root: the folder of the data set.
        frame_rates_hz: of the images: one, or by patterns of keys, of which the first that fits
            counts.
        exclude: keys of recordings to leave out.

    Raises:
        ConfigError: for a rate that is not above 0.
    """

    corrections: ClassVar[Sequence[Correction]] = ()
    kinds: ClassVar[Sequence[str]] = (MICRO,)

    def __init__(
        self,
        root: str | None,
        frame_rates_hz: float | Mapping[str, float],
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        rates_hz = frame_rates_hz if isinstance(frame_rates_hz, Mapping) else {"*": frame_rates_hz}
        self._rates_hz = dict(rates_hz)
        for rate_hz in self._rates_hz.values():
            if not rate_hz > 0:
                raise ConfigError(f"a frame rate is {rate_hz} Hz; it must be above 0.")
        self._rows: dict[str, list[Coded]] = {}
        self._skipped: dict[str, str] = {}
        self._notes: dict[str, str] = {}
        self._unseen = 0

    @property
    def skipped(self) -> Mapping[str, str]:
        return dict(self._skipped)

    @property
    def notes(self) -> Mapping[str, str]:
        return dict(self._notes)

    @abstractmethod
    def coded(self, root: Path) -> Iterable[Coded]:
        """Return what the coders wrote, a row each."""

    def rate_hz(self, key: str) -> float:
        """Return the frame rate of a recording.

        Raises:
            DatasetError: when none is given for it.
        """
        for pattern, rate_hz in self._rates_hz.items():
            if fnmatchcase(key, pattern):
                return rate_hz
        raise DatasetError(
            f"the frame rate of '{key}' of '{self.name}' was not given: say that of each part of "
            "the set by recordings' keys, such as dataset.frame_rates_hz={'*': 200}."
        )

    def recordings(self, root: Path) -> Mapping[str, Path]:
        self._rows = {}
        for coded in self.coded(root):
            self._rows.setdefault(coded.key, []).append(coded)
        return {key: rows[0].folder for key, rows in self._rows.items()}

    def items(self) -> Sequence[DatasetItem]:
        """Return the recordings in which an expression is coded, ordered by key.

        Raises:
            DatasetError: when the root or the sheet is not as the layout says, or most rows cannot
                be true of the images, which are then not those of the sheet.
        """
        self._skipped, self._notes, self._unseen = {}, {}, 0
        found = [item for item in super().items() if any(item.annotations.values())]
        rows = sum(len(self._rows[key]) for key in self._rows if key not in self.exclude)
        faulty = len(self._skipped) - self._unseen
        if self._skipped and (not found or 2 * faulty > rows - self._unseen):
            where, reason = next(iter(self._skipped.items()))
            raise DatasetError(
                f"{len(self._skipped)} of the {rows} expressions of '{self.name}' cannot be used, "
                f"the first: {where}: {reason}: check that images and sheet are of one release."
            )
        return found

    def item(self, key: str, path: Path) -> DatasetItem:
        numbers, rows = frame_numbers(path), self._rows[key]
        intervals: dict[str, list[Interval]] = {kind: [] for kind in self.kinds}
        for coded in rows:
            if len(numbers):
                coded = self._corrected(coded, numbers)
                fault = coded.fault(numbers)
            else:
                fault = f"no images in {path}"
                self._unseen += 1
            if fault:
                self._skipped[coded.where] = fault
            else:
                intervals[coded.kind].append(self._interval(coded, numbers))
        return DatasetItem(
            key,
            rows[0].subject,
            path,
            annotations={
                kind: tuple(sorted(found, key=lambda i: (i.onset_s, i.offset_s)))
                for kind, found in intervals.items()
            },
            attributes={"database": self.name, **rows[0].attributes},
            opener=partial(open_frames, path, self.rate_hz(key)),
        )

    def images(self, root: Path, name: str) -> Path:
        """Return the folder of all images; '.' is the root itself.

        Raises:
            DatasetError: when it is not there.
        """
        if not (root / name).is_dir():
            raise self.lacks(root / name)
        return root / name

    def sheet(self, root: Path, pattern: str) -> Path:
        """Return the one file under the root whose name fits the pattern.

        Raises:
            DatasetError: when there is none, or more than one.
        """
        found = sorted(p for p in root.glob(pattern) if not p.name.startswith(("~", ".")))
        if not found:
            raise self.lacks(root / pattern)
        if len(found) > 1:
            raise DatasetError(
                f"'{pattern}' fits {len(found)} sheets under {root}, among them {found[0].name} "
                f"and {found[1].name}: name one, dataset.sheet={found[-1].name}."
            )
        return found[0]

    def _corrected(self, coded: Coded, numbers: Array) -> Coded:
        made = (correction.correct(coded, numbers) for correction in self.corrections)
        return next((corrected for corrected in made if corrected), coded)

    def _interval(self, coded: Coded, numbers: Array) -> Interval:
        values, unread = parse_action_units(coded.action_units)
        seen = int(((numbers >= coded.onset) & (numbers <= coded.offset)).sum())
        wanted = math.floor(coded.offset) - math.ceil(coded.onset) + 1
        notes = [coded.note] if coded.note else []
        if unread:
            notes.append(f"no action unit: {', '.join(map(repr, unread))}")
        if seen < wanted:
            notes.append(f"{wanted - seen} of its {wanted} images are missing")
        if notes:
            self._notes[coded.where] = "; ".join(notes)

        def time_s(frame: float) -> float:
            return (frame - float(numbers[0])) / self.rate_hz(coded.key)

        return Interval(
            time_s(coded.onset),
            time_s(coded.offset),
            coded.label,
            apex_s=time_s(coded.apex),
            values=values,
        )
