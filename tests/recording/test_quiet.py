from __future__ import annotations

import os
import threading

import pytest

from affectfuse.recording.quiet import quiet_stderr


def test_native_lines_vanish_inside_and_only_there(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with quiet_stderr():
        os.write(2, b"inside ")
        with quiet_stderr():
            os.write(2, b"nested ")
        os.write(2, b"still ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"


def test_an_error_passes_and_restores(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyError), quiet_stderr():
        raise KeyError("x")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"


def test_overlapping_threads(capfd: pytest.CaptureFixture[str]) -> None:
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with quiet_stderr():
            inside.set()
            leave.wait(2)

    thread = threading.Thread(target=other)
    thread.start()
    inside.wait(2)
    with quiet_stderr():
        pass
    os.write(2, b"unheard ")
    leave.set()
    thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
