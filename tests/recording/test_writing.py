"""The writer keeps times and colours, and leaves nothing behind when it fails."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from affectfuse.errors import OutputError
from affectfuse.recording.writing import VideoWriter

WIDTH, HEIGHT = 64, 48


def _pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    grey = rng.uniform(60, 190, (count, 5, 6, 1))
    coarse = (grey + rng.uniform(-15, 15, (count, 5, 6, 3))).astype(np.float32)
    return [
        np.clip(cv2.resize(c, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), 0, 255).astype(
            np.uint8
        )
        for c in coarse
    ]


def _write(path: Path, pictures: list[np.ndarray], times_s: np.ndarray, crf: int = 20) -> None:
    with VideoWriter(path, WIDTH, HEIGHT, crf=crf) as writer:
        for picture, time_s in zip(pictures, times_s, strict=True):
            writer.write(picture, float(time_s))


def test_variable_timestamps_survive(tmp_path: Path) -> None:
    times_s = np.cumsum(np.r_[0.25, np.random.default_rng(1).uniform(0.005, 0.3, 39)])
    _write(tmp_path / "v.mp4", _pictures(40), times_s)
    with av.open(str(tmp_path / "v.mp4")) as container:
        read = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(read, times_s, atol=0.6 / 90_000)


def test_colours_survive_the_round_trip(tmp_path: Path) -> None:
    """Within 2 grey levels: limited range and PyAV's default decoding round by up to 1.5."""
    pictures = _pictures(5)
    _write(tmp_path / "v.mp4", pictures, np.arange(5) / 30, crf=0)
    with av.open(str(tmp_path / "v.mp4")) as container:
        read = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    error = np.array(read, float) - np.array(pictures, float)
    assert np.abs(error.mean(axis=(0, 1, 2))).max() < 2.0
    assert error.std() < 2.5


def test_the_file_appears_only_when_whole(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    there = []

    def break_off() -> None:
        with VideoWriter(path, 64, 48, crf=20) as writer:
            writer.write(_pictures(1)[0], 0.0)
            there.append(path.exists())
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        break_off()
    assert there == [False]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "width", "crf", "says"),
    [
        ("v.mp4", 63, 20, "make both sizes even"),
        ("v.avi", 64, 20, "must end in .mp4 or .mov"),
        ("v.mp4", 64, 52, "allowed are 0"),
        ("missing/v.mp4", 64, 20, "No such file"),
    ],
)
def test_bad_output_is_refused(tmp_path: Path, name: str, width: int, crf: int, says: str) -> None:
    with pytest.raises(OutputError, match=says):
        VideoWriter(tmp_path / name, width, 48, crf=crf)


def test_frames_must_advance_and_fit(tmp_path: Path) -> None:
    picture = _pictures(1)[0]
    with VideoWriter(tmp_path / "v.mp4", WIDTH, HEIGHT, crf=20) as writer:
        writer.write(picture, 1.0)
        with pytest.raises(ValueError, match="does not come after"):
            writer.write(picture, 1.0)
        with pytest.raises(ValueError, match="this writer takes"):
            writer.write(picture[:-2], 2.0)
