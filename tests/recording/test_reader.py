"""Reading a recording: its times, colours, orientation and sound are the source's own."""

from __future__ import annotations

import gc
import math
import threading
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from recording.videos import frames_of, picture, write_video

from affectfuse.containers import AudioBlock, Frame
from affectfuse.recording.reader import open_recording


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_variable_frame_times_are_the_source_own(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(3)
    times_s = np.cumsum(rng.integers(15, 200, 40)) / 1000
    path = write_video(tmp_path / f"clip{suffix}", times_s)
    with open_recording(path) as recording:
        frames = frames_of(recording)
        notes = recording.notes
    found_s = np.array([frame.time_s for frame in frames])
    assert np.allclose(np.diff(found_s), np.diff(times_s), atol=1.1e-3)
    assert found_s[0] == pytest.approx(0, abs=0.2)
    assert notes == []


def test_zero_is_the_start_of_the_container(tmp_path: Path) -> None:
    path = write_video(tmp_path / "late.mkv", 5 + np.arange(10) / 10)
    with open_recording(path) as recording:
        times_s = [frame.time_s for frame in frames_of(recording)]
    assert np.allclose(times_s, np.arange(10) / 10, atol=2e-3)


def test_info(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", np.arange(30) / 25, sound_hz=16000)
    with open_recording(path) as recording:
        info = recording.info
    assert (info.source, info.kind, info.codec) == (str(path), "file", "h264")
    assert (info.width, info.height, info.has_audio) == (96, 64, True)
    assert info.duration_s == pytest.approx(1.2, abs=0.05)
    assert info.nominal_rate_hz == pytest.approx(25, rel=0.05)


@pytest.mark.parametrize("grey", [40, 128, 200])
def test_colours_come_back(tmp_path: Path, grey: int) -> None:
    image = np.full((64, 96, 3), (grey, 90, 150), np.uint8)
    path = write_video(tmp_path / "clip.mp4", [0.0, 0.1], images=[image, image])
    with open_recording(path) as recording:
        found = frames_of(recording)[0].image
    assert found.dtype == np.uint8
    assert np.allclose(found.reshape(-1, 3).mean(axis=0), (grey, 90, 150), atol=2)


def test_bt709_colours_are_not_read_as_bt601(tmp_path: Path) -> None:
    # The same Y, U, V mean different colours in the two; the reference is the standard's formula.
    y, u, v = 120.0, 100.0, 170.0
    image = np.full((64, 96, 3), _rgb(y, u, v, red=0.299, blue=0.114), np.uint8)
    tags = {"crf": "0", "colorprim": "bt709", "colormatrix": "bt709", "transfer": "bt709"}
    found = {}
    for name, encoder in (("601", {"crf": "0"}), ("709", {"crf": "0", "x264-params": _x264(tags)})):
        path = write_video(
            tmp_path / f"{name}.mp4", [0.0, 0.1], images=[image] * 2, encoder=encoder
        )
        with open_recording(path) as recording:
            found[name] = frames_of(recording)[0].image.reshape(-1, 3).mean(axis=0)
    assert np.allclose(found["601"], _rgb(y, u, v, red=0.299, blue=0.114), atol=2)
    assert np.allclose(found["709"], _rgb(y, u, v, red=0.2126, blue=0.0722), atol=2.5)
    assert not np.allclose(found["601"], found["709"], atol=4)


def _x264(tags: dict[str, str]) -> str:
    return ":".join(f"{key}={value}" for key, value in tags.items() if key != "crf")


def _rgb(y: float, u: float, v: float, *, red: float, blue: float) -> list[float]:
    luma, cb, cr = (y - 16) * 255 / 219, (u - 128) * 255 / 224, (v - 128) * 255 / 224
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return [r, (luma - red * r - blue * b) / (1 - red - blue), b]


@pytest.mark.parametrize(
    ("rotation", "mirrored", "turn"),
    [
        (0.0, True, lambda image: image[:, ::-1]),
        (90.0, False, lambda image: np.rot90(image, 1)),
        (180.0, False, lambda image: np.rot90(image, 2)),
        (-90.0, False, lambda image: np.rot90(image, 3)),
        (180.0, True, lambda image: np.rot90(image, 2)[:, ::-1]),
        (90.0, True, lambda image: np.rot90(image, 1)[:, ::-1]),
    ],
)
def test_frames_are_upright(tmp_path: Path, rotation: float, mirrored: bool, turn) -> None:
    path = write_video(
        tmp_path / "clip.mp4",
        [0.0, 0.1],
        images=[picture(60), picture(60)],
        rotation=rotation,
        mirrored=mirrored,
    )
    with open_recording(path) as recording:
        frame, info = frames_of(recording)[0], recording.info
    expected = turn(picture(60))
    assert frame.image.shape == expected.shape == (info.height, info.width, 3)
    assert frame.image.flags.c_contiguous
    assert np.abs(frame.image.astype(int) - expected).mean() < 3


def test_pixels_become_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", [0.0, 0.1], pixel_aspect=Fraction(4, 3))
    with open_recording(path) as recording:
        assert frames_of(recording)[0].image.shape == (64, 128, 3)
        assert (recording.info.width, recording.info.height) == (128, 64)


def test_sound_is_merged_by_time(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", np.arange(60) / 30, sound_hz=16000)
    with open_recording(path, audio=True) as recording:
        seen = list(recording.observations())
        notes = recording.notes
    times_s = [observation.time_s for observation in seen]
    blocks = [observation for observation in seen if isinstance(observation, AudioBlock)]
    assert times_s == sorted(times_s)
    assert sum(isinstance(observation, Frame) for observation in seen) == 60
    assert notes == []
    sound = np.concatenate([block.samples for block in blocks])
    assert sound.dtype == np.float32
    assert sound.shape == (pytest.approx(2 * 16000, abs=3000), 2)
    assert all(block.sampling_rate_hz == 16000 for block in blocks)
    steps_s = [len(block.samples) / 16000 for block in blocks]
    assert np.allclose(np.diff([b.time_s for b in blocks]), steps_s[:-1], atol=1e-3)
    middle = sound[8000:24000]
    spectrum = np.abs(np.fft.rfft(middle[:, 0]))
    assert np.argmax(spectrum) * 16000 / len(middle) == pytest.approx(440, abs=2)
    assert np.abs(middle[:, 0]).max() == pytest.approx(0.5, abs=0.05)
    assert np.abs(middle[:, 1]).max() < 0.02


def test_sound_is_left_out_unless_asked_for(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", sound_hz=16000)
    with open_recording(path) as recording:
        assert {type(observation) for observation in recording.observations()} == {Frame}


def test_sound_that_ends_early_holds_nothing_back(tmp_path: Path) -> None:
    times_s = np.arange(60) / 2
    path = write_video(tmp_path / "clip.mkv", times_s, sound_hz=16000, sound_s=1.0)
    with open_recording(path, audio=True) as recording:
        seen = [o.time_s for o in recording.observations()]
        assert seen == sorted(seen)
        assert recording.notes == []
    assert sum(time_s > 2 for time_s in seen) == 55


def test_sound_that_lies_far_behind_the_picture_is_not_waited_for(tmp_path: Path) -> None:
    times_s = np.arange(120) / 2  # the muxer gives up waiting for sound, too, after 10 s
    path = write_video(tmp_path / "a.mkv", times_s, sound_hz=16000, sound_s=1.0, sound_last=True)
    with open_recording(path, audio=True) as recording:
        seen = list(recording.observations())
        (note,) = recording.notes
    assert [type(observation) for observation in seen] == [Frame] * 120
    assert "came too late to be merged" in note


def test_replay_gives_the_same_at_the_pace_of_the_timestamps(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", [0.0, 0.1, 0.35, 0.6])
    with open_recording(path) as recording:
        expected = frames_of(recording)
    with open_recording(path, replay=True) as recording:
        begun_s = time.monotonic()
        for frame, same in zip(recording.observations(), expected, strict=True):
            assert time.monotonic() - begun_s >= same.time_s - 0.02
            assert frame.time_s == same.time_s
            assert np.array_equal(frame.image, same.image)


def test_frames_are_freed_at_once_not_by_the_garbage_collector(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", np.arange(300) / 30, sound_hz=16000, rotation=90)
    with open_recording(path, audio=True) as recording:
        gc.collect()
        gc.disable()
        try:
            seen = sum(1 for _ in recording.observations())
            left = gc.collect()
        finally:
            gc.enable()
    assert seen > 400
    assert left < 100


def test_stop_from_another_thread(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", np.arange(30) * 1.0)
    with open_recording(path, replay=True) as recording:
        threading.Timer(0.2, recording.stop).start()
        begun_s = time.monotonic()
        frames = frames_of(recording)
        assert time.monotonic() - begun_s < 0.9
        assert len(frames) == 1
        assert recording.notes == []


def test_reading_after_closing_ends(tmp_path: Path) -> None:
    with open_recording(write_video(tmp_path / "clip.mp4")) as recording:
        seen = recording.observations()
        next(seen)
    assert list(seen) == []


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "count", "last_s"),
    [
        ("WolfgangLanger_Pexels.mp4", 472, 19.644625),
        ("face_noface.mov", 169, 6.3603515625),
        ("no_face.mp4", 95, 3.9166666667),
    ],
)
def test_real_recordings(shared_data: Path, name: str, count: int, last_s: float) -> None:
    with open_recording(shared_data / "clips" / name, audio=True) as recording:
        times_s = {Frame: [], AudioBlock: []}
        for observation in recording.observations():
            times_s[type(observation)].append(observation.time_s)
        assert recording.notes == []
        assert recording.info.has_audio
        assert math.isfinite(recording.info.duration_s)
    assert len(times_s[Frame]) == count
    assert times_s[Frame][-1] == pytest.approx(last_s, abs=1e-6)
    assert len(times_s[AudioBlock]) > 90
