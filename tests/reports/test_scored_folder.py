"""A scored folder is read back as it was written; one that is not whole is left out by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from reports.scored_folders import HEART, Page, document, put, visits

from affectfuse.errors import ResultError
from affectfuse.reports.comparison import compare_folders
from affectfuse.reports.comparison_page import render_comparison
from affectfuse.reports.scored_folder import read_scored
from affectfuse.reports.session import SessionResult
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import SCHEMA_VERSION, session_summary
from affectfuse.scoring.base import Contrast

MakeSession = Callable[..., SessionResult]


def test_a_session_is_read_back_as_it_was_scored(tmp_path: Path, make_session: MakeSession) -> None:
    result = make_session(seconds=120)
    assert result.score is not None
    said = json.loads(strict_json(session_summary(result)))
    found = read_scored(put(tmp_path / "it", said))
    assert (found.name, found.protocol, found.questions) == ("it", "baseline_shift", 6)
    assert found.version == "0.1.0"
    assert found.warnings
    for mine, there in zip(result.score.contrasts, found.contrasts, strict=True):
        assert strict_json(vars_of(mine)) == strict_json(vars_of(there))


def vars_of(contrast: Contrast) -> dict[str, Any]:
    return {name: getattr(contrast, name) for name in contrast.__dataclass_fields__}


def not_json(folder: Path) -> None:
    (folder / "session.json").write_text('{"schema_version": ')


def deep(folder: Path) -> None:
    (folder / "session.json").write_text("[" * 100_000)


def bytes_of_another_sort(folder: Path) -> None:
    (folder / "session.json").write_bytes(b"\xff\xfe\x00")


def a_list(folder: Path) -> None:
    (folder / "session.json").write_text("[1]")


def another_version(folder: Path) -> None:
    (folder / "session.json").write_text(json.dumps(document(HEART) | {"schema_version": "9.0"}))


def no_score(folder: Path) -> None:
    (folder / "session.json").write_text(json.dumps(document(HEART) | {"score": None}))


def half(folder: Path) -> None:
    said = document(HEART)
    del said["score"]["contrasts"][0]["pairs"]
    (folder / "session.json").write_text(json.dumps(said))


def text_for_a_number(folder: Path) -> None:
    said = document(HEART)
    said["score"]["contrasts"][0]["value"] = "2.5"
    (folder / "session.json").write_text(json.dumps(said))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "holds no session.json"),
        (not_json, "cannot be read as JSON"),
        (deep, "cannot be read as JSON"),
        (bytes_of_another_sort, "cannot be read as JSON"),
        (a_list, "schema version 'None'"),
        (another_version, f"'9.0', this affectfuse compares '{SCHEMA_VERSION}'"),
        (no_score, "no questions were marked"),
        (half, "not as its schema says"),
        (text_for_a_number, "no number"),
    ],
)
def test_a_folder_that_cannot_be_read_is_left_out_by_name(
    tmp_path: Path, make: Callable[[Path], None], words: str
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    make(bad)
    with pytest.raises(ResultError, match="bad") as caught:
        read_scored(bad)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    good = visits(tmp_path / "good", "2026-03-01T10:00:00", "2026-03-02T10:00:00")
    comparison = compare_folders([good[0], bad, good[1]])
    assert len(comparison.sessions) == 2
    assert comparison.left_out == [str(caught.value)]
    assert words in Page(render_comparison(comparison)).text
    with pytest.raises(ResultError, match=r"^1 of 2 sessions can be compared: .*bad"):
        compare_folders([bad, good[0]])
