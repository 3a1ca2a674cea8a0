"""Small recordings for the tests of reading, made with PyAV alone, and reading them whole."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from affectfuse.containers import Frame
from affectfuse.recording.reader import Recording

MILLISECONDS = Fraction(1, 1000)


def frames_of(recording: Recording) -> list[Frame]:
    return [seen for seen in recording.observations() if isinstance(seen, Frame)]


def picture(value: int, width: int = 96, height: int = 64) -> Any:
    """A picture whose corner at the upper left is white, all else grey of the given value."""
    image = np.full((height, width, 3), value, np.uint8)
    image[: height // 4, : width // 4] = 255
    return image


def write_video(
    path: Path,
    times_s: Sequence[float] = tuple(np.arange(30) / 30),
    *,
    images: Sequence[Any] | None = None,
    rotation: float | None = None,
    mirrored: bool = False,
    pixel_aspect: Fraction | None = None,
    sound_hz: int | None = None,
    sound_s: float | None = None,
    sound_last: bool = False,
    options: dict[str, str] | None = None,
    encoder: dict[str, str] | None = None,
) -> Path:
    """Write one frame at each time, pictures of growing grey by default, and sound if asked."""
    if images is None:
        images = [picture(20 + 2 * (i % 100)) for i in range(len(times_s))]
    with av.open(str(path), "w", options=options or {}) as container:
        video = container.add_stream("libx264", rate=30, options=encoder or {"crf": "10"})
        video.height, video.width = images[0].shape[:2]
        video.pix_fmt = "yuv420p"
        video.gop_size = 10
        if pixel_aspect is not None:
            video.codec_context.sample_aspect_ratio = pixel_aspect
        video.codec_context.time_base = video.time_base = MILLISECONDS
        if rotation is not None or mirrored:
            video.set_display_rotation(rotation or 0, hflip=mirrored)
        sound = None if sound_hz is None else container.add_stream("aac", rate=sound_hz)
        if sound is not None:
            sound.layout = "stereo"
        length_s = times_s[-1] if sound_s is None else sound_s
        if sound is not None and not sound_last:
            _write_tone(container, sound, sound_hz, length_s)
        for time_s, image in zip(times_s, images, strict=True):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = round(time_s * 1000), MILLISECONDS
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None and sound_last:
            _write_tone(container, sound, sound_hz, length_s)
    return path


def write_sound(path: Path, duration_s: float = 1.0, rate_hz: int = 16000) -> Path:
    """Write a recording without a picture."""
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=rate_hz)
        sound.layout = "stereo"
        _write_tone(container, sound, rate_hz, duration_s)
    return path


def _write_tone(container: Any, stream: Any, rate_hz: int, duration_s: float) -> None:
    """A tone of 440 Hz and half the full scale on the left, silence on the right."""
    step = stream.codec_context.frame_size or 1024
    for start in range(0, int(duration_s * rate_hz), step):
        times_s = (start + np.arange(step)) / rate_hz
        left = 0.5 * np.sin(2 * np.pi * 440 * times_s)
        block = np.stack([left, np.zeros(step)]).astype(np.float32)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, start, Fraction(1, rate_hz)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())
