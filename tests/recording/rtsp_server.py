"""An RTSP server for the tests: plays one recording in real time, as a network camera does.

RTSP/1.0 (RFC 2326), with RTP interleaved in the same connection (section 10.12). The packets hold
H.264 (RFC 6184) or an MPEG transport stream (RFC 2250).
"""

from __future__ import annotations

import base64
import re
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Self

import av

_MEDIA = {
    "h264": (96, "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"),
    "mpegts": (33, "a=rtpmap:33 MP2T/90000\r\n"),
}
_METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN"
_PAYLOAD_BYTES = 7 * 188
_SENDER = 0x5EED
_FIRST_TIMESTAMP = 2**32 - 9001  # RTP timestamps start anywhere; these wrap after 0.1 s


class RtspServer(socketserver.ThreadingTCPServer):
    """A context manager; serves from entering to leaving it.

    Args:
        path: an MPEG transport stream with H.264, whose packets are sent when they are due.
        joins_s: where in the recording every client joins; `ends_s`: where the sending ends.
        ending: properly, by closing the connection without a word, or by sending nothing more.
        login: 'user:password' to ask for, by basic authentication.
    """

    daemon_threads = True

    def __init__(
        self,
        path: Path,
        *,
        media: Literal["h264", "mpegts"] = "h264",
        joins_s: float = 0.0,
        ends_s: float = 1e9,
        ending: Literal["bye", "vanish", "stall"] = "bye",
        login: str | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Client)
        self.path, self.media, self.ending = path, media, ending
        self.joins_s, self.ends_s, self.login = joins_s, ends_s, login
        self.closed = threading.Event()

    def address(self, login: str = "") -> str:
        return f"rtsp://{login and login + '@'}127.0.0.1:{self.server_address[1]}/live"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self.shutdown()
        self.server_close()


class _Client(socketserver.StreamRequestHandler):
    """One connection; a thread of its own sends the RTP while requests are answered."""

    server: RtspServer

    def handle(self) -> None:
        self._sending = threading.Lock()
        self._left = threading.Event()
        try:
            while first := self.rfile.read(1):
                if first == b"$":  # the client's RTCP
                    self.rfile.read(struct.unpack(">xH", self.rfile.read(3))[0])
                    continue
                method = (first + self.rfile.readline()).decode().split()[0]
                headers = {}
                while line := self.rfile.readline().decode().strip():
                    name, _, headers[name.lower()] = line.partition(": ")
                self._answer(method, headers)
        except (OSError, ValueError):  # the connection was closed
            pass
        finally:
            self._left.set()

    def _answer(self, method: str, headers: dict[str, str]) -> None:
        login = self.server.login
        known = login and "Basic " + base64.b64encode(login.encode()).decode()
        status, extra, body = "200 OK", "Session: 1\r\n", ""
        if login and headers.get("authorization") != known:
            status, extra = "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"\r\n'
        elif method == "OPTIONS":
            extra = f"Public: {_METHODS}\r\n"
        elif method == "DESCRIBE":
            kind, attributes = _MEDIA[self.server.media]
            body = f"v=0\r\ns=live\r\nt=0 0\r\nm=video 0 RTP/AVP {kind}\r\n{attributes}"
            extra = f"Content-Type: application/sdp\r\nContent-Base: {self.server.address()}/\r\n"
        elif method == "SETUP":
            extra += "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n"
        elif method == "PLAY":
            extra += f"RTP-Info: url={self.server.address()};seq=0;rtptime={_FIRST_TIMESTAMP}\r\n"
        lines = f"RTSP/1.0 {status}\r\nCSeq: {headers['cseq']}\r\n{extra}"
        with self._sending:
            self.wfile.write(f"{lines}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        if method == "PLAY" and status == "200 OK":
            threading.Thread(target=self._play, daemon=True).start()
        elif method == "TEARDOWN":
            self._left.set()

    def _play(self) -> None:
        kind, number, begun_s = _MEDIA[self.server.media][0], 0, time.monotonic()
        report = struct.pack(">BBHIQIII", 0x80, 200, 6, _SENDER, 1 << 60, _FIRST_TIMESTAMP, 0, 0)
        try:
            self._send(1, report)
            for due_s, payloads in self._units():
                wait_s = begun_s + due_s - time.monotonic()
                if self._left.wait(max(0, wait_s)) or self.server.closed.is_set():
                    return
                timestamp = (_FIRST_TIMESTAMP + round(90000 * due_s)) % 2**32
                for payload in payloads:
                    mark = 0x80 * (payload is payloads[-1])
                    head = struct.pack(">BBHII", 0x80, kind | mark, number, timestamp, _SENDER)
                    self._send(0, head + payload)
                    number = (number + 1) % 2**16
            if self.server.ending == "bye":
                self._send(1, report + struct.pack(">BBHI", 0x81, 203, 1, _SENDER))
            elif self.server.ending == "vanish":
                self.connection.shutdown(2)
        except OSError:  # the client is gone
            pass

    def _send(self, channel: int, packet: bytes) -> None:
        with self._sending:
            self.wfile.write(struct.pack(">cBH", b"$", channel, len(packet)) + packet)

    def _units(self) -> Iterator[tuple[float, list[bytes]]]:
        """Yield when to send, in seconds from joining, and the RTP payloads to send then."""
        server, data = self.server, self.server.path.read_bytes()
        with av.open(str(server.path)) as container:
            packets = [packet for packet in container.demux(video=0) if packet.pts is not None]
        begins = [0, *(packet.pos for packet in packets[1:]), len(data)]  # 0: with its tables
        for packet, begin, end in zip(packets, begins, begins[1:], strict=False):
            time_s = float((packet.pts - packets[0].pts) * packet.time_base)
            if server.joins_s <= time_s < server.ends_s:
                own = _h264(packet) if server.media == "h264" else _slices(data[begin:end])
                yield time_s - server.joins_s, own


def _h264(packet: Any) -> list[bytes]:
    """Return the packet's units, those too long for one RTP packet as fragments (FU-A)."""
    payloads = []
    for unit in filter(None, re.split(rb"\x00*\x00\x00\x01", bytes(packet))):
        if len(unit) <= _PAYLOAD_BYTES:
            payloads.append(unit)
            continue
        slices = _slices(unit[1:])
        for i, part in enumerate(slices):
            edges = 0x80 * (i == 0) | 0x40 * (i == len(slices) - 1)
            payloads.append(bytes([unit[0] & 0xE0 | 28, edges | unit[0] & 0x1F]) + part)
    return payloads


def _slices(data: bytes) -> list[bytes]:
    return [data[i : i + _PAYLOAD_BYTES] for i in range(0, len(data), _PAYLOAD_BYTES)]
