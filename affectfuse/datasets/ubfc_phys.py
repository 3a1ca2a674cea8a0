"""UBFC-Phys: rest, a speech and mental arithmetic before a camera, with a wristband.

    sN/vid_sN_T1.avi  sN/bvp_sN_T1.csv  sN/eda_sN_T1.csv  sN/info_sN.txt      (T1, T2, T3)

Reference: Meziati Sabour, Benezeth, De Oliveira, Chappe and Yang 2021, "UBFC-Phys: a multimodal
database for psychophysiological studies of social stress", doi:10.1109/TAFFC.2021.3056960.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from affectfuse.containers import Interval, Target, Track
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import read_rows, reference
from affectfuse.recording.merged import Part, open_merged
from affectfuse.recording.physio_sidecar import Sidecar
from affectfuse.recording.signal_tables import SignalTableRecording

__all__ = ["UbfcPhys"]

_TASKS = {"T1": "rest", "T2": "speech", "T3": "arithmetic"}


class UbfcPhys(FolderDataset):
    """56 people in three tasks of about 3 minutes; the task is the label.

    The signals have no times of their own: their first sample counts as taken with the first
    frame, and the rates are those that the set's authors state. A recording is the video with the
    wristband's signals beside it, as the sources 'bvp' and 'eda'.

    Args:
        root: the folder that holds s1, s2, ...
        bvp_rate_hz: samples a second of the wristband's pulse wave.
        eda_rate_hz: samples a second of its skin conductance.
        exclude: recordings to leave out, such as 's3_T1'.
    """

    name = "ubfc_phys"
    target = Target("task", tuple(_TASKS.values()), "session", "condition")
    provenance = "UBFC-Phys: recordings of 56 real people at rest, in a speech and in arithmetic."
    layout = "sN/vid_sN_Tk.avi with sN/bvp_sN_Tk.csv"
    obtained = (
        "from its authors, with an account there: https://sites.google.com/view/ybenezeth/ubfc-phys"
    )

    def __init__(
        self,
        root: str | None = None,
        bvp_rate_hz: float = 64.0,
        eda_rate_hz: float = 4.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        self._rates_hz = {"bvp": bvp_rate_hz, "eda_us": eda_rate_hz}

    def recordings(self, root: Path) -> Mapping[str, Path]:
        videos = root.glob("s[0-9]*/vid_s*_T[123].avi")
        return {path.stem.removeprefix("vid_"): path for path in videos}

    def item(self, key: str, path: Path) -> DatasetItem:
        subject, task = key.split("_")
        files = {"bvp": self.require(path.with_name(f"bvp_{key}.csv"), key)}
        references = {"bvp": self._signal("bvp", files["bvp"])}
        skin = path.with_name(f"eda_{key}.csv")
        if skin.is_file():
            files["eda"] = skin
            references["eda_us"] = self._signal("eda_us", skin)
        length_s = len(references["bvp"].times_s) / self._rates_hz["bvp"]
        return DatasetItem(
            key,
            f"{self.name}-{subject.removeprefix('s')}",
            path,
            labels=(Interval(0.0, length_s, _TASKS[task]),),
            references=references,
            attributes=_info(path.with_name(f"info_{subject}.txt")),
            opener=partial(open_merged, self._parts(path, files)),
            beside=tuple(files.values()),
        )

    def _parts(self, video: Path, files: Mapping[str, Path]) -> tuple[Part, ...]:
        rates_hz = {"bvp": self._rates_hz["bvp"], "eda": self._rates_hz["eda_us"]}
        units = {"bvp": "1", "eda": "uS"}
        tables = (
            Part(
                name,
                partial(
                    SignalTableRecording,
                    file,
                    name,
                    sidecar=Sidecar((name,), rates_hz[name], 0.0, {name: units[name]}),
                ),
            )
            for name, file in files.items()
        )
        return (Part("video", video), *tables)

    def _signal(self, name: str, path: Path) -> Track:
        values = read_rows(path, 1)[:, 0]
        note = "taken to begin with the first frame"
        return reference(name, np.arange(len(values)) / self._rates_hz[name], values, note=note)


def _info(path: Path) -> dict[str, str]:
    """Return the gender and the difficulty ('test' or 'ctrl') that the info file's lines say."""
    if not path.is_file():
        return {}
    words = [line.strip() for line in path.read_text("utf-8", errors="replace").splitlines()]
    named = {"gender": {"m": "male", "f": "female"}, "group": {"test": "test", "ctrl": "control"}}
    return {
        name: known[word]
        for name, known in named.items()
        for word in [next((word for word in words if word in known), "")]
        if word
    }
