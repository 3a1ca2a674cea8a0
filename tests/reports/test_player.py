"""In a real browser: a moment of the session plays, and what is seen is that moment's frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from recording.videos import write_video
from reports.browsing import Browser, browser, needs_browser

from affectfuse.containers import Interval, IntervalTrack, Place, Track
from affectfuse.recording.clocks import Clock
from affectfuse.recording.facts import recording_facts
from affectfuse.recording.reader import open_recording
from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page.media import PageVideo, Pictures, take_pictures
from affectfuse.reports.session_page.page import render

pytestmark = needs_browser

RATE_HZ = 25
EVEN = np.arange(500) / RATE_HZ
UNEVEN = np.cumsum(np.r_[0.0, np.random.default_rng(2).uniform(0.02, 0.06, 499)]).round(3)
BEAT_S = np.arange(200) / 10
HOSTILE = 'a "b" <img src=x> #1 100%25 ü?&\'.mp4'

# What the picture's grey level says: 20 + 10 * (seconds of the recording).
GREY = """() => {
  const video = document.getElementById("recording");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const draw = canvas.getContext("2d");
  draw.drawImage(video, video.videoWidth / 2, 8, 8, 8, 0, 0, 8, 8);
  return draw.getImageData(4, 4, 1, 1).data[1];
}"""

# Ask for a moment; answer where the video is once it has got there, and what it told the page.
MOMENT = """new Promise((done) => {
  const video = document.getElementById("recording");
  const told = [];
  document.addEventListener("playing", (event) => told.push(event.detail));
  video.addEventListener("seeked", () => {
    video.pause();
    setTimeout(() => done({ at: video.currentTime, told: told.at(-1), paused: video.paused,
                            error: video.error?.message ?? null }), 300);
  }, { once: true });
  video.addEventListener("error", () => done({ error: video.error.message }), { once: true });
  document.dispatchEvent(new CustomEvent("moment", { detail: %s }));
})"""

STATUS = """new Promise((done) => setTimeout(() =>
  done(document.querySelector("#player [role=status]").textContent), 300))"""


def images(times_s: np.ndarray) -> list[Any]:
    return [np.full((64, 96, 3), round(20 + 10 * time_s), np.uint8) for time_s in times_s]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def page_of(
    video: Path, folder: Path, choice: Any, change: Callable[[Pictures], Pictures] | None = None
) -> Path:
    """Write the page of a session with one expression at 6 s of it."""
    found = Interval(
        6.0, 6.3, "x", 6.1, 0.9, {}, b"\xff\xd8 a picture", Place(48.0, 32.0, 40.0, 0.0)
    )
    with open_recording(video) as recording:
        facts = recording_facts(recording)
    result = SessionResult(
        str(video),
        20.0,
        "offline causal",
        tracks={"bvp": Track("bvp", "AC/DC", BEAT_S, np.sin(BEAT_S), np.ones(200))},
        intervals={"micro_expression": IntervalTrack("micro_expression", (found,))},
        provenance={"recording": facts},
    )
    pictures = take_pictures(result, folder, video=choice)
    page = folder / "report.html"
    page.write_text(render(result, change(pictures) if change else pictures), "utf-8")
    return page


def seconds_seen(opened: Browser) -> float:
    """What the visible frame says of its time."""
    return (float(opened.run(f"({GREY})()")) - 20) / 10


@pytest.mark.parametrize("name", ["v.mp4", "v.webm"])
@pytest.mark.parametrize("choice", ["embed", "link"])
def test_a_moment_plays(chromium: Browser, tmp_path: Path, choice: str, name: str) -> None:
    encoder = {"crf": "10"}
    video = write_video(tmp_path / "v.mp4", tuple(EVEN), images=images(EVEN), encoder=encoder)
    if name == "v.webm":
        video = as_webm(video, tmp_path / name)
    opened = chromium.open(page_of(video, tmp_path, choice))
    for moment_s in (7.5, 2.0, 13.3):
        reached = opened.run(MOMENT % moment_s)
        assert reached["error"] is None
        assert reached["paused"]
        assert reached["at"] == pytest.approx(moment_s, abs=0.3)
        assert reached["told"] == pytest.approx(reached["at"], abs=0.01)
        if choice == "embed":  # a page on disk may not read the pixels of another file
            assert seconds_seen(opened) == pytest.approx(moment_s, abs=0.45)
    assert opened.console == []


def as_webm(video: Path, to: Path) -> Path:
    """Copy every fourth frame of a video as VP8."""
    with av.open(str(video)) as read, av.open(str(to), "w") as write:
        out = write.add_stream("libvpx", rate=RATE_HZ, options={"cpu-used": "8"})
        out.width, out.height, out.pix_fmt = 96, 64, "yuv420p"
        out.codec_context.thread_count = 1
        for frame in list(read.decode(video=0))[::4]:
            write.mux(out.encode(frame))
        write.mux(out.encode())
    return to


@pytest.mark.parametrize("case", ["uneven", "late picture", "copy", "late copy"])
def test_what_is_seen_is_the_moment(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """Uneven frames; a picture that begins 3 s after the sound; and their small copies."""
    times_s = 3.0 + EVEN[:300] if case.startswith("late") else UNEVEN
    path = tmp_path / ("v.mkv" if case.endswith("copy") else "v.mp4")
    sound = 32_000 if case.startswith("late") else None
    shades = images(times_s)
    video = write_video(path, tuple(times_s), images=shades, sound_hz=sound)
    opened = chromium.open(page_of(video, tmp_path, "embed"))
    for moment_s in (5.0, 9.2):
        reached = opened.run(MOMENT % moment_s)
        assert reached["at"] == pytest.approx(moment_s, abs=0.3)
        assert seconds_seen(opened) == pytest.approx(reached["at"], abs=0.25)
    assert opened.console == []


def test_a_click_in_the_timeline_plays_that_moment(chromium: Browser, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", tuple(EVEN), images=images(EVEN))
    opened = chromium.open(page_of(video, tmp_path, "embed"))
    left, top, width, height = opened.run("""(() => {
      const plot = document.getElementById("timeline");
      plot.scrollIntoView({ block: "center", behavior: "instant" });
      const box = plot.getBoundingClientRect();
      return [box.left, box.top, box.width, box.height];
    })()""")
    where = """new Promise((done) => setTimeout(() => {
      const video = document.getElementById("recording");
      video.pause();
      done([video.currentTime, document.querySelector("#timeline .playing").hidden]);
    }, 600))"""
    seen = []
    for share in (0.3, 0.6):
        opened.click(left + share * width, top + height / 2)
        at_s, hidden = opened.run(where)
        assert not hidden
        seen.append(at_s)
    assert seen[1] - seen[0] == pytest.approx(0.3 * 20.0, abs=1.5)
    assert seconds_seen(opened) == pytest.approx(seen[1], abs=0.3)
    opened.run('document.querySelector("button.time").click()')  # of the expression, at 6 s
    assert opened.run(where)[0] == pytest.approx(6.3, abs=0.8)
    assert opened.console == []


def test_a_clock_with_offset_and_drift(chromium: Browser, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", tuple(EVEN), images=images(EVEN))

    def on_session_clock(pictures: Pictures) -> Pictures:
        assert isinstance(pictures.video, PageVideo)
        return replace(pictures, video=replace(pictures.video, clock=Clock(30.0, 100_000.0)))

    opened = chromium.open(page_of(video, tmp_path, "embed", on_session_clock))
    reached = opened.run(MOMENT % 41.0)
    assert reached["at"] == pytest.approx(10.0, abs=0.3)
    assert reached["told"] == pytest.approx(30.0 + 1.1 * reached["at"], abs=0.01)
    opened.run('document.dispatchEvent(new CustomEvent("moment", { detail: 20 }))')
    status = opened.run(STATUS)
    assert status == "The recording does not hold 0:20 of the session."


def test_a_file_of_any_name_is_found(chromium: Browser, tmp_path: Path) -> None:
    folder = tmp_path / "re <b> cordings & more"
    folder.mkdir()
    video = write_video(folder / HOSTILE, tuple(EVEN), images=images(EVEN))
    (tmp_path / "out").mkdir()
    opened = chromium.open(page_of(video, tmp_path / "out", "link"))
    assert opened.run(MOMENT % 4.0)["at"] == pytest.approx(4.0, abs=0.3)
    assert opened.console == []


def test_a_linked_file_that_is_gone_says_so(chromium: Browser, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", tuple(EVEN[:50]))
    page = page_of(video, tmp_path, "link")
    video.unlink()
    opened = chromium.open(page)
    said = opened.run(STATUS)
    assert said.startswith("The recording cannot be played: it is not where it was")


def test_a_clip_plays_slowed_then_true_then_not(chromium: Browser, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", tuple(EVEN), images=images(EVEN))
    opened = chromium.open(page_of(video, tmp_path, "none"))
    state = """new Promise((done) => setTimeout(() => {
      const button = document.querySelector(".clip"), film = button.querySelector("video");
      done({ label: button.getAttribute("aria-label"), rate: film?.playbackRate ?? 0,
             going: film ? film.currentTime > 0 && !film.paused && film.loop : false,
             length: film?.duration ?? 0, error: film?.error?.message ?? null });
    }, 700))"""
    press = 'document.querySelector(".clip").click()'
    seen = []
    for _ in range(3):
        opened.run(press)
        seen.append(opened.run(state))
    assert [row["rate"] for row in seen] == [0.25, 1, 0]
    assert [row["going"] for row in seen] == [True, True, False]
    assert seen[0]["length"] == pytest.approx(0.9, abs=0.08)
    assert seen[0]["error"] is None
    assert [row["label"] for row in seen] == [
        "Play the clip of 0:06.0 at its own speed",
        "Stop the clip of 0:06.0",
        "Play the clip of 0:06.0 at a quarter of its speed",
    ]
    assert opened.console == []


def test_the_keyboard_reaches_all_of_it(chromium: Browser, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", tuple(EVEN), images=images(EVEN))
    opened = chromium.open(page_of(video, tmp_path, "embed"))
    opened.run(MOMENT % 9.0)
    for name in ("back", "slow", "fold"):
        opened.run(f'document.querySelector("[data-do={name}]").focus()')
        opened.press("Enter")
    told = opened.run("""new Promise((done) => setTimeout(() => {
      const video = document.getElementById("recording");
      done([video.currentTime, video.playbackRate, video.checkVisibility(),
            document.activeElement.textContent]);
    }, 300))""")
    assert told == [pytest.approx(4.0, abs=0.4), 0.25, False, "Show"]
