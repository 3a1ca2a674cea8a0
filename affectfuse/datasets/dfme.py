"""DFME: micro-expressions of several hundred people, in parts of different frame rates.

    {Filename}/00000.png    coding.xlsx

Reference: Zhao, Tang, Mao, Liu, Gao, Wu, Xu and Sun 2023, "DFME: a new benchmark for dynamic facial
micro-expression recognition", doi:10.48550/arXiv.2301.00985.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import child, frame_numbers
from affectfuse.datasets.sheets import read_table

__all__ = ["Dfme"]

_COLUMNS = {
    "subject": ("Subject",),
    "clip": ("Filename",),
    "onset": ("OnsetFrame", "Onset"),
    "apex": ("ApexFrame", "Apex"),
    "offset": ("OffsetFrame", "Offset"),
    "emotion": ("Emotion",),
    "action_units": ("Action Units", "AUs", "AU"),
}


class Dfme(CodedDataset):
    """7,526 clips in 7 classes, 200 to 500 frames/s by the part of the set.

    Neither images nor sheet say a clip's rate: it has to be given. Where the sheet has no offset,
    the clip's last image is it.

    Args:
        root: the folder that holds the images' folders and the sheet.
        images: folder of the clips' folders; '.' is the root.
        sheet: name of the sheet, or a pattern.
        frame_rates_hz: by a pattern of file names (`{'*': 200.0}`); the first that fits counts.
        exclude: recordings to leave out, by file name.

    Raises:
        ConfigError: for a rate that is not above 0.
    """

    name = "dfme"
    provenance = "DFME: 7,526 coded micro-expressions of real people in a laboratory."
    layout = "Filename/00000.png and coding.xlsx"
    obtained = (
        "from its authors, after a licence agreement, see their paper: "
        "https://doi.org/10.48550/arXiv.2301.00985"
    )

    def __init__(
        self,
        root: str | None = None,
        images: str = ".",
        sheet: str = "coding.xlsx",
        frame_rates_hz: Mapping[str, float] | None = None,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rates_hz or {}, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        rows = read_table(
            self.sheet(root, self._sheet), _COLUMNS, optional=("offset", "action_units")
        )
        for row in rows:
            folder = child(images, row["clip"])
            offset = row.frame("offset")
            if not row["offset"]:
                offset = max(frame_numbers(folder), default=float("nan"))
            yield Coded(
                where=row.where,
                row=row.number,
                key=row["clip"],
                subject=f"{self.name}-{row['subject']}",
                folder=folder,
                label=row["emotion"].lower(),
                onset=row.frame("onset"),
                apex=row.frame("apex"),
                offset=offset,
                action_units=row["action_units"],
            )
