"""What a user says of a file, and files that are damaged or of no such kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scoring.events.test_xdf import recording

from affectfuse.errors import EventsError
from affectfuse.scoring.base import Question
from affectfuse.scoring.events import Layout, check_events, load_events, read_events, rows
from affectfuse.scoring.events.writing import write_events

QUESTIONS = (Question(1, 2, "Did you?", "relevant", "A", 1, 1.5), Question(3, 4, "b", "comparison"))


def test_columns_are_named_by_the_user(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("Begin;Ende;Frage;Art;Spalte\n1,5;2,25;Waren Sie es?;relevante;x\n")
    columns = {"onset": "Begin", "end": "ende", "label": "Frage", "kind": "Art"}
    layout = Layout(columns=columns, kinds={"Relevante": "relevant"})
    assert read_events(path, layout=layout) == load_events(path, layout).questions
    (question,) = read_events(path, layout=layout)
    found = question.onset_s, question.offset_s, question.label, question.kind
    assert found == (1.5, 2.25, "Waren Sie es?", "relevant")
    with pytest.raises(EventsError, match=r"nothing called 'Fragen' for the label\. Did you mean"):
        read_events(path, layout=Layout(columns={**columns, "label": "Fragen"}))


def test_one_column_may_be_label_and_kind(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text("onset\tduration\ttrial_type\n1\t2\tSacrifice relevant\n")
    assert read_events(path)[0].kind == ""
    (question,) = read_events(path, layout=Layout(columns={"kind": "trial_type"}))
    assert (question.label, question.kind) == ("Sacrifice relevant", "sacrifice_relevant")


def test_commas_in_the_text_of_a_semicolon_file_stay(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_bytes("\ufeffonset;duration;label\r\n1,5;2;1,2 oder 3,4?\r\n".encode())
    assert read_events(path) == (Question(1.5, 3.5, "1,2 oder 3,4?"),)


def test_unknown_purposes_and_kinds_are_refused() -> None:
    with pytest.raises(EventsError, match=r"no column can hold 'onzet'\. Did you mean 'onset'"):
        Layout(columns={"onzet": "x"})
    with pytest.raises(EventsError, match=r"kind 'relevnt'\. Did you mean 'relevant'"):
        Layout(kinds={"R": "relevnt"})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", b"", "is empty"),
        ("a.csv", b"\n\n \n", "is empty"),
        ("a.tsv", b"\x00\x01\x02" * 999, r"not text \(row 1 holds a NUL\)"),
        ("a.csv", b"onset,duration,label\n1,2,\xff\xe9\n", r"not text in UTF-8 \(row 2\)"),
        ("a.csv", b"onset,duration,label\n1,2,\x00\n", r"\(row 2 holds a NUL\)"),
        ("a.csv", b"onset,duration,onset,label\n", "two columns 'onset'"),
        ("a.csv", b"onset,duration,label\n1,2," + b"x" * 200_000, "row 2 cannot be read: field"),
        ("a.csv", b"a,b,c\n1,2,3\n", "no column 'onset', only a, b, c"),
        ("a.docx", b"PK", r"ending that no file of events has; read are \.tsv"),
        ("a", b"onset", "ending that no file of events has"),
    ],
)
def test_what_is_no_table(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(EventsError, match=said) as caught:
        load_events(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["a.tsv", "a.eaf", "a.TextGrid"])
def test_huge_files_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(rows, "_MAX_BYTES", 3_000_000)
    (tmp_path / name).write_bytes(b"x" * 3_000_001)
    with pytest.raises(EventsError, match="holds more than 3 MB"):
        load_events(tmp_path / name)


@pytest.mark.parametrize("name", ["a.csv", "a.TextGrid"])
def test_no_message_carries_control_characters(tmp_path: Path, name: str) -> None:
    red = "\x1b[31mred\n"
    text = {
        "a.csv": f'onset,"{red}"\n1,2\n',
        "a.TextGrid": '"ooTextFile" "TextGrid" 0 9 <exists> 2\n'
        + "".join(f'"TextTier" "{red}{n}" 0 9 1 1.5 "{red}"\n' for n in (1, 2)),
    }
    (tmp_path / name).write_text(text[name])
    with pytest.raises(EventsError, match="red") as caught:
        load_events(tmp_path / name)
    assert str(caught.value).isprintable()


def test_more_rows_than_a_session_has_events(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("onset,duration,label\n" + "1,1,a\n" * 100_001)
    with pytest.raises(EventsError, match="holds 100001 rows, more than any session"):
        load_events(tmp_path / "a.csv")


@pytest.mark.parametrize("name", ["absent.tsv", "absent.eaf", "absent.TextGrid", "absent.xdf"])
def test_missing_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(EventsError, match="cannot read the events"):
        load_events(tmp_path / name)
    (tmp_path / name).mkdir()
    with pytest.raises(EventsError, match="cannot read the events"):
        load_events(tmp_path / name)


@pytest.mark.parametrize("name", ["a.tsv", "a.eaf", "a.TextGrid", "a.xdf"])
def test_damaged_files_are_read_or_refused_and_nothing_else(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a.xdf":
        recording().write(path)
    elif name == "a.TextGrid":
        path.write_text(
            'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n9\n<exists>\n1\n'
            '"IntervalTier"\n"questions"\n0\n9\n2\n1.5\n2.5\n"q"\n2.5\n3\n"r"\n'
        )
    else:
        write_events(QUESTIONS, path)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(60 if name == "a.xdf" else 300):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[place] = int(rng.choice([rng.integers(0, 256), *b'"<>&;,\t\n-9.']))
        path.write_bytes(
            damaged[: rng.integers(1, len(whole) + 1)] if rng.random() < 0.3 else damaged
        )
        try:
            check_events(load_events(path), 10.0)
        except EventsError:
            refused += 1
    assert 5 < refused < 300
