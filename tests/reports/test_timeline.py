"""The timeline in a real browser: what a reader does with it, and what it then shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reports.browsing import Browser, browser, needs_browser

from affectfuse.containers import Track
from affectfuse.reports.session import SessionResult
from affectfuse.reports.session_page.page import render
from affectfuse.scoring.base import Question

MakeSession = Callable[..., SessionResult]
pytestmark = needs_browser
HOSTILE = "<img src=x onerror=alert(1)>"

WHAT_HAPPENED = """
  window.moments = [];
  document.addEventListener("moment", (event) => moments.push(event.detail));
  window.plot = document.getElementById("timeline");
  window.press = (view) => document.querySelector(`[data-view=${view}]`).click();
  window.key = (key) => plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  window.pointer = (kind, share, more) => {
    const box = plot.getBoundingClientRect();
    plot.dispatchEvent(new PointerEvent(kind, { bubbles: true, pointerType: "mouse",
      clientX: box.left + 40 + share * (box.width - 46), clientY: box.top + 120, ...more }));
  };
  window.frames_ = () => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(done)));
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture
def opened(chromium: Browser, tmp_path: Path) -> Callable[[SessionResult], Browser]:
    def opens(session: SessionResult) -> Browser:
        page = tmp_path / "page.html"
        page.write_text(render(session), "utf-8")
        chromium.open(page)
        chromium.run(WHAT_HAPPENED)
        assert chromium.run("plot.dataset.ready") == "true"
        return chromium

    return opens


def view(page: Browser, action: str) -> tuple[float, float]:
    """Act; return from when to when the timeline then shows."""
    page.run(action)
    from_s, to_s = page.run("[Number(plot.dataset.from), Number(plot.dataset.to)]")
    return from_s, to_s


def test_zoom_pan_and_reset(
    opened: Callable[[SessionResult], Browser], make_session: MakeSession
) -> None:
    session = make_session(seconds=500)
    page = opened(session)
    whole = (0.0, session.duration_s)
    assert view(page, "0") == pytest.approx(whole)
    assert view(page, "press('in')") == pytest.approx((125.1, 375.3))
    assert view(page, "press('right')") == pytest.approx((225.18, 475.38))
    assert view(page, "press('right')") == pytest.approx((250.2, 500.4)), "no further than the end"
    assert view(page, "press('left')") == pytest.approx((150.12, 400.32))
    assert view(page, "press('out')") == pytest.approx(whole)
    assert view(page, "key('+')") == pytest.approx((125.1, 375.3))
    assert view(page, "key('ArrowLeft')") == pytest.approx((25.02, 275.22))
    assert view(page, "key('0')") == pytest.approx(whole)
    zoomed = view(page, "for (let n = 0; n < 30; n++) key('+')")
    assert zoomed[1] - zoomed[0] == pytest.approx(0.5), "no closer than half a second"
    assert view(page, "press('all')") == pytest.approx(whole)
    drag = "pointer('pointerdown', 0.2); pointer('pointermove', 0.3); pointer('pointerup', 0.4)"
    assert view(page, drag) == pytest.approx((100.08, 200.16), abs=0.01)
    assert page.run("moments") == [], "a drag is no moment"
    assert view(page, "plot.dispatchEvent(new MouseEvent('dblclick'))") == pytest.approx(whole)
    assert page.console == []


def test_a_moment_is_told_and_what_plays_is_shown(
    opened: Callable[[SessionResult], Browser], make_session: MakeSession
) -> None:
    page = opened(make_session(seconds=500))
    page.run("pointer('pointerdown', 0.5); pointer('pointerup', 0.5)")
    assert page.run("moments") == [pytest.approx(250.2, abs=0.01)]
    button = "document.querySelector('button.time')"
    from_s, to_s = (float(page.run(f"{button}.dataset.{end}")) for end in ("from", "to"))
    shown = view(page, f"{button}.click()")
    assert shown[0] <= from_s <= to_s <= shown[1]
    assert shown[1] - shown[0] < 60
    assert page.run("moments")[1:] == [from_s]
    assert page.run("document.activeElement === plot")

    def line() -> Any:
        return page.run(
            "(() => { const line = plot.querySelector('.playing');"
            " return line.hidden ? null : line.getBoundingClientRect().left"
            " - plot.getBoundingClientRect().left + 1; })()"
        )

    play = "document.dispatchEvent(new CustomEvent('playing', {{ detail: {} }}))"
    assert line() is None
    page.run(play.format((shown[0] + shown[1]) / 2))
    width = page.run("plot.clientWidth")
    assert line() == pytest.approx(40 + (width - 46) / 2, abs=1)
    page.run(play.format(shown[1] + 30))
    assert line() is None, "it plays outside of what is shown"
    page.run("press('all')")
    assert line() == pytest.approx(40 + (width - 46) * (shown[1] + 30) / 500.4, abs=1)
    page.run(play.format("null"))
    assert line() is None
    assert page.console == []


