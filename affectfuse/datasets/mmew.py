"""MMEW: micro-expressions of students before emotional films, as crops of the face.

    Micro_Expression/happiness/S03-01-002/1.jpg    MMEW_Micro_Exp.xlsx

Reference: Ben, Ren, Zhang, Wang, Kpalma, Meng and Liu 2022, "Video-based facial micro-expression
analysis: a survey of datasets, features and algorithms", doi:10.1109/TPAMI.2021.3067464.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded, Correction
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import child
from affectfuse.datasets.sheets import read_table

__all__ = ["Mmew"]

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "Onset"),
    "apex": ("ApexFrame", "Apex"),
    "offset": ("OffsetFrame", "Offset"),
    "action_units": ("Action Units", "AU"),
    "emotion": ("Estimated Emotion", "Emotion"),
}
_FOLDERS = {"others": "repression"}
_OFFSETS = {
    35: 75, 37: 54, 38: 59, 39: 98, 40: 80, 41: 93, 42: 58, 43: 61, 44: 68, 144: 88, 145: 80,
    147: 85, 148: 61, 150: 108, 156: 72, 158: 106,
}  # fmt: skip


class Mmew(CodedDataset):
    """300 clips of 36 people, 90 frames/s, 231x231 crops.

    Corrected: clips that the sheet calls 'others' lie in the folder 'repression' (the label stays
    'others'); 16 offsets that the images contradict, whose apexes count as unknown.

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images.
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as 'S03-01-002'.
    """

    name = "mmew"
    provenance = "MMEW: 300 coded micro-expressions of 36 real people in a laboratory."
    layout = "Micro_Expression/happiness/S03-01-002/1.jpg and MMEW_Micro_Exp.xlsx"
    obtained = (
        "from Shandong University, after a licence agreement: http://www.dpailab.com/database.html"
    )
    corrections = tuple(
        Correction(row, {"apex": math.nan, "offset": offset}) for row, offset in _OFFSETS.items()
    )

    def __init__(
        self,
        root: str | None = None,
        images: str = "Micro_Expression",
        sheet: str = "MMEW_Micro_Exp*.xlsx",
        frame_rate_hz: float = 90.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS):
            label = row["emotion"].lower()
            folder = child(images, label)
            if not folder.is_dir():
                folder = child(images, _FOLDERS.get(label, label))
            subject = row["subject"].upper().removeprefix("S").zfill(2)
            yield Coded(
                where=row.where,
                row=row.number,
                key=row["clip"],
                subject=f"{self.name}-{subject}",
                folder=child(folder, row["clip"]),
                label=label,
                onset=row.frame("onset"),
                apex=row.frame("apex"),
                offset=row.frame("offset"),
                action_units=row["action_units"],
            )
