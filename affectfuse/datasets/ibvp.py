"""iBVP: faces at a webcam in breathing, arithmetic and head motion, with a PPG sensor at the ear.

    pNN_x/pNN_x_rgb/*.bmp  pNN_x/pNN_x_bvp.csv      (person NN, condition x a to d)

Reference: Joshi and Cho 2024, "iBVP dataset: RGB-thermal rPPG dataset with high resolution signal
quality labels", doi:10.3390/electronics13071334.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import read_columns, reference
from affectfuse.errors import ConfigError, did_you_mean
from affectfuse.recording.sequences import open_images

__all__ = ["Ibvp"]

_CONDITIONS = {
    "a": "slow breathing and rest",
    "b": "easy arithmetic",
    "c": "difficult arithmetic",
    "d": "head motion",
}
_QUALITIES = ("SQPhysMD", "SQ1", "SQ2")


class Ibvp(FolderDataset):
    """124 recordings of 3 minutes in 4 conditions; images as bitmaps, a pulse value for each.

    Args:
        root: the folder that holds p01_a, p01_b, ...
        frame_rate_hz: of images and pulse alike, as the set's authors state it.
        quality: the column that becomes the reference's quality: 'SQ1' or 'SQ2' (by hand) or
            'SQPhysMD' (by the authors' network).
        exclude: recordings to leave out, such as 'p01_a'.

    Raises:
        ConfigError: for another quality.
    """

    name = "ibvp"
    provenance = "iBVP: 124 recordings of real people at a webcam."
    layout = "pNN_x/pNN_x_rgb/*.bmp with pNN_x/pNN_x_bvp.csv"
    obtained = (
        "from University College London, after a licence agreement signed by an academic "
        "supervisor: https://github.com/PhysiologicAILab/iBVP-Dataset"
    )

    def __init__(
        self,
        root: str | None = None,
        frame_rate_hz: float = 30.0,
        quality: str = "SQ2",
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        if quality not in _QUALITIES:
            raise ConfigError(f"unknown quality '{quality}'. {did_you_mean(quality, _QUALITIES)}")
        self.frame_rate_hz, self.quality = frame_rate_hz, quality

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {folder.name: folder / f"{folder.name}_rgb" for folder in root.glob("p[0-9]*_[a-d]")}

    def item(self, key: str, path: Path) -> DatasetItem:
        images = sorted(self.require(path, key).glob("*.bmp"), key=_in_order)
        if not images:
            self.require(path / "*.bmp", key)
        rows = read_columns(
            self.require(path.with_name(f"{key}_bvp.csv"), key), ("BVP", self.quality)
        )
        frames_s = np.arange(len(images)) / self.frame_rate_hz
        times_s = np.arange(len(rows)) / self.frame_rate_hz
        note = ""
        if len(rows) != len(images):
            note = f"{len(rows)} values for {len(images)} images, taken to begin together"
        subject, condition = key.split("_")
        bvp = reference("bvp", times_s, rows[:, 0], quality=rows[:, 1], note=note)
        return DatasetItem(
            key,
            f"{self.name}-{subject.removeprefix('p')}",
            path,
            references={"bvp": bvp},
            attributes={"condition": _CONDITIONS[condition]},
            opener=partial(open_images, images, frames_s),
        )


def _in_order(path: Path) -> tuple[list[int], str]:
    """By the numbers in the name: 10 comes after 9."""
    return [int(digits) for digits in re.findall(r"\d+", path.stem)], path.name
