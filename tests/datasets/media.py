"""Pictures, waves and AVI files for the tiny copies of data sets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np


def write_avi(
    path: Path, images: Sequence[Any], rate_hz: float, *, at: Sequence[int] | None = None
) -> Path:
    """Write an AVI of Motion JPEG, which has a constant rate; `at` gives the frames' numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(rate_hz).limit_denominator(1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=rate, options={"qmin": "1", "qmax": "2"})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuvj444p"
        for number, image in zip(range(len(images)) if at is None else at, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = int(number), 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def picture(level: int, height: int = 24, width: int = 32) -> Any:
    """A picture whose left half is red and whose right half is blue, as strong as the level."""
    image = np.full((height, width, 3), 16, np.uint8)
    image[:, : width // 2, 0] = level
    image[:, width // 2 :, 2] = level
    return image


def pictures(count: int) -> list[Any]:
    return [picture(60 + 2 * (i % 90)) for i in range(count)]


def wave(times_s: Any) -> Any:
    return np.sin(2 * np.pi * 1.2 * np.asarray(times_s))
