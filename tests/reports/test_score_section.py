"""The score on the session page: what each cell says, and that a defect touches its cells alone."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from reports.scored_sessions import PROTOCOLS, hostile, recorded, scored, simulated
from scoring.simulated import Design, Simulated

from affectfuse.containers import Array, IntervalTrack, Track
from affectfuse.reports.html import figure, percent
from affectfuse.reports.html import number as write_number
from affectfuse.reports.page import render
from affectfuse.reports.score_section import score_section
from affectfuse.scoring.base import Question

MINUS = "\N{MINUS SIGN}"


@dataclass
class Cell:
    """What a cell of the score says to a reader who sees no marks: text, without its symbols."""

    text: str = ""

    @property
    def value(self) -> float:
        return number(self.text.split()[0])

    @property
    def decimals(self) -> int:
        return len(self.text.split()[0].partition(".")[2])


def number(text: str) -> float:
    return float(text.replace(MINUS, "-"))


class Page(HTMLParser):
    """A page's score by question and channel, its elements, and its text as it is read out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: dict[tuple[int, str], Cell] = {}
        self.questions: dict[int, str] = {}
        self.text = ""
        self._open: list[tuple[str, bool]] = []
        self._row, self._cell = 0, ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self.text += " "
        if tag in {"meta", "img", "line", "path", "br", "link"}:
            return
        hidden = found.get("aria-hidden") == "true" or tag in {"script", "style"}
        self._open.append((tag, hidden))
        if "data-question" in found:
            self._row = int(found["data-question"] or 0)
        if "data-channel" in found:
            self._cell = found["data-channel"] or ""
            self.cells[self._row, self._cell] = Cell()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "td":
            self._cell = ""
        if tag == "tr":
            self._row = 0

    def handle_data(self, data: str) -> None:
        if any(hidden for _, hidden in self._open):
            return
        self.text += data
        if self._cell:
            cell = self.cells[self._row, self._cell]
            cell.text = " ".join(f"{cell.text} {data}".split())
        elif self._row:
            whole = f"{self.questions.get(self._row, '')} {data}"
            self.questions[self._row] = " ".join(whole.split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@cache
def whole_page(protocol: str, design: Design) -> Page:
    """The page of the session without a defect."""
    return page_of(simulated(design), protocol)


def page_of(session: Simulated, protocol: str, **more: Any) -> Page:
    return Page(render(scored(session, protocol, **more)))


@pytest.mark.parametrize(("protocol", "design"), PROTOCOLS)
def test_every_cell_is_on_the_page(protocol: str, design: Design) -> None:
    result = scored(recorded(design), protocol)
    page = Page(render(result))
    assert result.score is not None
    numbered = {(q.label, q.onset_s): i for i, q in enumerate(result.events, start=1)}
    for row in result.score.rows:
        at = numbered[row.question, row.onset_s]
        cell = page.cells[at, row.channel]
        if math.isnan(row.value):
            assert cell.text.startswith("n/a")
            assert row.note in cell.text
        else:
            assert abs(cell.value - row.value) <= 0.5001 * 10.0**-cell.decimals
        if row.coverage < 0.99:
            assert f"{row.coverage:.0%} known" in cell.text
        for artefact in filter(None, row.artefact.split("; ")):
            assert artefact in cell.text or artefact in page.questions[at]
        if math.isfinite(row.score):
            assert re.search(rf"(score|presentation|log ratio) [+{MINUS}]?\d", cell.text)
    assert len(page.cells) == len(result.score.rows)


Change = Callable[[Simulated], Simulated]


def difference(before: Page, after: Page) -> set[tuple[int, str]]:
    """Which cells of a page are there no more, or say something else."""
    return {
        place
        for place, cell in before.cells.items()
        if place not in after.cells or after.cells[place].text != cell.text
    }


def without_scores(page: Page) -> Page:
    """The page's cells without what a protocol makes of them, which may take several to tell."""
    made = copy.copy(page)
    words = re.compile(r" (score|z score within the presentation|log ratio) .*")
    made.cells = {place: Cell(words.sub("", cell.text)) for place, cell in page.cells.items()}
    return made


def lacking(*names: str) -> Change:
    return lambda session: replace(
        session, tracks={n: t for n, t in session.tracks.items() if n not in names}
    )


@pytest.mark.parametrize(("protocol", "design"), PROTOCOLS)
def test_a_modality_that_is_missing(protocol: str, design: Design) -> None:
    session = simulated(design)
    before = whole_page(protocol, design)
    after = page_of(lacking("eda_us")(session), protocol)
    gone = {"eda_us", "electrodermal_rise"}
    changed = difference(before, after)
    assert {channel for _, channel in changed} == gone & {channel for _, channel in before.cells}
    assert len(changed) >= len(session.questions)
    if protocol != "baseline_shift":  # the others ask for it, so its cells stay and say so
        for number in range(1, len(session.questions) + 1):
            text = after.cells[number, "electrodermal_rise"].text
            assert "n/a" in text
            assert "no track for electrodermal_rise" in text
        assert "Skin conductance rise: absent; a camera has no skin conductance" in after.text
    if protocol == "oss3":
        assert "the session lacks electrodermal_rise" in after.text
        assert before.text.count("n/a") < after.text.count("n/a")


def away(question: int) -> Change:
    """The face leaves for the window of a question, and with it what is read from it."""

    def change(session: Simulated) -> Simulated:
        onset_s = session.questions[question].onset_s
        tracks = dict(session.tracks)
        for name in ("face_visible", "heart_rate_bpm", "beat_interval_ms"):
            track = tracks[name]
            assert isinstance(track, Track)
            gone = (track.times_s > onset_s + 1) & (track.times_s < onset_s + 14)
            values: Array = np.where(gone, 0.0 if name == "face_visible" else np.nan, track.values)
            tracks[name] = replace(track, values=values)
        return replace(session, tracks=tracks)

    return change


@pytest.mark.parametrize(("protocol", "design"), PROTOCOLS[:3])
def test_a_face_that_leaves_in_the_middle(protocol: str, design: Design) -> None:
    session = simulated(design)
    before = without_scores(whole_page(protocol, design))
    question = len(session.questions) // 2
    after = without_scores(page_of(away(question)(session), protocol))
    onset_s = session.questions[question].onset_s
    # Baselines and windows that reach into it, with the lag of the heart rate.
    near = {
        number
        for number, q in enumerate(session.questions, start=1)
        if onset_s - 16 < q.onset_s < onset_s + 26
    }
    from_the_face = {
        "heart_rate_bpm",
        "beat_interval_ms",
        "heart_rate_deceleration",
        "heart_rate_acceleration",
        "micro_expression",
        "micro_expression_count",
        "micro_expression_intensity",
        "blink",
    } & {channel for _, channel in before.cells}
    for channel in from_the_face:
        text = after.cells[question + 1, channel].text
        assert text.startswith("n/a")
        assert re.search(r"known in \d+% of the window, at least 50% needed", text)
        assert "face partly out of sight" in text
    changed = difference(before, after)
    assert changed >= {(question + 1, channel) for channel in from_the_face}
    assert {number for number, _ in changed} <= near
    # What is not read from the face keeps its value, and is flagged where the camera sees it.
    kept = {channel for _, channel in changed} - from_the_face
    assert kept <= {"pulse_amplitude_percent", "pulse_amplitude"}
    for number, channel in changed:
        if channel in kept:
            said = after.cells[number, channel].text
            assert said.replace("face partly out of sight", "").strip() == (
                before.cells[number, channel].text
            )


def cut(after_s: float) -> Change:
    """The recording ends soon after the last question."""

    def change(session: Simulated) -> Simulated:
        end_s = session.questions[-1].onset_s + after_s
        tracks: dict[str, Track | IntervalTrack] = {}
        for name, track in session.tracks.items():
            if isinstance(track, Track):
                kept = track.times_s <= end_s
                track = Track(
                    name, track.unit, track.times_s[kept], track.values[kept], track.quality[kept]
                )
            else:
                inside = tuple(i for i in track.intervals if i.offset_s <= end_s)
                track = IntervalTrack(name, inside)
            tracks[name] = track
        return Simulated(
            tracks, [e for e in session.estimates if e.time_s <= end_s], session.questions
        )

    return change


@pytest.mark.parametrize(("protocol", "design"), PROTOCOLS)
def test_a_question_too_short_for_its_windows(protocol: str, design: Design) -> None:
    session = simulated(design)
    before = without_scores(whole_page(protocol, design))
    after = without_scores(page_of(cut(4.0)(session), protocol))
    last = len(session.questions)
    changed = difference(before, after)
    assert changed == {place for place in before.cells if place[0] == last}
    for place in changed:
        text = after.cells[place].text
        assert text.startswith("n/a")
        assert re.search(r"known in \d+% of the window, at least 50% needed", text)


@pytest.mark.parametrize(("protocol", "design"), PROTOCOLS[:2])
def test_questions_too_near_to_each_other_are_flagged(protocol: str, design: Design) -> None:
    session = simulated(design)
    first, second = session.questions[3:5]
    nearer = replace(
        second, onset_s=first.onset_s + 6, offset_s=first.onset_s + 8, answer_s=math.nan
    )
    questions = (*session.questions[:4], nearer, *session.questions[5:])
    before = without_scores(whole_page(protocol, design))
    after = without_scores(page_of(replace(session, questions=questions), protocol))
    assert "next question within the window" in after.questions[4]
    assert "baseline within the window of the question before" in after.questions[5]
    assert {number for number, _ in difference(before, after)} <= {5}
    others = set(before.questions) - {4, 5, 6}
    assert {n: before.questions[n] for n in others} == {n: after.questions[n] for n in others}


def test_the_total_stands_at_the_top_with_its_uncertainty() -> None:
    result = scored(recorded("comparison"), "comparison_question")
    assert result.score is not None
    total = next(c for c in result.score.contrasts if c.channel == "all")
    text = Page(render(result)).text
    top = text[: text.index("Timeline")]
    assert f"{MINUS}{abs(total.value):.0f}" in top
    assert f"Permutation p {total.p_value:.3f}" in top
    assert f"Pairs {total.pairs}" in top
    tail = result.score.summary["null_tail.at_cut.positive"]
    assert f"occurs in {tail:.0%} of sessions" in top
    assert "Null-model reference" in top
    assert "at or beyond the negative cut" in top
    assert top.count("Subtotal:") == 3
    assert "Hypothetical accuracy" in top
    assert "about 200 people wrongly accused" in top


def test_no_total_and_the_reason() -> None:
    session = recorded("comparison")
    few = tuple(q for q in session.questions if q.presentation <= 2)
    text = page_of(replace(session, questions=few), "comparison_question").text
    top = text[: text.index("Timeline")]
    assert "Not known: 2 presentations hold both kinds of questions, at least 3 needed." in top
    assert "Permutation p" not in top


def test_channels_at_the_top_where_there_is_no_total() -> None:
    result = scored(recorded("events"), "baseline_shift")
    assert result.score is not None
    adjusted = {c.channel: c.p_adjusted for c in result.score.contrasts}
    below = sum(p < 0.05 for p in adjusted.values())
    said = score_section(result.score, result)["headline"]
    assert said["lead"].startswith(f"{below} of {len(adjusted)} tested channels have")
    shown = [adjusted[one["contrast"].channel] for one in said["contrasts"]]
    assert shown == sorted(adjusted.values())[:3]
    few = replace(recorded("events"), questions=recorded("events").questions[:2])
    assert "No channel could be tested." in page_of(few, "baseline_shift").text


NORMS: Mapping[str, Any] = {
    "source": "Somebody (2020)",
    "sensitivity": 0.8,
    "specificity": 0.9,
    "base_rates": [0.01, 0.5],
    "labels": {"negative": "DI", "inconclusive": "INC", "positive": "NDI"},
}


def test_labels_and_predictive_values_only_from_norms() -> None:
    session = recorded("comparison")
    without = page_of(session, "comparison_question").text
    assert not re.search(r"\b(DI|NDI|INC|SR|NSR)\b", without)
    assert "Predictive value" not in without
    text = page_of(session, "comparison_question", norms=NORMS).text
    top = text[: text.index("Timeline")]
    assert "Norms: Somebody (2020)." in top
    assert "By these norms: DI." in top
    assert "Hypothetical accuracy" not in text
    # Bayes, by hand: at 1 in 100, 8 hits beside 99 false alarms of 1,000.
    assert f"1% {100 * 8 / (8 + 99):.2g}% {100 * 891 / (891 + 2):.2f}%" in top
    assert f"50% {400 / (400 + 50):.0%} {450 / (450 + 100):.0%}" in top


def test_the_forest_plot_puts_every_contrast_in_its_place() -> None:
    result = scored(recorded("comparison"), "comparison_question")
    assert result.score is not None
    channels, totals = score_section(result.score, result)["forest"]
    values = {c.channel: c for c in result.score.contrasts}
    for plot in (channels, totals):
        for row in plot["rows"]:
            contrast = row["contrast"]
            spread = 1.0
            if plot is channels:
                told = [r.value for r in result.score.rows if r.channel == contrast.channel]
                spread = float(np.nanstd(told, ddof=1))
            ticks = {t["text"]: t["at"] for t in plot["ticks"]}
            (one, first), (two, second) = [
                (number(text), at) for text, at in list(ticks.items())[:2]
            ]

            def at(value: float) -> float:
                return first + (value - one) * (second - first) / (two - one)  # noqa: B023

            assert row["at"] == pytest.approx(at(contrast.value / spread), abs=0.1)
            if not row["cut_low"]:
                assert row["low"] == pytest.approx(at(contrast.low / spread), abs=0.1)
            assert plot["zero"] == pytest.approx(at(0.0), abs=0.1)
    assert {row["contrast"].channel for row in totals["rows"]} == {
        name for name in values if name.startswith("all")
    }
    assert len(totals["rows"]) > 3
    titles = Page(render(result)).of("svg")
    named = [svg["aria-label"] for svg in titles if svg.get("role") == "img"]
    assert any(f"All but heart rate: {MINUS}" in (name or "") for name in named)


def test_an_interval_far_beyond_the_others_is_cut_off() -> None:
    result = scored(recorded("items"), "concealed_information")
    assert result.score is not None
    contrasts = list(result.score.contrasts)
    contrasts[0] = replace(contrasts[0], low=-1e4, high=1e4)
    contrasts[1] = replace(contrasts[1], value=math.nan, low=math.nan, high=math.nan)
    plot = score_section(replace(result.score, contrasts=tuple(contrasts)), result)["forest"][0]
    assert plot["rows"][0]["cut_low"]
    assert plot["rows"][0]["cut_high"]
    assert plot["rows"][1]["at"] is None
    assert not any(row["cut_low"] or row["cut_high"] for row in plot["rows"][1:])


def test_the_methods_say_what_the_run_did() -> None:
    result = scored(recorded("comparison"), "comparison_question")
    alignment = {
        "how": "shared events",
        "offset_s": -99.9925,
        "drift_ppm": -74.07,
        "residual_s": 0.012,
    }
    result = replace(
        result,
        provenance={
            "versions": {"affectfuse": "9.8.7", "python": "3.11.7"},
            "face_landmarks": "tasks",
            "recording": {"parts": {"band": {"codec": "signal table", "alignment": alignment}}},
            "configuration": {
                "modalities": {
                    "heart_rate": {
                        "target": "a.B",
                        "method": "pos",
                        "band_bpm": [40.0, 220.0],
                        "max_gap_s": 0.5,
                        "embedding_dim": 32,
                    }
                }
            },
            "checkpoint": {"source": "lab.pt", "trained_on": {"dataset": "lab recordings"}},
        },
    )
    page = Page(render(result))
    for said in (
        "affectfuse 9.8.7 (Python 3.11.7)",
        "30 marked events",
        "The recording 'band' (signal table) was put on the session's clock by shared events "
        "(offset -99.993 s, drift -74.1 ppm, shared events within 0.012 s).",
        "Measured were: heart rate (method pos, band 40 to 220 bpm, max gap 0.5 s).",
        "MediaPipe's face landmarker (Tasks)",
        "heart rate, pulse amplitude every 1 s",
        "respiration at 10 Hz",
        "beat intervals at irregular times",
        "the checkpoint 'lab.pt', trained on: lab recordings",
        "ESS-M null model",
        "not validated for individuals",
        "doi:10.1109/TBME.2016.2609282",
        "National Research Council (2003)",
    ):
        assert said in page.text
    assert any(button.get("id") == "copy-methods" for button in page.of("button"))


def test_series_and_presentations_have_their_headings() -> None:
    session = recorded("comparison")
    questions = tuple(
        replace(q, series="B" if q.presentation > 3 else "A", presentation=1 + q.presentation % 3)
        for q in session.questions
    )
    text = page_of(replace(session, questions=questions), "oss3").text
    places = [
        text.index(f"{name} · presentation {n}") for name, n in (("A", 1), ("A", 3), ("B", 2))
    ]
    assert places == sorted(places)
    assert "presentation 1" not in page_of(recorded("events"), "baseline_shift").text.lower()


def test_nothing_from_outside_becomes_markup() -> None:
    page = Page(render(hostile()))
    assert not page.of("img")
    assert not page.of("i")
    assert page.text.count('onerror="alert(1)"') > 50
    ordinary = Page(render(scored(recorded("comparison"), "comparison_question")))
    assert len(page.of("script")) == len(ordinary.of("script"))


@pytest.mark.parametrize(("protocol", "design"), PROTOCOLS)
def test_headings_tables_and_controls_can_be_found_without_sight(
    protocol: str, design: Design
) -> None:
    page = page_of(recorded(design), protocol)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert all(th.get("scope") for th in page.of("th"))
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    for _, found in page.elements:
        if "aria-labelledby" in found:
            assert found["aria-labelledby"] in ids
    assert all(
        found.get("tabindex") == "0" for found in page.of("div") if found.get("class") == "scroll"
    )
    assert len(page.of("main")) == 1
    questions = [b for b in page.of("button") if (b.get("aria-label") or "").startswith("Show q")]
    assert questions
    assert all(float(b["data-to"] or 0) > float(b["data-from"] or 0) for b in questions)


def test_a_question_marked_twice_is_two_rows() -> None:
    session = recorded("events")
    first = session.questions[0]
    twin = Question(first.onset_s, first.offset_s, first.label, presentation=2)
    page = page_of(replace(session, questions=(first, twin, *session.questions[1:])), "oss3")
    assert set(page.questions) == set(range(1, len(session.questions) + 2))


@pytest.mark.parametrize(
    ("value", "digits", "sign", "text"),
    [
        (-0.001, 2, True, "0.00"),
        (-0.0, 0, True, "0"),
        (0.006, 2, True, "+0.01"),
        (-1.234, 1, False, f"{MINUS}1.2"),
        (math.nan, 2, False, "n/a"),
    ],
)
def test_numbers(value: float, digits: int, sign: bool, text: str) -> None:
    assert write_number(value, digits, sign=sign) == text


def test_digits_that_count() -> None:
    written = [figure(v) for v in (123.456, -12.345, 1.2345, 0.012345, 0.0, 3.0, 2 + 1e-12, -900.0)]
    assert written == ["123", f"{MINUS}12.3", "1.23", "0.0123", "0", "3", "2", f"{MINUS}900"]
    assert [percent(v) for v in (0.0004, 0.012, 0.5, 0.9991, 1.0, math.nan)] == [
        "0.04%",
        "1.2%",
        "50%",
        "99.91%",
        "100%",
        "n/a",
    ]
