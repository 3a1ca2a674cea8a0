"""What is made for browsers keeps times and pictures, and is small."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from recording.videos import picture, write_sound, write_video

from affectfuse.errors import RecordingError
from affectfuse.recording.web_video import (
    PROXY_BYTES_PER_S,
    encode_clip,
    encode_proxy,
    media_type,
)

QUICK = {"crf": "16", "preset": "ultrafast", "threads": "1"}


def test_a_clip_keeps_its_times_and_its_pictures() -> None:
    times_s = [0.0, 0.02, 0.1, 0.11, 0.5]
    content = encode_clip([picture(40 * i + 30) for i in range(5)], times_s)
    with av.open(io.BytesIO(content)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert not container.streams.audio
        frames = list(container.decode(video))
    assert [float(frame.time) for frame in frames] == pytest.approx(times_s, abs=1e-4)
    greys = [frame.to_ndarray(format="rgb24")[40, 60].mean() for frame in frames]
    assert greys == pytest.approx([40 * i + 30 for i in range(5)], abs=4)


def test_a_clip_needs_an_image() -> None:
    with pytest.raises(ValueError, match="needs an image"):
        encode_clip([], [])


@pytest.mark.parametrize(
    ("name", "encoder", "kind"),
    [
        ("v.mp4", {}, "video/mp4"),
        ("v.mov", {}, "video/mp4"),
        ("v.mkv", {}, None),
        ("v.avi", {}, None),
        ("v.mp4", {"profile": "high444", "crf": "0"}, None),
    ],
)
def test_what_browsers_play(tmp_path: Path, name: str, encoder: dict, kind: str | None) -> None:
    path = write_video(tmp_path / name, encoder=encoder or None)
    if encoder:
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=30)
            video.width, video.height, video.pix_fmt = 96, 64, "yuv444p"
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture(90))))
            container.mux(video.encode())
    assert media_type(path) == kind


def test_what_is_no_video_has_no_media_type(tmp_path: Path) -> None:
    assert media_type(write_sound(tmp_path / "v.mp4")) is None
    with pytest.raises(RecordingError, match="cannot be read"):
        media_type(tmp_path / "gone.mp4")


def test_a_copy_is_small_and_keeps_the_recordings_time(tmp_path: Path) -> None:
    """Two seconds of sound lead; noise would take more than the rate if it were not held."""
    rng = np.random.default_rng(0)
    times_s = 2.0 + np.arange(90) / 30
    images = [np.full((240, 320, 3), 40 + i, np.uint8) for i in range(90)]
    for image in images:
        image[100:] = rng.integers(0, 255, (140, 320, 3))
    path = write_video(
        tmp_path / "v.mkv", tuple(times_s), images=images, sound_hz=44_100, encoder=QUICK
    )
    content = encode_proxy(path, height_px=160, most_bytes=10**7)
    assert len(content) < 5 * PROXY_BYTES_PER_S
    with av.open(io.BytesIO(content)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        assert (video.width, video.height) == (214, 160)
        assert (sound.codec_context.name, sound.codec_context.layout.name) == ("aac", "mono")
        seen, heard = [], []
        for frame in container.decode(video, sound):
            if isinstance(frame, av.VideoFrame):
                seen.append((float(frame.time), frame.to_ndarray(format="rgb24")[20, 90].mean()))
            else:
                heard.append((float(frame.time), frame.to_ndarray()[0]))
    shown_s, greys = np.array(seen).T
    assert np.diff(shown_s).min() > 0.05
    assert len(shown_s) >= 42
    assert greys == pytest.approx(40 + 30 * (shown_s - 2.0), abs=6)
    assert heard[0][0] == pytest.approx(0.0, abs=0.05)
    assert heard[-1][0] == pytest.approx(5.0, abs=0.2)
    tone = np.concatenate([block for _, block in heard])[32_000:64_000]
    assert np.argmax(np.abs(np.fft.rfft(tone))) == pytest.approx(440, abs=2)


def test_a_copy_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", tuple(np.arange(90) / 30))
    with pytest.raises(RecordingError, match="takes more than 0 MB"):
        encode_proxy(path, height_px=64, most_bytes=100)
