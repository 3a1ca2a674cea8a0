"""Taking a container apart: the decoded frames and sound of its streams, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

__all__ = ["Demuxer"]


class Demuxer:
    """Decodes the chosen streams of a container, each at its own pace, from one pass over it.

    Packets of the other streams wait meanwhile, compressed.

    Args:
        packets: of the container, in its order.
        streams: which of its streams to decode.
        start_s: when the container starts, None when it does not say.
        lead_s: how far one stream's packets may run ahead while another's are waited for.

    Attributes:
        damaged: how many packets could not be decoded.
        error: what ended the reading before its proper end, or None.
    """

    def __init__(
        self, packets: Iterator[Any], streams: list[Any], start_s: Fraction | None, lead_s: float
    ) -> None:
        self.damaged = 0
        self.error: Exception | None = None
        self._lead_s = lead_s
        self._packets, self._streams = packets, streams
        self._waiting: dict[int, deque[Any]] = {stream.index: deque() for stream in streams}
        self._start_s, self._begun = start_s, False

    def time_s(self, item: Any) -> float:
        """Return when a frame or block begins, in seconds from the start of the recording.

        That is where the container says it starts, or the first item asked for if it is earlier:
        of an RTSP stream FFmpeg takes the packet that came first, which may be shown later.
        """
        base, pts = item.time_base, item.pts
        if not self._begun:
            self._begun = True
            moment_s = pts * base
            self._start_s = moment_s if self._start_s is None else min(self._start_s, moment_s)
        start = self._start_s
        assert start is not None
        # The difference as one fraction of whole numbers: exact, and quicker than with `Fraction`.
        over = base.denominator * start.denominator
        ticks = pts * base.numerator * start.denominator - start.numerator * base.denominator
        seconds = ticks / over
        return 0.0 if abs(seconds) < 1e-6 else seconds  # a container's start is in microseconds

    def restart(self, packets: Iterator[Any]) -> None:
        """Go on with other packets of the same container, which was sought; times stay the same."""
        self._packets, self.error = packets, None
        for waiting in self._waiting.values():
            waiting.clear()

    def decoded(self, stream: Any) -> Iterator[Any]:
        """Yield a stream's decoded frames or blocks; None for "none now, go on with the others"."""
        for packet in self._of(stream):
            if packet is None:
                yield None
                continue
            try:
                items = packet.decode()
            except (av.FFmpegError, OSError):
                self.damaged += 1
                continue
            for item in items:
                if item.is_corrupt:
                    self.damaged += 1
                else:
                    yield item

    def _of(self, stream: Any) -> Iterator[Any]:
        own = self._waiting[stream.index]
        while True:
            if own:
                yield own.popleft()
            elif any(map(self._runs_ahead, self._waiting.values())):
                yield None
            else:
                try:
                    packet = next(self._packets, None)
                except (av.FFmpegError, OSError) as error:
                    self.error = error
                    self._flush()
                    continue
                if packet is None:
                    return
                self._waiting[packet.stream.index].append(packet)

    def _flush(self) -> None:
        """Have the decoders give what they still hold, as they do at a proper end."""
        for stream in self._streams:
            last = av.Packet()
            last.stream, last.time_base = stream, stream.time_base
            self._waiting[stream.index].append(last)

    def _runs_ahead(self, packets: deque[Any]) -> bool:
        if not packets or packets[0].dts is None or packets[-1].dts is None:
            return False
        span = packets[-1].dts - packets[0].dts
        return bool(span * packets[0].time_base > self._lead_s)
