"""Scored sessions side by side: in order, never pooled, what differs said, nothing executed."""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from reports.browsing import browser, needs_browser
from reports.scored_folders import HEART, HOSTILE, SKIN, TOTAL, Page, document, put, visits

from affectfuse.cli import main
from affectfuse.errors import ResultError
from affectfuse.reports.comparison import COLUMNS, Comparison, compare_folders, comparison_csv
from affectfuse.reports.comparison_page import COMPARISON_OUTPUTS, render_comparison
from affectfuse.reports.session import SessionResult
from affectfuse.reports.summary import SCHEMA_VERSION
from affectfuse.reports.titles import title
from affectfuse.scoring.base import Contrast

MakeSession = Callable[..., SessionResult]


def test_one_person_over_time(tmp_path: Path) -> None:
    folders = visits(
        tmp_path,
        "2026-03-05T10:00:00+01:00",
        "2026-03-01T23:00:00+00:00",
        "2026-03-02T00:30:00+02:00",
    )
    comparison = compare_folders(folders)
    assert [session.name for session in comparison.sessions] == ["visit 3", "visit 2", "visit 1"]
    assert comparison.of_one_person
    assert comparison.by_time
    assert comparison.warnings() == []
    assert comparison.chance_of_any() == pytest.approx(1 - 0.95**3)
    page = Page(render_comparison(comparison))
    assert "P-07: 3 sessions" in page.text
    assert "in order of time" in page.text
    assert page.text.count("1.25 to 3.75") == 3 + 3, "in the table, and of each mark"
    assert "p 0.030" in page.text
    assert "58% known" in page.text
    assert page.text.index("2026-03-02 00:30+02:00") < page.text.index("2026-03-05 10:00+01:00")


@pytest.mark.parametrize(
    "moments", [(None, "2026-03-01T10:00:00"), ("2026-03-01T10:00:00Z", "2026-02-01T10:00:00")]
)
def test_without_comparable_times_the_order_is_the_one_given(
    tmp_path: Path, moments: tuple[str | None, ...]
) -> None:
    comparison = compare_folders(visits(tmp_path, *moments))
    assert [session.name for session in comparison.sessions] == ["visit 1", "visit 2"]
    assert not comparison.by_time
    (warning,) = comparison.warnings()
    assert "stand as given" in warning


def test_what_cannot_be_compared_is_said(tmp_path: Path) -> None:
    one = document(HEART, SKIN, subject="P-1", provenance={"recording": {"sha256": "aa"}})
    model = {"source": "m.pt", "created": "2026", "trained_on": {}}
    other = document(
        HEART,
        subject=None,
        questions=5,
        mode="live",
        provenance={
            "recording": {"parts": {"v": {"sha256": {"x": "aa"}}}},
            "checkpoint": model,
            "versions": {"affectfuse": "0.2.0"},
            "configuration": {"protocol": {"window_s": 12.0, "new": 1}, "modalities": {"voice": 1}},
        },
    )
    third = document(TOTAL, protocol="oss3", subject="P-2")
    folders = [put(tmp_path / name, said) for name, said in
               (("one", one), ("other", other), ("third", third))]  # fmt: skip
    comparison = compare_folders(folders)
    said = "\n".join(comparison.warnings())
    for words in (
        "Protocols differ: baseline_shift (one, other); oss3 (third).",
        "Numbers of questions differ: 3 (one, third); 5 (other).",
        "Models differ: none (one, third); m.pt, 2026 (other).",
        "Versions of affectfuse differ: 0.1.0 (one, third); 0.2.0 (other).",
        "They were read differently: offline causal (one, third); live (other).",
        "'window_s' of baseline_shift differs: 15.0 (one); 12.0 (other).",
        "'new' of baseline_shift differs: nothing (one); 1 (other).",
        "How voice was measured differs: nothing (one, third); 1 (other).",
        "Without eda_rise (baseline_shift): other.",
        "Not said who was recorded: other.",
        "one was made from the same recording as other.",
    ):
        assert words in said
    assert "of_oss3" not in said
    page = Page(render_comparison(comparison)).text
    for warning in comparison.warnings():
        assert warning in page
    assert page.index("Contrasts: Baseline shift") < page.index(f"Contrasts: {title('oss3')}")
    assert "Without it: other." in page


def test_contrasts_of_other_protocols_or_units_are_never_in_one_column(tmp_path: Path) -> None:
    percent = Contrast("heart_rate_bpm", "after", 2.5, "%")
    folders = [
        put(tmp_path / "a", document(HEART)),
        put(tmp_path / "b", document(percent)),
        put(tmp_path / "c", document(HEART, TOTAL, protocol="oss3")),
    ]
    comparison = compare_folders(folders)
    assert len(comparison.columns("baseline_shift")) == 2
    first, second = comparison.columns("oss3")
    assert first.is_total
    assert not second.is_total
    (only,) = [c for c in comparison.columns("baseline_shift") if c.unit == "bpm"]
    found = [comparison.contrast(session, only) is not None for session in comparison.sessions]
    assert found == [True, False, False]


