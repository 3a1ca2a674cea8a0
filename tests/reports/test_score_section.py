"""The score on the session page: headline, references, forest plot, methods, structure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from reports.page_reader import MINUS, Page, number
from reports.scored_sessions import PROTOCOLS, hostile, recorded, scored
from scoring.simulated import Design, Simulated

from affectfuse.reports.html import figure, percent
from affectfuse.reports.html import number as write_number
from affectfuse.reports.session_page.page import render
from affectfuse.reports.session_page.score_section import score_section
from affectfuse.scoring.base import Question


def page_of(session: Simulated, protocol: str, **more: Any) -> Page:
    return Page(render(scored(session, protocol, **more)))


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
