"""What each cell of the score says, and that a defect of a session touches its cells alone."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from reports.page_reader import MINUS, Cell, Page
from reports.scored_sessions import PROTOCOLS, recorded, scored, simulated
from scoring.simulated import Design, Simulated

from affectfuse.containers import Array, IntervalTrack, Track
from affectfuse.reports.session_page.page import render


def page_of(session: Simulated, protocol: str) -> Page:
    return Page(render(scored(session, protocol)))


@cache
def whole_page(protocol: str, design: Design) -> Page:
    """The page of the session without a defect."""
    return page_of(simulated(design), protocol)


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


def test_channels_that_do_not_say_their_modality() -> None:
    """A protocol of one's own may leave it out; its channels are not taken for absent."""
    result = scored(recorded("comparison"), "comparison_question")
    assert result.score is not None
    rows = tuple(replace(row, modality="") for row in result.score.rows)
    page = Page(render(replace(result, score=replace(result.score, rows=rows, counted=()))))
    assert "Other channels" in page.text
    assert "Channels that are absent" not in page.text
    assert difference(Page(render(result)), page) == set()
