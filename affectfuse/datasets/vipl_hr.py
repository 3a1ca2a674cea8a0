"""VIPL-HR: faces in nine scenes before four cameras, with a finger oximeter.

    pN/vK/sourceS/{video.avi, time.txt, wave.csv, gt_HR.csv, gt_SpO2.csv}

Reference: Niu, Shan, Han and Chen 2020, "RhythmNet: end-to-end heart rate estimation from face via
spatial-temporal representation", doi:10.1109/TIP.2019.2947204.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import OXIMETER, numbers, read_columns, reference
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.recording.base import Recording
from affectfuse.recording.retiming import open_retimed

__all__ = ["ViplHr"]

_SCENES = {
    "v1": "stable",
    "v2": "motion",
    "v3": "talking",
    "v4": "bright",
    "v5": "dark",
    "v6": "long distance",
    "v7": "after exercise",
    "v8": "phone, stable",
    "v9": "phone, motion",
}
_SOURCES = {
    "source1": "Logitech C310",
    "source2": "Huawei P9",
    "source3": "RealSense F200",
    "source4": "RealSense F200, infrared",
}


class ViplHr(FolderDataset):
    """107 people, about 3,100 videos of half a minute.

    Every container says 25 frames/s, which is wrong: the frames' times are in `time.txt` (ms).
    The phone (source 2) has none; its frames are spread evenly over the length of the pulse wave.
    Source 4 is infrared, grey in all three channels. The oximeter's files have no times: the wave
    has the sensor's rate, heart rate and SpO2 come once a second, and all begin with the video.

    Args:
        root: the folder that holds p1, p2, ...
        sources: which cameras, of 1 to 4.
        wave_rate_hz: samples a second of `wave.csv`; the sensor's, about 60.
        exclude: recordings to leave out, such as 'p1-v1-source1'.

    Raises:
        ConfigError: for a source that there is not.
    """

    name = "vipl_hr"
    provenance = "VIPL-HR: recordings of 107 real people with webcams and phones."
    layout = "pN/vK/sourceS/video.avi with wave.csv, gt_HR.csv and time.txt beside it"
    obtained = (
        "from the Chinese Academy of Sciences' VIPL group, after a licence agreement: "
        "https://vipl.ict.ac.cn/resources/databases/"
    )

    def __init__(
        self,
        root: str | None = None,
        sources: Sequence[int] = (1, 3),
        wave_rate_hz: float = 60.0,
        exclude: Sequence[str] = (),
    ) -> None:
        super().__init__(root, exclude)
        if not sources or not set(sources) <= {1, 2, 3, 4}:
            raise ConfigError(f"sources is {list(sources)}; allowed are some of 1, 2, 3 and 4.")
        self.sources, self.wave_rate_hz = tuple(sources), wave_rate_hz

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {
            "-".join(path.parts[-4:-1]): path
            for source in self.sources
            for path in root.glob(f"p[0-9]*/v[1-9]/source{source}/video.avi")
        }

    def item(self, key: str, path: Path) -> DatasetItem:
        subject, scene, source = key.split("-")
        wave = read_columns(self.require(path.with_name("wave.csv"), key), ("Wave",))[:, 0]
        wave_s = len(wave) / self.wave_rate_hz
        opener, times, note = self._opener(path, key, wave_s)
        rates = read_columns(self.require(path.with_name("gt_HR.csv"), key), ("HR",))[:, 0]
        references = {
            "bvp": reference("bvp", np.arange(len(wave)) / self.wave_rate_hz, wave, note=note),
            "heart_rate_bpm": reference(
                "heart_rate_bpm", np.arange(len(rates)), rates, note=OXIMETER
            ),
        }
        saturation = path.with_name("gt_SpO2.csv")
        if saturation.is_file():
            values = read_columns(saturation, ("SpO2",))[:, 0]
            references["spo2_percent"] = reference(
                "spo2_percent", np.arange(len(values)), values, note=OXIMETER
            )
        return DatasetItem(
            key,
            f"{self.name}-{subject.removeprefix('p')}",
            path,
            references=references,
            attributes={
                "scene": _SCENES[scene],
                "source": _SOURCES[source],
                "frame_times": times,
            },
            opener=opener,
        )

    def _opener(
        self, path: Path, key: str, wave_s: float
    ) -> tuple[Callable[[], Recording], str, str]:
        """Return what opens the video, where its times come from, and a note on the wave."""
        listed = path.with_name("time.txt")
        if path.parent.name == "source2" and not listed.is_file():
            return partial(open_retimed, path, duration_s=wave_s), "length of the wave", ""
        times_s = _frame_times_s(self.require(listed, key))
        length_s = float(times_s[-1] - times_s[0])
        apart = abs(length_s - wave_s) > 2.0
        note = f"lasts {wave_s:.1f} s, the video {length_s:.1f} s" if apart else ""
        return partial(open_retimed, path, times_s=times_s), "time.txt", note


def _frame_times_s(path: Path) -> Array:
    times_s = numbers(path.read_text("utf-8"), str(path)) / 1000
    if len(times_s) < 2:
        raise DatasetError(f"{path} lists {len(times_s)} times, fewer than two; copy it again.")
    return times_s
