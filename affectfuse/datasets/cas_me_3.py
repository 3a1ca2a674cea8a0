"""CAS(ME)^3, part A: micro-expressions in colour videos of students before emotional films.

    part_A/spNO.1/a/color/175.jpg                       cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx
    Part_A_ME_clip/frame/spNO.1_b_166/166.jpg           or the clips alone

Reference: Li, Dong, Lu, Wang, Yan, Ma, Liu, Huang and Fu 2023, "CAS(ME)^3: a third generation
facial spontaneous micro-expression database with depth information and high ecological validity",
doi:10.1109/TPAMI.2022.3174895.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from affectfuse.datasets.coded import Coded, Correction
from affectfuse.datasets.coded_dataset import CodedDataset
from affectfuse.datasets.frames import child
from affectfuse.datasets.sheets import read_table

__all__ = ["CasMe3"]

_COLUMNS = {
    "subject": ("Subject",),
    "video": ("Filename",),
    "onset": ("Onset",),
    "apex": ("Apex",),
    "offset": ("Offset",),
    "action_units": ("AU", "Action Units"),
    "emotion": ("emotion", "Emotion"),
}


class CasMe3(CodedDataset):
    """860 micro-expressions, 30 frames/s; 687 of 87 people without those called 'others'.

    More than half last longer than half a second: a spotter that calls those macro is not wrong.
    Lost images leave gaps, so that time stays true; letters' case in names does not matter.

    Corrected: the apex of spNO.149 d, 83 with the onset 112, is 123; and, where row and images
    disagree, the onset of rows 751 and 752 and the offset of rows 710, 798 and 800.

    Args:
        root: the folder that holds the images' folder and the sheet.
        images: folder of the images: 'part_A' (videos) or 'Part_A_ME_clip' (clips).
        sheet: name of the sheet, or a pattern.
        frame_rate_hz: as the set's authors state it.
        exclude: recordings to leave out, such as 'spNO.1-a' (videos) or 'spNO.1_b_166' (clips).
    """

    name = "cas_me_3"
    provenance = "CAS(ME)^3, part A: coded micro-expressions of real people in a laboratory."
    layout = "part_A/spNO.1/a/color/175.jpg and cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    obtained = (
        "from the Chinese Academy of Sciences, after a licence agreement: "
        "http://casme.psych.ac.cn/casme/e4"
    )
    corrections = (
        *(
            Correction(at, {"apex": 123}, {"onset": 112, "apex": 83})
            for at in ("spNO.149-d", "spNO.149_d_112")
        ),
        Correction(710, {"offset": 34}),
        Correction(751, {"onset": 2647}),
        Correction(752, {"onset": 1, "apex": 1}),
        Correction(798, {"offset": 1845}),
        Correction(800, {"offset": 2403}),
    )

    def __init__(
        self,
        root: str | None = None,
        images: str = "part_A",
        sheet: str = "cas(me)3_part_A_ME_label*.xlsx",
        frame_rate_hz: float = 30.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, frame_rate_hz, exclude)
        self._images, self._sheet = images, sheet

    def coded(self, root: Path) -> Iterable[Coded]:
        images = self.images(root, self._images)
        clips = child(images, "frame")
        for row in read_table(self.sheet(root, self._sheet), _COLUMNS):
            if clips.is_dir():
                folder = child(clips, f"{row['subject']}_{row['video']}_{row['onset']}")
                key = folder.name
            else:
                video = child(child(images, row["subject"]), row["video"])
                folder, key = child(video, "color"), f"{video.parent.name}-{video.name}"
            yield Coded(
                where=row.where,
                row=row.number,
                key=key,
                subject=f"{self.name}-{row['subject'].lower()}",
                folder=folder,
                label=row["emotion"].lower(),
                onset=row.frame("onset"),
                apex=row.frame("apex"),
                offset=row.frame("offset"),
                action_units=row["action_units"],
            )
