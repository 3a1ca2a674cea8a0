"""Extraction in several processes, and what a cached file is found by."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from affectfuse.caching import (
    Extracted,
    digest,
    digest_code,
    digest_recording,
    run_items,
    run_tasks,
)
from affectfuse.datasets.base import DatasetItem
from affectfuse.errors import RecordingError


def squares(number: int) -> Extracted:
    if number == 2:
        raise RecordingError("two cannot\nbe read")
    return {"squares": np.arange(number) ** 2, "process": np.array([os.getpid()])}


@pytest.mark.parametrize("workers", [1, 2])
def test_tasks_run_and_fail_one_by_one(tmp_path: Path, workers: int) -> None:
    told: list[tuple[str, int, int]] = []
    tasks = [
        (f"n{number}", tmp_path / f"{number}.safetensors", partial(squares, number))
        for number in (3, 2, 5)
    ]
    found, failed = run_tasks(tasks, workers, "squaring", lambda *told_: told.append(told_))
    assert list(found) == ["n3", "n5"]
    assert found["n5"]["squares"].tolist() == [0, 1, 4, 9, 16]
    assert failed == {"n2": "two cannot be read"}
    assert told == [("squaring", done, 3) for done in range(4)]
    here = os.getpid()
    assert ({int(part["process"][0]) for part in found.values()} == {here}) == (workers == 1)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["3.safetensors", "5.safetensors"]


def test_what_is_damaged_is_made_again(tmp_path: Path) -> None:
    file = tmp_path / "n9.safetensors"
    run_tasks([("n9", file, partial(squares, 9))], 1, "squaring")
    whole = file.read_bytes()
    flipped = bytearray(whole)
    flipped[-1] ^= 1  # in the last number: still a file of the same form
    for damaged in (b"", bytes(len(whole)), whole[: len(whole) // 2], bytes(flipped)):
        file.write_bytes(damaged)
        found, failed = run_tasks([("n9", file, partial(squares, 9))], 1, "squaring")
        assert found["n9"]["squares"].tolist() == [n**2 for n in range(9)]
        assert not failed
        assert file.read_bytes() == whole


def ended() -> Extracted:
    os._exit(1)


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_run_with_advice(tmp_path: Path) -> None:
    tasks = [(name, tmp_path / name, ended) for name in ("a", "b")]
    with pytest.raises(RecordingError, match="run again with fewer workers"):
        run_tasks(tasks, 2, "ending")


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_the_process_that_began_them(tmp_path: Path, how: signal.Signals) -> None:
    script = Path(__file__).parent / "sleeping_tasks.py"
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], stderr=subprocess.DEVNULL
    ) as process:
        wait_until(lambda: len(list(tmp_path.glob("*.worker"))) == 2)
        workers = [int(file.stem) for file in tmp_path.glob("*.worker")]
        assert all(map(runs, workers))
        process.send_signal(how)  # to it alone, not to its group
        process.wait(20)
    wait_until(lambda: not any(map(runs, workers)))


def wait_until(true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end_s
        time.sleep(0.05)


def runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")  # ended, but not yet fetched by whoever adopted it
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def test_the_digest_of_a_recording_follows_its_content_and_not_its_place(tmp_path: Path) -> None:
    def write(name: str, content: bytes, changed_s: int) -> str:
        path = tmp_path / name / "video.mp4"
        path.parent.mkdir()
        path.write_bytes(content)
        os.utime(path, (changed_s, changed_s))
        return digest_recording(path)

    content = bytes(3 << 20)
    reference = write("a", content, 1000)
    assert write("b", content, 1000) == reference
    assert write("c", content, 1001) != reference
    assert write("d", content + b"x", 1000) != reference
    assert write("e", b"x" + content[1:], 1000) != reference
    assert write("f", content[:-1] + b"x", 1000) != reference
    assert digest_recording(tmp_path / "a") == digest_recording(tmp_path / "b")  # whole folders
    with pytest.raises(FileNotFoundError):
        digest_recording(tmp_path / "nothing.mp4")


def test_files_beside_a_recording_decide_what_is_found(tmp_path: Path) -> None:
    video, table = tmp_path / "a.avi", tmp_path / "a.csv"
    video.write_bytes(b"frames")
    table.write_text("1")
    made = []

    def extract() -> Extracted:
        made.append(table.read_text())
        return {"x": np.zeros(1)}

    for text in ("1", "1", "12"):
        if table.read_text() != text:
            table.write_text(text)
        item = DatasetItem("a", "s", video, beside=(table,))
        run_items([(item, extract, {})], tmp_path, 1, "reading")
    assert made == ["1", "12"]
    gone = DatasetItem("a", "s", video, beside=(tmp_path / "none.csv",))
    _, failed = run_items([(gone, extract, {})], tmp_path, 1, "reading")
    assert "cannot read" in failed["a"]


def test_the_digest_of_facts_ignores_their_order() -> None:
    assert (
        digest({"a": 1, "b": [2.0]}) == digest({"b": [2.0], "a": 1}) != digest({"a": 1, "b": [3]})
    )


def test_the_digest_of_code_follows_every_file_beside_a_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "deeper").mkdir()
    files = [tmp_path / "made.py", tmp_path / "deeper" / "more.py", tmp_path / "w.safetensors"]
    for file in files:
        file.write_text("class Made: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    made = importlib.import_module("made").Made
    digests = []
    for changed in (None, *files):
        if changed:
            changed.write_text("class Made: ...\n")
        digest_code.cache_clear()
        digests.append(digest_code(frozenset({made})))
    monkeypatch.delitem(sys.modules, "made")
    assert len(set(digests)) == 4
