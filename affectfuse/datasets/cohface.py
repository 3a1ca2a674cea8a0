"""COHFACE: faces under a lamp and in daylight at a webcam, with pulse and respiration sensors.

    N/S/data.avi  N/S/data.hdf5  protocols/PROTOCOL/SUBSET.txt      (person N, session S 0 to 3)

Reference: Heusch, Anjos and Marcel 2017, "A reproducible study on remote heart rate measurement",
doi:10.48550/arXiv.1709.00962.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import reference
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.recording.matfiles import open_hdf5

__all__ = ["Cohface"]

_PROTOCOLS = ("all", "clean", "natural")
_SUBSETS = ("all", "train", "dev", "test")
_SIGNALS = {"bvp": "pulse", "respiration": "respiration"}


class Cohface(FolderDataset):
    """40 people in 4 sessions of a minute, 20 frames/s, strongly compressed.

    Args:
        root: the folder that holds 1, 2, ... and protocols.
        protocol: 'clean' (under a lamp), 'natural' (daylight) or 'all'.
        subset: 'train', 'dev' or 'test' of the protocol's people, or 'all'. Chosen recordings are
            those that protocols/PROTOCOL/SUBSET.txt lists; with 'all' for both, those there are.
        exclude: recordings to leave out, such as '1-0'.

    Raises:
        ConfigError: for another protocol or subset.
    """

    name = "cohface"
    provenance = "COHFACE: recordings of 40 real people at a webcam."
    layout = "N/S/data.avi with N/S/data.hdf5"
    obtained = (
        "from the Idiap Research Institute, after its licence agreement: "
        "https://www.idiap.ch/en/dataset/cohface"
    )

    def __init__(
        self,
        root: str | None = None,
        protocol: str = "all",
        subset: str = "all",
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        for what, found, allowed in (
            ("protocol", protocol, _PROTOCOLS),
            ("subset", subset, _SUBSETS),
        ):
            if found not in allowed:
                raise ConfigError(f"unknown {what} '{found}'. {did_you_mean(found, allowed)}")
        self.protocol, self.subset = protocol, subset

    def recordings(self, root: Path) -> Mapping[str, Path]:
        if (self.protocol, self.subset) == ("all", "all"):
            paths = list(root.glob("[0-9]*/[0-3]/data.avi"))
        else:
            listed = root / "protocols" / self.protocol / f"{self.subset}.txt"
            if not listed.is_file():
                raise self.lacks(listed)
            paths = [root / f"{stem}.avi" for stem in listed.read_text("utf-8").split()]
        return {f"{path.parent.parent.name}-{path.parent.name}": path for path in paths}

    def item(self, key: str, path: Path) -> DatasetItem:
        self.require(path, key)
        subject, session = key.split("-")
        sensors = self.require(path.with_suffix(".hdf5"), key)
        with open_hdf5(sensors) as file:
            about = {name: _text(value) for name, value in file.attrs.items()}
            references = {}
            for name, stored in _SIGNALS.items():
                if stored not in file:
                    raise DatasetError(f"{sensors} lacks '{stored}'; copy it again.")
                values = np.asarray(file[stored])
                references[name] = reference(name, _times_s(file, sensors, len(values)), values)
        attributes = {"session": session}
        if "illumination" in about:
            attributes["illumination"] = about["illumination"]
        return DatasetItem(
            key, f"{self.name}-{subject}", path, references=references, attributes=attributes
        )


def _times_s(file: Any, path: Path, count: int) -> Array:
    if "time" in file:
        times_s = np.asarray(file["time"], np.float64)
        if len(times_s) != count:
            raise DatasetError(
                f"{path} has {len(times_s)} times for {count} values of a signal; copy it again."
            )
        return times_s
    if "sample-rate-hz" in file.attrs:
        return np.arange(count) / float(file.attrs["sample-rate-hz"])
    raise DatasetError(f"{path} has neither 'time' nor 'sample-rate-hz'; copy it again.")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
