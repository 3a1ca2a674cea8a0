"""Stretches of a video file, read without decoding what lies between them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import av

from affectfuse.containers import Frame
from affectfuse.errors import RecordingError
from affectfuse.recording.demuxing import Demuxer
from affectfuse.recording.images import RgbConverter
from affectfuse.recording.reader import video_stream
from affectfuse.recording.sources import open_container, parse_source

__all__ = ["VideoExcerpts"]

_NEAR_S = 1.0  # what lies so little ahead is decoded to, not sought
_EARLIER_S = (0.0, 2.0, 10.0, 60.0)  # how much earlier is sought when a container's seek lands late


class VideoExcerpts:
    """Reads stretches of a video file at its own timestamps; a context manager.

    Times are those of `open_recording`: 0 is the start of the recording. A stretch costs the frames
    from the last key frame before it that others need, however long the file is; stretches in order
    of time never cost more than reading the file once, where its container knows its key frames.

    Args:
        path: of the file.

    Attributes:
        decoded: how many frames were decoded so far, shown or not.

    Raises:
        RecordingError: when it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        source = parse_source(path)
        self.decoded = 0
        self._time_s = self._wanted_s = -math.inf
        self._zero_s = 0.0
        with ExitStack() as stack:
            self._container = stack.enter_context(open_container(source))
            self._video = video_stream(source, self._container)
            self._video.thread_type = "AUTO"
            start = self._container.start_time
            start_s = None if start is None else Fraction(start, av.time_base)
            self._demuxer = Demuxer(self._packets(), [self._video], start_s, 0.0)
            self._rgb = RgbConverter(self._video.sample_aspect_ratio)
            self._frames = self._decoded()
            first = next(self._frames, None)  # fixes where 0 is
            if first is None:
                raise RecordingError(f"'{path}' gives no frame that can be decoded.")
            # Where 0 lies in the stream's own time.
            self._zero_s = float(first[1].pts * first[1].time_base) - first[0]
            self._first_s = first[0]
            stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    def between(self, start_s: float, end_s: float) -> Iterator[Frame]:
        """Yield the frames of a stretch, both ends included.

        Raises:
            RecordingError: when the file cannot be sought.
        """
        for time_s, decoded in self._from(start_s):
            if time_s > end_s:
                return
            if time_s >= start_s:
                yield Frame(time_s, self._rgb(decoded))

    def _from(self, start_s: float) -> Iterator[tuple[float, Any]]:
        """Yield decoded frames, the first of them not later than `start_s` where there is one."""
        self._wanted_s = start_s
        if not self._leads_to(start_s):
            for earlier_s in _EARLIER_S:
                self._seek(start_s - earlier_s)
                first = next(self._frames, None)
                if first is not None and first[0] <= max(start_s, self._first_s):
                    yield first
                    break
        while found := next(self._frames, None):  # what is left of them is for the next stretch
            yield found

    def _leads_to(self, start_s: float) -> bool:
        """Return whether decoding on is the way to a time: it is near, or no key frame between."""
        if not self._time_s < start_s:
            return False
        if start_s - self._time_s <= _NEAR_S:
            return True
        index, own = self._video.index_entries, self._video.time_base
        ticks = int((start_s + self._zero_s) / own)
        if not len(index) or index[len(index) - 1].timestamp < ticks:
            return False  # some containers list their key frames only as they are read
        key = index.search_timestamp(ticks)
        return key >= 0 and float(index[key].timestamp * own) - self._zero_s <= self._time_s

    def _seek(self, time_s: float) -> None:
        ticks = math.floor((time_s + self._zero_s) / self._video.time_base)
        try:
            self._container.seek(ticks, stream=self._video)
        except (av.FFmpegError, OSError) as error:
            raise RecordingError(f"no place in the file can be sought ({error})") from None
        self._demuxer.restart(self._packets())
        self._time_s = -math.inf
        self._frames = self._decoded()

    def _packets(self) -> Iterator[Any]:
        """Yield packets; until the wanted time only frames that others need will be decoded."""
        own, context = self._video.time_base, self._video.codec_context
        for packet in self._container.demux(self._video):
            if packet.pts is not None:
                early = float(packet.pts * own) - self._zero_s < self._wanted_s
                context.skip_frame = "NONREF" if early else "DEFAULT"
            yield packet

    def _decoded(self) -> Iterator[tuple[float, Any]]:
        for decoded in self._demuxer.decoded(self._video):
            if decoded is None or decoded.pts is None:
                continue
            self.decoded += 1
            time_s = self._demuxer.time_s(decoded)
            if time_s > self._time_s:
                self._time_s = time_s
                yield time_s, decoded
