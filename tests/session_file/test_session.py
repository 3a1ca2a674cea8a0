"""Sessions opened and scored: recordings on one clock, consent, what users wrote escaped."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from datasets.empatica import START_UNIX_S, write_empatica
from session_file.sessions import SKIN, score, step, table, write

from affectfuse.config import load_recipe
from affectfuse.containers import Array, SignalBlock
from affectfuse.errors import AffectFuseError, ConfigError, EventsError, RecordingError
from affectfuse.pipeline import score_recording
from affectfuse.reports.session import Declaration
from affectfuse.reports.writing import write_session
from affectfuse.scoring.base import Question
from affectfuse.session_file import read_session


def readings(path: Path, source: str) -> tuple[Array, Array]:
    """Times and first values of a source on the session's clock."""
    with read_session(path).open() as recording:
        blocks = [
            seen
            for seen in recording.observations()
            if isinstance(seen, SignalBlock) and seen.source == source
        ]
    times_s = np.concatenate([block.times_s for block in blocks])
    return times_s, np.concatenate([block.values[:, 0] for block in blocks])


def jump_s(path: Path, source: str = "late") -> float:
    times_s, values = readings(path, source)
    return float(times_s[np.argmax(values > 33.5)])


@pytest.mark.parametrize(
    "said",
    [
        {"late": {"offset_s": -400.0}},
        {"late": {"start": "2026-03-01T09:53:20"}, "start": "2026-03-01T10:00:00"},
        {"late": {"start": "09:53:20"}, "start": "10:00:00"},
        {"late": {"marks": [405.0]}, "marks": [5.0]},
        {"late": {"marks": [405.0]}, "reference": "first", "first": {"marks": [5.0]}},
    ],
    ids=["offset", "start", "time of day", "marks", "reference"],
)
def test_a_device_is_put_on_the_session_s_clock(tmp_path: Path, said: dict[str, Any]) -> None:
    table(tmp_path / "first.csv")
    table(tmp_path / "late.csv", begin_s=400.0)
    recordings = {
        "first": {"path": "first.csv", **said.pop("first", {})},
        "late": {"path": "late.csv", **said.pop("late")},
    }
    path = write(tmp_path, recordings=recordings, **said)
    assert jump_s(path) == pytest.approx(60.0, abs=1e-5)
    assert jump_s(path, "first") == pytest.approx(60.0, abs=1e-5)


def test_drift_is_estimated_shown_and_taken_out(tmp_path: Path) -> None:
    """A device 300 ppm slow is 1.2 s behind after 4,000 s; its marks give that away."""
    drift = 3e-4
    marks_s = np.array([10.0, 1500.0, 3000.0, 3990.0])
    table(tmp_path / "first.csv", 4000.0)
    table(tmp_path / "late.csv", 4000.0, lambda t: 33.0 + (t >= 3600), 50.0, drift)
    own_s = ((marks_s + 50.0) / (1.0 + drift)).round(6).tolist()
    recordings = {"first": "first.csv", "late": {"path": "late.csv", "marks": own_s}}
    path = write(tmp_path, recordings=recordings, marks=marks_s.tolist())
    assert jump_s(path) == pytest.approx(3600.0, abs=1e-3)
    result = score(write(tmp_path, recordings=recordings, marks=marks_s.tolist()))
    alignment = result.provenance["recording"]["parts"]["late"]["alignment"]
    assert alignment["how"] == "shared events"
    assert alignment["drift_ppm"] == pytest.approx(300.0, abs=0.1)
    assert alignment["offset_s"] == pytest.approx(-50.0, abs=1e-3)
    assert alignment["residual_s"] == pytest.approx(0.0, abs=1e-4)
    assert (alignment["from_s"], alignment["to_s"]) == pytest.approx((0.0, 3999.75), abs=1e-3)
    said = [note for note in result.notes if note.startswith("late: ")]
    assert len(said) == 1
    assert "drift +300.0 ppm, shared events within 0.000 s" in said[0]
    assert "first: as it stands, by its own clock; no alignment was declared" in result.notes


