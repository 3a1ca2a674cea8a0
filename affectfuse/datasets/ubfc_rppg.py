"""UBFC-rPPG, both of its data sets: faces at a webcam, with a finger oximeter.

    DATASET_1/N-gt/vid*.avi            DATASET_2/subjectN/vid.avi
    DATASET_1/N-gt/gtdump.xmp          DATASET_2/subjectN/ground_truth.txt

Reference: Bobbia, Macwan, Benezeth, Mansouri and Dubois 2019, "Unsupervised skin tissue
segmentation for remote photoplethysmography", doi:10.1016/j.patrec.2017.10.017.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import OXIMETER, numbers, read_rows, reference
from affectfuse.errors import DatasetError

__all__ = ["UbfcRppg1", "UbfcRppg2"]

_OBTAINED = (
    "from its authors, after their agreement: https://sites.google.com/view/ybenezeth/ubfcrppg"
)


class UbfcRppg1(FolderDataset):
    """UBFC-rPPG, data set 1 ('simple'): 8 recordings of people who sit still.

    `gtdump.xmp` is a table without a header, whatever its name says: time (ms), heart rate, SpO2,
    and the pulse wave at about 62 Hz.

    Args:
        root: the folder DATASET_1.
        exclude: recordings to leave out, such as '5-gt'.
    """

    name = "ubfc_rppg_1"
    provenance = "UBFC-rPPG data set 1: 8 recordings of real people at a webcam."
    layout = "N-gt/vid*.avi with N-gt/gtdump.xmp"
    obtained = _OBTAINED

    def recordings(self, root: Path) -> Mapping[str, Path]:
        folders = [*root.glob("*-gt"), *root.glob("after-exercise")]
        return {folder.name: self._video(folder) for folder in folders}

    def _video(self, folder: Path) -> Path:
        videos = sorted(folder.glob("vid*.avi"))
        return videos[0] if len(videos) == 1 else folder / "vid.avi"

    def item(self, key: str, path: Path) -> DatasetItem:
        self.require(path, key)
        rows = read_rows(self.require(path.with_name("gtdump.xmp"), key), 4)
        times_s = rows[:, 0] / 1000
        # public loaders call 'after-exercise' subject 10: together they never straddle a split
        subject = "10" if key == "after-exercise" else key.removesuffix("-gt")
        columns = {"heart_rate_bpm": 1, "spo2_percent": 2, "bvp": 3}
        return DatasetItem(
            key,
            f"{self.name}-{subject}",
            path,
            references={
                name: reference(
                    name, times_s, rows[:, column], note="" if name == "bvp" else OXIMETER
                )
                for name, column in columns.items()
            },
            attributes={"exercise": "after" if key == "after-exercise" else "none"},
        )


class UbfcRppg2(FolderDataset):
    """UBFC-rPPG, data set 2 ('realistic'): 42 people who play a game against the clock.

    `ground_truth.txt` has three lines: the pulse wave, the heart rate, the times (s).

    Args:
        root: the folder DATASET_2.
        exclude: recordings to leave out, such as 'subject11'.
    """

    name = "ubfc_rppg_2"
    provenance = "UBFC-rPPG data set 2: recordings of 42 real people at a webcam."
    layout = "subjectN/vid.avi with subjectN/ground_truth.txt"
    obtained = _OBTAINED

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {folder.name: folder / "vid.avi" for folder in root.glob("subject*")}

    def item(self, key: str, path: Path) -> DatasetItem:
        self.require(path, key)
        truth = self.require(path.with_name("ground_truth.txt"), key)
        lines = [line for line in truth.read_text("utf-8").splitlines() if line.strip()]
        rows = [numbers(line, f"line {n} of {truth}") for n, line in enumerate(lines, start=1)]
        counts = [len(row) for row in rows]
        if len(rows) != 3 or len(set(counts)) != 1:
            raise DatasetError(
                f"{truth} has {len(rows)} lines of {', '.join(map(str, counts)) or 'no'} numbers; "
                "it must have three lines (pulse, heart rate, time) with as many each."
            )
        bvp, heart_rate_bpm, times_s = rows
        return DatasetItem(
            key,
            f"{self.name}-{key.removeprefix('subject')}",
            path,
            references={
                "bvp": reference("bvp", times_s, bvp),
                "heart_rate_bpm": reference(
                    "heart_rate_bpm", times_s, heart_rate_bpm, note=OXIMETER
                ),
            },
        )
