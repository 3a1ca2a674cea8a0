"""Tables of features of one's own, one a modality, joined by keys to a table of labels."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.keyed_tables import FeatureTable, TableFile
from affectfuse.datasets.label_columns import SegmentLabels
from affectfuse.datasets.own import OwnDataset
from affectfuse.datasets.segments import check_rows
from affectfuse.datasets.sheets import Row, frame_number, read_sheet
from affectfuse.errors import ConfigError, DatasetError, did_you_mean

__all__ = ["FeatureTables"]


class FeatureTables(OwnDataset):
    """A row a segment in every table; a segment that a table lacks is one without that modality.

    Columns that hold no numbers, or the same number in every row, are left out with a note, unless
    the config names the columns. A row with a value missing counts as absent, and is noted.

    Args:
        root: the folder of the tables.
        labels: the table of labels (`.csv`, `.tsv`, `.xlsx`, `.parquet`), under the root.
        keys: the columns of it that tell a segment.
        subject: the column of it that says who was recorded; None: the pattern does.
        subject_pattern: a regular expression that finds the subject in the key, whose parts are
            joined by '_': its first group, such as '^([^_]+)'.
        onset: the column of it that says when a segment begins in its session, in seconds; None:
            not known, and what the position in the session tells cannot be probed.
        duration: the column that says how long it lasts; None: not known.
        tables: by modality, a path, or `{path: ..., keys: [...]}` and what else there is to say,
            see `TableFile`. Keys are the label table's, unless said.
        targets: by name, see `LabelColumns`.
        attributes: further columns of the label table, to break results down by.
        name: of the data set.
        unit: what one label is given to: 'clip', 'window' or 'session'.
        evidence: what stands behind the labels: 'condition', 'self-report', 'coder' or 'planted'.
        provenance: who was recorded, a sentence.
        exclude: keys of segments to leave out.
    """

    layout = "a table of labels and tables of features, a row a segment, told by the same keys"

    def __init__(
        self,
        root: str | None = None,
        labels: str = "labels.csv",
        keys: Sequence[str] = ("key",),
        subject: str | None = "subject",
        subject_pattern: str | None = None,
        onset: str | None = None,
        duration: str | None = None,
        tables: Mapping[str, str | Mapping[str, Any]] | None = None,
        targets: Mapping[str, Mapping[str, Any]] | None = None,
        attributes: Sequence[str] = (),
        name: str = "feature_tables",
        unit: str = "window",
        evidence: str = "condition",
        provenance: str = "Recordings of the user's own; who was recorded is not stated.",
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, name, targets or {}, unit, evidence, provenance, exclude)
        if (subject is None) == (subject_pattern is None):
            raise ConfigError(
                "who was recorded must be said once: name the column (subject), or how the key "
                "says it (subject_pattern), and set the other one to null."
            )
        self._labels_path, self._keys = labels, _words(keys)
        self._subject, self._onset, self._duration = subject, onset, duration
        try:
            self._pattern = re.compile(subject_pattern or "(.*)")
        except re.error as error:
            raise ConfigError(f"subject_pattern is no regular expression: {error}.") from None
        if not self._pattern.groups:
            raise ConfigError(
                f"subject_pattern is '{subject_pattern}'; put what is the subject in brackets."
            )
        self._tables = {n: _described(n, said, self._keys) for n, said in (tables or {}).items()}
        self._attributes = _words(attributes)
        self._rows: dict[str, tuple[Row, str, SegmentLabels]] = {}
        self._features: dict[str, dict[str, Array]] = {}

    def recordings(self, root: Path) -> Mapping[str, Path]:
        path = self.file(self._labels_path)
        self._rows, self._features = self._labelled(path), {}
        for name, said in self._tables.items():
            table = TableFile(**{**said, "path": self.file(said["path"])}).read()
            self._join(name, table, path)
        return dict.fromkeys(self._rows, path)

    def item(self, key: str, path: Path) -> DatasetItem:
        row, subject, labels = self._rows[key]
        onset_s, length_s = (_seconds(row, name) for name in (self._onset, self._duration))
        interval = Interval(onset_s, onset_s + length_s, labels.label, values=labels.values)
        if key not in self._features:
            raise DatasetError("no table has a row for it")
        return DatasetItem(
            key,
            subject,
            path,
            labels=(interval,) if labels else (),
            attributes={"database": self.name, **{name: row[name] for name in self._attributes}},
            features=self._features[key],
        )

    def place(self, key: str) -> str:
        return self._rows[key][0].where if key in self._rows else key

    def _labelled(self, path: Path) -> dict[str, tuple[Row, str, SegmentLabels]]:
        """Return the rows of the label table by key, with the subject and the labels."""
        sheet = read_sheet(path)
        optional = [name for name in (self._subject, self._onset, self._duration) if name]
        sheet.require([*self._keys, *self.labels.names, *self._attributes, *optional])
        sheet.require_rows()
        found: dict[str, tuple[Row, str, SegmentLabels]] = {}
        faults = []
        for row in sheet.rows:
            key = "_".join(row[name] for name in self._keys)
            labels, wrong = self.labels.read(row)
            match = self._pattern.search(key)
            subject = row[self._subject] if self._subject else match[1] if match else ""
            if not subject:
                wrong.append(f"nobody is named as the subject of '{key}'")
            wrong += [
                f"'{name}' is '{row[name]}'; it must be seconds, at least 0"
                for name in (self._onset, self._duration)
                if name and not _seconds(row, name) >= 0
            ]
            if key in found:
                wrong.append(f"'{key}' is the key of row {found[key][0].number} already")
            faults += [(row, fault) for fault in wrong]
            found.setdefault(key, (row, subject, labels))
        check_rows(faults)
        return found

    def _join(self, name: str, table: FeatureTable, labels: Path) -> None:
        notes, missing = list(table.notes), []
        known = {"_".join(parts): parts for parts in table.vectors}
        for key in filter(known.__contains__, self._rows):
            vector = table.vectors[known[key]]
            if np.isfinite(vector).all():
                self._features.setdefault(key, {})[name] = vector
            else:
                missing.append(table.rows[known[key]])
        without = [key for key in known if key not in self._rows]
        if len(without) == len(known):
            example = (
                f"'{without[0]}' against '{next(iter(self._rows), '')}'" if without else "none"
            )
            raise DatasetError(
                f"no key of {table.path} is in {labels} ({example}): check 'keys' and 'strip'."
            )
        if missing:
            shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
            notes.append(f"{len(missing)} rows lack values ({shown}): the modality is absent there")
        if without:
            notes.append(f"{len(without)} rows have no row in {labels.name}: left out")
        if notes:
            self._notes[table.path.name] = "; ".join(notes)


def _seconds(row: Row, name: str | None) -> float:
    return 0.0 if name is None else frame_number(row[name])


def _described(name: str, said: str | Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    given: dict[str, Any] = {"path": said} if isinstance(said, str) else dict(said)
    allowed = inspect.signature(TableFile).parameters
    for key in given:
        if key not in allowed:
            raise ConfigError(f"table '{name}' says '{key}'. {did_you_mean(key, allowed)}")
    if "path" not in given:
        raise ConfigError(f"table '{name}' says no path; add it.")
    for words in ("keys", "columns", "leave_out"):
        if given.get(words) is not None:
            given[words] = tuple(_words(given[words]))
    return {"keys": tuple(keys), **given}


def _words(given: str | Sequence[str]) -> list[str]:
    return [given] if isinstance(given, str) else [str(word) for word in given]
