"""The thread that reads packets: in order, errors in their place, closed once and after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from affectfuse.recording.live import LivePackets


class Container:
    """Gives the numbers 0 to 19, then waits until released, then raises `end` or ends."""

    def __init__(self, end: Exception | None = None) -> None:
        self.released, self.closed = threading.Event(), threading.Semaphore(0)
        self.end, self.reading = end, False

    def demux(self, *_: object) -> Iterator[int]:
        yield from range(20)
        self.reading = True
        self.released.wait(10)
        self.reading = False
        if self.end:
            raise self.end

    def close(self) -> None:
        assert not self.reading
        self.closed.release()


def live(container: Container, silence_s: float = 5.0) -> LivePackets:
    return LivePackets(container, [], threading.Event(), silence_s)


def test_everything_comes_in_order_and_the_error_last() -> None:
    container = Container(ValueError("broken"))
    container.released.set()
    packets = live(container)
    assert [next(packets) for _ in range(20)] == list(range(20))
    with pytest.raises(ValueError, match="broken"):
        next(packets)
    assert list(packets) == []
    packets.close()
    assert container.closed.acquire(timeout=0)


def test_silence_is_an_error_once() -> None:
    container = Container()
    packets = live(container, silence_s=0.2)
    assert [next(packets) for _ in range(20)] == list(range(20))
    with pytest.raises(TimeoutError, match="no more data came"):
        next(packets)
    assert list(packets) == []
    container.released.set()
    packets.close()


def test_closing_during_a_read_waits_for_it_elsewhere() -> None:
    container = Container()
    packets = live(container)
    assert [next(packets) for _ in range(20)] == list(range(20))
    begun_s = time.monotonic()
    packets.close()
    assert time.monotonic() - begun_s < 2
    assert not container.closed.acquire(timeout=0.05)
    container.released.set()
    assert container.closed.acquire(timeout=5)
    assert not container.closed.acquire(timeout=0.05)


def test_closing_ends_a_thread_that_nobody_reads_from() -> None:
    container = Container()
    packets = live(container)
    packets.close()
    assert container.closed.acquire(timeout=0)
    assert list(packets) == []
