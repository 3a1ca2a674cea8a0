"""The chunks of an XDF file, walked through before any is read.

pyxdf makes room for as many samples as a chunk claims to hold; a damaged chunk can claim billions.
"""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from affectfuse.errors import EventsError

__all__ = ["check_chunks"]

_MAGIC = b"XDF:"
_STREAM_HEADER, _SAMPLES = 2, 3
_TAGS = range(1, 7)
_MAX_HEADER = 16_000_000
_MAX_CUT = 1_000_000
_CHANNELS = re.compile(rb"<channel_count>\s*(\d{1,6})\s*</channel_count>")


def check_chunks(path: Path) -> None:
    """Make sure that every chunk can hold what it claims; the last one may be cut.

    Raises:
        EventsError: when one cannot, or the file cannot be opened or is no XDF file.
    """
    packed = path.suffix.lower() != ".xdf"
    try:
        with cast(BinaryIO, gzip.open(path) if packed else path.open("rb")) as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                raise EventsError(f"{path} is no XDF file: it does not begin with 'XDF:'.")
            _walk(path, file)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EventsError(f"{path} cannot be unpacked ({error}): copy it again.") from None
    except OSError as error:
        raise EventsError(f"cannot read the events in {path}: {error.strerror}.") from None


def _walk(path: Path, file: BinaryIO) -> None:
    channels: dict[bytes, int] = {}
    number = 0
    while size := file.read(1):
        number += 1
        length = _length(size, file)
        tag = int.from_bytes(file.read(2), "little")
        begin, left = file.tell(), length - 2
        if tag not in _TAGS or left < 0:
            raise EventsError(f"{path} is damaged at its chunk {number}: copy it again.")
        if tag == _STREAM_HEADER:
            stream = file.read(4)
            found = _CHANNELS.search(file.read(min(left, _MAX_HEADER)))
            channels[stream] = int(found[1]) if found else 1
        if tag == _SAMPLES:
            stream, claimed = file.read(4), _length(file.read(1), file)
            # Every value takes a byte or more.
            if claimed * max(channels.get(stream, 1), 1) > left:
                raise EventsError(
                    f"{path} is damaged: its chunk {number} claims {claimed} samples in {left} "
                    "bytes; copy it again."
                )
        end = begin + left
        if end > file.seek(0, 2) + _MAX_CUT:
            raise EventsError(f"{path} ends {end - file.tell()} bytes too early: copy it again.")
        file.seek(end)


def _length(size: bytes, file: BinaryIO) -> int:
    """Read a length that takes 1, 4 or 8 bytes, as the byte before it says."""
    return int.from_bytes(file.read(size[0] if size and size[0] in (1, 4, 8) else 0), "little")
