"""A session page as it is read out: the score by question and channel, elements, text."""

from __future__ import annotations

from dataclasses import dataclass
from html.parser import HTMLParser

__all__ = ["MINUS", "Cell", "Page", "number"]

MINUS = "\N{MINUS SIGN}"


@dataclass
class Cell:
    """What a cell of the score says to a reader who sees no marks: text, without its symbols."""

    text: str = ""

    @property
    def value(self) -> float:
        return number(self.text.split()[0])

    @property
    def decimals(self) -> int:
        return len(self.text.split()[0].partition(".")[2])


def number(text: str) -> float:
    return float(text.replace(MINUS, "-"))


class Page(HTMLParser):
    """A page's score by question and channel, its elements, and its text as it is read out."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.cells: dict[tuple[int, str], Cell] = {}
        self.questions: dict[int, str] = {}
        self.text = ""
        self._open: list[tuple[str, bool]] = []
        self._row, self._cell = 0, ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.elements.append((tag, found))
        self.text += " "
        if tag in {"meta", "img", "line", "path", "br", "link"}:
            return
        hidden = found.get("aria-hidden") == "true" or tag in {"script", "style"}
        self._open.append((tag, hidden))
        if "data-question" in found:
            self._row = int(found["data-question"] or 0)
        if "data-channel" in found:
            self._cell = found["data-channel"] or ""
            self.cells[self._row, self._cell] = Cell()

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass
        if tag == "td":
            self._cell = ""
        if tag == "tr":
            self._row = 0

    def handle_data(self, data: str) -> None:
        if any(hidden for _, hidden in self._open):
            return
        self.text += data
        if self._cell:
            cell = self.cells[self._row, self._cell]
            cell.text = " ".join(f"{cell.text} {data}".split())
        elif self._row:
            whole = f"{self.questions.get(self._row, '')} {data}"
            self.questions[self._row] = " ".join(whole.split())

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]
