"""What a page shows of a person: cut, linked or embedded as asked, or a note why not."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from recording.videos import write_video

from affectfuse.containers import Frame, Interval, IntervalTrack, Observation, Place
from affectfuse.errors import OutputError
from affectfuse.recording.base import Recording
from affectfuse.recording.clocks import Clock
from affectfuse.recording.facts import recording_facts
from affectfuse.recording.merged import Part, open_merged
from affectfuse.recording.reader import open_recording
from affectfuse.recording.retiming import open_retimed
from affectfuse.recording.signal_tables import SignalTableRecording
from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page import media
from affectfuse.reports.session_page.media import media_sources, refuse_video, take_pictures
from affectfuse.reports.session_page.page import render

HOSTILE = 'a "b" <img src=x> #1 100%25 \u00fc?&\'.mp4'
TIMES_S = tuple((np.arange(150) / 30).round(3))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_video(tmp_path_factory.mktemp("media") / "v.mp4", TIMES_S)


def result_of(recording: Recording, onset_s: float = 2.0) -> SessionResult:
    """A session with one expression that was spotted in the recording."""
    place = Place(48.0, 32.0, 40.0, 0.0)
    jpeg = b"\xff\xd8 a picture"
    found = Interval(onset_s, onset_s + 0.3, "x", onset_s + 0.1, 0.9, {}, jpeg, place)
    with recording:
        facts = recording_facts(recording)
        source, length_s = recording.info.source, recording.info.duration_s
    return SessionResult(
        source,
        length_s,
        "offline causal",
        tracks={},
        intervals={"micro_expression": IntervalTrack("micro_expression", (found,))},
        provenance={"recording": facts},
    )


def test_clips_by_default_and_no_video(path: Path, tmp_path: Path) -> None:
    result = result_of(open_recording(path))
    pictures = take_pictures(result, tmp_path)
    (interval,) = result.intervals["micro_expression"].intervals
    assert list(pictures.clips) == [interval]
    assert (pictures.video, pictures.notes) == (None, ())
    html = render(result, pictures)
    held = base64.b64encode(pictures.clips[interval].mp4).decode()
    assert html.count(f'data-clip="data:video/mp4;base64,{held}"') == 1
    assert "media-src data:;" in html
    assert 'id="player"' not in html


def test_pictures_of_the_face_can_be_left_out(path: Path, tmp_path: Path) -> None:
    result = result_of(open_recording(path))
    pictures = take_pictures(result, tmp_path, thumbnails=False)
    assert pictures.clips == {}
    html = render(result, pictures)
    for left_out in ("data:image/jpeg", "data:video", "media-src", "data-clip="):
        assert left_out not in html.split("<script")[0]
    linked = take_pictures(result, tmp_path, thumbnails=False, video="link")
    assert (linked.clips, linked.video is None) == ({}, False)


def test_a_link_is_relative_and_its_name_quoted(tmp_path: Path) -> None:
    folder = tmp_path / "re cordings"
    folder.mkdir()
    video = write_video(folder / HOSTILE, TIMES_S)
    result = result_of(open_recording(video))
    pictures = take_pictures(result, tmp_path / "out" / "deep", video="link")
    assert pictures.video is not None
    url = pictures.video.url
    assert unquote(url) == f"../../re cordings/{HOSTILE}"
    assert not set(url) & set("\"'<># ?&")
    html = render(result, pictures)
    assert f'src="{url}"' in html
    assert "<img src=x>" not in html
    assert "media-src data: 'self' file:;" in unescape(html)


def test_a_small_recording_is_embedded_as_it_is(path: Path, tmp_path: Path) -> None:
    pictures = take_pictures(result_of(open_recording(path)), tmp_path, video="embed")
    assert pictures.video is not None
    assert pictures.video.content == path.read_bytes()
    assert pictures.video.media_type == "video/mp4"
    assert media_sources(pictures) == "data: blob:"


@pytest.mark.parametrize("reason", ["large", "not played everywhere"])
def test_another_is_embedded_as_a_small_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str
) -> None:
    video = write_video(tmp_path / ("v.mp4" if reason == "large" else "v.mkv"), TIMES_S)
    if reason == "large":
        monkeypatch.setattr(media, "_AS_IT_IS_BYTES", 1000)
    pictures = take_pictures(result_of(open_recording(video)), tmp_path, video="embed")
    assert pictures.video is not None
    assert pictures.video.what.startswith("a small copy")
    assert pictures.video.content[4:8] == b"ftyp"


def test_a_link_that_some_browsers_do_not_play_says_so(tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mkv", TIMES_S)
    pictures = take_pictures(result_of(open_recording(video)), tmp_path, video="link")
    assert pictures.video is not None
    assert "not every browser plays 'v.mkv'; --video embed" in pictures.notes[0]


def test_of_a_merged_session_the_clock_goes_with_the_pictures(path: Path, tmp_path: Path) -> None:
    table = tmp_path / "eda.csv"
    table.write_text("time_s,eda_us\n" + "".join(f"{t},1.0\n" for t in range(20)))
    clock = Clock(6.5, 120.0, how="shared events")
    wrist = Part("wrist", partial(SignalTableRecording, table, "eda"))
    merged = open_merged([wrist, Part("camera", path, clock)])
    pictures = take_pictures(result_of(merged, 6.5 + 2.0), tmp_path, video="link")
    assert pictures.notes == ()
    (clip,) = pictures.clips.values()
    assert clip.start_s == pytest.approx(6.5 + 1.7, abs=0.04)
    assert pictures.video is not None
    told = (pictures.video.clock.offset_s, pictures.video.clock.drift_ppm)
    assert told == (6.5, 120.0)
    html = render(result_of(open_recording(path)), pictures)
    assert 'data-offset="6.5" data-rate="1.00012"' in html


def gone(path: Path) -> None:
    path.unlink()


def changed(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"more")


def broken(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (gone, "'v.mp4' is not there any more"),
        (changed, "'v.mp4' has changed since it was scored"),
        (broken, "is not a video"),
    ],
)
def test_a_spoilt_file_is_a_note(
    path: Path, tmp_path: Path, spoil: Callable[[Path], None], says: str
) -> None:
    copy = tmp_path / "v.mp4"
    copy.write_bytes(path.read_bytes())
    result = result_of(open_recording(copy))
    spoil(copy)
    pictures = take_pictures(result, tmp_path, video="embed")
    assert pictures.clips == {}
    assert pictures.video is None
    assert any(note.startswith("no clips of the expressions") for note in pictures.notes)
    assert any("no video" in note for note in pictures.notes)
    assert says in pictures.notes[0]
    assert "No clips of the expressions" in render(result, pictures)


def test_a_camera_leaves_nothing_to_cut_from(path: Path, tmp_path: Path) -> None:
    result = result_of(open_recording(path))
    live = {"recording": {**result.provenance["recording"], "kind": "camera", "source": "camera:0"}}
    pictures = take_pictures(replace(result, provenance=live), tmp_path, video="link")
    assert pictures.notes == ("no clips of the expressions and no video: a camera leaves no file",)
    assert take_pictures(replace(result, provenance=live, intervals={}), tmp_path).notes == ()


def test_other_times_than_the_files_own_are_not_cut_by(path: Path, tmp_path: Path) -> None:
    result = result_of(open_retimed(path, duration_s=10.0))
    assert "no video file with times of its own" in take_pictures(result, tmp_path).notes[0]


class Camera(Recording):
    """A camera, as far as its name goes."""

    def __init__(self, path: Path) -> None:
        with open_recording(path) as recording:
            self.info = replace(recording.info, kind="camera", source="camera:0")

    notes: list[str] = []  # noqa: RUF012

    def observations(self) -> Iterator[Observation]:
        yield Frame(0.0, np.zeros((2, 2, 3), np.uint8))

    def stop(self) -> None: ...

    def close(self) -> None: ...


def test_what_cannot_be_shown_is_refused_before_the_work(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(OutputError, match=r"--video link: 'camera:0' leaves no video file"):
        refuse_video(Camera(path), "link")
    refuse_video(Camera(path), "none")
    table = tmp_path / "eda.csv"
    table.write_text("time_s,eda_us\n0,1\n1,1\n")
    with pytest.raises(OutputError, match=r"eda\.csv' leaves no video file"):
        refuse_video(SignalTableRecording(table, "eda"), "embed")
    with open_recording(path) as recording:
        refuse_video(recording, "embed")
        refuse_video(recording, "link", thumbnails=False)
        with pytest.raises(OutputError, match="leave one of the two out"):
            refuse_video(recording, "embed", thumbnails=False)
        monkeypatch.setattr(media, "_COPY_S", 3.0)
        refuse_video(recording, "embed")
        monkeypatch.setattr(media, "_AS_IT_IS_BYTES", 1000)
        with pytest.raises(OutputError, match=r"'v\.mp4' is 0 minutes long.*Give --video link"):
            refuse_video(recording, "embed")
        refuse_video(recording, "link")
