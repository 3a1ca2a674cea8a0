"""Writing video with true, variable timestamps."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation

from affectfuse.containers import Array
from affectfuse.errors import OutputError

__all__ = ["TIME_BASE", "H264Stream", "VideoWriter"]

TIME_BASE = Fraction(1, 90_000)
"""The unit of a written timestamp, in seconds: common frame rates are whole numbers of it."""

_RATE_HZ = 30  # what x264 weighs quality by; without one it takes 1 / TIME_BASE for it


class H264Stream:
    """A stream of H.264 video in an open container: RGB frames in, each at its own time.

    Colours are BT.601, limited range, 4:2:0: what decoders assume of a file, so that a decoded grey
    level is the written one within the rounding of 8 bits.

    Args:
        container: PyAV's, open for writing.
        width: of the frames in pixels, even.
        height: of the frames in pixels, even.
        options: of x264.
        threads: of the encoder; 0 lets it choose.
    """

    def __init__(
        self, container: Any, width: int, height: int, options: dict[str, str], *, threads: int = 0
    ) -> None:
        self._container, self._size = container, (height, width)
        self._last_pts = -1
        self._stream = container.add_stream("libx264", rate=_RATE_HZ)
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = TIME_BASE
        self._stream.time_base = TIME_BASE
        self._stream.codec_context.colorspace = Colorspace.ITU601
        self._stream.codec_context.color_range = ColorRange.MPEG
        self._stream.codec_context.thread_count = threads
        self._stream.options = options

    def write(self, image: Array, time_s: float) -> None:
        """Write one frame, see `VideoWriter.write`."""
        if image.shape != (*self._size, 3) or image.dtype != np.uint8:
            raise ValueError(
                f"a frame is {image.dtype} {image.shape}; this writer takes uint8 "
                f"{(*self._size, 3)}"
            )
        pts = round(time_s / TIME_BASE)
        if pts <= self._last_pts:
            raise ValueError(
                f"a frame at {time_s} s does not come after the one at "
                f"{float(self._last_pts * TIME_BASE)} s"
            )
        self._last_pts = pts
        frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(
            format="yuv420p",
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.MPEG,
            interpolation=Interpolation.AREA,
        )
        frame.pts, frame.time_base = pts, TIME_BASE
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def finish(self) -> None:
        """Write what the encoder still holds."""
        for packet in self._stream.encode():
            self._container.mux(packet)


class VideoWriter:
    """Writes RGB frames to an H.264 video in MP4, each at its own time.

    The file appears under its name when the block ends without an error; until then, and after an
    error, there is none. Colours are those of `H264Stream`.

    Args:
        path: the file, ending in .mp4 or .mov; its folder must exist.
        width: of the frames in pixels, even.
        height: of the frames in pixels, even.
        crf: constant rate factor of x264, 0 (lossless of the 4:2:0 picture) to 51 (worst).
        preset: x264's trade of speed against size.
        tune: what x264 keeps. 'grain' keeps a pulse of half a grey level, most of which the
            ordinary tunings flatten from CRF 18 on.
        threads: of the encoder; 0 lets it choose.

    Raises:
        OutputError: for another ending, an odd size, a CRF out of range, a folder that is not
            there or cannot be written to.
    """

    def __init__(
        self,
        path: str | Path,
        width: int,
        height: int,
        *,
        crf: int,
        preset: str = "superfast",
        tune: str = "grain",
        threads: int = 0,
    ) -> None:
        self.path = Path(path)
        if self.path.suffix.lower() not in {".mp4", ".mov"}:
            raise OutputError(
                f"'{self.path.name}' must end in .mp4 or .mov to be written as video."
            )
        if width % 2 or height % 2 or min(width, height) < 2:
            raise OutputError(
                f"a video of {width} x {height} pixels cannot be written: make both sizes even."
            )
        if not 0 <= crf <= 51:
            raise OutputError(f"crf is {crf}; allowed are 0 (best) to 51 (worst).")
        self._part = self.path.with_name(f".{self.path.name}.part")
        try:
            self._part.touch()
            self._container: Any = av.open(
                str(self._part),
                "w",
                format=self.path.suffix.lower()[1:],
                container_options={"video_track_timescale": str(TIME_BASE.denominator)},
            )
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(
                f"cannot write {self.path}: {reason}; choose another place."
            ) from None
        # no B-frames: their coarser pictures pulse at a quarter of the rate (225 bpm at 15 fps)
        options = {"crf": str(crf), "preset": preset, "tune": tune, "bf": "0"}
        self._stream = H264Stream(self._container, width, height, options, threads=threads)

    def __enter__(self) -> Self:
        return self

    def write(self, image: Array, time_s: float) -> None:
        """Write one frame.

        Args:
            image: RGB uint8 (height, width, 3).
            time_s: its time, at least `TIME_BASE` after the last frame's.
        """
        self._stream.write(image, time_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if kind is None:
                self._stream.finish()
            self._container.close()
            if kind is None:
                self._part.replace(self.path)
        finally:
            self._part.unlink(missing_ok=True)
