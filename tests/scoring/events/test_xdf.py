from __future__ import annotations

import sys
from pathlib import Path

import pytest
from scoring.events.xdf_files import XdfWriter

from affectfuse.errors import EventsError
from affectfuse.scoring.events import Layout, load_events, read_events

ZERO_S = 5000.25
MARKED = [(ZERO_S + 2.5, ["Did you?"]), (ZERO_S + 20, [""]), (ZERO_S + 31.125, ["Have yöu?"])]


def recording(clock_offset_s: float = 0.0) -> XdfWriter:
    """A signal that begins first, on another clock, and a stream of markers."""
    writer = XdfWriter()
    writer.stream(1, "pulse", "PPG", "float32", 64)
    writer.stream(2, "questions", "Markers")
    for time_s in (ZERO_S, ZERO_S + 40):
        writer.clock(1, time_s, clock_offset_s)
        writer.clock(2, time_s, 0.0)
    writer.numbers(1, [(ZERO_S - clock_offset_s + n / 64, float(n)) for n in range(64)])
    writer.words(2, MARKED)
    return writer


@pytest.mark.parametrize("clock_offset_s", [0.0, 3600.0])
def test_markers_count_from_the_first_sample(tmp_path: Path, clock_offset_s: float) -> None:
    table = load_events(recording(clock_offset_s).write(tmp_path / "a.xdf"))
    found = [(q.onset_s, q.offset_s, q.label) for q in table.questions]
    assert found == [(2.5, 2.5, "Did you?"), (31.125, 31.125, "Have yöu?")]
    assert table.places == ("marker 1 of stream 'questions'", "marker 3 of stream 'questions'")
    assert any("5000.250000 s of LSL" in note for note in table.notes)
    assert any("only stream, 'questions'" in note for note in table.notes)


def test_which_stream_holds_the_questions(tmp_path: Path) -> None:
    writer = recording()
    writer.stream(3, "relevant", "Markers")
    writer.words(3, [(ZERO_S + 9, ["Was it you?"])])
    path = writer.write(tmp_path / "a.xdf")
    with pytest.raises(EventsError, match=r"markers 'questions', 'relevant': say which .*--tier"):
        load_events(path)
    with pytest.raises(EventsError, match=r"no stream of markers 'relevnt'\. Did you mean"):
        load_events(path, Layout(tiers=["relevnt"]))
    both = read_events(path, layout=Layout(tiers=["questions", "relevant"]))
    assert [(q.onset_s, q.kind) for q in both] == [(2.5, ""), (9.0, "relevant"), (31.125, "")]


def test_a_stream_that_was_interrupted_is_one(tmp_path: Path) -> None:
    writer = recording()
    writer.stream(7, "questions", "Markers")
    writer.words(7, [(ZERO_S + 60, ["And then?"])])
    table = load_events(writer.write(tmp_path / "a.xdf"))
    assert [q.onset_s for q in table.questions] == [2.5, 31.125, 60.0]


def test_channels_say_what_they_hold(tmp_path: Path) -> None:
    writer = XdfWriter()
    writer.stream(1, "marks", "Markers", labels=("question", "kind", "duration"))
    writer.words(1, [(7.0, ["Did you?", "relevant", "2.5"])])
    path = writer.write(tmp_path / "a.xdf")
    (question,) = read_events(path)
    assert (question.label, question.kind, question.offset_s) == ("Did you?", "relevant", 2.5)
    writer = XdfWriter()
    writer.stream(1, "marks", "Markers", labels=("a", "b"))
    writer.words(1, [(7.0, ["Did you?", "relevant"])])
    path = writer.write(tmp_path / "b.xdf")
    with pytest.raises(EventsError, match=r"2 channels, labelled \['a', 'b'\]: one must be"):
        read_events(path)
    layout = Layout(columns={"label": "a", "kind": "b"})
    assert read_events(path, layout=layout)[0].kind == "relevant"


def test_a_cut_file_gives_what_it_holds_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(recording().bytes[:-20])
    table = load_events(path, Layout(tiers=["questions"]))
    assert not table.questions
    assert any(note.startswith("pyxdf says: ") for note in table.notes)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with 'XDF:'"),
        (b"\x7fELF" + bytes(99), "does not begin with 'XDF:'"),
        (b"XDF:", "holds no samples"),
        (b"XDF:" + b"\x01\x08\x02\x00\x01\x00\x00\x00<a", "cannot be read as XDF"),
    ],
)
def test_what_is_no_xdf_file(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.xdf"
    path.write_bytes(content)
    with pytest.raises(EventsError, match=said):
        load_events(path)


def test_without_markers_or_pyxdf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = XdfWriter()
    writer.stream(1, "pulse", "PPG", "float32", 64)
    writer.numbers(1, [(1.0, 2.0)])
    path = writer.write(tmp_path / "a.xdf")
    with pytest.raises(EventsError, match="no stream of markers"):
        load_events(path)
    monkeypatch.setitem(sys.modules, "pyxdf", None)
    with pytest.raises(EventsError, match=r"pip install 'affectfuse\[lsl\]'"):
        load_events(path)
