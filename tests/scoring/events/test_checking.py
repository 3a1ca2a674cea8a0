"""What is said of wrong events, by row; each fault alone in a session that is otherwise right."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from affectfuse.config import build, load_node, names
from affectfuse.errors import EventsError
from affectfuse.scoring.base import ScoringProtocol
from affectfuse.scoring.events import (
    EVENT_NEEDS,
    EventTable,
    Layout,
    check_events,
    event_notes,
    load_events,
    read_events,
)

HEADER = "onset,duration,kind,question,series,presentation,answer\n"
ASKED = [("comparison", "c1"), ("relevant", "r1"), ("comparison", "c2"), ("relevant", "r2")]


def rows() -> list[list[str]]:
    """Three presentations of two relevant and two comparison questions, one every 30 s."""
    found = []
    for presentation in (1, 2, 3):
        for kind, label in ASKED:
            onset = 10 + 30 * len(found)
            answer = str(onset + 4)
            found.append([str(onset), "3.5", kind, label, "A", str(presentation), answer])
    return found


def table(folder: Path, lines: list[list[str]], layout: Layout | None = None) -> EventTable:
    path = folder / "events.csv"
    path.write_text(HEADER + "".join(",".join(line) + "\n" for line in lines))
    return load_events(path, layout)


def said(
    checked: EventTable, protocol: str | None = "comparison_question", duration_s: float = math.nan
) -> list[str]:
    needs = EVENT_NEEDS[protocol] if protocol else None
    found = check_events(checked, duration_s, needs)
    return [f"{issue.severity}: {issue}" for issue in found]


@pytest.mark.parametrize("protocol", [None, *EVENT_NEEDS])
def test_a_right_session_has_no_issues(tmp_path: Path, protocol: str | None) -> None:
    lines = rows()
    if protocol == "concealed_information":
        kinds = {"r1": "probe", "r2": "irrelevant", "c1": "irrelevant", "c2": "irrelevant"}
        for line in lines:
            line[2] = kinds[line[3]]
        lines = lines + [
            [
                str(float(line[0]) + 360),
                *line[1:5],
                str(int(line[5]) + 3),
                str(float(line[6]) + 360),
            ]
            for line in lines
        ]
    checked = table(tmp_path, lines)
    assert said(checked, protocol, 800.0) == []
    assert checked.notes == ()


@pytest.mark.parametrize(
    ("row", "column", "cell", "wanted"),
    [
        (2, 1, "-1", "error: row 4 has a negative duration of -1 s"),
        (2, 0, "1m", "error: row 4 has onset '1m', which is not a number of seconds"),
        (2, 2, "comparson", "error: row 4 has the unknown kind 'comparson'. Did you mean 'compar"),
        (2, 3, "", "error: row 4 has no label"),
        (2, 5, "0", "error: row 4 has presentation '0', which is no whole number from 1"),
        (2, 5, "", "error: row 4 has no presentation, while other rows have one"),
        (2, 6, "yes", "error: row 4 has answer 'yes', which is not a number of seconds"),
        (2, 6, "69", "error: row 4 is answered at 69 s, before its onset"),
        (2, 6, "100", "warning: row 4 is answered at 100 s, after the next question began"),
        (2, 6, "", "warning: row 4 has no answer ('c2')"),
        (2, 5, "3", "error: row 12 asks 'c2' again in presentation 3 of series 'A', as row 4 does"),
        (2, 1, "31", "error: row 5 overlaps row 4 ('c2')"),
        (2, 2, "relevant", "error: row 8 asks 'c2' as comparison, row 4 as relevant"),
        (
            1,
            5,
            "9",
            "error: row 3 is a relevant question ('r1') without a comparison question in p",
        ),
        (11, 1, "100", "warning: row 13 reaches beyond the recording, which lasts from 0 to 400 s"),
        (11, 0, "500", "error: row 13 lies outside the recording: onset 500 s, recording 0 to 400"),
        (0, 0, "-50", "error: row 2 lies outside the recording: onset -50 s"),
    ],
)
def test_each_fault_is_told_by_its_row(
    tmp_path: Path, row: int, column: int, cell: str, wanted: str
) -> None:
    lines = rows()
    lines[row][column] = cell
    if (row, column, cell) == (0, 0, "-50"):
        lines[row][6] = "-46"
    found = said(table(tmp_path, lines), duration_s=400.0)
    assert any(line.startswith(wanted) for line in found), found


def test_a_row_that_runs_backwards(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("onset,end,label\n5,7,a\n9,8.5,b\n")
    assert said(load_events(path), None) == [
        "error: row 3 runs backwards: it ends at 8.5 s, before its onset 9 s"
    ]
    path.write_text("onset,duration,end,label\n5,2,7.001,a\n9,3,13,b\n")
    assert said(load_events(path), None) == [
        "error: row 3 ends at 13 s, which is not its onset 9 s and duration 3 s"
    ]


def test_duplicate_rows(tmp_path: Path) -> None:
    lines = rows()
    found = said(table(tmp_path, [*lines, lines[4]]))
    assert "error: row 14 repeats row 6 ('c1' at 130 s)" in found
    assert sum("repeats" in line for line in found) == 1


def test_unequal_and_too_few_presentations(tmp_path: Path) -> None:
    found = said(table(tmp_path, rows()[:-1]))
    assert found == [
        "warning: 5 presentation(s) of relevant questions: there is no interval below 6",
        "warning: row 5 asks 'r2' 2 times in all, others 3 times",
    ]
    few = [line for line in rows() if line[3] not in ("r2", "c1")]
    assert said(table(tmp_path, few)) == [
        "error: 1 different relevant question(s), at least 2 needed",
        "error: 1 different comparison question(s), at least 2 needed",
        "warning: 3 presentation(s) of relevant questions: there is no interval below 6",
    ]
    assert said(table(tmp_path, rows()[:8])) == [
        "error: 2 presentation(s) hold what is needed of both kinds, at least 3 needed",
        "warning: 4 presentation(s) of relevant questions: there is no interval below 6",
    ]


def test_too_few_irrelevant_items_in_a_presentation(tmp_path: Path) -> None:
    lines = rows()
    for line in lines:
        line[2] = "probe" if line[3] == "r1" else "irrelevant"
    del lines[0]
    assert said(table(tmp_path, lines), "concealed_information") == [
        "error: 2 presentation(s) hold what is needed of both kinds, at least 3 needed",
        "warning: 3 presentation(s) of probe questions: there is no interval below 6",
        "error: row 2 is held against 2 irrelevant question(s) in presentation 1, at least 3 "
        "needed",
        "warning: row 5 asks 'c1' 2 times in all, others 3 times",
    ]


FLOORS = {
    "first": "scored",
    "second": "against",
    "min_relevant": "min_scored",
    "min_comparison": "min_against",
    "min_irrelevant": "min_against_each",
    "min_presentations": "min_presentations",
}


@pytest.mark.parametrize("name", sorted(set(names("protocol")) & set(EVENT_NEEDS)))
def test_needs_are_the_floors_of_the_protocol(name: str) -> None:
    protocol = build(load_node("protocol", name), ScoringProtocol)  # type: ignore[type-abstract]
    for floor, need in FLOORS.items():
        if hasattr(protocol, floor):
            assert getattr(protocol, floor) == getattr(EVENT_NEEDS[name], need), floor


def test_kinds_and_answers_that_are_missing_altogether(tmp_path: Path) -> None:
    lines = rows()
    for line in lines:
        line[6] = ""
    assert said(table(tmp_path, lines)) == [
        "warning: no answer has a time: questions' ends stand for them"
    ]
    found = said(table(tmp_path, lines, Layout(columns={"kind": ""})))
    assert len(found) == 1
    assert found[0].startswith("error: no question is of the kind 'relevant', which the protocol")


def test_without_a_protocol_comparisons_are_only_pointed_out(tmp_path: Path) -> None:
    lines = rows()
    lines[1][5] = "9"
    assert said(table(tmp_path, lines), None)[0].startswith("warning: row 3 is a relevant question")
    assert said(table(tmp_path, lines), "baseline_shift") == []


def test_two_clocks_that_disagree_by_an_hour(tmp_path: Path) -> None:
    lines = rows()
    for line in lines:
        line[0], line[6] = str(float(line[0]) + 3600), str(float(line[6]) + 3600)
    assert said(table(tmp_path, lines), duration_s=400.0) == [
        "error: all 12 events lie outside the recording: they last from 3610 to 3943.5 s, it from "
        "0 to 400 s: their clocks differ"
    ]


def test_presentations_are_numbered_by_order_and_said_so(tmp_path: Path) -> None:
    lines = [[*line[:4], series, "", ""] for line in rows() for series in ("A", "B")]
    for number, line in enumerate(lines):
        line[0] = str(10 * number)
    checked = table(tmp_path, lines)
    order = [(q.series, q.label, q.presentation) for q in checked.questions]
    assert order == [
        (series, label, presentation)
        for presentation in (1, 2, 3)
        for _, label in ASKED
        for series in ("A", "B")
    ]
    assert checked.notes == (
        "presentations are numbered by order: the first time that a question is asked in a series "
        "is its presentation 1",
    )


def test_answers_in_words_are_passed_over_and_said_so(tmp_path: Path) -> None:
    lines = rows()
    for line in lines:
        line[6] = "no"
    checked = table(tmp_path, lines)
    assert checked.issues == ()
    assert "answers are words" in checked.notes[0]
    checked = table(tmp_path, lines, Layout(columns={"answer": "answer"}))
    assert len(checked.issues) == 12


def test_what_may_not_be_scored_may_not_be_read(tmp_path: Path) -> None:
    lines = rows()
    checked = table(tmp_path, [*lines, *lines])
    with pytest.raises(EventsError, match=r"row 14 repeats row 2 .*; and 9 more\. Correct"):
        read_events(checked.path)


def test_a_long_event_overlaps_all_that_begin_within_it(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("onset,duration,label\n0,100,long\n10,5,a\n20,5,b\n100,5,c\n")
    questions = read_events(path)
    assert event_notes(questions) == (
        "events 'long' and 'a' overlap",
        "events 'long' and 'b' overlap",
    )
    assert said(load_events(path), None) == [
        "warning: row 3 overlaps row 2 ('long')",
        "warning: row 4 overlaps row 2 ('long')",
    ]


def test_a_file_without_rows_has_nothing_to_score(tmp_path: Path) -> None:
    assert said(table(tmp_path, []), None) == ["warning: no events: nothing to score"]
