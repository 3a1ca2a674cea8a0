"""`affectfuse score session.yaml` as a user types it."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from session_file.sessions import table, write

from affectfuse.cli import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Score; return the exit code and what was said on standard error."""

    def command(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["affectfuse", "score", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), capsys.readouterr().err

    return command


def refused(result: tuple[int, str], *words: str) -> None:
    code, err = result
    lines = [line for line in err.splitlines() if line.startswith("affectfuse: ")]
    assert code == 2, err
    assert len(lines) == 1, err
    for word in words:
        assert word in lines[0], lines[0]


def test_a_session_is_scored(run: Run, tmp_path: Path) -> None:
    table(tmp_path / "temperature.csv")
    (tmp_path / "e.tsv").write_text("onset\tduration\ttrial_type\n60\t3\tA\n")
    path, out = write(tmp_path, events="e.tsv"), tmp_path / "out"
    code, err = run(path, "--out", out, "protocol.permutations=29")
    assert code == 0, err
    assert "note: no recording of this session holds pictures" in err
    said = json.loads((out / "session.json").read_text("utf-8"))
    assert (said["subject"], said["purpose"]) == ("P-07", "usability of a form")
    assert said["source"] == str(path)
    assert said["score"]["protocol"] == "baseline_shift"
    assert said["provenance"]["configuration"]["protocol"]["permutations"] == 29
    (tmp_path / "other.tsv").write_text("onset\tduration\ttrial_type\n30\t3\tB\n70\t3\tC\n")
    assert run(path, "--out", out, "--events", tmp_path / "other.tsv")[0] == 0
    assert len(json.loads((out / "session.json").read_text("utf-8"))["events"]) == 2


def test_what_is_refused(run: Run, tmp_path: Path) -> None:
    data, out = table(tmp_path / "temperature.csv"), tmp_path / "out"
    refused(run(tmp_path / "none.yaml", "--out", out), "none.yaml does not exist")
    refused(run(write(tmp_path, consent=None), "--out", out), "no consent", "given: true")
    refused(run(write(tmp_path, purpos="x"), "--out", out), "Did you mean 'purpose'")
    refused(run(write(tmp_path), "--out", out, "--replay"), "leave --replay out")
    refused(run(write(tmp_path), "--out", out, "--checkpoint", "demo"), "Leave one of the two out")
    (tmp_path / "e.tsv").write_text("onset\tduration\ttrial_type\tquestion\n60\t3\tprobe\tA\n")
    refused(
        run(data, "--out", out, "--events", tmp_path / "e.tsv", "protocol=concealed_information"),
        "consent: {given: true",
        "affectfuse score session.yaml",
    )
    assert not out.exists()
