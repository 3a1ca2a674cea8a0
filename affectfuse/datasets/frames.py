"""Folders of numbered images as recordings: a frame's time is its number over the rate."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import DatasetError
from affectfuse.recording.sequences import FrameSequence, open_images

__all__ = ["child", "frame_numbers", "open_frames"]

_NUMBERED = re.compile(r"(?!\.).*?(\d+)\D*\.(?:jpe?g|png|bmp)", re.IGNORECASE)


def frame_numbers(folder: Path) -> Array:
    """Return the numbers in the images' names (frame,), ascending; none without the folder.

    The number is the last run of digits: 46 in `reg_img46.jpg`, 5562 in `006_05562.jpg`.

    Raises:
        DatasetError: when two images have one number.
    """
    if not folder.is_dir():
        return np.zeros(0, np.int64)
    numbers = np.sort(np.array([number for number, _ in _images(folder)], np.int64))
    repeated = numbers[1:][numbers[1:] == numbers[:-1]]
    if len(repeated):
        raise DatasetError(f"{folder} holds two images numbered {repeated[0]}; copy it again.")
    return numbers


def open_frames(folder: Path, frame_rate_hz: float) -> FrameSequence:
    """Open a folder of numbered images; its first image is at 0 s, and a lost one leaves a gap.

    Raises:
        RecordingError: when no image can be read.
    """
    images = sorted(_images(folder))
    numbers = np.array([number for number, _ in images], np.float64)
    return open_images(
        [folder / name for _, name in images], (numbers - numbers[:1]) / frame_rate_hz
    )


def child(folder: Path, name: str) -> Path:
    """Return the entry of a folder that has the name, in whatever case its letters are."""
    path = folder / name
    if path.exists() or not folder.is_dir():
        return path
    return next((p for p in folder.iterdir() if p.name.lower() == name.lower()), path)


def _images(folder: Path) -> Iterator[tuple[int, str]]:
    with os.scandir(folder) as entries:  # a folder may hold tens of thousands
        for entry in entries:
            if numbered := _NUMBERED.fullmatch(entry.name):
                yield int(numbered[1]), entry.name
