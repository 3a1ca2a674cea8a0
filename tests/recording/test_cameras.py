"""Cameras, as far as they can be tested without one: names, FFmpeg's test picture in their place.

Which input format and options each platform's camera is opened with is checked, not that its
driver takes them.
"""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import av
import av.device
import numpy as np
import pytest
from recording.videos import frames_of

from affectfuse.config import load_recipe
from affectfuse.errors import RecordingError
from affectfuse.pipeline import score_recording
from affectfuse.recording import reader, sources
from affectfuse.recording.reader import open_recording
from affectfuse.recording.sources import Source, open_container, parse_source


@pytest.mark.parametrize("name", ["camera:97", "/dev/video97"])
def test_camera_that_is_not_there(name: str) -> None:
    with pytest.raises(RecordingError, match=r"there is no '.*97'.*Cameras on this machine"):
        open_recording(name)


@pytest.mark.parametrize("name", ["camera:2", "/dev/video2"])
def test_linux_camera(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(Path, "exists", lambda path: path == Path("/dev/video2"))
    assert parse_source(name) == Source(name, "camera", "/dev/video2", "v4l2")


@pytest.mark.parametrize("name", ["0", "FaceTime HD Camera"])
def test_mac_camera(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    found = parse_source(f"camera:{name}")
    # ':none' leaves the microphone off.
    assert (found.format, found.url) == ("avfoundation", f"{name}:none")
    assert found.options == {"framerate": "30"}


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [
        SimpleNamespace(description="Microphone", media_types=["audio"]),
        SimpleNamespace(description="Front", media_types=["video"]),
        SimpleNamespace(description="USB, rear", media_types=["video"]),
    ]
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setattr(av.device, "enumerate_input_devices", lambda _: devices)


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize(
    ("name", "device"), [("0", "Front"), ("1", "USB, rear"), ("USB, rear", "USB, rear")]
)
def test_windows_camera(name: str, device: str) -> None:
    found = parse_source(f"camera:{name}")
    assert (found.format, found.url, found.kind) == ("dshow", f"video={device}", "camera")


@pytest.mark.usefixtures("windows")
@pytest.mark.parametrize("name", ["2", "Microphone"])
def test_windows_camera_that_is_not_there(name: str) -> None:
    with pytest.raises(RecordingError, match=rf"no 'camera:{name}'.*machine: Front, USB, rear\."):
        parse_source(f"camera:{name}")


def test_camera_that_cannot_be_opened(tmp_path: Path) -> None:
    no_device = tmp_path / "video0"
    no_device.touch()
    source = Source("camera:0", "camera", str(no_device), "v4l2")
    if "video4linux2,v4l2" not in av.formats_available:
        pytest.skip("this FFmpeg has no v4l2")
    with pytest.raises(RecordingError, match=r"'camera:0' cannot be opened .*close other programs"):
        open_container(source)


@pytest.fixture
def camera(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a camera whose pictures are those of FFmpeg's filter graph."""
    device = Source("camera:0", "camera", f"testsrc=size=96x64:rate={request.param}", "lavfi")
    monkeypatch.setattr(reader, "parse_source", lambda _: device)
    return device.label


@pytest.mark.parametrize("camera", ["20:duration=2,select='not(between(n,10,13))'"], indirect=True)
def test_camera_that_loses_frames_says_so(camera: str) -> None:
    with open_recording(camera) as recording:
        times_s = [frame.time_s for frame in frames_of(recording)]
        info, (lost, ended) = recording.info, recording.notes
    assert np.allclose(times_s, np.r_[np.arange(10), np.arange(14, 40)] / 20)
    assert (info.kind, info.source) == ("camera", "camera:0")
    assert math.isnan(info.duration_s)
    assert lost == "about 4 frames fewer than the camera's rate promises: lost, or slow"
    assert ended == "the camera ended by itself at 2.0 s; results end there"


@pytest.mark.parametrize(
    "camera",
    [
        "30:duration=1,setpts=PTS+86400.123/TB",  # since the machine was started
        "30:duration=1,settb=1/1000000,setpts=PTS+1790000000.123456/TB",  # since 1970
    ],
    indirect=True,
)
def test_camera_whose_clock_does_not_begin_at_0(camera: str) -> None:
    with open_recording(camera) as recording:
        times_s = [frame.time_s for frame in frames_of(recording)]
    assert times_s[0] == 0
    assert np.allclose(times_s, np.arange(30) / 30, atol=2e-6)


@pytest.mark.parametrize("camera", ["30,realtime"], indirect=True)
def test_camera_is_scored_live_until_it_is_stopped(camera: str) -> None:
    recipe = load_recipe("score", ["modalities=[heart_rate]"])
    result = score_recording(
        recipe, camera, opened=lambda recording: threading.Timer(1.3, recording.stop).start()
    )
    assert (result.mode, result.source) == ("live", "camera:0")
    assert 0.6 < result.duration_s < 1.6
    assert not any("ended" in note or "broke off" in note for note in result.notes)


# Its tenth picture comes only after five more seconds, in which nothing can interrupt FFmpeg.
stuck = pytest.mark.parametrize(
    "camera", ["30,setpts='(N/30+5*gte(N,9))/TB',realtime=limit=9"], indirect=True
)


@stuck
def test_camera_that_falls_silent_ends_with_a_note(
    camera: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "READ_TIMEOUT_S", 0.1)
    begun_s = time.monotonic()
    with open_recording(camera) as recording:
        assert len(frames_of(recording)) == 9
        assert recording.notes == [
            "reading broke off at 0.3 s (no more data came); results end there"
        ]
    assert time.monotonic() - begun_s < 4


@stuck
def test_silent_camera_can_be_stopped(camera: str) -> None:
    begun_s = time.monotonic()
    with open_recording(camera) as recording:
        threading.Timer(0.6, recording.stop).start()
        assert len(frames_of(recording)) == 9
        assert recording.notes == []
    assert time.monotonic() - begun_s < 4
