from __future__ import annotations

import functools
import gc
import http.server
import math
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from recording.videos import picture, write_sound, write_video

from affectfuse.containers import AudioBlock, Frame
from affectfuse.errors import RecordingError
from affectfuse.recording import reader, sources
from affectfuse.recording.reader import Recording, open_recording
from affectfuse.recording.sources import Source


def frames_of(recording: Recording) -> list[Frame]:
    return [seen for seen in recording.observations() if isinstance(seen, Frame)]


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
    data[middle : middle + 4000] = b"\x55" * 4000
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


@pytest.mark.parametrize("name", ["camera:97", "/dev/video97"])
def test_camera_that_is_not_there(name: str) -> None:
    with pytest.raises(RecordingError, match=r"there is no '.*97'.*Cameras on this machine"):
        open_recording(name)


def test_unknown_kind_of_address() -> None:
    with pytest.raises(RecordingError, match="'ftp://' addresses are not read"):
        open_recording("ftp://example.org/clip.mp4")


def test_stream_that_does_not_answer_hides_the_password() -> None:
    with pytest.raises(RecordingError, match=r"'rtsp://127.0.0.1:9/live' cannot be opened") as it:
        open_recording("rtsp://user:secret@127.0.0.1:9/live")
    assert "secret" not in str(it.value)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_http_stream_equals_the_file(tmp_path: Path, served: str) -> None:
    path = write_video(tmp_path / "clip.mkv", np.arange(20) / 10)
    with open_recording(path) as recording:
        expected = [frame.time_s for frame in frames_of(recording)]
    with open_recording(f"{served}/clip.mkv") as recording:
        assert recording.info.kind == "stream"
        assert [frame.time_s for frame in frames_of(recording)] == expected
    with pytest.raises(RecordingError, match="cannot be opened"):
        open_recording(f"{served}/other.mkv")


@pytest.fixture
def stalled(tmp_path: Path) -> Iterator[str]:
    """A server that sends half of a video and then nothing more."""
    noise = np.random.default_rng(0).integers(0, 255, (60, 64, 96, 3), np.uint8)
    path = write_video(tmp_path / "clip.mkv", np.arange(60) / 30, images=list(noise))
    half = path.read_bytes()[: path.stat().st_size // 2]
    done = threading.Event()

    class Stalling(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(2 * len(half)))
            self.end_headers()
            self.wfile.write(half)
            done.wait(10)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stalling) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/clip.mkv"
        done.set()
        server.shutdown()
        thread.join()


def test_stream_that_stalls_ends_with_a_note(stalled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "READ_TIMEOUT_S", 0.5)
    with open_recording(stalled) as recording:
        frames = frames_of(recording)
        (note,) = recording.notes
    assert 15 < len(frames) < 45
    assert note.startswith(f"reading broke off at {frames[-1].time_s + 1 / 30:.1f} s")
    assert "no more data came" in note


def test_camera_that_loses_frames_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    # FFmpeg's own test picture stands for a camera of 20 frames/s; frames 10 to 13 are lost.
    picture = "testsrc=size=96x64:rate=20:duration=2,select='not(between(n,10,13))'"
    camera = Source("camera:0", "camera", picture, "lavfi")
    monkeypatch.setattr(reader, "parse_source", lambda _: camera)
    with open_recording("camera:0") as recording:
        times_s = [frame.time_s for frame in frames_of(recording)]
        info, notes = recording.info, recording.notes
    assert np.allclose(times_s, np.r_[np.arange(10), np.arange(14, 40)] / 20)
    assert (info.kind, info.source) == ("camera", "camera:0")
    assert math.isnan(info.duration_s)
    assert notes == ["about 4 frames fewer than the camera's rate promises: lost, or slow"]


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
