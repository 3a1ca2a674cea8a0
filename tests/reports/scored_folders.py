"""Folders of scored sessions, made up, and what a page of them holds."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from affectfuse.reports.session import SessionResult
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import session_summary
from affectfuse.scoring.base import Contrast, Question, QuestionScore, SessionScore

HOSTILE = "<script>document.title='taken'</script><img src=x onerror=alert(1)>"
HEART = Contrast("heart_rate_bpm", "after", 2.5, "bpm", 1.25, 3.75, 0.95, 0.01, 0.03, 9)
SKIN = Contrast("eda_rise", "after", -0.125, "uS", p_value=0.5, p_adjusted=0.7, pairs=8)
TOTAL = Contrast("all", "total", -4.0, "1", -9.0, 1.0, 0.95, 0.125, pairs=12)


def document(
    *contrasts: Contrast,
    protocol: str = "baseline_shift",
    provenance: Mapping[str, Any] | None = None,
    questions: int = 3,
    label: str = "A",
    **said: Any,
) -> dict[str, Any]:
    """What session.json says of a session that was scored."""
    events = [Question(10.0 * i, 10.0 * i + 3, f"{label} {i}") for i in range(questions)]
    rows = tuple(
        QuestionScore(
            event.label, event.onset_s, contrast.channel, math.nan if i else 1.0, contrast.unit,
            0.5 * (i > 0) + 0.25, "", artefact="answer" if i == 1 else "",
        )
        for i, event in enumerate(events)
        for contrast in contrasts
        if contrast.channel != "all"
    )  # fmt: skip
    result = SessionResult(
        "a.mp4",
        60.0,
        "offline causal",
        {},
        events=events,
        score=SessionScore(protocol, rows, {}, (), contrasts),
        provenance={
            "session_start": None,
            "recording": {"source": "a.mp4", "kind": "file"},
            "checkpoint": None,
            "configuration": {"protocol": {"window_s": 15.0}, "modalities": {}},
            "versions": {"affectfuse": "0.1.0"},
            "created": "2026-03-05T12:00:00+00:00",
            **(provenance or {}),
        },
    )
    return json.loads(strict_json(session_summary(result))) | said


def put(folder: Path, said: Any) -> Path:
    folder.mkdir(parents=True)
    (folder / "session.json").write_text(json.dumps(said), "utf-8")
    return folder


def visits(folder: Path, *moments: str | None, **said: Any) -> list[Path]:
    return [
        put(
            folder / f"visit {number}",
            document(
                HEART,
                SKIN,
                subject="P-07",
                provenance={
                    "session_start": moment,
                    "recording": {"source": "v", "sha256": f"{number}"},
                },
                **said,
            ),
        )
        for number, moment in enumerate(moments, start=1)
    ]


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.linked: list[str | None] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.linked += [value for key, value in attributes if key in ("src", "href")]
        assert not any(key.startswith("on") for key, _ in attributes)

    def handle_data(self, data: str) -> None:
        self.text += data
