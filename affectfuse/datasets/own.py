"""Data of one's own, described by a config: what manifest, feature tables and BIDS share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from affectfuse.containers import Target
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.label_columns import LabelColumns
from affectfuse.errors import ConfigError, DatasetError

__all__ = ["OwnDataset"]


class OwnDataset(FolderDataset):
    """A data set whose labels and modalities a config names; see `docs/your_data.md`.

    An item that cannot be read is left out, and `skipped` says which and why.

    Args:
        root: the folder.
        name: of the data set.
        targets: by name, see `LabelColumns`.
        unit: what one label is given to: 'clip', 'window' or 'session'.
        evidence: what stands behind the labels: 'condition', 'self-report', 'coder' or 'planted'.
        provenance: who was recorded, a sentence.
        exclude: keys of items to leave out.
        strict: refuse words that are no class; False: leave them out, and count them.

    Raises:
        ConfigError: when a target cannot be understood, or the provenance is no sentence.
    """

    def __init__(
        self,
        root: str | None,
        name: str,
        targets: Mapping[str, Mapping[str, Any]],
        unit: str,
        evidence: str,
        provenance: str,
        exclude: Sequence[str],
        strict: bool = True,
    ) -> None:
        super().__init__(root, exclude)
        if not provenance.endswith("."):
            raise ConfigError(
                f"provenance is '{provenance}'; say who was recorded in a sentence that ends with "
                "a full stop."
            )
        self.name, self.provenance = name, provenance
        self.labels = LabelColumns(targets, unit, evidence, strict)
        self.target = self.labels.targets[0] if self.labels.targets else None
        self._skipped: dict[str, str] = {}
        self._notes: dict[str, str] = {}

    @property
    def targets(self) -> tuple[Target, ...]:
        return self.labels.targets

    @property
    def advice(self) -> str:
        return "The page docs/your_data.md shows how to lay out and describe data of your own."

    @property
    def skipped(self) -> Mapping[str, str]:
        return dict(self._skipped)

    @property
    def notes(self) -> Mapping[str, str]:
        left_out = {
            f"'{word}'": f"a label without a class: {count} segments are not labelled"
            for word, count in sorted(self.labels.left_out.items())
        }
        return self._notes | left_out

    def items(self) -> Sequence[DatasetItem]:
        """Return what can be read, ordered by key.

        Raises:
            DatasetError: when a table is not as the config says, or nothing in it can be read.
        """
        self._skipped, self._notes = {}, {}
        self.labels.left_out.clear()
        found = []
        for key, path in sorted(self._chosen().items()):
            try:
                found.append(self.item(key, path))
            except DatasetError as error:
                self._skipped[self.place(key)] = str(error)
        if not found and self._skipped:
            where, reason = next(iter(self._skipped.items()))
            raise DatasetError(
                f"none of the {len(self._skipped)} items of '{self.name}' can be read, the first: "
                f"{where}: {reason}"
            )
        return found

    def file(self, name: str) -> Path:
        """Return a file under the root.

        Raises:
            DatasetError: when it is not there.
        """
        path = self.root / name
        if not path.is_file():
            raise self.lacks(path)
        return path
