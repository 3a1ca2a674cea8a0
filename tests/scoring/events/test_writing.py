"""What is written can be read again, by this package and by pympi, and is the same."""

from __future__ import annotations

import json
import math
from dataclasses import astuple
from itertools import pairwise
from pathlib import Path

import numpy as np
import pympi
import pytest

from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question
from affectfuse.scoring.events import bids_questions, load_events, read_events, write_events
from affectfuse.scoring.events.layout import KINDS

WORDS = [
    "Ärger?",
    'say "no"',
    "<script>alert(1)</script>",
    "a & b; c, d",
    "=1+1",
    "'",
    "問い",
    "NA",
]


def drawn(seed: int) -> tuple[Question, ...]:
    """A session of questions on whole milliseconds that do not overlap."""
    rng = np.random.default_rng(seed)
    questions, time_ms = [], int(rng.integers(0, 5000))
    kinds = ("", *KINDS) if seed % 2 else ("",)
    series = ["first", "zweite Reihe"] if seed % 3 else [""]
    for presentation in range(1, 4):
        for name in series:
            for number in rng.permutation(len(WORDS)):
                length_ms = int(rng.integers(1, 9000))
                answer_ms = time_ms + int(rng.integers(0, length_ms + 1))
                questions.append(
                    Question(
                        time_ms / 1000,
                        (time_ms + length_ms) / 1000,
                        WORDS[number],
                        kinds[number % len(kinds)],  # type: ignore[arg-type]
                        name,
                        presentation,
                        answer_ms / 1000 if rng.random() < 0.7 else math.nan,
                    )
                )
                time_ms += length_ms + int(rng.integers(1, 3000))
    return tuple(questions)


def same(left: tuple[Question, ...], right: tuple[Question, ...]) -> bool:
    """Equal, NaN being equal to NaN."""
    return list(map(repr, map(astuple, left))) == list(map(repr, map(astuple, right)))


@pytest.mark.parametrize("ending", [".tsv", ".eaf"])
@pytest.mark.parametrize("seed", range(6))
def test_round_trips_are_equal(tmp_path: Path, ending: str, seed: int) -> None:
    questions = drawn(seed)
    files, notes = write_events(questions, tmp_path / f"a{ending}")
    assert notes == ()
    assert same(read_events(files[0]), questions)
    other = {".tsv": ".eaf", ".eaf": ".tsv"}[ending]
    files, _ = write_events(read_events(files[0]), tmp_path / f"b{other}")
    assert same(read_events(files[0]), questions)


def test_bids_golden(tmp_path: Path) -> None:
    questions = (
        Question(0.1, 0.3, "Did you?", "relevant", "first", 2, 0.25),
        Question(10.0000004, 12, "tab\tin it"),
    )
    assert bids_questions(questions) == (
        "onset\tduration\ttrial_type\tquestion\tseries\tpresentation\tanswer\n"
        "0.1\t0.2\trelevant\tDid you?\tfirst\t2\t0.25\n"
        "10\t2\tn/a\ttab in it\tn/a\t1\tn/a\n"
    )
    assert bids_questions(questions[1:]) == (
        "onset\tduration\ttrial_type\tseries\tpresentation\tanswer\n10\t2\ttab in it\tn/a\t1\tn/a\n"
    )
    for some in (questions, questions[1:]):
        out = tmp_path / f"sub-01_run-{len(some)}_events.tsv"
        files, _ = write_events(some, out)
        assert files == (out, out.with_suffix(".json"))
        described = json.loads(files[1].read_text("utf-8"))
        assert list(described) == out.read_text("utf-8").split("\n")[0].split("\t")
        assert all(column["Description"] for column in described.values())
    with pytest.raises(EventsError, match="exists: remove it"):
        write_events(questions, out)


def test_pympi_reads_what_is_written_for_elan(tmp_path: Path) -> None:
    questions = drawn(1)
    media = tmp_path / "media" / "a sëssion.mp4"
    write_events(questions, tmp_path / "a.eaf", media=media)
    document = pympi.Eaf(str(tmp_path / "a.eaf"))
    spans = [(round(1000 * q.onset_s), round(1000 * q.offset_s)) for q in questions]
    read = sorted(document.get_annotation_data_for_tier("questions"))
    assert read == [(*span, q.label) for span, q in zip(spans, questions, strict=True)]
    for name in ("kind", "series", "presentation"):
        read = sorted(document.get_ref_annotation_data_for_tier(name))
        wanted = [
            (*span, str(getattr(q, name)), q.label)
            for span, q in zip(spans, questions, strict=True)
            if getattr(q, name)
        ]
        assert [(begin, end, text, parent) for begin, end, text, parent in read] == wanted
        assert document.get_parameters_for_tier(name)["PARENT_REF"] == "questions"
    answers = sorted(document.get_annotation_data_for_tier("answer"))
    answered_ms = [round(1000 * q.answer_s) for q in questions if q.answer_s == q.answer_s]
    assert [begin for begin, *_ in answers] == answered_ms
    assert all(end < after for (_, end, _), (after, *_) in pairwise(answers))
    (linked,) = document.get_linked_files()
    assert linked["RELATIVE_MEDIA_URL"] == "./media/a sëssion.mp4"
    assert linked["MIME_TYPE"] == "video/mp4"
    assert str(tmp_path) not in (tmp_path / "a.eaf").read_text("utf-8")
    assert dict(document.properties)["lastUsedAnnotationId"] == str(len(document.annotations))
    assert len(document.timeslots) == 2 * (len(questions) + len(answers))


def test_what_elan_cannot_hold(tmp_path: Path) -> None:
    def refused(said: str, *questions: Question) -> None:
        with pytest.raises(EventsError, match=said):
            write_events(questions, tmp_path / "a.eaf")
        assert not list(tmp_path.iterdir())

    refused("no time before 0", Question(-1, 2, "a"))
    refused("'b' at 1 s overlaps", Question(0, 2, "a"), Question(1, 3, "b"))
    refused("answer to 'a' at 3.5 s", Question(0, 2, "a", answer_s=3.5), Question(3, 4, "b"))
    with pytest.raises(EventsError, match=r"\.tsv or \.eaf"):
        write_events((), tmp_path / "a.csv")
    moments = (Question(1, 1, "a"), Question(2.0004, 3, "b"))
    _, notes = write_events(moments, tmp_path / "b.eaf")
    assert notes == (
        "1 event(s) without a duration last 1 ms, as ELAN needs one",
        "times are rounded to the millisecond, ELAN's unit",
    )
    table = load_events(tmp_path / "b.eaf")
    assert [(q.onset_s, q.offset_s) for q in table.questions] == [(1, 1.001), (2, 3)]
