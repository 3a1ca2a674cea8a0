"""Tracks that are kept: equal to those of a new pass, found by all that decides them, whole."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from session_file.sessions import SKIN, table, write

from affectfuse import pipeline, stored_tracks
from affectfuse.checkpoint import load_checkpoint
from affectfuse.cli import main
from affectfuse.config import load_recipe
from affectfuse.containers import (
    Estimate,
    Frame,
    Interval,
    IntervalTrack,
    Place,
    Reading,
    Tick,
    Track,
)
from affectfuse.gathering import Gathered
from affectfuse.pipeline import score_recording, score_session
from affectfuse.recording.reader import Recording
from affectfuse.recording.writing import VideoWriter
from affectfuse.reports.session import SessionResult
from affectfuse.scoring.base import Question
from affectfuse.session_file import read_session
from affectfuse.stored_tracks import load_tracks, save_tracks


def same(one: Any, other: Any) -> None:
    """Hold two values equal float for float, NaN where NaN."""
    assert type(one) is type(other)
    if is_dataclass(one):
        for f in fields(one):
            same(getattr(one, f.name), getattr(other, f.name))
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    elif isinstance(one, Mapping):
        assert list(one) == list(other)
        for name, value in one.items():
            same(value, other[name])
    elif isinstance(one, list | tuple):
        assert len(one) == len(other)
        for mine, theirs in zip(one, other, strict=True):
            same(mine, theirs)
    else:
        assert one == other or (math.isnan(one) and math.isnan(other))


def same_result(one: SessionResult, other: SessionResult) -> None:
    """Hold two results equal but for when they were made."""
    bare = [
        {k: v for k, v in r.provenance.items() if k not in ("created", "extraction")}
        for r in (one, other)
    ]
    same(bare[0], bare[1])
    same(replace(one, provenance={}), replace(other, provenance={}))


@pytest.fixture
def no_pass(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, a pass over a recording is an error."""

    def refuse(*_: object, **__: object) -> Gathered:
        raise AssertionError("a second pass was taken")

    return lambda: monkeypatch.setattr(pipeline, "gather", refuse)


