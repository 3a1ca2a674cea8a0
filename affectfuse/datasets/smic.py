"""SMIC: micro-expressions before a fast, a usual and a near-infrared camera.

    HS/s1/micro/negative/s1_ne_01/image559740.bmp     (HS, VIS or NIR)
    SMIC-HS-E/s1/s1_ne_01/image559700.bmp             SMIC-HS-E_annotation.xlsx

References: Li, Pfister, Huang, Zhao and Pietikäinen 2013, "A spontaneous micro-expression database:
inducement, collection and baseline", doi:10.1109/FG.2013.6553717; for SMIC-E: Li, Hong, Moilanen,
Huang, Pfister, Zhao and Pietikäinen 2018, "Towards reading hidden emotions: a comparative study of
spontaneous micro-expression spotting and recognition methods", doi:10.1109/TAFFC.2017.2667642.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import child, frame_numbers
from affectfuse.datasets.sheets import read_table
from affectfuse.errors import ConfigError, did_you_mean

__all__ = ["Smic", "SmicE"]

_RATES_HZ: Mapping[str, float] = {"HS": 100.0, "VIS": 25.0, "NIR": 25.0}
"""As the set's authors state them."""

_OBTAINED = (
    "from the University of Oulu, after a licence agreement: https://www.oulu.fi/en/university/"
    "faculties-and-units/faculty-information-technology-and-electrical-engineering/"
    "center-machine-vision-and-signal-analysis"
)
_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "first": ("FirstF",),
    "onset": ("OnsetF",),
    "offset": ("OffsetF",),
    "emotion": ("Emotion",),
}


class _SmicCamera(CodedDataset):
    """What both releases share: one of three cameras."""

    obtained = _OBTAINED

    def __init__(self, root: str | None, camera: str, exclude: Sequence[str]) -> None:
        if camera not in _RATES_HZ:
            raise ConfigError(f"unknown camera '{camera}'. {did_you_mean(camera, _RATES_HZ)}")
        super().__init__(root, _RATES_HZ[camera], exclude)
        self.camera = camera

    def coded_clip(self, where: str, folder: Path, label: str, **frames: float) -> Coded:
        """Return the expression of a clip, whose folder is called 's1_ne_01'."""
        subject = folder.name.partition("_")[0].lower().removeprefix("s").lstrip("0")
        return Coded(
            where=where,
            key=folder.name,
            subject=f"smic-{subject}",
            folder=folder,
            label=label,
            onset=frames["onset"],
            offset=frames["offset"],
            attributes={"camera": self.camera},
        )


class Smic(_SmicCamera):
    """164 clips of 16 people (HS, 100 frames/s); 71 of 8 people (VIS and NIR, 25 frames/s).

    There is no sheet: onset and offset are a clip's first and last image, the apex is unknown.

    Args:
        root: the folder that holds HS, VIS and NIR.
        camera: 'HS' (fast), 'VIS' (usual) or 'NIR' (near infrared).
        exclude: recordings to leave out, such as 's1_ne_01'.

    Raises:
        ConfigError: for another camera.
    """

    name = "smic"
    provenance = "SMIC: up to 164 coded micro-expressions of 16 real people in a laboratory."
    layout = "HS/s1/micro/negative/s1_ne_01/image559740.bmp"

    def __init__(
        self, root: str | None = None, camera: str = "HS", exclude: Sequence[str] = ()
    ) -> None:
        super().__init__(root, camera, exclude)

    def coded(self, root: Path) -> Iterable[Coded]:
        for folder in sorted(self.images(root, self.camera).glob("s*/micro/*/*")):
            if folder.is_dir():
                numbers = frame_numbers(folder)
                onset, offset = (numbers[0], numbers[-1]) if len(numbers) else (math.nan, math.nan)
                label = folder.parent.name.lower()
                yield self.coded_clip(
                    f"folder {folder.name}", folder, label, onset=float(onset), offset=float(offset)
                )


class SmicE(_SmicCamera):
    """SMIC-E, the extended clips: 157 (HS) and 71 (VIS, NIR), with images before and after.

    The sheet counts frames from `FirstF`, the clip's first image. The text below its last row is
    passed over. There is no apex.

    Args:
        root: the folder that holds the images' folder and the sheet.
        camera: 'HS' (fast, 100 frames/s), 'VIS' or 'NIR' (usual and near infrared, 25 frames/s).
        images: folder of the images; {camera} stands for the camera.
        sheet: name of the sheet, or a pattern, likewise.
        exclude: recordings to leave out, such as 's1_ne_01'.

    Raises:
        ConfigError: for another camera.
    """

    name = "smic_e"
    provenance = "SMIC-E: up to 157 coded micro-expressions of 16 real people in a laboratory."
    layout = "SMIC-HS-E/s1/s1_ne_01/image559700.bmp and SMIC-HS-E_annotation.xlsx"

    def __init__(
        self,
        root: str | None = None,
        camera: str = "HS",
        images: str = "SMIC-{camera}-E",
        sheet: str = "SMIC-{camera}-E_annotation*.xlsx",
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, camera, exclude)
        self._images, self._sheet = images.format(camera=camera), sheet.format(camera=camera)

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS):
            subject = child(images, row["subject"])
            if not subject.is_dir():
                subject = child(images, row["clip"].partition("_")[0])
            folder = child(subject, row["clip"])
            numbers = frame_numbers(folder)
            shift = numbers[0] - row.frame("first") if len(numbers) else 0.0
            onset, offset = row.frame("onset") + shift, row.frame("offset") + shift
            label = row["emotion"].lower()
            yield self.coded_clip(
                row.where, folder, label, onset=float(onset), offset=float(offset)
            )
