"""XDF files, written chunk by chunk as the format's specification has them."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path


class XdfWriter:
    """Write streams; `bytes` is the file."""

    def __init__(self) -> None:
        self.bytes = b"XDF:"
        self._chunk(1, b"<?xml version='1.0'?><info><version>1.0</version></info>")

    def stream(
        self,
        number: int,
        name: str,
        type_: str,
        format_: str = "string",
        rate_hz: float = 0,
        labels: Sequence[str] = ("",),
    ) -> None:
        channels = "".join(f"<channel><label>{label}</label></channel>" for label in labels)
        desc = f"<desc><channels>{channels}</channels></desc>" if any(labels) else "<desc/>"
        header = (
            f"<?xml version='1.0'?><info><name>{name}</name><type>{type_}</type>"
            f"<channel_count>{len(labels)}</channel_count><nominal_srate>{rate_hz}</nominal_srate>"
            f"<channel_format>{format_}</channel_format><created_at>0</created_at>{desc}</info>"
        )
        self._chunk(2, struct.pack("<I", number) + header.encode())

    def words(self, number: int, samples: Sequence[tuple[float, Sequence[str]]]) -> None:
        body = struct.pack("<I", number) + _length(len(samples))
        for time_s, channels in samples:
            body += b"\x08" + struct.pack("<d", time_s)
            body += b"".join(_length(len(c.encode())) + c.encode() for c in channels)
        self._chunk(3, body)

    def numbers(self, number: int, samples: Sequence[tuple[float, float]]) -> None:
        body = struct.pack("<I", number) + _length(len(samples))
        for time_s, value in samples:
            body += b"\x08" + struct.pack("<d", time_s) + struct.pack("<f", value)
        self._chunk(3, body)

    def clock(self, number: int, time_s: float, offset_s: float) -> None:
        self._chunk(4, struct.pack("<Idd", number, time_s, offset_s))

    def write(self, path: Path) -> Path:
        path.write_bytes(self.bytes)
        return path

    def _chunk(self, tag: int, content: bytes) -> None:
        self.bytes += _length(len(content) + 2) + struct.pack("<H", tag) + content


def _length(number: int) -> bytes:
    return b"\x04" + struct.pack("<I", number)