@pytest.fixture(scope="module")
def face_file(face_video: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five seconds of the face, of which the fourth lacks it."""
    path = tmp_path_factory.mktemp("stored") / "face.mp4"
    height, width = face_video[0].image.shape[:2]
    with VideoWriter(path, width, height, crf=18) as writer:
        for frame in face_video:
            if frame.time_s < 5:
                gone = 3 <= frame.time_s < 4
                writer.write(np.full_like(frame.image, 90) if gone else frame.image, frame.time_s)
    return path


@pytest.fixture
def gathered() -> Gathered:
    """Everything that a pass can yield, with values that are hard to write down."""
    rng = np.random.default_rng(0)
    values = np.array([math.nan, math.inf, -0.0, 5e-324, *rng.normal(size=40) * 1e-7])
    times = np.cumsum(rng.random(len(values)))
    track = Track("bvp", "AC/DC", times, values, rng.random(len(values)), "dark; läuft")
    empty = Track("eda", "uS", times[:0], values[:0], values[:0])
    found = (
        Interval(0.1, 0.30000000000000004, "happiness", math.nan, 1 / 3, {"au12": 0.1}, b"\xff\0a"),
        Interval(1.5, 1.5, '"quoted" \ud800'),
        Interval(
            2.0, 3.0, "x", thumbnail_jpeg=bytes(range(256)), place=Place(0.1, -1 / 3, 1e-9, -30.0)
        ),
    )
    fused = Estimate(
        1.0,
        {"a": 1 / 3, "b": 2 / 3},
        {"m": math.nan},
        {"m": {"a": 0.1}},
        {"v": -1.5},
        {"t": ("a",)},
    )
    return Gathered(
        3.3,
        99,
        {"bvp": track, "eda": empty},
        {"micro": IntervalTrack("micro", found, "note"), "none": IntervalTrack("none", ())},
        {"m": replace(track, name="m")},
        [fused, Estimate(2.0, {}, {}, {})],
        ["a note"],
        "tasks",
    )


def test_every_number_comes_back_as_it_was(gathered: Gathered, tmp_path: Path) -> None:
    file = tmp_path / "new" / "tracks.safetensors"
    save_tracks(file, gathered)
    found = load_tracks(file)
    assert found is not None
    assert found.from_cache
    same(replace(found, from_cache=False), gathered)
    assert np.signbit(found.tracks["bvp"].values[2])
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    bare = Gathered(0.0, 0, {}, {}, {}, [], [])
    save_tracks(file, bare)
    same(replace(load_tracks(file), from_cache=False), bare)


def test_what_is_damaged_is_not_there(gathered: Gathered, tmp_path: Path) -> None:
    file = tmp_path / "tracks.safetensors"
    assert load_tracks(file) is None
    save_tracks(file, gathered)
    whole = file.read_bytes()
    middle = len(whole) - 20
    for damaged in (
        b"",
        whole[:200],
        whole[:-1],
        whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
        whole.replace(b"AC/DC", b"AC/DX"),
    ):
        file.write_bytes(damaged)
        assert load_tracks(file) is None


def test_a_video_is_passed_over_once(
    face_file: Path, tmp_path: Path, no_pass: Callable[[], None]
) -> None:
    recipe, checkpoint = load_recipe("score"), load_checkpoint("demo")
    new = score_recording(recipe, face_file, checkpoint=checkpoint)
    first = score_recording(recipe, face_file, checkpoint=checkpoint, cache=tmp_path / "t")
    assert new.intervals
    assert new.estimates
    assert np.isnan(new.tracks["face_visible"].values).sum() == 0
    no_pass()
    kept = score_recording(recipe, face_file, checkpoint=checkpoint, cache=tmp_path / "t")
    assert kept.provenance["extraction"]["from_cache"]
    assert kept.provenance["extraction"]["created"] == first.provenance["extraction"]["created"]
    for result in (first, kept):
        same_result(result, new)
    other = load_recipe("score", ["protocol.permutations=29"])
    events = (Question(2, 3, "A"), Question(3, 4, "B"))
    assert score_recording(
        other, face_file, checkpoint=checkpoint, events=events, cache=tmp_path / "t"
    ).score
    with pytest.raises(AssertionError, match="second pass"):
        score_recording(recipe, face_file, cache=tmp_path / "t")  # without the checkpoint
    changed = replace(checkpoint, prior_logits=[0.1, *checkpoint.prior_logits[1:]])
    with pytest.raises(AssertionError, match="second pass"):
        score_recording(recipe, face_file, checkpoint=changed, cache=tmp_path / "t")


RECORDINGS = {
    "temperature": {"path": "temperature.csv", "offset_s": -5.0},
    "eda": {"path": "eda.csv", "sources": {"eda": "value"}},
}


def merged(folder: Path, **said: Any) -> Path:
    """A session of two tables, each with its clock."""
    table(folder / "temperature.csv", begin_s=5.0)
    table(folder / "eda.csv", value=lambda t: 2 + math.sin(t / 5))
    eda = {"config": "electrodermal_activity", "window_s": 10, "past_s": []}
    keys = {"recordings": RECORDINGS, "modalities": SKIN | {"electrodermal_activity": eda}}
    (folder / "e.tsv").write_text("onset\tduration\ttrial_type\n60\t3\tA\n")
    return write(folder, events="e.tsv", **(keys | said))


def scored(path: Path, cache: Path | None) -> SessionResult:
    session = read_session(path)
    return score_session(load_recipe("score", changes=session.recipe), session, cache=cache)


def test_a_session_is_passed_over_once(tmp_path: Path, no_pass: Callable[[], None]) -> None:
    path, cache = merged(tmp_path), tmp_path / "t"
    new, first = scored(path, None), scored(path, cache)
    assert len(list(cache.iterdir())) == 1
    assert len(new.tracks) >= 2
    no_pass()
    kept = scored(path, cache)
    for result in (first, kept):
        same_result(result, new)
    assert any("aligned by stated offset" in note for note in kept.notes)
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    other = merged(moved).rename(moved / "other.yaml")
    assert scored(other, cache).provenance["extraction"]["from_cache"]
    protocol = {"config": "baseline_shift", "permutations": 29, "window_s": 4}
    assert scored(merged(tmp_path, protocol=protocol), cache).score is not None


@pytest.mark.parametrize(
    "said",
    [
        {"recordings": RECORDINGS | {"temperature": {"path": "temperature.csv", "offset_s": -4}}},
        {"recordings": RECORDINGS | {"eda": {"path": "eda.csv", "sources": {"x": "value"}}}},
        {
            "recordings": RECORDINGS
            | {"eda": {"path": "eda.csv", "sources": {"eda": "value"}, "units": {"value": "uS"}}}
        },
        {"recordings": dict(reversed(RECORDINGS.items()))},
        {"reference": "eda"},
        {"modalities": SKIN},
        {"modalities": {"skin_temperature": {**SKIN["skin_temperature"], "window_s": 12.0}}},
    ],
    ids=["offset", "sources", "units", "order", "until", "modalities", "window"],
)
def test_whatever_decides_the_tracks_asks_for_a_new_pass(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    cache = tmp_path / "t"
    scored(merged(tmp_path), cache)
    assert not scored(merged(tmp_path, **said), cache).provenance["extraction"]["from_cache"]
    assert scored(merged(tmp_path), cache).provenance["extraction"]["from_cache"]


def test_content_code_and_models_ask_for_a_new_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, cache = merged(tmp_path), tmp_path / "t"
    model = tmp_path / "weights.bin"
    model.write_bytes(b"1")
    monkeypatch.setenv("AFFECTFUSE_SOME_WEIGHTS", str(model))

    def from_cache() -> bool:
        return bool(scored(path, cache).provenance["extraction"]["from_cache"])

    assert not from_cache()
    assert from_cache()
    model.write_bytes(b"2")
    assert not from_cache()
    data = tmp_path / "eda.csv"
    stamp = data.stat()
    text = data.read_text()
    data.write_text(text.replace("2.0000", "2.0001", 1))
    os.utime(data, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert not from_cache()
    monkeypatch.setattr(stored_tracks, "digest_code", lambda classes: "other")
    assert not from_cache()
    monkeypatch.setattr(stored_tracks, "package_versions", lambda: {"numpy": "9"})
    assert not from_cache()
    assert from_cache()
    kept = max(cache.iterdir(), key=lambda file: file.stat().st_mtime_ns)
    kept.write_bytes(kept.read_bytes()[:-1])
    assert not from_cache()
    assert from_cache()


def test_what_was_not_read_to_its_end_is_not_kept(tmp_path: Path, face_file: Path) -> None:
    cache, recipe = tmp_path / "t", load_recipe("score", ["modalities=[heart_rate]"])
    opened: list[Recording] = []

    def watch(frames: int, time_s: float, reading: Reading | Tick | None) -> None:
        if isinstance(reading, Tick) and reading.time_s == 2:
            opened[0].stop()

    def fail(recording: Any) -> None:
        recording._demuxer.error = OSError("the disk went away")

    stopped = score_recording(recipe, face_file, watch=watch, opened=opened.append, cache=cache)
    assert stopped.duration_s < 4
    replayed = score_recording(
        recipe,
        face_file,
        replay=True,
        watch=watch,
        opened=lambda r: opened.insert(0, r),
        cache=cache,
    )
    assert replayed.mode == "replay"
    path = merged(tmp_path)
    session = read_session(path)
    score_session(
        load_recipe("score", changes=session.recipe),
        session,
        opened=lambda r: r.stop(),
        cache=cache,
    )
    score_recording(recipe, face_file, opened=fail, cache=cache)
    assert not cache.exists()
    blocked = tmp_path / "blocked"
    blocked.write_text("a file, not a folder")
    result = score_session(
        load_recipe("score", changes=session.recipe), session, cache=blocked / "t"
    )
    assert any("are not kept for other questions" in note for note in result.notes)


def test_the_command_keeps_nothing_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AFFECTFUSE_CACHE", str(tmp_path / "cache"))
    path, out = merged(tmp_path), tmp_path / "out"

    def run(*arguments: str | Path) -> str:
        monkeypatch.setattr(sys, "argv", ["affectfuse", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert not ended.value.code, said.err
        return said.err

    assert "kept in the cache" not in run("score", path, "--out", out, "--no-cache")
    assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert "kept in the cache" not in run("score", path, "--out", out)
    first = json.loads((out / "session.json").read_text("utf-8"))
    assert "kept in the cache; --no-cache reads it again" in run("score", path, "--out", out)
    second = json.loads((out / "session.json").read_text("utf-8"))
    assert second["provenance"]["extraction"]["from_cache"]
    assert second["score"] == first["score"]
    assert second["tracks"] == first["tracks"]
    assert "kept in the cache" not in run("score", path, "--out", out, "--no-cache")
    run("cache", "clear")
    assert not (tmp_path / "cache").exists()
