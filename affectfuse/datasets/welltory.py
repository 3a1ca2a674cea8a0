"""Welltory-PPG: fingers on phone cameras, as mean colours, beside a chest strap's beat intervals.

    subject_NN/PPG.csv (time in ms, R, G, B a frame)  subject_NN/RR.txt (intervals in ms)

Reference: Neshitov, Tyapochkin, Smorodnikova and Pravdin 2021, "Wavelet analysis and
self-similarity of photoplethysmography signals for HRV estimation and quality assessment",
doi:10.3390/s21206798.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from affectfuse.containers import Track
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import numbers
from affectfuse.errors import DatasetError

__all__ = ["Welltory"]

_PLAUSIBLE_MS = (250.0, 2500.0)


class Welltory(FolderDataset):
    """Recordings of 1 to 2 minutes at 26 to 30 frames/s; 13 people, who is not told.

    The clocks of phone and strap did not start together (they lie 0 to 3 s apart) and it is not
    known by how much: an evaluation must estimate a lag of a few seconds for each recording.

    Args:
        root: the folder that holds subject_01, subject_02, ...
        exclude: recordings to leave out, such as 'subject_01'.
    """

    name = "welltory"
    provenance = "Welltory-PPG: recordings of 13 real people's fingers on phone cameras."
    layout = "subject_NN/PPG.csv with subject_NN/RR.txt"
    obtained = "at https://github.com/Welltory/welltory-ppg-dataset, under CC0"

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {path.parent.name: path for path in root.glob("subject_*/PPG.csv")}

    def item(self, key: str, path: Path) -> DatasetItem:
        self.require(path, key)
        intervals = self.require(path.with_name("RR.txt"), key)
        ms = numbers(intervals.read_text("utf-8-sig"), str(intervals))
        if not len(ms):
            raise DatasetError(f"{intervals} holds no intervals; copy it again.")
        possible = (ms >= _PLAUSIBLE_MS[0]) & (ms <= _PLAUSIBLE_MS[1])
        note = "from the strap's own start, which is not the recording's: estimate the lag"
        if not possible.all():
            note += f"; {(~possible).sum()} intervals outside 250 to 2500 ms: NaN"
        track = Track(
            "beat_interval_ms",
            "ms",
            np.cumsum(ms) / 1000.0,
            np.where(possible, ms, np.nan),
            possible.astype(float),
            note,
        )
        return DatasetItem(key, key, path, references={track.name: track})
