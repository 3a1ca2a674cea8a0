"""CASME II: micro-expressions of students who keep a straight face before emotional films.

    CASME2_RAW_selected/sub01/EP02_01f/img46.jpg    CASME2-coding-20140508.xlsx

Reference: Yan, Li, Wang, Zhao, Liu, Chen and Fu 2014, "CASME II: an improved spontaneous
micro-expression database and the baseline evaluation", doi:10.1371/journal.pone.0086041.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded, Correction
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import child
from affectfuse.datasets.sheets import read_table

__all__ = ["Casme2"]

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "OnsetF"),
    "apex": ("ApexFrame", "ApexF", "ApexF1"),
    "offset": ("OffsetFrame", "OffsetF"),
    "action_units": ("Action Units", "AU"),
    "emotion": ("Estimated Emotion", "Emotion"),
}


class Casme2(CodedDataset):
    """255 clips of 26 people, 200 frames/s.

    Corrected: row 62 of the sheet, whose offset is 91. An apex written as '/' is unknown.

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images; 'Cropped' for the authors' crops (`reg_img46.jpg`).
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as 'sub01-EP02_01f'.
    """

    name = "casme2"
    provenance = "CASME II: 255 coded micro-expressions of 26 real people in a laboratory."
    layout = "CASME2_RAW_selected/sub01/EP02_01f/img46.jpg and CASME2-coding-20140508.xlsx"
    obtained = (
        "from the Chinese Academy of Sciences, after a licence agreement: "
        "http://casme.psych.ac.cn/casme/e2"
    )
    corrections = (Correction(62, {"offset": 91}),)

    def __init__(
        self,
        root: str | None = None,
        images: str = "CASME2_RAW_selected",
        sheet: str = "CASME2-coding*.xlsx",
        frame_rate_hz: float = 200.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS):
            subject = row["subject"].lower().removeprefix("sub").zfill(2)
            yield Coded(
                where=row.where,
                row=row.number,
                key=f"sub{subject}-{row['clip']}",
                subject=f"{self.name}-{subject}",
                folder=child(images / f"sub{subject}", row["clip"]),
                label=row["emotion"].lower(),
                onset=row.frame("onset"),
                apex=row.frame("apex"),
                offset=row.frame("offset"),
                action_units=row["action_units"],
            )