def test_a_wristband_says_its_start_and_its_tags(tmp_path: Path) -> None:
    write_empatica(tmp_path / "wrist", 60.0)
    (tmp_path / "wrist" / "tags.csv").write_text(
        f"{START_UNIX_S + 12.5:.2f}\n{START_UNIX_S + 40:.2f}\n"
    )
    table(tmp_path / "first.csv")
    by_start = write(
        tmp_path,
        start="2022-02-07T09:52:44+00:00",
        recordings={"first": "first.csv", "wrist": {"path": "wrist", "start": "recorded"}},
    )
    times_s, _ = readings(by_start, "eda")
    assert times_s[0] == pytest.approx(START_UNIX_S - 1_644_227_564.0)
    undated = write(
        tmp_path,
        start="09:52:44+00:00",
        recordings={"first": "first.csv", "wrist": {"path": "wrist", "start": "recorded"}},
    )
    with pytest.raises(ConfigError, match="say the session's with its date too"):
        read_session(undated).open()
    by_tags = write(
        tmp_path,
        marks=[20.0, 47.5],
        recordings={"first": "first.csv", "wrist": {"path": "wrist", "marks": "tags"}},
    )
    times_s, _ = readings(by_tags, "eda")
    assert times_s[0] == pytest.approx(7.5, abs=0.01)
    facts = score(by_tags).provenance["recording"]["parts"]["wrist"]
    assert len(facts["sha256"]["EDA.csv"]) == 64
    table_of_tags = {"first": {"path": "first.csv", "marks": "tags"}}
    with pytest.raises(ConfigError, match="'marks: tags', which only the folder of an Empatica"):
        read_session(write(tmp_path, marks=[1.0], recordings=table_of_tags)).open()