def test_the_table_holds_every_figure(tmp_path: Path) -> None:
    unknown = Contrast("eda_rise", "after", math.nan, "uS", note="=2 pairs")
    folders = [
        put(tmp_path / "a", document(HEART, TOTAL, subject="=1+1")),
        put(tmp_path / "b", document(unknown)),
    ]
    rows = list(csv.DictReader(comparison_csv(compare_folders(folders)).splitlines()))
    assert list(rows[0]) == list(COLUMNS)
    assert [row["session"] for row in rows] == ["a", "a", "b"]
    heart, total, skin = rows
    assert (heart["value"], heart["low"], heart["high"]) == ("2.5", "1.25", "3.75")
    assert (heart["p_value"], heart["p_adjusted"], heart["pairs"]) == ("0.01", "0.03", "9")
    assert float(heart["coverage"]) == pytest.approx((0.25 + 0.75 + 0.75) / 3)
    assert float(heart["known"]) == pytest.approx(1 / 3)
    assert float(heart["disturbed"]) == pytest.approx(1 / 3)
    assert heart["subject"] == "'=1+1"
    assert (total["coverage"], total["p_adjusted"]) == ("NaN", "NaN")
    assert (skin["value"], skin["note"]) == ("NaN", "'=2 pairs")


def test_nothing_from_a_folder_becomes_markup(tmp_path: Path) -> None:
    bad = Contrast(HOSTILE, HOSTILE, 1.0, HOSTILE, 0.5, 1.5, note=HOSTILE)
    said = document(
        bad, bad, subject=HOSTILE, protocol=HOSTILE, label=HOSTILE, mode=HOSTILE,
        warnings=[HOSTILE],
        provenance={"versions": {"affectfuse": HOSTILE}, "created": HOSTILE,
                    "configuration": {"protocol": {HOSTILE: HOSTILE}, "modalities": {HOSTILE: 1}},
                    "checkpoint": {"source": HOSTILE}},
    )  # fmt: skip
    names = ["<b>one", "two' onclick='x"]
    folders = [put(tmp_path / name, said) for name in names]
    other = put(tmp_path / "three", document(HEART))
    html = render_comparison(compare_folders([*folders, other, tmp_path / "<i>none"]))
    page = Page(html)
    assert not {"script", "img", "b", "i"} & set(page.tags)
    assert all(link and link.startswith("#") for link in page.linked)
    assert page.text.count("onerror=alert(1)") > 10
    assert "script-src &#39;none&#39;" in html
    assert "http" not in html.replace("http-equiv", "")


def test_a_folder_given_twice_counts_once_and_equal_names_are_told_apart(tmp_path: Path) -> None:
    one = put(tmp_path / "a" / "out", document(HEART))
    other = put(tmp_path / "b" / "out", document(HEART))
    comparison = compare_folders([one, other, tmp_path / "a" / ".." / "a" / "out"])
    assert [session.name for session in comparison.sessions] == [str(one), str(other)]
    assert "given twice" in comparison.left_out[0]
    with pytest.raises(ResultError, match="given twice"):
        compare_folders([one, one])
    with pytest.raises(ResultError, match="give two folders or more"):
        compare_folders([one])


def test_a_session_without_an_adjusted_p_adds_no_chance(tmp_path: Path) -> None:
    assert math.isfinite(TOTAL.p_value)
    folders = [put(tmp_path / name, document(TOTAL)) for name in ("c", "d")]
    assert compare_folders(folders).chance_of_any() == 0.0
    assert "with a chance" not in render_comparison(compare_folders(folders))
    untested = Contrast("heart_rate_bpm", "after", math.nan, "bpm", note="2 events")
    folders = [put(tmp_path / "a", document(HEART)), put(tmp_path / "b", document(untested))]
    assert compare_folders(folders).chance_of_any() == pytest.approx(0.05)
    assert Comparison([], by_time=True).chance_of_any() == 0.0


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*arguments: Path | str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["affectfuse", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    folders = visits(tmp_path / "in", "2026-03-01T10:00:00", "2026-03-02T10:00:00")
    out = tmp_path / "out"
    code, printed, err = run("compare", *folders, tmp_path / "none", "--out", out)
    assert code == 0
    assert "2 sessions compared, 1 left out" in printed
    assert err.startswith("left out: ")
    assert "none holds no session.json" in err
    assert {path.name for path in out.iterdir()} == set(COMPARISON_OUTPUTS)
    described = json.loads((out / "comparison.json").read_text())
    header = (out / "comparison.csv").read_text().splitlines()[0].split(",")
    assert list(described) == header
    code, _, err = run("compare", folders[0], tmp_path / "none", "--out", tmp_path / "o")
    assert (code, err.count("\n")) == (2, 1)
    assert not (tmp_path / "o").exists()
    code, printed, _ = run("schema")
    assert code == 0
    assert json.loads(printed)["properties"]["schema_version"] == {"const": SCHEMA_VERSION}


@needs_browser
def test_the_page_in_a_browser(tmp_path: Path) -> None:
    long = Contrast("a_channel_with_a_name_of_many_words", "after", 2.5, "uS", 1.0, 3.0, note="why")
    folders = visits(tmp_path / "in", "2026-03-01T10:00:00", "2026-03-02T10:00:00")
    folders.append(put(tmp_path / ("name" * 20), document(HEART, SKIN, long, TOTAL)))
    page = tmp_path / "page.html"
    page.write_text(render_comparison(compare_folders(folders)), "utf-8")
    with browser(tmp_path / "profile") as found:
        found.open(page)
        assert found.run("document.querySelectorAll('.forest .mark').length") == 8
        for width in (360, 1080):
            found.run(f"document.documentElement.style.width = '{width}px'")
            reach = "Math.max(...[...document.querySelectorAll('section > *')].map(" \
                "e => e.getBoundingClientRect().right))"  # fmt: skip
            assert found.run(reach) <= width
        assert found.console == []
