"""The score on the session page in a real browser: narrow, dark, on paper, by keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from reports.browsing import Browser, browser, needs_browser
from reports.scored_sessions import PROTOCOLS, hostile, recorded, scored
from scoring.simulated import Design

from affectfuse.reports.session_page.page import render

pytestmark = needs_browser

TOO_WIDE = """
  [...document.querySelectorAll("body *")]
    .filter((part) => !part.closest("svg, .sr, .skip"))
    .filter((part) => part.getBoundingClientRect().right > innerWidth + 1)
    .map((part) => part.outerHTML.slice(0, 80))
"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a session with three relevant questions in five presentations."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    path.write_text(render(scored(recorded("comparison"), "comparison_question")), "utf-8")
    return path


@pytest.mark.parametrize(("protocol", "design"), [*PROTOCOLS, ("hostile", "comparison")])
def test_a_telephone_needs_no_scrolling_to_the_side(
    chromium: Browser, tmp_path: Path, protocol: str, design: Design
) -> None:
    path = tmp_path / "page.html"
    session = hostile() if protocol == "hostile" else scored(recorded(design), protocol)
    path.write_text(render(session), "utf-8")
    chromium.open(path).look(width=360)
    assert chromium.run("document.documentElement.scrollWidth") == 360
    assert chromium.run("document.querySelectorAll('.sheet').length") >= 3
    assert chromium.console == []


def test_the_first_column_stays_where_a_table_is_moved(chromium: Browser, page: Path) -> None:
    chromium.open(page).look(width=360)
    chromium.run("window.box = document.querySelector('.sheet.score').closest('.scroll')")
    assert chromium.run("box.scrollWidth > box.clientWidth")
    chromium.run("box.scrollLeft = 150")
    left = "box.querySelector('{}').getBoundingClientRect().left - box.getBoundingClientRect().left"
    assert chromium.run(left.format("tbody tr[data-question] th")) == pytest.approx(0.0, abs=1.0)
    assert chromium.run(left.format("tbody tr[data-question] td")) < 0.0


def test_light_and_dark(chromium: Browser, page: Path) -> None:
    """Text and marks stand out from what lies behind them, 4.5 and 3 to 1 (WCAG 2)."""
    contrast = """
      ((one, other) => {
        const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
        const luminance = (text) => {
          const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(channel);
          return 0.2126 * r + 0.7152 * g + 0.0722 * b;
        };
        const [low, high] = [one, other].map(luminance).sort((a, b) => a - b);
        return (high + 0.05) / (low + 0.05);
      })
    """
    paper = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for dark in (False, True):
        chromium.open(page).look(dark=dark)
        seen[dark] = chromium.run(paper)
        for part, what, least in (
            (".cell", "color", 4.5),
            (".forest .name", "color", 4.5),
            (".cell .of", "color", 4.5),
            (".cell .none", "color", 4.5),
            (".sheet th small", "color", 4.5),
            (".forest .mark", "fill", 3.0),
            (".forest .interval", "stroke", 3.0),
        ):
            colour = f"getComputedStyle(document.querySelector('{part}')).{what}"
            assert chromium.run(f"{contrast}({colour}, {paper})") >= least, (part, dark)
    assert seen[False] != seen[True]


def test_on_paper_all_is_open_and_nothing_is_cut_off(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    folded = chromium.run("document.querySelectorAll('details:not([open])').length")
    assert folded >= 3
    chromium.run("dispatchEvent(new Event('beforeprint'))")
    chromium.look(width=688, paper=True)  # A4 less its margins, at 96 pixels an inch
    assert chromium.run("document.querySelectorAll('details:not([open])').length") == 0
    assert chromium.run(TOO_WIDE) == []
    chromium.look()
    chromium.run("dispatchEvent(new Event('afterprint'))")
    assert chromium.run("document.querySelectorAll('details:not([open])').length") == folded


def test_the_methods_are_copied(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run(
        """Object.defineProperty(navigator, "clipboard",
             { value: { writeText: async (text) => { window.copied = text; } } })"""
    )
    chromium.run("document.getElementById('copy-methods').focus()")
    chromium.press("Enter")
    copied = chromium.run("window.copied").splitlines()
    assert copied[0].startswith("A session of 19 min 9 s with 30 marked events")
    assert copied[1].startswith("Reactions were measured from 0.5 to 15 s")
    assert copied[2:4] == ["", "References"]
    assert copied[4].startswith("1. Nelson R.")
    assert chromium.run("document.getElementById('copied').textContent") == "Copied."


def test_where_copying_is_not_allowed_the_text_is_selected(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.run(
        """Object.defineProperty(navigator, "clipboard",
             { value: { writeText: () => Promise.reject(new Error("no")) } });
           document.execCommand = () => false;
           document.getElementById("copy-methods").click()"""
    )
    assert chromium.run("document.getElementById('copied').textContent").startswith("Selected")
    assert "Nelson R." in chromium.run("getSelection().toString()")


def test_a_question_shows_itself_in_the_timeline(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    onset_s = recorded("comparison").questions[6].onset_s
    chromium.run("document.querySelector('[data-question=\"7\"] button').focus()")
    chromium.press("Enter")
    view = chromium.run("(({ from, to }) => [from, to].map(Number))(timeline.dataset)")
    assert onset_s - 30 < view[0] < onset_s < view[1] < onset_s + 30


def test_everything_can_be_reached_by_keyboard(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    lost = """
      [...document.querySelectorAll("button, summary, .scroll, #timeline")]
        .filter((part) => part.checkVisibility() && part.tabIndex < 0).length
    """
    assert chromium.run(lost) == 0
    chromium.run("document.querySelector('.modality:not([open]) summary').focus()")
    before = chromium.run("document.querySelectorAll('details[open]').length")
    chromium.press("Enter")
    assert chromium.run("document.querySelectorAll('details[open]').length") == before + 1
    outline = chromium.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    assert chromium.console == []
