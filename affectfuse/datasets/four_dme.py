"""4DME: micro-expressions before several cameras; here the grey frontal videos.

    gray_micro/{sub_ID}/{fold_name}/*.jpg    4DME_Labelling_Micro_release v1.xlsx

Reference: Li, Cheng, Li, Behzad, Shen, Zafeiriou, Pantic and Zhao 2022, "4DME: a spontaneous 4D
micro-expression dataset with multimodalities", doi:10.1109/TAFFC.2022.3182342.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import child
from affectfuse.datasets.sheets import read_table

__all__ = ["FourDme"]

_COLUMNS = {
    "subject": ("sub_ID", "Subject"),
    "clip": ("fold_name", "Filename"),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "action_units": ("AUs", "AU"),
    "emotion": ("Emotion",),
}


class FourDme(CodedDataset):
    """267 clips of 41 people, 60 frames/s.

    Some clips have more than one emotion: their label is the coders' whole cell in lower case, as
    one word ('negative+repression'). Action units marked `(k)` do not move and are left out.

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images.
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as SUBJECT-CLIP.
    """

    name = "four_dme"
    provenance = "4DME: 267 coded micro-expressions of real people in a laboratory."
    layout = "gray_micro/sub_ID/fold_name/*.jpg and 4DME_Labelling_Micro_release v1.xlsx"
    obtained = (
        "from the University of Oulu, after a licence agreement: https://www.oulu.fi/en/university/"
        "faculties-and-units/faculty-information-technology-and-electrical-engineering/"
        "center-machine-vision-and-signal-analysis"
    )

    def __init__(
        self,
        root: str | None = None,
        images: str = "gray_micro",
        sheet: str = "4DME_Labelling_Micro*.xlsx",
        frame_rate_hz: float = 60.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS):
            yield Coded(
                where=row.where,
                row=row.number,
                key=f"{row['subject']}-{row['clip']}",
                subject=f"{self.name}-{row['subject']}",
                folder=child(child(images, row["subject"]), row["clip"]),
                label="".join(row["emotion"].lower().split()),
                onset=row.frame("onset"),
                apex=row.frame("apex"),
                offset=row.frame("offset"),
                action_units=row["action_units"],
            )
