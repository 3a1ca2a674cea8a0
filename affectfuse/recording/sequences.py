"""Images with timestamps of their own as a recording: files in a folder, frames of an array."""

from __future__ import annotations

import math
import threading
from collections.abc import Generator, Iterator, Sequence
from itertools import chain
from pathlib import Path

import cv2
import numpy as np

from affectfuse.containers import Array, Frame, Observation
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording, RecordingInfo

__all__ = ["FrameSequence", "open_images"]

Images = Generator[Array | None, None, None]


class FrameSequence(Recording):
    """Images, drawn one at a time, each with its time.

    Args:
        label: what to call it.
        codec: what the images are kept in.
        times_s: (frame,) when each was taken; images whose time repeats or goes back are left out.
        images: yields as many RGB uint8 (height, width, 3), and None for one that cannot be read.

    Raises:
        RecordingError: when there is no image that can be read.
    """

    def __init__(self, label: str, codec: str, times_s: Array, images: Images) -> None:
        self._times_s = np.asarray(times_s, np.float64)
        self._images = images
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        self._unreadable = self._disordered = 0
        self._last_s = -math.inf
        frames = self._timed()
        first = next(frames, None)
        if first is None:
            images.close()
            raise RecordingError(f"'{label}' holds no image that can be read; copy it again.")
        self._frames = chain([first], frames)
        height, width = first.image.shape[:2]
        step_s = float(np.median(np.diff(self._times_s))) if len(self._times_s) > 1 else math.nan
        length_s = float(self._times_s[-1] - self._times_s[0]) + step_s
        rate_hz = 1 / step_s if step_s > 0 else math.nan
        self.info = RecordingInfo(label, "file", length_s, width, height, rate_hz, False, codec)

    def observations(self) -> Iterator[Observation]:
        """Yield the frames; can be read once."""
        while True:
            with self._reading:
                if self._stopped.is_set():
                    return
                frame = next(self._frames, None)
            if frame is None:
                return
            yield frame

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, a phrase each."""
        counted = (
            (self._unreadable, "{} images could not be read: left out"),
            (self._disordered, "{} images whose timestamps repeat or go back: left out"),
        )
        return [text.format(count) for count, text in counted if count]

    def stop(self) -> None:
        """End `observations` after the frame being read; callable from any thread."""
        self._stopped.set()

    def close(self) -> None:
        """Stop and release the images; waits for a read in another thread to end."""
        self.stop()
        with self._reading:
            self._images.close()

    def _timed(self) -> Iterator[Frame]:
        for time_s, image in zip(self._times_s.tolist(), self._images, strict=False):
            if image is None:
                self._unreadable += 1
            elif not time_s > self._last_s:
                self._disordered += 1
            else:
                self._last_s = time_s
                yield Frame(time_s, image)


def open_images(files: Sequence[Path], times_s: Array) -> FrameSequence:
    """Open image files, in the order of their times, as a recording.

    Args:
        files: the images, of one size, in one folder.
        times_s: (file,) when each was taken.

    Raises:
        RecordingError: when there are no files, not as many as times, or none can be read.
    """
    if not files or len(files) != len(times_s):
        where = f" in '{files[0].parent}'" if files else ""
        raise RecordingError(
            f"{len(files)} images{where} have {len(times_s)} timestamps; each needs one."
        )
    label, codec = str(files[0].parent), files[0].suffix.removeprefix(".")
    return FrameSequence(label, codec, times_s, _read(files))


def _read(files: Sequence[Path]) -> Images:
    size = None
    for file in files:
        try:
            content = np.fromfile(file, np.uint8)  # cv2.imread knows no names beyond ASCII
        except OSError:
            content = np.zeros(0, np.uint8)
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if len(content) else None
        size = image.shape if image is not None and size is None else size
        if image is None or image.shape != size:
            yield None
        else:
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
