"""A manifest: a table of one's own, a row a labelled segment, a column a modality."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.modality_columns import FeatureColumn, read_modality_columns
from affectfuse.datasets.own import OwnDataset
from affectfuse.datasets.segments import Segment, SegmentColumns, check_rows
from affectfuse.datasets.sheets import Row, frame_number, read_sheet
from affectfuse.errors import DatasetError
from affectfuse.recording.merged import Part, open_merged

__all__ = ["Manifest"]


class Manifest(OwnDataset):
    """Segments of recordings, with files of any modalities, any of them missing.

    The table (`.csv`, `.tsv`, `.xlsx`, `.parquet`) has the columns `recording` (a name of your
    choice), `onset` and `duration` (seconds), `subject`, those of the targets and of the
    modalities, and, where wanted, `key` (the segment's own name) and `database`. A cell of a
    modality names a file under the root; a blank one says that the modality is absent.

    The rows of one recording become one item with a label interval each: its video, folders and
    tables are read side by side, on the recording's clock. A row that names a file of features is
    an item of its own. A feature vector with a value that is no number is absent, and noted.

    Args:
        root: the folder that the paths in the table start from; None: the table's own.
        path: the table, under the root.
        modalities: by column, `{kind: recording}`, `{kind: signal}` or `{kind: features}` and what
            else there is to say, see `RecordingColumn`, `SignalColumn` and `FeatureFile`.
        targets: by name, see `LabelColumns`.
        attributes: further columns, to break results down by (sex, skin_tone).
        columns: what your table calls a column, by its name here: `{subject: participant}`.
        name: of the data set.
        unit: what one label is given to: 'clip', 'window' or 'session'.
        evidence: what stands behind the labels: 'condition', 'self-report', 'coder' or 'planted'.
        provenance: who was recorded, a sentence.
        exclude: keys of items to leave out: recordings, or segments with features.
    """

    layout = "a table with the columns recording, onset, duration, subject, and one a modality"

    def __init__(
        self,
        root: str | None = None,
        path: str = "manifest.csv",
        modalities: Mapping[str, Mapping[str, Any]] | None = None,
        targets: Mapping[str, Mapping[str, Any]] | None = None,
        attributes: Sequence[str] = (),
        columns: Mapping[str, str] | None = None,
        name: str = "manifest",
        unit: str = "window",
        evidence: str = "condition",
        provenance: str = "Recordings of the user's own; who was recorded is not stated.",
        exclude: Sequence[str] = (),
    ) -> None:
        folder = root if root is not None else str(Path(path).parent)
        super().__init__(folder, name, targets or {}, unit, evidence, provenance, exclude)
        self._table = path if root is not None else Path(path).name
        self._modalities = read_modality_columns(modalities or {})
        self._offsets = {
            name: column.offset_s
            for name, column in self._modalities.items()
            if not isinstance(column, FeatureColumn) and isinstance(column.offset_s, str)
        }
        self._attributes = [attributes] if isinstance(attributes, str) else list(attributes)
        self._columns = SegmentColumns(self.labels, columns or {})
        self._folder = Path()
        self._segments: dict[str, list[Segment]] = {}

    def recordings(self, root: Path) -> Mapping[str, Path]:
        self._folder, path = root, self.file(self._table)
        sheet = read_sheet(path)
        sheet.require([*self._modalities, *self._offsets.values(), *self._attributes])
        features = [n for n, c in self._modalities.items() if isinstance(c, FeatureColumn)]
        timed = len(features) < len(self._modalities)
        segments = self._columns.read(sheet, timed)
        self._segments = {}
        for segment in segments:
            own = any(segment.row[name] for name in features)
            self._segments.setdefault(segment.key if own else segment.recording, []).append(segment)
        check_rows([fault for group in self._segments.values() for fault in self._faults(group)])
        unlabelled = sum(not segment.labels for segment in segments)
        if unlabelled:
            self._notes[path.name] = f"{unlabelled} segments without a label"
        return dict.fromkeys(self._segments, path)

    def items(self) -> Sequence[DatasetItem]:
        found = super().items()
        self._check_widths(found)
        return found

    def item(self, key: str, path: Path) -> DatasetItem:
        segments = self._segments[key]
        first = segments[0]
        features, parts, files, lacking = {}, [], [], []
        for name, column in self._modalities.items():
            cell = first.row[name]
            if not cell:
                continue
            file = self._folder / cell
            if isinstance(column, FeatureColumn):
                found = column.file.read(file, first.onset_s, first.offset_s or np.inf)
                if np.isfinite(found).all():
                    features[name] = found
                else:
                    lacking.append((name, cell))
            elif not file.exists():
                raise DatasetError(f"'{name}' is {cell}, but there is no {file}; check the path.")
            else:
                offset_s = column.offset_s
                if isinstance(offset_s, str):
                    offset_s = frame_number(first.row[offset_s])
                parts.append(Part(name, column.source(name, file), float(offset_s)))
                files += [file, *column.beside(file)]
        if not features and not parts:
            said = ", ".join(f"{cell} lacks values" for _, cell in lacking)
            raise DatasetError("no modality is there" + (f": {said}" if said else ""))
        for name, cell in lacking:
            where = f"{first.row.where}, '{name}'"
            self._notes[where] = f"{cell} lacks values: the modality is absent"
        plain = len(parts) == 1 and parts[0].source == files[0] and parts[0].clock == 0
        return DatasetItem(
            key,
            first.subject,
            files[0] if files else path,
            labels=tuple(
                segment.interval
                for segment in sorted(segments, key=lambda s: (s.onset_s, s.offset_s))
                if segment.labels
            ),
            attributes={"database": first.database or self.name, **self._facts(segments)},
            features=features,
            opener=None if plain or not parts else partial(open_merged, tuple(parts)),
            beside=tuple(files[1:]),
        )

    def place(self, key: str) -> str:
        return self._segments[key][0].row.where if key in self._segments else key

    def _faults(self, segments: Sequence[Segment]) -> Iterable[tuple[Row, str]]:
        """Return what is wrong between the segments of one recording."""
        first = segments[0]
        alike = [self._columns.called("subject"), *self._modalities, *self._offsets.values()]
        for segment in segments[1:]:
            for name in alike:
                here, there = segment.row[name], first.row[name]
                if here != there:
                    yield (
                        segment.row,
                        f"'{name}' is '{here}', but '{there}' in row {first.row.number} of the "
                        f"same recording '{first.recording}'",
                    )
        current: list[Segment] = []
        for segment in sorted(segments, key=lambda s: s.onset_s):
            current = [earlier for earlier in current if earlier.offset_s > segment.onset_s]
            for other in filter(segment.contradicts, current):
                yield (
                    segment.row,
                    f"overlaps row {other.row.number} of the same recording, and says something "
                    "else of it",
                )
            current.append(segment)
        for name, offset in self._offsets.items():
            if first.row[name] and isnan(frame_number(first.row[offset])):
                yield first.row, f"'{offset}' is '{first.row[offset]}'; it must be seconds"

    def _facts(self, segments: Sequence[Segment]) -> dict[str, str]:
        """Return what all rows of an item say alike."""
        facts, first = {}, segments[0].row
        for name in self._attributes:
            if all(segment.row[name] == first[name] for segment in segments):
                facts[name] = first[name]
            else:
                self._notes[f"{first.where}, '{name}'"] = (
                    "the recording's rows say different things: not taken"
                )
        return facts

    def _check_widths(self, items: Sequence[DatasetItem]) -> None:
        """Refuse vectors of one modality that differ in width from most of its others."""
        faults = []
        for name in self._modalities:
            widths = {item.key: len(item.features[name]) for item in items if name in item.features}
            usual = Counter(widths.values()).most_common(1)
            faults += [
                (
                    self._segments[key][0].row,
                    f"'{name}' is {self._segments[key][0].row[name]}, {width} features; "
                    f"{usual[0][1]} of {len(widths)} rows have {usual[0][0]}",
                )
                for key, width in widths.items()
                if width != usual[0][0]
            ]
        check_rows(faults)
