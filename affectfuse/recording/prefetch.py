"""Doing the work of an iterator in a thread of its own, a few items ahead."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable
from queue import Full, Queue
from typing import TypeVar

__all__ = ["available_cores", "prefetch"]

T = TypeVar("T")
_POLL_S = 0.05


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _End:
    """Says that the items have ended, and by which error if any."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


def prefetch(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    """Yield the same items, drawn in a background thread that runs at most `depth` ahead.

    An error of `items` is raised here, in its place. Closing the generator (or leaving the loop
    and dropping it) ends the thread, and closes `items`, before it returns.

    Args:
        items: what to draw; only the thread touches it.
        depth: how many items may wait, at least 1.
    """
    if depth < 1:
        raise ValueError(f"depth is {depth}; it must be at least 1")
    return _prefetched(items, depth)


def _prefetched(items: Iterable[T], depth: int) -> Generator[T, None, None]:
    queue: Queue[T | _End] = Queue(depth)
    stopped = threading.Event()

    def put(item: T | _End) -> None:
        while not stopped.is_set():
            try:
                queue.put(item, timeout=_POLL_S)
                return
            except Full:
                continue

    def work() -> None:
        end = _End()
        iterator = iter(items)
        try:
            for item in iterator:
                put(item)
                if stopped.is_set():
                    break
        except BaseException as error:
            end = _End(error)
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
            put(end)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while True:
            item = queue.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stopped.set()
        thread.join()
