"""Stretches of a file equal what reading all of it gives, for far fewer decoded frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording.videos import frames_of, write_video

from affectfuse.errors import RecordingError
from affectfuse.recording.excerpts import VideoExcerpts
from affectfuse.recording.reader import open_recording

EVEN = tuple(np.arange(300) / 30)
UNEVEN = tuple(np.cumsum(np.random.default_rng(0).uniform(0.012, 0.06, 300)).round(3))
LATE = tuple(3.0 + time_s for time_s in UNEVEN)
STRETCHES = ((0.0, 0.4), (0.3, 0.9), (5.0, 5.6), (5.5, 6.0), (2.0, 2.3), (7.5, 8.4), (9.0, 60.0))


def told(frames: list) -> list[tuple[float, float]]:
    return [(frame.time_s, float(frame.image[40, 60].mean())) for frame in frames]


@pytest.mark.parametrize("times_s", [EVEN, UNEVEN, LATE], ids=["even", "uneven", "late"])
@pytest.mark.parametrize("name", ["v.mp4", "v.mov", "v.mkv", "v.ts", "v.avi"])
def test_a_stretch_is_what_reading_all_gives(
    tmp_path: Path, name: str, times_s: tuple[float, ...]
) -> None:
    if name == "v.avi" and times_s is not EVEN:
        pytest.skip("AVI has one rate")
    path = write_video(tmp_path / name, times_s)
    with open_recording(path) as recording:
        whole = told(frames_of(recording))
    assert len(whole) > 200
    with VideoExcerpts(path) as video:
        for start_s, end_s in STRETCHES:
            wanted = [row for row in whole if start_s <= row[0] <= end_s]
            assert told(list(video.between(start_s, end_s))) == wanted
            assert wanted
        assert list(video.between(90.0, 91.0)) == []


def test_a_stretch_costs_what_lies_from_the_last_key_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", tuple(np.arange(1500) / 30))  # a key frame every ten
    with VideoExcerpts(path) as video:
        for start_s in (10.0, 25.0, 40.0):
            assert len(list(video.between(start_s, start_s + 0.5))) == 16
        assert video.decoded < 3 * 40


def test_stretches_in_order_never_cost_more_than_reading_once(tmp_path: Path) -> None:
    one_key = {"crf": "10", "x264-params": "keyint=infinite:scenecut=0"}
    path = write_video(tmp_path / "v.mp4", EVEN, encoder=one_key)
    with VideoExcerpts(path) as video:
        for start_s in (1.0, 3.0, 5.0, 7.0, 9.0):
            assert len(list(video.between(start_s, start_s + 0.21))) == 7
        assert video.decoded <= len(EVEN) + 1


def test_what_is_left_unread_is_no_loss(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", EVEN)
    with VideoExcerpts(path) as video:
        next(video.between(1.0, 2.0))
        assert [f.time_s for f in video.between(1.0, 1.05)] == [1.0, 1.033]
        assert [f.time_s for f in video.between(1.3, 1.35)] == [1.3, 1.333]


def test_a_damaged_file_gives_what_is_whole(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mkv", EVEN)
    content = bytearray(path.read_bytes())
    half = len(content) // 2
    content[half : half + 400] = b"\xaa" * 400
    path.write_bytes(content)
    with VideoExcerpts(path) as video:
        assert len(list(video.between(0.5, 1.0))) == 16
        list(video.between(4.0, 6.0))  # whatever it gives, it ends


def test_what_is_no_video_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"gone\.mp4' does not exist"):
        VideoExcerpts(tmp_path / "gone.mp4")
    (tmp_path / "text.mp4").write_text("not a video")
    with pytest.raises(RecordingError, match="is not a video"):
        VideoExcerpts(tmp_path / "text.mp4")
