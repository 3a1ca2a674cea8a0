from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from affectfuse.errors import OutputError
from affectfuse.reports import writing
from affectfuse.reports.session import SessionResult
from affectfuse.reports.writing import OUTPUTS, check_writable, write_files, write_session

MakeSession = Callable[..., SessionResult]


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in folder.iterdir()}


def raw(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_session_is_written_whole_and_for_its_owner_alone(
    tmp_path: Path, make_session: MakeSession
) -> None:
    out = tmp_path / "new" / "session"
    page = write_session(make_session(seconds=90), out)
    assert page == out / "report.html"
    signals = {path.name for path in out.glob("recording-*_physio.*")}
    assert len(signals) == 4
    assert {path.name for path in out.iterdir()} - signals == set(OUTPUTS)
    assert mode(out) == 0o700
    assert {mode(path) for path in out.iterdir()} == {0o600}
    json.loads((out / "session.json").read_text("utf-8"))
    assert [path.name for path in out.parent.iterdir()] == ["session"]


def test_without_events_there_are_no_scores_and_old_ones_go(
    tmp_path: Path, make_session: MakeSession
) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    write_session(make_session(seconds=90), tmp_path)
    assert (tmp_path / "scores.csv").exists()
    write_session(make_session(seconds=90, events=False), tmp_path)
    assert not (tmp_path / "scores.csv").exists()
    assert not (tmp_path / "contrasts.csv").exists()
    assert (tmp_path / "mine.txt").read_text() == "kept"


@pytest.mark.parametrize("fails_at", range(7))
def test_a_failure_at_any_move_leaves_the_earlier_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails_at: int
) -> None:
    owned = ["a", "b", "c"]
    write_files(tmp_path / "out", {"a": "old a", "b": "old b", "c": "old c"}, owned)
    move, moves = writing._move, []

    def failing(origin: Path, target: Path) -> tuple[Path, Path]:
        moves.append(origin)
        if len(moves) > fails_at:
            raise OSError(28, os.strerror(28))
        return move(origin, target)

    monkeypatch.setattr(writing, "_move", failing)
    new = {"a": "new a", "b": "new b", "d": "new d"}
    if fails_at == 6:
        write_files(tmp_path / "out", new, owned)  # six moves: three away, three in
        assert contents(tmp_path / "out") == new
    else:
        with pytest.raises(OutputError, match=r"No space left.*--out"):
            write_files(tmp_path / "out", new, owned)
        assert contents(tmp_path / "out") == {"a": "old a", "b": "old b", "c": "old c"}


def test_an_old_file_that_cannot_be_put_back_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old a")
    move = writing._move

    def failing(origin: Path, target: Path) -> tuple[Path, Path]:
        if target.parent != tmp_path:
            return move(origin, target)
        monkeypatch.setattr(Path, "replace", refused)
        raise OSError(28, os.strerror(28))

    def refused(*_: object) -> None:
        raise OSError(5, os.strerror(5))

    monkeypatch.setattr(writing, "_move", failing)
    with pytest.raises(OutputError):
        write_files(tmp_path, {"a": "new a"}, ["a"])
    assert [path.read_text() for path in tmp_path.rglob("a")] == ["old a"]


def test_a_failure_while_preparing_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left"):
        write_files(tmp_path / "out", {"a": "text"}, ["a"])
    assert list(tmp_path.iterdir()) == []


def test_a_failing_page_leaves_the_earlier_result(
    tmp_path: Path, make_session: MakeSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_session(make_session(seconds=60), tmp_path)
    before = raw(tmp_path)

    def broken(*_: object, **__: object) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(writing, "render", broken)
    with pytest.raises(ZeroDivisionError):
        write_session(make_session(seconds=90), tmp_path)
    assert raw(tmp_path) == before


def test_check_writable_leaves_no_trace(tmp_path: Path) -> None:
    check_writable(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    for out in (file, file / "below"):
        with pytest.raises(OutputError, match=r"is a file\. Give another folder"):
            check_writable(out)
    assert file.read_text() == "mine"


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere"
)
def test_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="Permission denied"):
            check_writable(tmp_path / "out")
    finally:
        tmp_path.chmod(0o700)


def test_a_refused_temporary_folder_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(**_: object) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(writing.tempfile, "TemporaryDirectory", refused)
    with pytest.raises(OutputError, match="Permission denied") as caught:
        check_writable(tmp_path)
    assert "\n" not in str(caught.value)
