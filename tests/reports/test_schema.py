"""session.json is what its published schema says, whatever kind of session it tells of."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from session_file.sessions import score, step, table, write

from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import load_recipe
from affectfuse.containers import Frame, Observation, TargetKind
from affectfuse.pipeline import score_recording, spot_recording
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.writing import VideoWriter
from affectfuse.reports.schemas import session_schema
from affectfuse.reports.session import Mode, SessionResult
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import SCHEMA_VERSION, session_summary
from affectfuse.scoring.base import Question, QuestionKind

MakeSession = Callable[..., SessionResult]
VALIDATOR = Draft202012Validator(json.loads(session_schema()))


def said(result: SessionResult) -> Any:
    return json.loads(strict_json(session_summary(result)))


def faults(document: Any) -> list[str]:
    """What is wrong, down to the alternative that fits best."""
    found = map(best_match, ([fault] for fault in VALIDATOR.iter_errors(document)))
    return [f"{fault.json_path}: {fault.message}" for fault in found]


class Camera(Recording):
    """Frames as a camera would give them."""

    def __init__(self, frames: list[Frame]) -> None:
        self.frames, self._stopped = frames, threading.Event()
        height, width = frames[0].image.shape[:2]
        self.info = RecordingInfo(
            "camera:0", "camera", float("nan"), width, height, 30.0, False, "rawvideo"
        )

    def observations(self) -> Iterator[Observation]:
        yield from self.frames

    @property
    def notes(self) -> list[str]:
        return []

    def stop(self) -> None:
        self._stopped.set()

    def close(self) -> None:
        self.stop()


@pytest.fixture(scope="module")
def frames(face_video: list[Frame]) -> list[Frame]:
    return [Frame(frame.time_s, frame.image) for frame in face_video if frame.time_s < 4.0]


@pytest.fixture(scope="module")
def video(frames: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema") / "face.mp4"
    height, width = frames[0].image.shape[:2]
    with VideoWriter(path, width, height, crf=18) as writer:
        for frame in frames:
            writer.write(frame.image, frame.time_s)
    return path


def test_the_schema_is_one_and_names_its_version() -> None:
    schema = json.loads(session_schema())
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema_version"] == {"const": SCHEMA_VERSION}
    assert schema["$id"].endswith(f":{SCHEMA_VERSION}")
    assert schema["properties"]["mode"]["enum"] == list(get_args(Mode))
    kinds = schema["$defs"]["question"]["properties"]["kind"]["enum"]
    assert kinds == list(get_args(QuestionKind))
    assert schema["$defs"]["target"]["properties"]["kind"]["enum"] == list(get_args(TargetKind))


def test_a_declared_session_of_two_devices(tmp_path: Path) -> None:
    table(tmp_path / "one.csv")
    table(tmp_path / "other.csv", begin_s=4.0, value=lambda time_s: step(time_s) - 1.0)
    rows = [
        f"{10 + 9 * i}\t2\t{kind}\tquestion {kind} {n}\tA\t{1 + i // 4}"
        for i, (_, kind, n) in enumerate(product("abc", ["relevant", "comparison"], "12"))
    ]
    header = "onset\tduration\ttrial_type\tquestion\tseries\tpresentation"
    (tmp_path / "e.tsv").write_text("\n".join([header, *rows, ""]))
    path = write(
        tmp_path,
        events="e.tsv",
        recordings={
            "one": {"path": "one.csv", "marks": [5.0, 100.0], "sources": {"temperature": "value"}},
            "other": {"path": "other.csv", "marks": [9.0, 104.001]},
        },
        reference="one",
        start="2026-03-01T10:00:00+01:00",
        protocol={"config": "comparison_question", "permutations": 19},
    )
    document = said(score(path))
    assert faults(document) == []
    assert document["consent"]["given"] is True
    assert document["provenance"]["session_start"] == "2026-03-01T10:00:00+01:00"
    assert document["score"]["contrasts"]
    assert document["score"]["methods"]
    assert document["provenance"]["recording"]["parts"]["other"]["alignment"]["offset_s"] < 0


def test_a_video_without_a_checkpoint_and_without_events(video: Path) -> None:
    document = said(score_recording(load_recipe("score"), video))
    assert faults(document) == []
    assert document["score"] is document["target"] is None


def test_a_live_session_with_a_checkpoint_and_events(frames: list[Frame]) -> None:
    result = score_recording(
        load_recipe("score"),
        Camera(frames),
        checkpoint=load_checkpoint("demo"),
        events=(Question(1.0, 2.0, "now?"),),
    )
    document = said(result)
    assert faults(document) == []
    assert document["mode"] == "live"
    assert document["target"]["classes"]
    assert document["provenance"]["checkpoint"]["source"] == "demo"


def test_spotted_only(video: Path) -> None:
    document = said(spot_recording(load_recipe("spot"), video))
    assert faults(document) == []
    assert document["provenance"]["learned_parts"]


def test_what_is_found_is_told_as_the_schema_says(make_session: MakeSession) -> None:
    document = said(make_session(seconds=120))
    document["provenance"] = said_of_provenance(document["provenance"])
    assert faults(document) == []
    assert document["intervals"]["micro_expression"]["found"]


def said_of_provenance(made_up: dict[str, Any]) -> dict[str, Any]:
    """The made-up session's provenance with what any real one says."""
    recording = {"source": "a.mp4", "kind": "file", "container_duration_s": 120.0}
    real = {"face_landmarks": "0.10.21", "refined_with_hindsight": False}
    return made_up | real | {"recording": made_up["recording"] | recording}


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ((), 1, "Additional properties"),
        (("summary",), 1, "Additional properties"),
        (("score",), 1, "Additional properties"),
        (("events", 0), 1, "Additional properties"),
        (("provenance",), 1, "Additional properties"),
        (("tracks", "bvp"), 1, "Additional properties"),
        (("intervals", "blink"), 1, "Additional properties"),
    ],
)
def test_a_new_key_needs_a_new_schema(
    make_session: MakeSession, place: tuple[Any, ...], value: Any, complaint: str
) -> None:
    document = said(make_session(seconds=60))
    document["provenance"] = said_of_provenance(document["provenance"])
    assert faults(document) == []
    inside = document
    for key in place:
        inside = inside[key]
    inside["new"] = value
    (fault,) = faults(document)
    assert complaint in fault


@pytest.mark.parametrize(
    "key", ["schema_version", "subject", "score", "events", "provenance", "coverage"]
)
def test_no_key_may_be_missing(make_session: MakeSession, key: str) -> None:
    document = said(make_session(seconds=60))
    document["provenance"] = said_of_provenance(document["provenance"])
    del document[key]
    (fault,) = faults(document)
    assert key in fault
