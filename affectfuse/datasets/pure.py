"""PURE: head motions before an industrial camera, with a finger oximeter on the same clock.

    ii-jj/ii-jj/Image<ns>.png  ii-jj/ii-jj.json      (person ii, setup jj; or one folder less)

Reference: Stricker, Mueller and Gross 2014, "Non-contact video-based pulse rate measurement on a
mobile service robot", doi:10.1109/ROMAN.2014.6926392.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.containers import Array
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.datasets.references import OXIMETER, reference
from affectfuse.errors import DatasetError
from affectfuse.recording.sequences import open_images

__all__ = ["Pure"]

_SETUPS = {
    "01": "steady",
    "02": "talking",
    "03": "slow translation",
    "04": "fast translation",
    "05": "small rotation",
    "06": "medium rotation",
}
_VALUES = {"bvp": "waveform", "heart_rate_bpm": "pulseRate", "spo2_percent": "o2saturation"}
_FAULTS = ("probeError", "searching", "searchingToLong")


class Pure(FolderDataset):
    """10 people in 6 setups of about a minute, 59 recordings (06-02 was never handed out).

    The name of each image is its time in nanoseconds, on the clock of the oximeter's readings; 0 s
    is the first image. Readings while the oximeter reports a fault have quality 0.

    Args:
        root: the folder that holds 01-01, 01-02, ...
        exclude: recordings to leave out, such as '01-01'.
    """

    name = "pure"
    provenance = "PURE: 59 recordings of 10 real people with controlled head motions."
    layout = "ii-jj/ii-jj/Image<ns>.png with ii-jj/ii-jj.json"
    obtained = (
        "from TU Ilmenau, on request: look for 'Pulse Rate Detection Dataset - PURE' at "
        "https://www.tu-ilmenau.de"
    )

    def recordings(self, root: Path) -> Mapping[str, Path]:
        found = {}
        for folder in root.glob("[0-9][0-9]-[0-9][0-9]"):
            inner = folder / folder.name
            images = inner if inner.is_dir() else folder
            if any(images.iterdir()):  # 06-02 is an empty folder
                found[folder.name] = images
        return found

    def item(self, key: str, path: Path) -> DatasetItem:
        subject, setup = key.split("-")
        files, frames_ns = self._images(path, key)
        packages = self._packages(self.require(path.parent / f"{key}.json", key))
        start_ns = frames_ns[0]
        times_ns = np.array([package["Timestamp"] for package in packages], np.int64)
        times_s = (times_ns - start_ns) / 1e9  # differences first: a float holds no such time
        frames_s = (frames_ns - start_ns) / 1e9
        if times_s.max() < 0 or times_s.min() > frames_s[-1]:
            raise DatasetError(
                f"the oximeter's readings of {key} in {path.parent} lie between "
                f"{times_s.min():.1f} and {times_s.max():.1f} s of its images, which last "
                f"{frames_s[-1]:.1f} s: one of the two belongs to another recording."
            )
        values = [package["Value"] for package in packages]
        sound = np.array([not any(_is_true(v.get(f)) for f in _FAULTS) for v in values], float)
        return DatasetItem(
            key,
            f"{self.name}-{subject}",
            path,
            references={
                name: reference(
                    name,
                    times_s,
                    np.array([value.get(field, np.nan) for value in values], np.float64),
                    quality=sound,
                    note="" if name == "bvp" else OXIMETER,
                )
                for name, field in _VALUES.items()
            },
            attributes={"setup": _SETUPS.get(setup, setup)},
            opener=partial(open_images, files, frames_s),
        )

    def _images(self, folder: Path, key: str) -> tuple[list[Path], Array]:
        stamped = sorted(
            (int(match[1]), path)
            for path in folder.iterdir()
            if (match := re.fullmatch(r"Image(\d{16,})\.png", path.name))
        )
        if not stamped:
            self.require(folder / "Image<ns>.png", key)
        return [path for _, path in stamped], np.array([ns for ns, _ in stamped], np.int64)

    def _packages(self, path: Path) -> list[dict[str, Any]]:
        try:
            packages = json.loads(path.read_text("utf-8"))["/FullPackage"]
            if packages and all({"Timestamp", "Value"} <= set(package) for package in packages):
                return list(packages)
            reason = "a package lacks its Timestamp or Value" if packages else "it holds none"
        except (ValueError, KeyError, TypeError) as error:
            reason = f"{type(error).__name__}: {error}"
        raise DatasetError(
            f"{path} is not PURE's list of oximeter packages under '/FullPackage' ({reason}); "
            "copy it again."
        )


def _is_true(flag: object) -> bool:
    return str(flag).lower() == "true"