def test_the_cursor_reads_all_panels(
    opened: Callable[[SessionResult], Browser], make_session: MakeSession
) -> None:
    session = make_session(seconds=500)
    session = replace(session, events=(Question(90, 110, HOSTILE), *session.events))
    page = opened(session)

    def told(time_s: float) -> str:
        share = time_s / session.duration_s
        page.run(f"pointer('pointermove', {share}); frames_()")
        return str(page.run("plot.querySelector('.readings').innerText"))

    heart = session.tracks["heart_rate_bpm"]
    at = int(np.flatnonzero(np.isfinite(heart.values) & (heart.times_s > 90))[0])
    said = told(heart.times_s[at])
    assert f"{float(f'{heart.values[at]:.4g}'):g} bpm" in said
    assert "Face visible" in said
    assert "calm" in said
    assert HOSTILE in said
    assert "no face" in told(200.5)
    assert page.run("document.querySelectorAll('img[src=x]').length") == 0
    page.run("plot.dispatchEvent(new PointerEvent('pointerleave'))")
    hidden = "plot.querySelector('.readings').hidden"
    assert page.run(hidden)
    for kind in ("down", "up", "leave"):  # as a finger does that taps
        page.run(f"pointer('pointer{kind}', 0.3, {{ pointerType: 'touch' }})")
    assert not page.run(hidden)
    assert page.run("moments") == [pytest.approx(0.3 * session.duration_s, abs=0.01)]
    assert page.console == []


@pytest.mark.parametrize("width", [1000, 330])
def test_numbers_of_many_questions_do_not_touch(
    opened: Callable[[SessionResult], Browser], make_session: MakeSession, width: int
) -> None:
    events = tuple(Question(8.0 * n, 8.0 * n + 3, f"question {n}") for n in range(1, 61))
    page = opened(replace(make_session(seconds=500, events=False), events=events))
    page.run(f"plot.style.width = '{width}px'; frames_().then(frames_)")
    boxes = (
        "[...plot.querySelectorAll('.numbers text')].map((text) => {"
        " const box = text.getBoundingClientRect(); return [box.left, box.right]; })"
    )
    numbers = "[...plot.querySelectorAll('.numbers text')].map((text) => Number(text.textContent))"
    found = page.run(boxes)
    assert len(found) >= 6
    assert all(right < left for (_, right), (left, _) in pairwise(found))
    kept = page.run(numbers)
    assert len(kept) < 60
    assert len(set(np.diff(kept))) == 1, "evenly thinned"
    from_s, to_s = view(page, "for (let n = 0; n < 4; n++) press('in')")
    seen = [n for n, e in enumerate(events, 1) if e.offset_s >= from_s and e.onset_s <= to_s]
    assert page.run(numbers) == seen, "close by each has its number"
    assert page.console == []


def test_no_extreme_is_lost_from_afar(
    opened: Callable[[SessionResult], Browser], make_session: MakeSession
) -> None:
    times = np.arange(1, 30 * 500 + 1) / 30
    values = 0.1 * np.sin(2 * np.pi * times)
    values[7503] = 1.0  # for a thirtieth of a second, at 250.13 s
    values[(times > 300) & (times < 320)] = np.nan
    bvp = Track("bvp", "1", times, values, np.ones(len(times)))
    page = opened(make_session(seconds=500, tracks={"bvp": bvp}, checkpoint=False, events=False))
    page.run("window.box = () => plot.querySelector('.panel .series').getBBox()")
    height = page.run("box().height")
    assert height == pytest.approx(64 * 1.1 / (1.1 * 1.12), abs=0.3), "the spike is drawn"
    for _ in range(8):
        page.run("press('in')")
    from_s, to_s = view(page, "0")
    assert from_s < times[7503] < to_s < from_s + 2.1
    assert page.run("box().height") == pytest.approx(height, abs=0.2)
    points = page.run("plot.querySelector('.panel .series').getAttribute('d').split('L').length")
    assert points == pytest.approx(30 * (to_s - from_s), abs=3), "each reading, close by"
    page.run("press('right'); press('right')")
    assert page.run("box().height") < 0.25 * height
    page.run("press('all')")
    assert page.run("plot.querySelector('.panel .series').getAttribute('d').split('M').length") == 3
    assert page.console == []


def test_on_paper_it_is_cut_between_panels(
    opened: Callable[[SessionResult], Browser], make_session: MakeSession
) -> None:
    session = make_session(seconds=500)
    heart = session.tracks["heart_rate_bpm"]
    more = {f"track_{n}": replace(heart, name=f"track_{n}") for n in range(8)}
    page = opened(replace(session, tracks={**session.tracks, **more}))
    sheets = "[...plot.querySelectorAll('.canvas > svg')].map((svg) => svg.viewBox.baseVal.height)"
    panels = "plot.querySelectorAll('.panel').length"
    drawn = page.run(panels)
    assert len(page.run(sheets)) == 1
    page.run("press('in'); dispatchEvent(new Event('beforeprint'))")
    heights = page.run(sheets)
    assert len(heights) >= 2
    assert max(heights) <= 800
    assert page.run(panels) == drawn
    assert page.run("[...plot.querySelectorAll('.scale')].every((g) => g.childElementCount > 2)")
    page.run("dispatchEvent(new Event('afterprint'))")
    assert len(page.run(sheets)) == 1
    assert view(page, "0") == pytest.approx((125.1, 375.3))
    assert page.console == []
