from __future__ import annotations

import math
from pathlib import Path

import pytest

from affectfuse.containers import Interval
from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question
from affectfuse.scoring.events import bids_events, event_notes, read_events

BIDS = "onset\tduration\ttrial_type\n3.5\t2\tcalm\n10\tn/a\tloud noise\n"


def read(folder: Path, content: str | bytes, duration_s: float = math.nan) -> list[tuple]:
    path = folder / "events.tsv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    events = read_events(path, duration_s=duration_s)
    return [(event.onset_s, event.offset_s, event.label) for event in events]


EXPECTED = [(3.5, 5.5, "calm"), (10.0, 10.0, "loud noise")]


@pytest.mark.parametrize(
    "content",
    [
        BIDS,
        BIDS.replace("\n", "\r\n"),
        "\ufeff" + BIDS,
        BIDS.encode("utf-16"),
        BIDS.replace("\t", ","),
        BIDS.replace("\t", ";"),
        BIDS.replace("\t", ";").replace("3.5", "3,5"),
        "\n" + BIDS.replace("3.5", " 3.5 ") + "\n\n",
        BIDS.replace("trial_type", "Question").replace("onset", "onset_s"),
        "answer\tonset\tduration\ttrial_type\nyes\t10\t\tloud noise\nno\t3.5\t2\tcalm\n",
    ],
    ids=["tsv", "crlf", "bom", "utf16", "comma", "semicolon", "decimal", "blank", "names", "order"],
)
def test_dialects_read_alike(tmp_path: Path, content: str | bytes) -> None:
    assert read(tmp_path, content) == EXPECTED


def test_a_question_is_taken_before_its_type(tmp_path: Path) -> None:
    text = 'onset,duration,trial_type,question\n1,2,relevant,"Did you, or not?"\n'
    assert read(tmp_path, text) == [(1.0, 3.0, "Did you, or not?")]


def test_quotation_marks_in_a_tsv_are_text(tmp_path: Path) -> None:
    text = 'onset\tduration\ttrial_type\n1\t2\t"why\n4\t1\tsay "no"\n'
    assert [label for *_, label in read(tmp_path, text)] == ['"why', 'say "no"']


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("onset\tduratoin\ttrial_type\n", "no column 'duration'.*Did you mean 'duration'"),
        ("onset\tduration\n1\t2\n", "no column 'question', only onset, duration.*'trial_type'"),
        ("onset\tduration\tlabel\n1\t2\ta\nsoon\t2\tb\n", "row 3 has onset 'soon'"),
        ("onset\tduration\tlabel\nnan\t2\tb\n", "row 2 has onset 'nan'"),
        ("onset\tduration\tlabel\n1\t-2\ta\n", "row 2 has a negative duration of -2 s"),
        ("onset\tduration\tlabel\n1\t2\n", "row 2 has 2 cells, the header 3"),
        ("onset\tduration\tlabel\n1\t2\tn/a\n", "row 2 has no label"),
        ("onset\tduration\tlabel\n61\t2\ta\n", "row 2 lies outside .*61 s, recording 0 to 60 s"),
        ("onset\tduration\tlabel\n-9\t2\ta\n", "row 2 lies outside the recording"),
        (b"onset\tduration\tlabel\n1\t2\t\xff\xe9\n", "not text in UTF-8"),
        ("onset\tduration\tlabel\n" + "x\t2\ta\n" * 5, "row 2 .*row 3 .*row 4 .*and 2 more"),
    ],
)
def test_errors_name_the_row(tmp_path: Path, content: str | bytes, said: str) -> None:
    with pytest.raises(EventsError, match=said) as caught:
        read(tmp_path, content, duration_s=60.0)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_events_error(tmp_path: Path) -> None:
    with pytest.raises(EventsError, match="cannot read the events"):
        read_events(tmp_path / "absent.tsv")


def test_notes_tell_of_overlaps_and_cut_ends() -> None:
    events = [Question(5, 12, "b"), Question(0, 6, "a"), Question(58, 61, "c")]
    assert event_notes(events, 60.0) == (
        "events 'a' and 'b' overlap",
        "event 'c' reaches beyond the recording",
    )
    assert event_notes(events[:1], 60.0) == ()
    assert "no events" in event_notes([])[0]


def test_bids_golden_and_round_trip(tmp_path: Path) -> None:
    found = [Interval(1.25, 1.5, "disgust", 1.375, 0.5), Interval(2, 3, "tab\tin it")]
    assert bids_events(found, estimated=True) == (
        "onset\tduration\ttrial_type\tapex\tconfidence\n"
        "1.25\t0.25\tdisgust\t1.375\t0.5\n"
        "2\t1\ttab in it\tn/a\tn/a\n"
    )
    assert read(tmp_path, bids_events(found)) == [(1.25, 1.5, "disgust"), (2.0, 3.0, "tab in it")]
