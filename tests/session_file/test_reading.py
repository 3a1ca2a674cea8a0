"""A session file: what it must say, and one clear line where it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from session_file.sessions import CONSENT, table, write

from affectfuse.errors import AffectFuseError, ConfigError
from affectfuse.session_file import read_session


def test_what_a_file_says(tmp_path: Path) -> None:
    table(tmp_path / "temperature.csv")
    (tmp_path / "events.tsv").write_text("onset\tduration\ttrial_type\n60\t3\tA\n")
    (tmp_path / "wrist").mkdir()
    path = tmp_path / "session.yaml"
    path.write_text(
        "subject: 007\n"
        'purpose: "a ${purpose}\\x1b\\twith [signs]"\n'
        "consent: {given: yes, record: form 12}\n"
        "start: 2026-03-01T10:30:00+00:00\n"
        "marks: [10, 20.5]\n"
        "reference: face\n"
        "recordings:\n"
        "  face: wrist\n"
        "  temperature: {path: temperature.csv, sources: {temperature: value}, marks: [1, 2]}\n"
        "  wrist: {path: wrist, start: recorded}\n"
        "events: {path: events.tsv, clock: wrist, kinds: {R: relevant}, tiers: Q}\n"
        "checkpoint: models/one.pt\n"
        "protocol: mine.yaml\n"
    )
    session = read_session(path)
    assert session.declaration.subject == "007"
    assert session.declaration.purpose == "a ${purpose} with [signs]"
    assert session.start == datetime(2026, 3, 1, 10, 30, tzinfo=UTC)
    assert session.marks_s == (10.0, 20.5)
    face, temperature, wrist = session.recordings
    assert (face.path, face.source) == (tmp_path / "wrist", tmp_path / "wrist")
    assert temperature.marks_s == (1.0, 2.0)
    assert wrist.start == "recorded"
    assert session.events is not None
    assert session.events.path == tmp_path / "events.tsv"
    assert (session.events.clock, session.events.layout.kinds) == ("wrist", {"R": "relevant"})
    assert session.events.layout.tiers == ["Q"]
    assert session.checkpoint == str(tmp_path / "models/one.pt")
    assert session.recipe == {"protocol": str(tmp_path / "mine.yaml")}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"purpose": None}, "no purpose is declared: write .*consent: {given: true"),
        ({"purpose": "  "}, "no purpose is declared"),
        ({"purpose": ["a"]}, "'purpose' is .*give a text"),
        ({"consent": None}, "no consent is declared: write .*consent: {given: true"),
        ({"consent": True}, "'consent' is 'True': write"),
        ({"consent": {"given": False, "record": "form 12"}}, "consent was not given"),
        ({"consent": {"record": "form 12"}}, "does not say 'given: true': write"),
        ({"consent": {"given": "true", "record": "form"}}, "does not say 'given: true'"),
        ({"consent": {"given": True}}, "names no record of it: write"),
        ({"consent": {**CONSENT, "recrod": "x"}}, "consent says 'recrod'. Did you mean 'record'"),
        ({"purpos": "x"}, "the session says 'purpos'. Did you mean 'purpose'"),
        ({"recordings": None}, "'recordings' names none"),
        ({"recordings": ["a.mp4"]}, "'recordings' names none"),
        ({"recordings": {"a b\x1b[0m": "temperature.csv"}}, r"called 'a b\\x1b\[0m'; give it"),
        ({"recordings": {"a": {"offset_s": 1}}}, "recording 'a' has no path"),
        ({"recordings": {"a": "none.mp4"}}, "recording 'a' names '.*none.mp4', which does not"),
        ({"events": "none.tsv"}, "events names '.*none.tsv', which does not exist"),
        ({"reference": "b"}, "reference is 'b'"),
        ({"start": "noon"}, "'start' is 'noon'; give a time of day"),
        ({"start": "2026-03-01"}, "'start' is '2026-03-01'; give a time of day"),
        ({"modalities": 7.5}, "'modalities' is '7.5'; give a name"),
        ({"modalities": {"pulse": [1]}}, r"'modalities: pulse' is '\[1\]'; give a name"),
        ({"protocol": ["oss3"]}, "'protocol' is .*oss3.*; give a name"),
        ({"recordings": {"a": "a" * 1000}}, "which does not exist"),
        ({"purpose": "a" * 5000}, "'purpose' is longer than 2000 characters"),
        ({"marks": [10**400]}, "'marks' is 1000.*; give a number"),
        ({"marks": [5, 3]}, "'marks' is .* in order"),
        ({"marks": ["soon"]}, "'marks' is 'soon'; give a number"),
        ({"checkpoint": 1.5}, "'checkpoint' is 1.5; give a text"),
    ],
)
def test_what_is_refused(tmp_path: Path, said: dict[str, Any], message: str) -> None:
    table(tmp_path / "temperature.csv")
    path = write(tmp_path, **said)
    with pytest.raises(ConfigError, match=message) as told:
        read_session(path)
    assert str(told.value).startswith(f"{path}: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"offset": 3}, "recording 'a' says 'offset'. Did you mean 'offset_s'"),
        ({"offset_s": "3,5"}, "'recording 'a': offset_s' is '3,5'; give a number"),
        ({"offset_s": 1, "start": "10:00:00"}, "says offset_s and start: one of them"),
        ({"marks": [1, 2]}, "has marks and nothing to hold them against"),
        ({"kind": "vidoe"}, "is of kind 'vidoe'"),
        ({"kind": "recording", "time": "t"}, "says 'time'"),
        ({"sources": {"eda": "valeu"}}, "no column 'valeu'. Did you mean 'value'"),
        ({"sampling_rate_hz": "4 Hz"}, "sampling_rate_hz' is '4 Hz'; give a number"),
    ],
)
def test_recordings_that_are_refused(tmp_path: Path, said: dict[str, Any], message: str) -> None:
    table(tmp_path / "a.csv")
    path = write(tmp_path, recordings={"a": {"path": "a.csv", **said}})
    with pytest.raises(AffectFuseError, match=message):
        read_session(path)


def test_a_reference_is_not_shifted_and_starts_are_alike(tmp_path: Path) -> None:
    table(tmp_path / "a.csv")
    path = write(tmp_path, reference="a", recordings={"a": {"path": "a.csv", "offset_s": 1}})
    with pytest.raises(ConfigError, match="'a' is the reference"):
        read_session(path)
    recordings = {"a": {"path": "a.csv", "start": "10:00:00"}}
    path = write(tmp_path, start="2026-03-01T10:00:00", recordings=recordings)
    with pytest.raises(ConfigError, match="some starts have a date and some have none"):
        read_session(path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("purpose: a\npurpose: b\n", "the key 'purpose' stands there twice"),
        ("- a\n- b\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("purpose: [a\n", "is not a readable YAML file"),
        ("purpose: !!python/object/apply:os.getcwd []\n", "is not a readable YAML file"),
    ],
)
def test_files_that_are_no_session(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "session.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as told:
        read_session(path)
    assert "\n" not in str(told.value)
    with pytest.raises(ConfigError, match="does not exist"):
        read_session(tmp_path / "none.yaml")


def test_clock_times_are_not_numbers(tmp_path: Path) -> None:
    """YAML 1.1 reads 10:30 as 630: a start would be minutes off."""
    table(tmp_path / "temperature.csv")
    path = write(tmp_path)
    path.write_text(path.read_text() + "start: 10:30\n")
    start = read_session(path).start
    assert start is not None
    assert (start.hour, start.minute) == (10, 30)
