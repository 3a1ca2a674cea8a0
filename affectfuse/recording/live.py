"""Packets of a camera or stream, read in a thread of their own: its silence blocks nobody."""

from __future__ import annotations

import time
from collections.abc import Iterator
from queue import Empty, Full, Queue
from threading import Event, Lock, Thread
from typing import Any

__all__ = ["LivePackets"]

_DEPTH = 8  # raw pictures of a camera are large
_POLL_S = 0.05
_GRACE_S = 0.5


class LivePackets:
    """Iterates over a live container's packets; FFmpeg itself cannot be interrupted while it waits.

    Args:
        container: PyAV's; only the thread reads it.
        streams: which of its streams to read.
        stopped: ends the iteration within `_POLL_S` when set, from any thread.
        silence_s: how long to wait for a packet; then iterating raises TimeoutError.
    """

    def __init__(
        self, container: Any, streams: list[Any], stopped: Event, silence_s: float
    ) -> None:
        self._container, self._stopped, self._silence_s = container, stopped, silence_s
        self._queue: Queue[Any] = Queue(_DEPTH)
        self._over = False
        self._closing, self._ended, self._abandoned = Lock(), False, False
        packets = container.demux(*streams)
        self._thread = Thread(target=self._read, args=(packets,), name="live", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        until_s = time.monotonic() + self._silence_s
        while not self._over and not self._stopped.is_set():
            try:
                packet = self._queue.get(timeout=_POLL_S)
            except Empty:
                if time.monotonic() < until_s:
                    continue
                packet = TimeoutError("no more data came")
            self._over = packet is None or isinstance(packet, Exception)
            if isinstance(packet, Exception):
                raise packet
            if packet is not None:
                return packet
        raise StopIteration

    def close(self) -> None:
        """Close the container: now, or, while a read is stuck in it, as soon as that returns."""
        self._stopped.set()
        self._thread.join(_GRACE_S)
        with self._closing:
            self._abandoned = not self._ended
        if not self._abandoned:
            self._container.close()

    def _read(self, packets: Iterator[Any]) -> None:
        end: Exception | None = None
        try:
            for packet in packets:
                self._put(packet)
                if self._stopped.is_set():
                    break
        except Exception as error:  # raised where the packets are asked for
            end = error
        self._put(end)
        with self._closing:
            self._ended = True
        if self._abandoned:
            self._container.close()

    def _put(self, packet: Any) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(packet, timeout=_POLL_S)
                return
            except Full:
                continue
