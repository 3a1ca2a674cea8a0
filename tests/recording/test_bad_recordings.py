"""What is truncated, damaged or no recording: the good part is read, and the rest is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recording.videos import frames_of, write_sound, write_video

from affectfuse.errors import RecordingError
from affectfuse.recording.reader import open_recording


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_truncated_video_gives_what_is_there_and_a_note(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (120, 64, 96, 3), np.uint8)
    whole = write_video(
        tmp_path / f"whole{suffix}",
        np.arange(120) / 30,
        images=list(noise),
        options={"movflags": "faststart"} if suffix == ".mp4" else None,
    )
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with open_recording(cut) as recording:
        frames = frames_of(recording)
        (note,) = [note for note in recording.notes if "breaks off" in note]
    assert 40 < len(frames) < 70
    assert f"breaks off at {frames[-1].time_s + 1 / 30:.1f} s of 4.0 s" in note
    assert "truncated" in note
    with open_recording(whole) as recording:
        assert len(frames_of(recording)) == 120
        assert recording.notes == []


def test_damage_in_the_middle_is_skipped_and_counted(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (60, 64, 96, 3), np.uint8)
    path = write_video(tmp_path / "clip.mp4", np.arange(60) / 30, images=list(noise))
    data = bytearray(path.read_bytes())
    middle = data.index(b"mdat") + len(data) // 2
    # Three frames' worth: FFmpeg, decoding in threads, now and then conceals a single one.
    data[middle : middle + 12000] = b"\x55" * 12000
    path.write_bytes(data)
    with open_recording(path) as recording:
        frames = frames_of(recording)
        notes = recording.notes
    assert 50 < len(frames) < 60
    assert frames[-1].time_s > 1.9
    assert len(notes) == 1
    assert "damaged" in notes[0]


def test_timestamps_that_go_back_are_left_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.ts", np.arange(30) / 30)
    path.write_bytes(path.read_bytes() * 2)
    with open_recording(path) as recording:
        times_s = [frame.time_s for frame in frames_of(recording)]
        assert recording.notes == ["30 frames whose timestamps repeat or go back: left out"]
    assert np.allclose(times_s, np.arange(30) / 30, atol=2e-3)


def text(path: Path) -> None:
    path.write_text("this is a letter\n" * 50)


def letter(path: Path) -> None:
    text(path.with_suffix(".txt"))


def no_index(path: Path) -> None:
    data = write_video(path).read_bytes()
    path.write_bytes(data[: data.index(b"moov") - 4])


@pytest.mark.parametrize(
    ("make", "name", "said"),
    [
        (text, "clip.mp4", "is not a video"),
        (letter, "clip.txt", "no video"),
        (Path.touch, "clip.mp4", "is empty"),
        (Path.mkdir, "clip.mp4", "is a folder"),
        (lambda path: None, "clip.mp4", "does not exist"),
        (write_sound, "clip.m4a", r"only sound \(aac\)"),
        (write_video, "clip.h264", "no timestamps"),
        (no_index, "clip.mp4", "incomplete.*index.*'moov'"),
    ],
)
def test_what_is_no_recording(tmp_path: Path, make, name: str, said: str) -> None:
    path = tmp_path / name
    make(path)
    with pytest.raises(RecordingError, match=said) as caught:
        open_recording(path)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(tmp_path / "clip.mp4")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(RecordingError, match=r"permission denied.*rights"):
        open_recording(path)


def test_unknown_kind_of_address() -> None:
    with pytest.raises(RecordingError, match="'ftp://' addresses are not read"):
        open_recording("ftp://example.org/clip.mp4")
