"""SAMM: micro-movements of people of many ethnicities before emotional films, in grey.

    SAMM/006/006_1_2/006_05562.jpg    SAMM_Micro_FACS_Codes_v2.xlsx

Reference: Davison, Lansley, Costen, Tan and Yap 2018, "SAMM: a spontaneous micro-facial movement
dataset", doi:10.1109/TAFFC.2016.2573832.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded, Correction
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.sheets import read_table

__all__ = ["Samm"]

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("Onset Frame", "Onset"),
    "apex": ("Apex Frame", "Apex"),
    "offset": ("Offset Frame", "Offset"),
    "action_units": ("Action Units", "AU"),
    "emotion": ("Estimated Emotion", "Emotion"),
}


class Samm(CodedDataset):
    """159 clips of 29 people, 200 frames/s, 960x650, grey.

    Corrected: row 71 of the sheet, whose offset is 5739. Apexes that are missing (rows 140, 147 and
    148) or not positive are unknown; action units with 'or' count half (see `parse_action_units`).

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images.
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as '006_1_2'.
    """

    name = "samm"
    provenance = "SAMM: 159 coded micro-expressions of 29 real people in a laboratory."
    layout = "SAMM/006/006_1_2/006_05562.jpg and SAMM_Micro_FACS_Codes_v2.xlsx"
    obtained = (
        "from Manchester Metropolitan University, after a licence agreement: "
        "https://personalpages.manchester.ac.uk/staff/adrian.davison/SAMM.html"
    )
    corrections = (Correction(71, {"offset": 5739}),)

    def __init__(
        self,
        root: str | None = None,
        images: str = "SAMM",
        sheet: str = "SAMM_Micro_FACS_Codes*.xlsx",
        frame_rate_hz: float = 200.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS):
            subject, apex = row["subject"].zfill(3), row.frame("apex")
            yield Coded(
                where=row.where,
                row=row.number,
                key=row["clip"],
                subject=f"samm-{subject}",
                folder=images / subject / row["clip"],
                label=row["emotion"].lower(),
                onset=row.frame("onset"),
                apex=apex if apex > 0 else float("nan"),
                offset=row.frame("offset"),
                action_units=row["action_units"],
            )
