"""SCAMPS: rendered avatars with pulse, respiration and action units.

    P000001.mat ... P002800.mat

Reference: McDuff, Wander, Liu, Hill, Hernandez, Lester and Baltrusaitis 2022, "SCAMPS: synthetics
for camera measurement of physiological signals", doi:10.48550/arXiv.2206.04197.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import reference
from affectfuse.errors import ConfigError, DatasetError, did_you_mean
from affectfuse.recording.matfiles import mat_shapes, open_mat_video, read_mat

__all__ = ["Scamps"]

_VIDEOS = ("RawFrames", "Xsub")
_SIGNALS = {"bvp": "d_ppg", "respiration": "d_br"}


class Scamps(FolderDataset):
    """2,800 videos of 20 s of avatars, each taken for a person of its own; nobody real is in them.

    Each file (MATLAB 7.3) holds the video and, one value a frame, `d_ppg`, `d_br` and the
    intensity of action units (`au2` to `au45`, references of the same names). It holds no time.

    Args:
        root: the folder of the .mat files.
        frame_rate_hz: of the videos, as the set's authors state it.
        video: 'RawFrames' (320 x 240 pixels) or 'Xsub' (the face, 240 x 240 pixels).
        exclude: recordings to leave out, such as 'P000001'.

    Raises:
        ConfigError: for another video.
    """

    name = "scamps"
    provenance = "SCAMPS: 2,800 rendered avatars; no real person's recording was seen."
    layout = "P000001.mat"
    obtained = "from its authors, freely: https://github.com/danmcduff/scampsdataset"

    def __init__(
        self,
        root: str | None = None,
        frame_rate_hz: float = 30.0,
        video: str = "RawFrames",
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        if video not in _VIDEOS:
            raise ConfigError(f"unknown video '{video}'. {did_you_mean(video, _VIDEOS)}")
        self.frame_rate_hz, self.video = frame_rate_hz, video

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {path.stem: path for path in root.glob("P[0-9]*.mat")}

    def item(self, key: str, path: Path) -> DatasetItem:
        shapes = mat_shapes(path)
        units = {name: name for name in sorted(shapes) if name[2:].isdigit() and name[:2] == "au"}
        names = _SIGNALS | units
        found = read_mat(path, names.values())
        frames = shapes.get(self.video, (0,))[0]
        times_s = np.arange(frames) / self.frame_rate_hz
        references = {}
        for name, stored in names.items():
            values = found.get(stored, np.zeros(0)).reshape(-1)
            if len(values) != frames or not frames:
                raise DatasetError(
                    f"{path} has {len(values)} values of '{stored}' for {frames} frames of "
                    f"'{self.video}'; it must have one a frame: copy it again."
                )
            references[name] = reference(name, times_s, values)
        return DatasetItem(
            key,
            f"{self.name}-{key}",
            path,
            references=references,
            opener=partial(open_mat_video, path, self.video, times_s),
        )
