from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import Interval, IntervalTrack, Target, Track
from affectfuse.reports.session import SYNTHETIC_ONLY, SessionResult
from affectfuse.reports.session_page.media import Pictures
from affectfuse.reports.session_page.page import render
from affectfuse.reports.session_page.panels import gaps, timeline_panels
from affectfuse.scoring.base import Question
from affectfuse.scoring.baseline_shift import BaselineShift

MakeSession = Callable[..., SessionResult]
HOSTILE = "</script><script>document.title='owned'</script><img src=x onerror=\"alert(1)\"> & <b>"
SCRIPT = re.compile(r"<script[^>]*>.*?</script>", re.DOTALL)


class Page(HTMLParser):
    """The elements and the visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._silent = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._silent = tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._silent = False

    def handle_data(self, data: str) -> None:
        self.text += "" if self._silent else data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def hostile(make_session: MakeSession) -> SessionResult:
    """A session in which every text from outside would like to be a script."""
    session = make_session(seconds=120)
    tracks = {
        name: replace_note(track, HOSTILE) if name == "heart_rate_bpm" else track
        for name, track in session.tracks.items()
    }
    tracks[HOSTILE] = Track(HOSTILE, HOSTILE, np.arange(1.0, 9.0), np.ones(8), np.ones(8))
    found = IntervalTrack(HOSTILE, (Interval(5, 6, HOSTILE, 5.5, 0.5, {HOSTILE: 1.0}),), HOSTILE)
    events = (Question(30, 40, HOSTILE), Question(70, 80, "<i>two</i>"))
    estimates = [
        replace(e, probabilities={HOSTILE: 0.5, "b": 0.5}, weights={HOSTILE: 1.0})
        for e in session.estimates
    ]
    return replace(
        session,
        source=f"recordings/{HOSTILE}.mp4",
        tracks=tracks,
        intervals={HOSTILE: found},
        events=events,
        estimates=estimates,
        modality_quality={HOSTILE: session.modality_quality["heart_rate"]},
        target=Target(HOSTILE, (HOSTILE, "b"), "window", "planted"),
        score=BaselineShift().score(tracks, estimates, events),
        provenance={HOSTILE: {HOSTILE: HOSTILE}, "created": HOSTILE, "list": [HOSTILE]},
        notes=[HOSTILE],
    )


def replace_note(track: Track, note: str) -> Track:
    return Track(track.name, track.unit, track.times_s, track.values, track.quality, note)


def test_the_page_is_small_and_loads_nothing(make_session: MakeSession) -> None:
    html = render(make_session())
    assert len(html.encode()) < 6e6
    page = Page(html)
    linked = [
        value
        for _, attributes in page.elements
        for key, value in attributes.items()
        if key in {"src", "href", "srcset", "data", "action"}
    ]
    assert len(linked) >= 10
    assert all(value and value.startswith(("data:image/jpeg;base64,", "#")) for value in linked)
    assert not re.search(r"url\(|@import", SCRIPT.sub("", html))
    policy = next(e for e in page.of("meta") if e.get("http-equiv"))["content"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "http" not in policy


def test_nothing_from_outside_becomes_markup(make_session: MakeSession) -> None:
    html = render(hostile(make_session))
    page = Page(html)
    assert len(page.of("script")) == 2
    assert not page.of("i")
    assert not any("onerror" in attributes for _, attributes in page.elements)
    assert page.text.count("<script>document.title") >= 8
    data = json.loads(re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)[1])
    assert data["questions"][0]["label"] == HOSTILE


def test_thumbnails_can_be_left_out(make_session: MakeSession) -> None:
    session = make_session(seconds=120)
    assert len(Page(render(session)).of("img")) == 10
    without = render(session, Pictures(thumbnails=False))
    assert not Page(without).of("img")
    assert "data:image" not in SCRIPT.sub("", without)


def test_the_banner_comes_with_a_synthetic_checkpoint_only(make_session: MakeSession) -> None:
    assert SYNTHETIC_ONLY in Page(render(make_session(seconds=60))).text
    real = {"checkpoint": {"source": "lab.pt", "trained_on": {"dataset": "lab"}}}
    for provenance in (real, {"checkpoint": None}, {}):
        html = render(make_session(seconds=60, provenance=provenance))
        assert SYNTHETIC_ONLY not in html


def test_what_must_be_said_is_said(make_session: MakeSession) -> None:
    text = " ".join(Page(render(make_session())).text.split())
    for said in (
        "relative physiological and facial contrast within one person",
        "It is not truth",
        "not validated for individuals",
        "Check with counsel",
        "What is not known",
        "interview_03.mp4",
        "9f2c9f2c",
        "rendered faces",
        "Have you ever kept something that was not yours?",
        "known in 0% of the baseline",
    ):
        assert said in text


def test_a_bare_session_still_has_a_page(make_session: MakeSession) -> None:
    bare = SessionResult("camera:0", 0.4, "live", tracks={})
    text = Page(render(bare)).text
    assert "camera:0" in text
    assert "no checkpoint was given" in text
    assert "Score by question" not in Page(render(make_session(events=False))).text


def test_gaps_have_their_reason() -> None:
    times = np.arange(1.0, 9.0)
    values = np.array([np.nan, np.nan, 70, 71, np.nan, np.nan, 72, np.nan])
    face = np.array([1.0, 1, 1, 1, 0, 0, 1, 1])
    track = Track("heart_rate_bpm", "bpm", times, values, np.ones(8), "dark")
    seen = Track("face_visible", "fraction", times, face, np.ones(8))
    assert gaps(track, seen) == [
        {"start": 0.0, "end": 2.0, "reason": "dark"},
        {"start": 4.0, "end": 6.0, "reason": "no face"},
        {"start": 7.0, "end": 8.0, "reason": "dark"},
    ]
    both = gaps(Track("a", "", times[3:6], values[4:7] * np.nan, np.ones(3), "dark"), seen)
    assert [(gap["start"], gap["end"], gap["reason"]) for gap in both] == [
        (3.0, 4.0, "dark"),
        (4.0, 6.0, "no face"),
    ]
    joined = gaps(replace_note(track, "no face visible; dark; too slow"), seen)
    assert [gap["reason"] for gap in joined] == [
        "dark, or too slow",
        "no face",
        "dark, or too slow",
    ]
    assert [gap["reason"] for gap in gaps(replace_note(track, ""), None)] == ["not known"] * 3
    assert gaps(Track("a", "", times[:0], times[:0], times[:0]), seen) == []


# -------------------------------------------------------------------------- in a real browser

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "chrome"])), None)
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium on the path")


def browse(html: str, folder: Path) -> tuple[str, list[str]]:
    """Open a page without a window; return the document as it then is, and the console."""
    page = folder / "page.html"
    page.write_text(html, "utf-8")
    flags = (
        "--headless --dump-dom --no-sandbox --disable-gpu --disable-quic --no-first-run "
        "--disable-background-networking --disable-component-update --disable-sync "
        "--enable-logging=stderr --v=0 --virtual-time-budget=5000 --window-size=1200,2400"
    )
    run = subprocess.run(
        [str(CHROMIUM), *flags.split(), f"--user-data-dir={folder / 'profile'}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    return SCRIPT.sub("", run.stdout), console


@in_browser
def test_the_browser_sees_an_error_when_there_is_one(tmp_path: Path) -> None:
    _, console = browse("<script>nothing.there()</script>", tmp_path)
    assert len(console) == 1


@in_browser
@pytest.mark.parametrize("kind", ["full", "bare", "hostile"])
def test_the_page_draws_without_a_word_on_the_console(
    tmp_path: Path, make_session: MakeSession, kind: str
) -> None:
    sessions = {
        "full": make_session(),
        "bare": SessionResult("camera:0", 0.4, "live", tracks={}),
        "hostile": hostile(make_session),
    }
    session = sessions[kind]
    document, console = browse(render(session), tmp_path)
    assert console == []
    assert 'data-ready="true"' in document
    # A script that came in with a text would have changed the title.
    assert "affectfuse session report" in re.search(r"<title>(.*?)</title>", document, re.S)[1]
    panels = timeline_panels(session)["panels"]
    assert document.count('class="series"') == sum(len(panel["series"]) for panel in panels)
    assert document.count('class="panel"') == len(panels)
    assert not any("onerror" in attributes for _, attributes in Page(document).elements)
