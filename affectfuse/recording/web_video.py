"""Video that every browser plays, made in memory: short clips, and a small copy of a recording."""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from affectfuse.containers import Array, AudioBlock, Frame
from affectfuse.errors import RecordingError
from affectfuse.recording.reader import open_recording
from affectfuse.recording.writing import H264Stream

__all__ = ["PROXY_BYTES_PER_S", "encode_clip", "encode_proxy", "media_type"]

PROXY_BYTES_PER_S = 26_000
"""What a small copy takes at most: 160 kbit/s of picture, 40 of sound, and the container."""

_PROXY_STEP_S = 1 / 16  # frames of a small copy lie at least about so far apart
_SOUND_HZ = 32_000

# Containers and codecs that today's Chromium, Firefox and Safari play, by FFmpeg's names.
_MP4 = {"h264": {"yuv420p", "yuvj420p"}, "av1": {"yuv420p"}}
_WEBM = {"vp8": {"yuv420p"}, "vp9": {"yuv420p"}, "av1": {"yuv420p"}}
_SOUNDS = {"video/mp4": {"aac", "mp3"}, "video/webm": {"opus", "vorbis"}}


def encode_clip(images: Iterable[Array], times_s: Iterable[float], *, crf: int = 23) -> bytes:
    """Return images as an H.264 video in MP4, each at its own time; the first should be at 0.

    Args:
        images: RGB uint8 (height, width, 3), both even.
        times_s: of each, rising.
        crf: constant rate factor of x264.
    """
    file = io.BytesIO()
    stream: H264Stream | None = None
    with av.open(file, "w", format="mp4") as container:
        for image, time_s in zip(images, times_s, strict=True):
            if stream is None:
                options = {"crf": str(crf), "preset": "fast", "bf": "0"}
                height, width = image.shape[:2]
                stream = H264Stream(container, width, height, options, threads=1)
            stream.write(image, time_s)
        if stream is None:
            raise ValueError("a clip needs an image")
        stream.finish()
    return file.getvalue()


def media_type(path: Path) -> str | None:
    """Return the MIME type of a video file that browsers play; None when some do not play it.

    Raises:
        RecordingError: when it cannot be read.
    """
    try:
        with av.open(f"file:{path}") as container:
            names = set(container.format.name.split(","))
            pictures = container.streams.video
            sounds = {stream.codec_context.name for stream in container.streams.audio}
            codecs = {(s.codec_context.name, s.codec_context.pix_fmt) for s in pictures}
    except (av.FFmpegError, OSError) as error:
        raise RecordingError(f"'{path}' cannot be read ({error}).") from None
    if "mp4" in names:
        kind, known = "video/mp4", _MP4
    elif "webm" in names and path.suffix.lower() == ".webm":
        kind, known = "video/webm", _WEBM
    else:
        return None
    plays = len(pictures) == 1 and all(pixels in known.get(name, ()) for name, pixels in codecs)
    return kind if plays and sounds <= _SOUNDS[kind] else None


def encode_proxy(path: Path, *, height_px: int, most_bytes: int) -> bytes:
    """Return a small copy of a recording, H.264 and AAC in MP4, at the recording's own times.

    Args:
        path: of the video file.
        height_px: of the copy, where the recording is not lower; even.
        most_bytes: how much it may take.

    Raises:
        RecordingError: when the file cannot be read, or the copy takes more.
    """
    file = io.BytesIO()
    with (
        open_recording(path, audio=True) as recording,
        av.open(file, "w", format="mp4") as container,
    ):
        info = recording.info
        height = min(height_px, info.height // 2 * 2)
        width = max(2, round(info.width * height / info.height / 2) * 2)
        options = {"preset": "veryfast", "crf": "30", "maxrate": "160k", "bufsize": "320k"}
        video = H264Stream(container, width, height, options | {"g": "32", "bf": "0"})
        sound = _Sound(container) if info.has_audio else None
        last_s = -math.inf
        for seen in recording.observations():
            if isinstance(seen, AudioBlock) and sound is not None:
                sound.write(seen)
            elif isinstance(seen, Frame) and seen.time_s - last_s > 0.9 * _PROXY_STEP_S:
                last_s = seen.time_s
                small = cv2.resize(seen.image, (width, height), interpolation=cv2.INTER_AREA)
                video.write(small, seen.time_s)
            if file.tell() > most_bytes:
                raise RecordingError(
                    f"even a small copy of '{path}' takes more than {most_bytes / 1e6:.0f} MB"
                )
        video.finish()
        if sound is not None:
            sound.finish()
    return file.getvalue()


class _Sound:
    """The sound of a small copy: one channel, AAC."""

    def __init__(self, container: Any) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=_SOUND_HZ, layout="mono")
        self._stream.bit_rate = 40_000
        self._resampler: Any = None

    def write(self, block: AudioBlock) -> None:
        samples = np.ascontiguousarray(block.samples.mean(axis=1, dtype=np.float32)[None])
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        rate_hz = round(block.sampling_rate_hz)
        frame.sample_rate, frame.time_base = rate_hz, Fraction(1, rate_hz)
        frame.pts = round(block.time_s * rate_hz)
        if self._resampler is None:
            self._resampler = av.AudioResampler("fltp", "mono", _SOUND_HZ, frame_size=1024)
        self._encode(self._resampler.resample(frame))

    def finish(self) -> None:
        if self._resampler is not None:
            self._encode(self._resampler.resample(None))
        self._container.mux(self._stream.encode())

    def _encode(self, frames: Iterable[Any]) -> None:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))
