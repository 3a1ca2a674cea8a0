"""Streams, from HTTP and RTSP servers of the tests, which also stall and vanish."""

from __future__ import annotations

import functools
import http.server
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from recording.rtsp_server import RtspServer
from recording.videos import frames_of, write_video
from typer.testing import CliRunner

from affectfuse.cli import app
from affectfuse.errors import RecordingError
from affectfuse.recording import sources
from affectfuse.recording.reader import open_recording
from affectfuse.recording.sources import parse_source


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


TIMES_S = np.cumsum(np.random.default_rng(4).integers(20, 50, 48)) / 1000  # 1.6 s, never regular
ENCODER = {"crf": "10", "x264-params": "scenecut=0"}  # no key frames but every tenth


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the RTSP servers send: uneven frames, a key frame every tenth, no frame reordered."""
    path = tmp_path_factory.mktemp("live") / "live.ts"
    return write_video(path, TIMES_S - TIMES_S[0], encoder=ENCODER | {"bf": "0"})


@pytest.fixture(scope="module")
def reordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with frames that are sent in another order than shown."""
    path = tmp_path_factory.mktemp("live") / "reordered.ts"
    return write_video(path, TIMES_S - TIMES_S[0], encoder=ENCODER | {"bf": "2"})


@pytest.mark.parametrize(
    ("video", "media", "first", "last"),
    [
        # FFmpeg gives the first frame of an RTSP stream no time, and knows the end of a frame in a
        # transport stream only from the next.
        ("live", "h264", 1, 48),
        ("reordered", "h264", 1, 48),
        ("live", "mpegts", 0, 47),
    ],
)
def test_rtsp_frames_have_the_times_of_the_stream(
    video: str, media: str, first: int, last: int, request: pytest.FixtureRequest
) -> None:
    with (
        RtspServer(request.getfixturevalue(video), media=media) as server,
        open_recording(server.address()) as recording,
    ):
        times_s = [frame.time_s for frame in frames_of(recording)]
        info, notes = recording.info, recording.notes
    expected_s = TIMES_S[first:last] - TIMES_S[first]
    assert times_s[0] == 0
    assert np.allclose(times_s, expected_s, atol=1e-4)
    assert (info.kind, info.width, info.height) == ("stream", 96, 64)
    assert len(notes) == 1
    assert "the stream ended by itself at 1." in notes[0]


def test_rtsp_joined_between_key_frames_starts_when_joined(live: Path) -> None:
    with (
        RtspServer(live, joins_s=0.45) as server,
        open_recording(server.address()) as recording,
    ):
        frames = frames_of(recording)
    joined = np.searchsorted(TIMES_S - TIMES_S[0], 0.45)
    key = -(-joined // 10) * 10
    assert joined < key
    times_s = np.array([frame.time_s for frame in frames])
    assert np.allclose(np.diff(times_s), np.diff(TIMES_S[key:]), atol=1e-4)
    assert times_s[0] == pytest.approx(TIMES_S[key] - TIMES_S[joined + 1], abs=1e-4)
    assert frames[0].image[40, 60, 0] == pytest.approx(20 + 2 * key, abs=3)


def test_rtsp_server_that_vanishes_leaves_what_was_read(live: Path) -> None:
    with (
        RtspServer(live, ends_s=1.2, ending="vanish") as server,
        open_recording(server.address()) as recording,
    ):
        frames = frames_of(recording)
        (note,) = recording.notes
    sent_s = (TIMES_S - TIMES_S[0])[TIMES_S - TIMES_S[0] < 1.2]
    assert frames[-1].time_s == pytest.approx(sent_s[-1] - sent_s[1], abs=1e-4)
    assert note == f"the stream ended by itself at {frames[-1].time_s:.1f} s; results end there"


@pytest.mark.parametrize("video", ["live", "reordered"])
def test_rtsp_server_that_stalls_ends_with_a_note(
    video: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "READ_TIMEOUT_S", 0.5)
    with (
        RtspServer(request.getfixturevalue(video), ends_s=1.2, ending="stall") as server,
        open_recording(server.address()) as recording,
    ):
        times_s = [frame.time_s for frame in frames_of(recording)]
        (note,) = recording.notes
    sent_s = (TIMES_S - TIMES_S[0])[TIMES_S - TIMES_S[0] < 1.2]
    assert np.allclose(times_s, sent_s[1:] - sent_s[1], atol=1e-4)
    assert "reading broke off at 1." in note
    assert "no more data came" in note


@pytest.mark.parametrize(("ends_s", "stop_s"), [(9, 0.1), (1.2, 0.6)])
def test_rtsp_can_be_stopped_flowing_or_stalled(live: Path, ends_s: float, stop_s: float) -> None:
    with RtspServer(live, ends_s=ends_s, ending="stall") as server:
        recording = open_recording(server.address())
        begun_s = time.monotonic()
        threading.Timer(stop_s, recording.stop).start()
        assert frames_of(recording)
        assert stop_s - 0.05 < time.monotonic() - begun_s < stop_s + 1
        recording.close()
        assert time.monotonic() - begun_s < stop_s + 2
        assert recording.notes == []


def test_rtsp_password_is_used_and_never_shown(live: Path) -> None:
    with RtspServer(live, login="anna:secret", ends_s=1.2, ending="vanish") as server:
        with open_recording(server.address("anna:secret")) as recording:
            assert recording.info.source == server.address()
            frames_of(recording)
            shown = [str(recording.info), *recording.notes]
        with pytest.raises(RecordingError, match="401 Unauthorized") as refused:
            open_recording(server.address("anna:wrong-secret"))
        with pytest.raises(RecordingError, match="401 Unauthorized"):
            open_recording(server.address())
    assert len(shown) == 2
    assert not any("secret" in text or "anna" in text for text in [*shown, str(refused.value)])


@pytest.mark.parametrize(
    ("address", "label"),
    [
        ("rtsp://anna:secret@cam:554/live", "rtsp://cam:554/live"),
        ("RTSP://anna:sec@ret@cam/live", "RTSP://cam/live"),
        ("http://cam/live?mail=a@b.org", "http://cam/live?mail=a@b.org"),
        ("http://cam?mail=a@b.org", "http://cam?mail=a@b.org"),
    ],
)
def test_labels_hold_no_login(address: str, label: str) -> None:
    assert (parse_source(address).label, parse_source(address).url) == (label, address)


def test_rtsp_without_an_answer_hides_the_password() -> None:
    with pytest.raises(RecordingError, match=r"'rtsp://127.0.0.1:9/live' cannot be opened") as it:
        open_recording("rtsp://user:secret@127.0.0.1:9/live")
    assert "secret" not in str(it.value)


def test_rtsp_is_scored_from_the_command_line(live: Path, tmp_path: Path) -> None:
    with RtspServer(live, login="anna:secret", ends_s=1.2, ending="vanish") as server:
        address = server.address("anna:secret")
        said = CliRunner().invoke(
            app, ["score", address, "modalities=[heart_rate]", "--out", str(tmp_path / "result")]
        )
    assert said.exit_code == 0, said.output
    assert "the stream ended by itself" in said.output
    assert (tmp_path / "result" / "report.html").is_file()
    written = [path.read_bytes() for path in (tmp_path / "result").iterdir() if path.is_file()]
    assert not any(b"secret" in text for text in [*written, said.output.encode()])
