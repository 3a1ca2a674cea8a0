"""`affectfuse events` as a user types it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from affectfuse.cli import main
from affectfuse.scoring.events import read_events

Run = Callable[..., tuple[int, str, str]]

HEADER = "onset\tduration\ttrial_type\tquestion\n"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and what it printed."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["affectfuse", "events", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Three presentations of two relevant and two comparison questions, one every 30 s."""
    kinds = ["comparison", "relevant", "comparison", "relevant"]
    lines = [f"{30 * n}\t4\t{kinds[n % 4]}\tquestion {n % 4}\n" for n in range(12)]
    path = tmp_path / "sub-01_events.tsv"
    path.write_text(HEADER + "".join(lines))
    return path


def refused(result: tuple[int, str, str], *words: str) -> None:
    code, _, err = result
    assert code == 2, err
    assert err.startswith("affectfuse: ")
    assert err.count("\n") == 1
    assert all(word in err for word in words), err


def test_check_a_right_file(run: Run, events: Path) -> None:
    code, out, _ = run("check", events, "--duration", "400", "--protocol", "comparison_question")
    assert code == 0
    assert out.splitlines() == [
        f"warning: {events}: no answer has a time: questions' ends stand for them",
        "note: presentations are numbered by order: the first time that a question is asked in a "
        "series is its presentation 1",
        f"{events}: 12 events, 0 errors, 1 warnings",
    ]


def test_check_a_wrong_file_prints_every_row_and_exits_with_2(run: Run, events: Path) -> None:
    lines = events.read_text().replace("relevant\tquestion 1\n", "relevnt\tquestion 1\n")
    events.write_text(lines + "900\t4\tneutral\tlate\n")
    code, out, _ = run("check", events, "--duration", "400")
    assert code == 2
    found = [line for line in out.splitlines() if line.startswith("error: ")]
    assert [line.split(": ")[2].split(" has ")[0][:6] for line in found] == [
        "row 3",
        "row 7",
        "row 11",
        "row 14",
    ]
    assert "Did you mean 'relevant'" in found[0]
    assert "12 events" not in out
    assert "10 events, 4 errors" in out


def test_check_prints_no_flood(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("onset,duration,label\n" + "x,1,a\n" * 1000)
    code, out, _ = run("check", path)
    assert code == 2
    assert len(out.splitlines()) == 202
    assert "... and 800 more" in out
    assert "0 events, 1000 errors, 0 warnings" in out


def test_convert_there_and_back(run: Run, events: Path, tmp_path: Path) -> None:
    code, out, err = run("convert", events, tmp_path / "a.eaf", "--media", tmp_path / "a.mp4")
    assert (code, out) == (0, f"{tmp_path / 'a.eaf'}\n")
    assert "numbered by order" in err
    code, out, err = run("convert", tmp_path / "a.eaf", tmp_path / "b.tsv")
    assert (code, err) == (0, "")
    assert out.split() == [f"{tmp_path / 'b.tsv'}", f"{tmp_path / 'b.json'}"]
    assert list(map(repr, read_events(tmp_path / "b.tsv"))) == list(map(repr, read_events(events)))
    refused(run("convert", events, tmp_path / "b.tsv"), "exists")
    refused(run("convert", events, events), "exists")


def test_what_a_file_leaves_unsaid_is_said_by_options(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("t;len;text\n1,5;2;R: Did you?\n9;2;C: Have you?\n")
    said = ["--column", "onset=t", "--column", "duration=len", "--column", "label=text"]
    kinds = ["--kind", "R=relevant", "--kind", "C=comparison", "--prefixed"]
    code, _, err = run("convert", path, tmp_path / "a.tsv", *said, *kinds)
    assert code == 0, err
    assert (tmp_path / "a.tsv").read_text() == (
        HEADER.strip() + "\tseries\tpresentation\tanswer\n"
        "1.5\t2\trelevant\tDid you?\tn/a\t1\tn/a\n"
        "9\t2\tcomparison\tHave you?\tn/a\t1\tn/a\n"
    )
    refused(run("check", path), "no column 'onset', only t, len, text")
    refused(run("check", path, "--column", "onset"), "--column LEFT=RIGHT")
    refused(run("check", path, "--kind", "R=relevnt"), "Did you mean 'relevant'")
    refused(
        run("check", path, *said, "--protocol", "comparisons"), "unknown protocol 'comparisons'"
    )


def test_bad_files_are_told_in_one_line(run: Run, events: Path, tmp_path: Path) -> None:
    refused(run("check", tmp_path / "absent.eaf"), "absent.eaf", "No such file")
    events.write_text(events.read_text() + "soon\t1\tneutral\tx\nlater\t1\tneutral\ty\n")
    refused(run("convert", events, tmp_path / "a.tsv"), "row 14 has onset 'soon'", "1 more")
    assert not (tmp_path / "a.tsv").exists()
    events.write_bytes(b"\x00\xff" * 5000)
    refused(run("check", events), "not text")
    refused(run("convert", events, tmp_path / "nowhere" / "a.tsv"), "not text")
