"""SAMM Long Videos: the recordings that SAMM was cut from, with macro-expressions too, in grey.

    SAMM_longvideos/006_1/006_1_0001.jpg    SAMM_LongVideos_V2_Release.xlsx

Reference: Yap, Kendrick and Yap 2020, "SAMM Long Videos: a spontaneous facial micro- and
macro-expressions dataset", doi:10.1109/FG47880.2020.00029.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import MACRO, MICRO, Coded
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.sheets import read_table

__all__ = ["SammLongVideos"]

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset", "Onset Frame"),
    "apex": ("Apex", "Apex Frame"),
    "offset": ("Offset", "Offset Frame"),
    "type": ("Type", "Micro/Macro"),
    "action_units": ("Action Units", "AU"),
}


class SammLongVideos(CodedDataset):
    """147 videos of 30 people, 200 frames/s, with 159 micro- and 343 macro-expressions.

    For spotting: the sheet has no emotions, so that each interval is labelled by its kind.
    Numbers of frames are not those of `samm`, subjects are. Corrected: an onset of 0 lies before
    the first image and is that image; an apex of -1 is unknown. Fractions of frames are kept.

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images.
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as '006_1'.
    """

    name = "samm_long_videos"
    provenance = "SAMM Long Videos: 147 recordings of 30 real people in a laboratory."
    layout = "SAMM_longvideos/006_1/006_1_0001.jpg and SAMM_LongVideos_V*_Release.xlsx"
    obtained = (
        "from Manchester Metropolitan University, after a licence agreement: "
        "https://personalpages.manchester.ac.uk/staff/adrian.davison/SAMM.html"
    )
    kinds = (MICRO, MACRO)

    def __init__(
        self,
        root: str | None = None,
        images: str = "SAMM_longvideos",
        sheet: str = "SAMM_LongVideos*.xlsx",
        frame_rate_hz: float = 200.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        sheet = self.sheet(root, self._sheet)
        for row in read_table(sheet, _COLUMNS, worksheet="FACS_Movement_Only"):
            video = "_".join(row["clip"].split("_")[:2])
            onset, apex = row.frame("onset"), row.frame("apex")
            kind = MACRO if "macro" in row["type"].lower() else MICRO
            yield Coded(
                where=row.where,
                row=row.number,
                key=video,
                subject=f"samm-{video.partition('_')[0].zfill(3)}",
                folder=images / video,
                label=kind,
                onset=1.0 if onset == 0 else onset,
                apex=apex if apex > 0 else math.nan,
                offset=row.frame("offset"),
                action_units=row["action_units"],
                kind=kind,
                note="onset 0 is the first image, 1" if onset == 0 else "",
            )
