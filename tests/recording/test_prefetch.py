from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from affectfuse.recording.prefetch import prefetch


def test_the_same_items_in_order() -> None:
    assert list(prefetch(range(1000), depth=3)) == list(range(1000))


def test_work_is_done_in_another_thread_and_only_so_far_ahead() -> None:
    drawn: list[int] = []
    threads = set()

    def items() -> Iterator[int]:
        for i in range(100):
            threads.add(threading.get_ident())
            drawn.append(i)
            yield i

    ahead = prefetch(items(), depth=4)
    assert next(ahead) == 0
    time.sleep(0.2)
    assert len(drawn) == 6  # one given, four waiting, one at the door
    assert threading.get_ident() not in threads
    ahead.close()


def test_an_error_comes_in_its_place() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise KeyError("lost")

    ahead = prefetch(items(), depth=2)
    assert next(ahead) == 1
    with pytest.raises(KeyError, match="lost"):
        next(ahead)


def test_stopping_early_ends_the_thread_and_closes_the_source() -> None:
    before = threading.active_count()
    closed = threading.Event()

    def items() -> Iterator[int]:
        try:
            yield from range(10**9)
        finally:
            closed.set()

    for item in prefetch(prefetch(items(), depth=2), depth=2):
        if item == 5:
            break
    deadline_s = time.monotonic() + 2
    while threading.active_count() > before and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert closed.is_set()
    assert threading.active_count() == before


def test_depth_must_be_positive() -> None:
    with pytest.raises(ValueError, match="depth is 0"):
        prefetch([], depth=0)
