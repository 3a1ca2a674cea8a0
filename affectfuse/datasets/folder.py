"""Data sets that their authors hand out: a folder of a known layout, only ever read."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

from affectfuse.containers import Target
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.errors import DatasetError, did_you_mean

__all__ = ["FolderDataset"]


class FolderDataset(Dataset):
    """A data set in a folder.

    Args:
        root: the folder; None is nowhere yet.
        exclude: keys of recordings to leave out.

    Attributes:
        layout: where a recording lies under the root, for messages.
        obtained: how the data set is obtained, as the end of a sentence.
    """

    target: Target | None = None
    layout: str
    obtained: str

    def __init__(self, root: str | None = None, exclude: Sequence[str] = ()) -> None:
        self._given_root = root
        self.exclude = frozenset([exclude] if isinstance(exclude, str) else map(str, exclude))

    @property
    def root(self) -> Path:
        """The folder.

        Raises:
            DatasetError: when it was not given or is not there.
        """
        if self._given_root is None:
            raise DatasetError(
                f"the folder of '{self.name}' was not given: say dataset.root=FOLDER. {self.advice}"
            )
        root = Path(self._given_root).expanduser()
        if not root.is_dir():
            raise self.lacks(root)
        return root

    @property
    def advice(self) -> str:
        """How one comes by the data set, a sentence."""
        return f"The data set is obtained {self.obtained}."

    def prepare(self, progress: Progress | None = None) -> None:
        """Make sure that there are recordings.

        Raises:
            DatasetError: when there is none, or `exclude` names one that is not there.
        """
        self._chosen()

    def items(self) -> Sequence[DatasetItem]:
        """Return the recordings with their references, ordered by key.

        Raises:
            DatasetError: when the root, a file or a row is not as the layout says.
        """
        return [self.item(key, path) for key, path in sorted(self._chosen().items())]

    @abstractmethod
    def recordings(self, root: Path) -> Mapping[str, Path]:
        """Return the path of each recording under the root, by key, in any order."""

    @abstractmethod
    def item(self, key: str, path: Path) -> DatasetItem:
        """Return one recording with what is known of it."""

    def lacks(self, path: Path) -> DatasetError:
        """Return the error that says of a path that it is not there."""
        return DatasetError(
            f"'{self.name}' lacks {path}; its layout is {self.layout}. {self.advice}"
        )

    def require(self, path: Path, key: str) -> Path:
        """Return a path of a recording's own.

        Raises:
            DatasetError: when it is not there.
        """
        if not path.exists():
            raise DatasetError(f"{self.lacks(path)} Or leave the recording out: exclude=['{key}'].")
        return path

    def _chosen(self) -> dict[str, Path]:
        root = self.root
        found = self.recordings(root)
        if not found:
            raise self.lacks(root / self.layout)
        for key in sorted(self.exclude - set(found)):
            raise DatasetError(
                f"exclude names '{key}', which is no recording of '{self.name}'. "
                f"{did_you_mean(key, found)}"
            )
        return {key: path for key, path in found.items() if key not in self.exclude}