@pytest.mark.parametrize(
    ("late", "more", "message"),
    [
        ({"start": "11:00:02"}, {"start": "10:00:00"}, "about 1 h: .*different time zones"),
        ({"start": "10:00:00"}, {}, "recording 'late' has a start and the session has none"),
        ({"offset_s": 500.0}, {}, "'late' lasts from 500 to 620 s .* correct its offset_s"),
        ({"marks": [1.0, 2.0]}, {"marks": [1.0]}, "'late' has 2 shared events and the session 1"),
        ({"marks": [1.0, 50.0]}, {"marks": [1.0, 90.0]}, "are they the same events"),
    ],
    ids=["an hour", "no session start", "apart", "unequal", "others"],
)
def test_clocks_that_cannot_be(
    tmp_path: Path, late: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    table(tmp_path / "first.csv")
    table(tmp_path / "late.csv")
    recordings = {"first": "first.csv", "late": {"path": "late.csv", **late}}
    with pytest.raises(AffectFuseError, match=message):
        read_session(write(tmp_path, recordings=recordings, **more)).open()


def test_times_of_day_are_refused_with_the_offset_to_say(tmp_path: Path) -> None:
    table(tmp_path / "first.csv")
    table(tmp_path / "late.csv", begin_s=1.6e9)
    recordings = {"first": "first.csv", "late": "late.csv"}
    with pytest.raises(ConfigError, match="say offset_s: -1600000000"):
        read_session(write(tmp_path, recordings=recordings)).open()
    alone = write(tmp_path, recordings={"late": {"path": "late.csv", "offset_s": -1.6e9 - 300}})
    with pytest.raises(ConfigError, match="the session begins at 0 s"):
        read_session(alone).open()


def test_a_session_begins_at_0_and_ends_with_its_reference(tmp_path: Path) -> None:
    """What a wristband read on the way there and on the way home is no part of the session."""
    table(tmp_path / "first.csv", 60.0)
    table(tmp_path / "long.csv", 300.0)
    recordings = {
        "first": "first.csv",
        "temperature": {"path": "long.csv", "offset_s": -100.0},
    }
    whole = score(write(tmp_path, recordings=recordings))
    assert whole.duration_s == pytest.approx(199.75)
    bounded = score(write(tmp_path, recordings=recordings, reference="first"))
    assert bounded.duration_s == pytest.approx(59.75)
    for result in (whole, bounded):
        times_s = result.tracks["skin_temperature_degc"].times_s
        assert times_s.min() >= 0
        assert times_s.max() <= result.duration_s
        assert times_s.min() <= 5
        assert result.duration_s - times_s.max() <= 5
        assert result.tracks["face_visible"].times_s.max() <= result.duration_s


def test_a_recording_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    table(tmp_path / "first.csv")
    (tmp_path / "film.mp4").write_bytes(b"no video")
    path = write(tmp_path, recordings={"first": "first.csv", "film": "film.mp4"})
    with pytest.raises(RecordingError, match=r"^film: .*is not a video"):
        read_session(path).open()


def test_events_may_be_marked_by_a_recording_s_clock(tmp_path: Path) -> None:
    table(tmp_path / "first.csv")
    table(tmp_path / "late.csv", begin_s=400.0)
    (tmp_path / "e.csv").write_text("Begin;duration;label;answer\n460;2;Hot?;461,5\n")
    events = {"path": "e.csv", "columns": {"onset": "Begin"}, "clock": "late"}
    recordings = {"first": "first.csv", "late": {"path": "late.csv", "offset_s": -400}}
    path = write(tmp_path, recordings=recordings, events=events)
    (question,) = score(path).events
    assert (question.onset_s, question.offset_s, question.answer_s) == (60.0, 62.0, 61.5)
    with pytest.raises(EventsError, match="outside the recording"):
        score(write(tmp_path, recordings=recordings, events={**events, "clock": "first"}))


def test_questions_are_scored_with_declared_consent_only(tmp_path: Path) -> None:
    path = table(tmp_path / "temperature.csv")
    (tmp_path / "e.tsv").write_text("onset\tduration\ttrial_type\tquestion\n60\t3\trelevant\tA\n")
    questions = [Question(60.0, 63.0, "A", "relevant")]
    for protocol in ("comparison_question", "concealed_information", "oss3"):
        result = score(write(tmp_path, events="e.tsv", protocol=protocol))
        assert result.score is not None
        assert result.score.protocol == protocol
        recipe = load_recipe("score", [f"protocol={protocol}"])
        with pytest.raises(ConfigError, match=rf"'{protocol}' needs .* 'consent: {{given: true"):
            score_recording(recipe, path, events=questions)
    with pytest.raises(ConfigError, match="lacks a purpose or record of consent"):
        Declaration("", "form 12")


def test_what_users_wrote_is_escaped(tmp_path: Path) -> None:
    hostile = "<script>alert('owned')</script>"
    table(tmp_path / "<b>x.csv")
    (tmp_path / "e.csv").write_text(f"onset,duration,label\n60,3,{hostile}\n")
    path = write(
        tmp_path,
        subject=hostile,
        purpose=f"{hostile} https://user:secret@example.org",
        consent={"given": True, "record": hostile},
        recordings={"temperature": "<b>x.csv"},
        events="e.csv",
    )
    page = write_session(score(path), tmp_path / "out").read_text("utf-8")
    assert hostile not in page
    assert "<b>x.csv" not in page
    assert page.count("&lt;script&gt;alert(&#39;owned&#39;)") >= 4
    assert "secret" not in page
    said = json.loads((tmp_path / "out" / "session.json").read_text("utf-8"))
    assert said["subject"] == hostile
    assert said["consent"] == {"given": True, "record": hostile}
    assert "secret" not in said["purpose"]
    assert re.fullmatch("[0-9a-f]{64}", said["provenance"]["session_file_sha256"])


def test_what_the_file_says_of_recipe_and_recordings_is_scored(tmp_path: Path) -> None:
    table(tmp_path / "temperature.csv", value=step)
    (tmp_path / "mine.yaml").write_text(
        yaml.safe_dump(
            {"target": "affectfuse.scoring.baseline_shift.BaselineShift", "min_events": 2}
        )
    )
    path = write(tmp_path, protocol="mine.yaml")
    recipe = load_recipe("score", ["protocol.min_events=4"], read_session(path).recipe)
    assert (recipe.protocol.min_events, list(recipe.modalities)) == (4, list(SKIN))
    result = score(path)
    track = result.tracks["skin_temperature_degc"]
    assert np.nanmin(track.values) == pytest.approx(33.0)
    assert np.nanmax(track.values) == pytest.approx(34.0)
    assert "no recording of this session holds pictures: no face, no expressions" in result.notes
    assert result.mode == "offline causal"
    assert result.provenance["face_landmarks"] is None
