"""Video and audio as observations with true timestamps, from a file, a camera or a stream.

One path for all of them: demux, decode, put upright, merge by time. Nothing is held but a few
packets, so memory does not grow with length. A rate is never assumed: the time of a frame is its
own timestamp, and 0 is the start of the recording.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np

from affectfuse.containers import AudioBlock, Frame, Observation
from affectfuse.errors import RecordingError
from affectfuse.recording import sources
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.demuxing import Demuxer
from affectfuse.recording.empatica import EmpaticaRecording, is_empatica
from affectfuse.recording.images import RgbConverter
from affectfuse.recording.live import LivePackets
from affectfuse.recording.sources import Source, open_container, parse_source
from affectfuse.recording.traces import TraceRecording, is_trace

__all__ = ["Recording", "RecordingInfo", "VideoRecording", "open_recording", "video_stream"]

# How far picture and sound may lie apart in the container and still be merged.
_FILE_LEAD_S = 10.0
_LIVE_LEAD_S = 1.0
_SILENCE_MARGIN_S = 0.5


def open_recording(source: str | Path, *, audio: bool = False, replay: bool = False) -> Recording:
    """Open a recording for reading, once, from its start to its end.

    Args:
        source: a file's path, a video or a table of mean colours (see `TraceRecording`); the folder
            that a wristband exports (see `EmpaticaRecording`); `camera:0` or `/dev/video0`; an
            rtsp://, rtsps://, http:// or https:// address.
        audio: give the sound too, if there is any.
        replay: give a file's observations at the pace of their timestamps, as if it were live.

    Raises:
        RecordingError: when it cannot be read or holds no video; says what was found.
    """
    if is_trace(source):
        return TraceRecording(Path(source), replay=replay)
    if is_empatica(source):
        return EmpaticaRecording(Path(source), replay=replay)
    found = parse_source(source)
    return VideoRecording(found, open_container(found), audio=audio, replay=replay)


class VideoRecording(Recording):
    """A recording whose frames are decoded from a container, a camera or a stream."""

    def __init__(self, source: Source, container: Any, *, audio: bool, replay: bool) -> None:
        self._source, self._replay = source, replay
        self._stopped = threading.Event()
        self._reading = threading.Lock()
        self._untimed = self._disordered = self._late = self._dropped = 0
        self._last_s = self._end_s = -math.inf
        self._complete = False
        self._close = container.close
        try:
            self._video = video_stream(source, container)
            # Decoding several frames at once is faster (1080p on two cores: 500 for 340 frames/s)
            # but holds frames back, which a live source must not.
            self._video.thread_type = "AUTO" if source.kind == "file" else "SLICE"
            self._audio = container.streams.best("audio") if audio else None
            streams = [stream for stream in (self._video, self._audio) if stream is not None]
            start = container.start_time
            start_s = None if start is None else Fraction(start, av.time_base)
            if source.kind == "file":
                packets, lead_s = container.demux(*streams), _FILE_LEAD_S
            else:
                # FFmpeg's own limit comes first: it also gives the frames that it still holds.
                silence_s = sources.READ_TIMEOUT_S + _SILENCE_MARGIN_S
                packets = LivePackets(container, streams, self._stopped, silence_s)
                self._close, lead_s = packets.close, _LIVE_LEAD_S
            self._demuxer = Demuxer(packets, streams, start_s, lead_s)
            self._rgb = RgbConverter(self._video.sample_aspect_ratio)
            frames = self._decoded_frames()
            first = next((frame for frame in frames if frame is not None), None)
            if first is None:
                raise RecordingError(self._why_no_frame())
        except BaseException:
            self._close()
            raise
        self._first_s = first.time_s
        self._frames = chain([first], frames)
        height, width = first.image.shape[:2]
        self.info = RecordingInfo(
            source.label,
            source.kind,
            _declared_duration_s(container, self._video),
            width,
            height,
            float(self._video.average_rate or math.nan),
            bool(container.streams.audio),
            self._video.codec_context.name,
        )

    def close(self) -> None:
        """Stop and release the source; waits for a read in another thread to end."""
        self.stop()
        with self._reading:
            self._close()

    def stop(self) -> None:
        """End `observations` after the one being read; callable from any thread."""
        self._stopped.set()

    def observations(self) -> Iterator[Observation]:
        """Yield the frames, and the sound if asked for, merged by time; can be read once."""
        merged = self._merged()
        origin_s = math.nan
        while True:
            with self._reading:
                if self._stopped.is_set():
                    return
                observation = next(merged, None)
            if observation is None and self._stopped.is_set():
                return
            if observation is None:
                self._complete = True
                return
            if self._replay and self._source.kind == "file":
                now_s = time.monotonic()
                origin_s = now_s - observation.time_s if math.isnan(origin_s) else origin_s
                if self._stopped.wait(max(0.0, origin_s + observation.time_s - now_s)):
                    return
            yield observation

    @property
    def notes(self) -> list[str]:
        """What went wrong so far, a phrase each."""
        counted = (
            (self._demuxer.damaged, "{} damaged packets could not be decoded: left out"),
            (self._untimed, "{} frames without a timestamp: left out"),
            (self._disordered, "{} frames whose timestamps repeat or go back: left out"),
            (self._late, "{} frames or blocks of sound came too late to be merged: left out"),
            (self._dropped, "about {} frames fewer than the camera's rate promises: lost, or slow"),
        )
        notes = [text.format(count) for count, text in counted if count]
        return [*notes, *self._ending()] if self._complete else notes

    @property
    def cut_short(self) -> bool:
        """Whether `observations` ended before the source did: it was stopped, or reading failed."""
        return super().cut_short or self._demuxer.error is not None

    def _ending(self) -> Iterator[str]:
        """Say so when the recording ended before it should have, or when that cannot be known."""
        end_s, length_s = self._end_s, self.info.duration_s
        missing_s = length_s - (end_s - self._first_s)
        if self._source.kind == "file" and missing_s > max(0.25, 0.001 * length_s):
            yield (
                f"the video breaks off at {end_s:.1f} s of {length_s:.1f} s: the file is "
                "truncated; results end there"
            )
        elif self._demuxer.error is not None:
            yield f"reading broke off at {end_s:.1f} s ({self._reason()}); results end there"
        elif self._source.kind != "file" and math.isnan(length_s):
            yield f"the {self._source.kind} ended by itself at {end_s:.1f} s; results end there"

    def _why_no_frame(self) -> str:
        label = self._source.label
        if self._untimed:
            return (
                f"the frames of '{label}' have no timestamps; put them into a container such as "
                ".mp4 or .mkv."
            )
        if self._source.kind == "file":
            return f"'{label}' gives no frame that can be decoded; copy or record it again."
        why = "it ended" if self._demuxer.error is None else self._reason()
        return f"'{label}' gives no frame ({why}); check that another program can show it."

    def _reason(self) -> str:
        error = self._demuxer.error
        if isinstance(error, av.error.ExitError):
            return "no more data came"
        return getattr(error, "strerror", None) or str(error)

    def _decoded_frames(self) -> Iterator[Frame | None]:
        for decoded in self._demuxer.decoded(self._video):
            if decoded is None:
                yield None
            elif decoded.pts is None:
                self._untimed += 1
            elif (time_s := self._demuxer.time_s(decoded)) <= self._last_s:
                self._disordered += 1
            else:
                if self._source.kind != "file" and math.isinf(self._last_s):
                    self._untimed = 0  # FFmpeg times an RTSP stream's frames from the second on
                self._count_dropped(time_s)
                self._last_s = time_s
                self._end_s = time_s + float((decoded.duration or 0) * decoded.time_base)
                yield Frame(time_s, self._rgb(decoded))

    def _decoded_blocks(self) -> Iterator[AudioBlock | None]:
        if self._audio is None:
            return
        planar = av.AudioResampler(format="fltp")
        for decoded in self._demuxer.decoded(self._audio):
            if decoded is None:
                yield None
            elif decoded.pts is not None:
                for block in planar.resample(decoded):
                    samples = np.ascontiguousarray(block.to_ndarray().T)
                    rate_hz = float(block.sample_rate)
                    yield AudioBlock(self._demuxer.time_s(block), samples, rate_hz)

    def _merged(self) -> Iterator[Observation]:
        """Merge by time; what is far behind in the container is not waited for, and left out."""
        sources: list[Iterator[Observation | None]] = [self._frames, self._decoded_blocks()]
        heads: list[Observation | None] = [None] * len(sources)
        given_s = -math.inf
        while sources:
            for i, head in enumerate(heads):
                if head is None:
                    try:
                        heads[i] = next(sources[i])
                    except StopIteration:
                        del sources[i], heads[i]
                        break
            else:
                ready = [head for head in heads if head is not None]
                if not ready:
                    continue
                earliest = min(ready, key=lambda head: head.time_s)
                heads[heads.index(earliest)] = None
                if earliest.time_s < given_s:
                    self._late += 1
                    continue
                given_s = earliest.time_s
                yield earliest

    def _count_dropped(self, time_s: float) -> None:
        rate_hz = self._video.average_rate
        if self._source.kind == "camera" and rate_hz and math.isfinite(self._last_s):
            self._dropped += max(0, round((time_s - self._last_s) * float(rate_hz)) - 1)


def video_stream(source: Source, container: Any) -> Any:
    """Return the video stream to read; a cover picture is none, nor is text shown as one."""
    cover = av.stream.Disposition.attached_pic
    videos = [stream for stream in container.streams.video if not stream.disposition & cover]
    if videos and container.format.name != "tty":
        best = container.streams.best("video")
        return best if best in videos else videos[0]
    sounds = [stream.codec_context.name for stream in container.streams.audio]
    what = f"only sound ({', '.join(sounds)})" if sounds else "no video"
    raise RecordingError(f"'{source.label}' holds {what}; give a recording with video.")


def _declared_duration_s(container: Any, video: Any) -> float:
    """Return the video's length as its stream, Matroska's tag or else the container has it."""
    if video.duration:
        return float(video.duration * video.time_base)
    try:
        hours, minutes, seconds = map(float, video.metadata.get("DURATION", "").split(":"))
    except ValueError:
        length = container.duration
        return math.nan if length is None else float(length / av.time_base)
    return 3600 * hours + 60 * minutes + seconds
