"""MMPD: faces before a mobile phone under four lights and in four motions, with an oximeter.

    subjectN/pN_k.mat      (person N, recording k 0 to 19)

Reference: Tang, Chen, Wang, Shi, Patel, McDuff and Liu 2023, "MMPD: multi-domain mobile video
physiology dataset", doi:10.48550/arXiv.2302.03840.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import reference
from affectfuse.errors import DatasetError
from affectfuse.recording.matfiles import mat_shapes, open_mat_video, read_mat

__all__ = ["Mmpd"]

_ATTRIBUTES = (
    "light", "motion", "exercise", "skin_color", "gender", "glasser", "hair_cover", "makeup",
)  # fmt: skip
_RENAMED = {"Watching Videos": "Walking"}
"""A wrong label of older copies, as the set's authors say."""


class Mmpd(FolderDataset):
    """33 people in 20 recordings of a minute. The small copy, mini-MMPD, has the same layout.

    Each file holds `video` (time, height, width, 3), floats from 0 to 1 or bytes; `GT_ppg`, a pulse
    value for each frame; and eight facts, which become attributes under their own names ('glasser'
    is "wears glasses", 'skin_color' the Fitzpatrick type 3 to 6). Neither holds a time.

    Args:
        root: the folder that holds subject1, subject2, ...
        frame_rate_hz: of the videos, as the set's authors state it.
        exclude: recordings to leave out, such as 'p1_0'.
    """

    name = "mmpd"
    provenance = "MMPD: recordings of 33 real people with mobile phones."
    layout = "subjectN/pN_k.mat"
    obtained = (
        "from its authors at Tsinghua University, after a signed letter of commitment: "
        "https://github.com/McJackTang/MMPD_rPPG_dataset"
    )

    def __init__(
        self,
        root: str | None = None,
        frame_rate_hz: float = 30.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        self.frame_rate_hz = frame_rate_hz

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {path.stem: path for path in root.glob("subject*/p*_*.mat")}

    def item(self, key: str, path: Path) -> DatasetItem:
        found = read_mat(path, ("GT_ppg", *_ATTRIBUTES))
        shape = mat_shapes(path).get("video", ())
        bvp = found.get("GT_ppg", np.zeros(0)).reshape(-1)
        if len(shape) != 4 or not len(bvp):
            raise DatasetError(
                f"{path} lacks 'video' (time, height, width, 3) or 'GT_ppg'; copy it again."
            )
        frames = shape[0]
        times_s, note = np.arange(len(bvp)) / self.frame_rate_hz, ""
        if len(bvp) != frames:
            times_s = times_s * frames / len(bvp)
            note = f"{len(bvp)} values for {frames} frames: spread evenly over the video"
        facts = {name: str(found[name]).strip() for name in _ATTRIBUTES if name in found}
        return DatasetItem(
            key,
            f"{self.name}-{path.parent.name.removeprefix('subject')}",
            path,
            references={"bvp": reference("bvp", times_s, bvp, note=note)},
            attributes={name: _RENAMED.get(fact, fact) for name, fact in facts.items()},
            opener=partial(open_mat_video, path, "video", np.arange(frames) / self.frame_rate_hz),
        )
