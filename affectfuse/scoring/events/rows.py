"""What every format is read into before it is understood: rows of text with their places."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from affectfuse.errors import EventsError

__all__ = ["Row", "Rows", "bounded", "decoded", "one_line"]

_MAX_BYTES = 20_000_000


@dataclass(frozen=True, slots=True)
class Row:
    """One event as a file states it.

    Attributes:
        place: where it stands, such as 'row 3', for messages.
        cells: text by purpose (see `layout.NAMES`), '' where blank.
        problem: why it cannot be read, or ''.
    """

    place: str
    cells: Mapping[str, str]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file, and what a reader should know of how they were found."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def bounded(path: Path) -> bytes:
    """Return the content of a file that must be small.

    Raises:
        EventsError: when it is not there or is larger than any file of events.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise EventsError(f"cannot read the events in {path}: {error.strerror}.") from None
    if len(raw) > _MAX_BYTES:
        raise EventsError(
            f"{path} holds more than {_MAX_BYTES // 10**6} MB: no file of events; check the path."
        )
    return raw


def decoded(path: Path, raw: bytes) -> str:
    """Return text in UTF-8 or, with its byte-order mark, UTF-16.

    Raises:
        EventsError: when it is not text; the message names the line.
    """
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise EventsError(
            f"{path} is not text in UTF-8 (row {line}): save it as UTF-8 TSV or CSV."
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise EventsError(f"{path} is not text (row {line} holds a NUL): no file of events.")
    return text


def one_line(text: str) -> str:
    """Return text in one line, without control characters."""
    spaced = " ".join(text.split())
    if spaced.isprintable():
        return spaced
    return "".join(char for char in spaced if unicodedata.category(char) not in {"Cc", "Cs"})
