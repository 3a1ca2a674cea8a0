"""The whole flow on a file: live and offline agree, a stop keeps what there is."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import load_recipe
from affectfuse.containers import Frame, Reading, Tick
from affectfuse.pipeline import score_recording
from affectfuse.recording.reader import Recording
from affectfuse.recording.writing import VideoWriter
from affectfuse.reports.session import SessionResult


@pytest.fixture(scope="module")
def short_file(face_video: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven seconds of the face, of which the fourth and fifth lack it."""
    path = tmp_path_factory.mktemp("pipeline") / "short.mp4"
    height, width = face_video[0].image.shape[:2]
    with VideoWriter(path, width, height, crf=18) as writer:
        for frame in face_video:
            if frame.time_s < 7:
                gone = 3 <= frame.time_s < 5
                writer.write(np.full_like(frame.image, 90) if gone else frame.image, frame.time_s)
    return path


def same(one: SessionResult, other: SessionResult) -> None:
    assert one.tracks.keys() == other.tracks.keys()
    for name, track in one.tracks.items():
        np.testing.assert_array_equal(track.times_s, other.tracks[name].times_s)
        np.testing.assert_array_equal(track.values, other.tracks[name].values)
        np.testing.assert_array_equal(track.quality, other.tracks[name].quality)
    for name, intervals in one.intervals.items():
        marks = [(i.onset_s, i.offset_s, i.label) for i in intervals.intervals]
        there = other.intervals[name].intervals
        assert marks == [(i.onset_s, i.offset_s, i.label) for i in there]
    assert [dict(e.probabilities) for e in one.estimates] == [
        dict(e.probabilities) for e in other.estimates
    ]


def test_live_and_offline_agree(short_file: Path) -> None:
    checkpoint = load_checkpoint("demo")
    recipe = load_recipe("score")
    offline = score_recording(recipe, short_file, checkpoint=checkpoint)
    replayed = score_recording(recipe, short_file, checkpoint=checkpoint, replay=True)
    assert (offline.mode, replayed.mode) == ("offline causal", "replay")
    assert len(offline.estimates) == 7
    same(offline, replayed)


def test_what_is_not_seen_is_not_known(short_file: Path) -> None:
    result = score_recording(load_recipe("score"), short_file)
    visible = result.tracks["face_visible"]
    assert visible.values[0] == 1.0
    assert visible.values[4] == 0.0
    quality = result.modality_quality["heart_rate"].values
    assert len(quality) == len(visible.values)
    assert {"micro_expression", "macro_expression", "blink"} <= result.intervals.keys()
    assert result.target is None
    assert not result.estimates


def test_a_recording_without_a_face(tmp_path: Path) -> None:
    path = tmp_path / "wall.mp4"
    with VideoWriter(path, 160, 120, crf=23) as writer:
        for index in range(90):
            writer.write(np.full((120, 160, 3), 120, np.uint8), index / 30)
    result = score_recording(load_recipe("score"), path, checkpoint=load_checkpoint("demo"))
    assert (result.tracks["face_visible"].values == 0).all()
    assert np.isnan(result.tracks["heart_rate_bpm"].values).all()
    assert not result.intervals, "nothing watched is not nothing found"
    assert any("no face" in note for note in result.notes)
    for estimate in result.estimates:
        assert all(weight == 0 for weight in estimate.weights.values())
        assert math.isclose(sum(estimate.probabilities.values()), 1.0, abs_tol=1e-5)


def test_a_stop_keeps_what_there_is(short_file: Path) -> None:
    opened: list[Recording] = []

    def watch(frames: int, time_s: float, reading: Reading | Tick | None) -> None:
        if isinstance(reading, Tick) and reading.time_s == 2:
            opened[0].stop()

    result = score_recording(load_recipe("score"), short_file, watch=watch, opened=opened.append)
    assert 2 <= result.duration_s < 6
