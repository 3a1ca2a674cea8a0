"""scores.csv and contrasts.csv: what others read them with reads what was scored."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import fields

import pytest

from affectfuse.reports.score_tables import CONTRASTS, SCORES, contrasts_csv, scores_csv
from affectfuse.reports.text_tables import number_cell, text_cell
from affectfuse.scoring.base import Contrast, Question, QuestionScore, SessionScore

NAN = math.nan


def scored(*rows: QuestionScore, contrasts: tuple[Contrast, ...] = ()) -> SessionScore:
    return SessionScore("baseline_shift", rows, {}, (), contrasts)


def test_scores_golden() -> None:
    asked = (
        Question(12.5, 14.75, 'why, "now"?', "relevant", "a", 2),
        Question(40.0, 41.0, "b", "comparison", "a", 1),
        Question(50.0, 51.0, "b", "neutral", "a", 2),
    )
    rows = (
        QuestionScore(
            'why, "now"?', 12.5, "heart_rate_bpm", -1.5, "bpm", 1.0, "", -1.0, "answer", 2, "video"
        ),
        QuestionScore("b", 40.0, "heart_rate_bpm", NAN, "bpm", 0.25, "known in 25%"),
        QuestionScore("not among them", 60.0, "eda_rise", 0.000123456789, "uS", 0.0, "a\n b"),
    )
    assert scores_csv(scored(*rows), asked) == (
        "question,kind,series,presentation,onset_s,offset_s,channel,modality,value,unit,score,"
        "coverage,artefact,note\n"
        '"why, ""now""?",relevant,a,2,12.5,14.75,heart_rate_bpm,video,-1.5,bpm,-1,1,answer,\n'
        "b,comparison,a,1,40,41,heart_rate_bpm,,NaN,bpm,NaN,0.25,,known in 25%\n"
        "not among them,,,1,60,NaN,eda_rise,,0.00012345679,uS,NaN,0,,a b\n"
    )


def test_contrasts_golden() -> None:
    contrasts = (
        Contrast("eda_rise", "after, before", 0.25, "uS", -0.0, 0.5, 0.95, 0.05, 0.1, 8),
        Contrast("all but video", "total", NAN, "1", note="2 presentations"),
    )
    assert contrasts_csv(scored(contrasts=contrasts)) == (
        "channel,contrast,value,unit,low,high,confidence,p_value,p_adjusted,pairs,note\n"
        'eda_rise,"after, before",0.25,uS,0,0.5,0.95,0.05,0.1,8,\n'
        "all but video,total,NaN,1,NaN,NaN,0.95,NaN,NaN,0,2 presentations\n"
    )


def test_every_field_is_a_column() -> None:
    assert {field.name for field in fields(QuestionScore)} <= set(SCORES)
    named = {"contrast" if field.name == "name" else field.name for field in fields(Contrast)}
    assert named == set(CONTRASTS)


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1", "\uff1d1", "-3+cmd|' /C c'!A0"],
)
def test_no_text_is_a_formula(text: str) -> None:
    row = QuestionScore(text, 1.0, text, 1.0, text, 1.0, text, artefact=text, modality=text)
    event = Question(1.0, 2.0, text, series=text)
    contrast = Contrast(text, text, -7.0, text, note=text)
    for table, count in (
        (scores_csv(scored(row), [event]), 7),
        (contrasts_csv(scored(contrasts=(contrast,))), 4),
    ):
        (found,) = csv.DictReader(io.StringIO(table, newline=""))
        assert list(found.values()).count(f"'{text.strip()}") == count


def test_cells() -> None:
    assert text_cell("Is it - or not?") == "Is it - or not?"
    assert text_cell("") == ""
    assert [number_cell(v) for v in (NAN, math.inf, -0.0, 1e-9, 36000.125, -2.5)] == [
        "NaN", "NaN", "0", "1e-09", "36000.125", "-2.5",
    ]  # fmt: skip
