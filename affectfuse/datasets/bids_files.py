"""Names of files in a BIDS folder: `sub-01_ses-1_task-rest_recording-eda_physio.tsv.gz`.

Reference: Gorgolewski et al. 2016, "The brain imaging data structure", doi:10.1038/sdata.2016.44,
and its specification 1.10, https://bids-specification.readthedocs.io.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["BidsFile", "sidecars"]


@dataclass(frozen=True, slots=True)
class BidsFile:
    """A file by what its name says.

    Attributes:
        path: of the file.
        entities: by key, such as {'sub': '01', 'task': 'rest'}.
        suffix: what it holds: 'physio', 'events', 'video'.
        extension: from the first dot on, in lower case.
    """

    path: Path
    entities: Mapping[str, str]
    suffix: str
    extension: str

    @classmethod
    def of(cls, path: Path) -> BidsFile:
        """Read a file's name."""
        stem, _, extension = path.name.partition(".")
        *pairs, suffix = stem.split("_")
        entities = dict(pair.split("-", 1) for pair in pairs if "-" in pair)
        return cls(path, entities, suffix, f".{extension.lower()}")

    @property
    def recording(self) -> str:
        """Which of several recordings of one kind it is, '' where there is one."""
        return self.entities.get("recording", "")

    @property
    def run(self) -> str:
        """What it is of: its entities but for `recording`, as in its name."""
        return "_".join(f"{k}-{v}" for k, v in self.entities.items() if k != "recording")


def sidecars(file: BidsFile, root: Path) -> list[Path]:
    """Return the JSON files that describe a file, the nearest last (the inheritance principle).

    They lie in its folder or one above, up to the root, have its suffix, and their names say
    nothing that the file's does not.
    """
    found = []
    folders = [file.path.parent, *file.path.parent.parents]
    for folder in reversed(folders[: folders.index(root) + 1]):
        beside = [BidsFile.of(path) for path in sorted(folder.glob(f"*{file.suffix}.json"))]
        fitting = [
            other
            for other in beside
            if other.suffix == file.suffix and other.entities.items() <= file.entities.items()
        ]
        found += [other.path for other in sorted(fitting, key=lambda other: len(other.entities))]
    return found
