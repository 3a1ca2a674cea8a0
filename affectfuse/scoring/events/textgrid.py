"""Praat TextGrid files: text, long or short.

Praat reads free-standing numbers, quoted texts and flags, and takes all else for comment; so does
this, which makes the long and the short form one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from affectfuse.errors import EventsError
from affectfuse.scoring.events.rows import bounded, decoded, one_line
from affectfuse.scoring.events.tiers import Annotation

__all__ = ["read_textgrid"]

_TOKEN = re.compile(
    r'"(?P<text>(?:[^"]|"")*)"'
    r"|![^\n]*"
    r"|(?<!\S)(?P<flag><\w+>)(?!\S)"
    r"|(?<!\S)(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)"
)
_KINDS = {"IntervalTier": "interval", "TextTier": "point"}


def read_textgrid(path: Path) -> tuple[dict[str, list[Annotation]], list[str]]:
    """Return the annotations of a TextGrid by tier; points have no duration. No notes.

    An interval without a text is a gap. Encoded in UTF-8, or in UTF-16 with a byte-order mark.

    Raises:
        EventsError: when it is no such file, is saved as binary, or ends too early.
    """
    raw = bounded(path)
    if raw.startswith(b"ooBinaryFile"):
        raise EventsError(f"{path} is a binary TextGrid: save it as text in Praat.")
    text = decoded(path, raw)
    tokens = _Tokens(path, text)
    if tokens.text() != "ooTextFile" or tokens.text() != "TextGrid":
        raise EventsError(f"{path} is no TextGrid in text format: save it as text in Praat.")
    tokens.number(), tokens.number()
    tiers: dict[str, list[Annotation]] = {}
    for _ in range(tokens.count() if tokens.flag() == "<exists>" else 0):
        kind = tokens.text()
        if kind not in _KINDS:
            tokens.fail(f"has a tier of class {kind[:40]!r}")
        name = one_line(tokens.text())
        annotations = tiers.setdefault(name, [])
        tokens.number(), tokens.number()
        for number in range(1, tokens.count() + 1):
            onset_s = tokens.number()
            offset_s = tokens.number() if kind == "IntervalTier" else onset_s
            content = tokens.text()
            if content.strip():
                place = f"{_KINDS[kind]} {number} of tier '{name}'"
                annotations.append(Annotation(onset_s, offset_s, content, place))
    return tiers, []


class _Tokens:
    """The values of a file in Praat's text format, one after the other."""

    def __init__(self, path: Path, text: str) -> None:
        self._path, self._text, self._at = path, text, 0
        self._values: Iterator[re.Match[str]] = (
            match for match in _TOKEN.finditer(text) if match.lastgroup
        )

    def fail(self, found: str) -> None:
        row = self._text.count("\n", 0, self._at) + 1
        raise EventsError(f"{self._path} (row {row}) {found}: save it again as text in Praat.")

    def text(self) -> str:
        return self._next("text").replace('""', '"')

    def flag(self) -> str:
        return self._next("flag")

    def number(self) -> float:
        return float(self._next("number"))

    def count(self) -> int:
        found = self._next("number")
        if not found.isdigit() or len(found) > 9:
            self.fail(f"has {found} where a count belongs")
        return int(found)

    def _next(self, kind: str) -> str:
        match = next(self._values, None)
        if match is None:
            self._at = len(self._text.rstrip())
            self.fail("ends too early")
            return ""
        self._at = match.start()
        if match.lastgroup != kind:
            self.fail(f"has {match[0][:40]!r} where a {kind} belongs")
        return match[kind]
