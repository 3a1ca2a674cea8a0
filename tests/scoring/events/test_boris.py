"""BORIS's aggregated events, in the two headers that its versions write."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from affectfuse.errors import EventsError
from affectfuse.scoring.events import Layout, load_events, read_events

OLD = (
    "Observation id,Observation date,Description,Media file,Total length,FPS,Subject,Behavior,"
    "Behavioral category,Modifiers,Behavior type,Start (s),Stop (s),Duration (s),Comment start,"
    "Comment stop\n"
)
NEW = (
    "Observation id,Observation date,Description,Observation duration,Observation type,Source,"
    "Time offset (s),Media duration (s),FPS (frame/s),Subject,Observation duration by subject,"
    "Behavior,Behavioral category,Modifier #1,Behavior type,Start (s),Stop (s),Duration (s),"
    "Media file name,Image index start,Image index stop,Comment start,Comment stop\n"
)


def line(header: str, **cells: str) -> str:
    known = {"Observation id": "session 1", "Subject": "No focal subject", "FPS": "25.0"} | cells
    return ",".join(known.get(name, "") for name in header.strip().split(",")) + "\n"


def asked(header: str, label: str, category: str, start: str, stop: str, **more: str) -> str:
    length = "NA" if start == stop else f"{float(stop) - float(start):.3f}"
    times = {"Start (s)": start, "Stop (s)": stop, "Duration (s)": length}
    return line(header, Behavior=label, **{"Behavioral category": category}, **times, **more)


@pytest.mark.parametrize("header", [OLD, NEW], ids=["old", "new"])
@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_aggregated_events(tmp_path: Path, header: str, ending: str) -> None:
    text = header
    text += asked(header, "Was it you?", "relevant", "30.250", "33.100")
    text += asked(header, "Have you ever?", "comparison", "10.000", "12.500")
    text += asked(header, "cough", "", "11.000", "11.000")
    path = tmp_path / f"events{ending}"
    path.write_text(text.replace(",", "\t") if ending == ".tsv" else text)
    read = [(q.onset_s, q.offset_s, q.label, q.kind) for q in read_events(path)]
    assert read == [
        (10.0, 12.5, "Have you ever?", "comparison"),
        (11.0, 11.0, "cough", ""),
        (30.25, 33.1, "Was it you?", "relevant"),
    ]
    assert all(math.isnan(q.answer_s) for q in read_events(path))


def test_kinds_in_a_modifier(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(NEW + asked(NEW, "q1", "speech", "1.0", "2.0", **{"Modifier #1": "R"}))
    with pytest.raises(EventsError, match="row 2 has the unknown kind 'speech'"):
        read_events(path)
    assert read_events(path, layout=Layout(columns={"kind": ""}))[0].kind == ""
    layout = Layout(columns={"kind": "Modifier #1"}, kinds={"R": "relevant"})
    assert read_events(path, layout=layout)[0].kind == "relevant"


def test_other_exports_of_boris_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    second = asked(OLD, "q", "", "1.0", "2.0").replace("session 1", "session 2")
    path.write_text(OLD + asked(OLD, "q", "", "1.0", "2.0") + second)
    with pytest.raises(EventsError, match=r"2 observations \(session 1, session 2"):
        load_events(path)
    path.write_text("Observation id,Subject,Behavior,Behavior type,Time\ns,x,q,START,1.0\n")
    with pytest.raises(EventsError, match="export 'aggregated events'"):
        load_events(path)
