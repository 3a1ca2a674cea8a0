"""Tiny copies of public data sets, with their real layouts and file formats."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av


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
