"""Several recordings of one session read as one, on the session's clock."""

from __future__ import annotations

import pickle
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from recording.videos import write_video

from affectfuse.containers import Frame, Observation, SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.base import Recording, RecordingInfo
from affectfuse.recording.clocks import Clock
from affectfuse.recording.merged import MergedRecording, Part, open_merged
from affectfuse.recording.signal_tables import SignalTableRecording


def write_table(path: Path, rows: int, rate_hz: float = 10.0, header: str = "time_s,x") -> Path:
    lines = [header, *(f"{i / rate_hz!r},{i}" for i in range(rows))]
    path.write_text("\n".join(lines) + "\n")
    return path


class Endless(Recording):
    """Frames, a hundred a second, made as they are asked for; counts what was asked for."""

    def __init__(self, frames: int, width: int = 8) -> None:
        self.info = RecordingInfo("made", "file", frames / 100, width, 8, 100.0, False, "none")
        self.frames, self.given, self.closed, self.stopped = frames, 0, False, False

    def observations(self) -> Iterator[Observation]:
        for i in range(self.frames):
            self.given += 1
            yield Frame(i / 100, np.zeros((100, 1000, 3), np.uint8))

    @property
    def notes(self) -> list[str]:
        return ["one frame is missing"]

    def stop(self) -> None:
        self.stopped = True

    def close(self) -> None:
        self.closed = True


def test_video_and_tables_come_in_the_order_of_the_session(tmp_path: Path) -> None:
    video = write_video(tmp_path / "face.mp4")
    eda = write_table(tmp_path / "eda.csv", 20)
    hand = write_table(tmp_path / "hand.csv", 8, 4.0)
    parts = [
        Part("video", video, 0.5),
        Part("eda", partial(SignalTableRecording, eda, "eda"), -0.3),
        Part("hand", partial(SignalTableRecording, hand, "acceleration")),
    ]
    with open_merged(pickle.loads(pickle.dumps(parts))) as session:
        seen = list(session.observations())
        assert session.info.height > 0
        assert session.info.duration_s == pytest.approx(1.75)
        assert session.info.source == f"{video} + {eda} + {hand}"
    times_s = [o.time_s for o in seen]
    assert times_s == sorted(times_s)
    frames = [o.time_s for o in seen if isinstance(o, Frame)]
    np.testing.assert_allclose(frames, 0.5 + np.arange(30) / 30, atol=6e-4)
    eda_s = np.concatenate(
        [o.times_s for o in seen if isinstance(o, SignalBlock) and o.source == "eda"]
    )
    np.testing.assert_allclose(eda_s, np.arange(20) / 10 - 0.3, atol=1e-12)
    assert {o.source for o in seen if isinstance(o, SignalBlock)} == {"eda", "acceleration"}


def test_drift_is_taken_out_of_frames_and_readings(tmp_path: Path) -> None:
    """A clock 1,000 ppm slow gains a thousandth of its times: all that it stamped moves."""
    slow = Clock(-2.0, 1000.0, how="shared events")
    table = SignalTableRecording(write_table(tmp_path / "x.csv", 300), "x")
    session = MergedRecording([("face", Endless(3000), slow), ("x", table, slow)])
    seen = list(session.observations())
    frames = [o.time_s for o in seen if isinstance(o, Frame)]
    np.testing.assert_allclose(frames, np.arange(3000) / 100 * 1.001 - 2.0, atol=1e-9)
    times_s = np.concatenate([o.times_s for o in seen if isinstance(o, SignalBlock)])
    np.testing.assert_allclose(times_s, np.arange(300) / 10 * 1.001 - 2.0, atol=1e-9)
    assert session.info.duration_s == pytest.approx(30 * 1.001 - 2.0)
    assert [part.span_s for part in session.parts] == [
        pytest.approx((-2.0, 30 * 1.001 - 2.0)),
        pytest.approx((-2.0, 29.9 * 1.001 - 2.0)),
    ]


def test_it_ends_with_the_part_that_is_named(tmp_path: Path) -> None:
    short = SignalTableRecording(write_table(tmp_path / "short.csv", 21), "short")
    long = SignalTableRecording(write_table(tmp_path / "long.csv", 900), "long")
    session = MergedRecording([("long", long, -0.05), ("short", short, 0.0)], until="short")
    assert session.info.duration_s == pytest.approx(2.0)
    seen = [o for o in session.observations() if isinstance(o, SignalBlock)]
    ends_s = {name: max(o.time_s for o in seen if o.source == name) for name in ("long", "short")}
    assert ends_s["short"] == pytest.approx(2.0)
    assert 31.7 < ends_s["long"] <= 32.0, "half a minute more, for what is known late"
    assert session.end_s == pytest.approx(2.0)
    frames = MergedRecording([("face", Endless(200), 0.0)], until="face")
    assert len(list(frames.observations())) == 200
    assert frames.end_s == pytest.approx(2.0), "the last frame lasts as long as the one before"


def test_parts_are_read_no_further_than_merging_needs(tmp_path: Path) -> None:
    frames, table = Endless(3000), write_table(tmp_path / "x.csv", 300)
    tracemalloc.start()
    with MergedRecording(
        [("face", frames, 0.0), ("x", SignalTableRecording(table, "x"), 0.0)]
    ) as session:
        for seen in session.observations():
            assert frames.given <= max(seen.time_s, 0.0) * 100 + 3
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert frames.given == 3000
    assert peak < 3_000_000, "a frame has 300 kB: a few are held, not 3000"


def test_notes_carry_the_part_s_name_and_all_parts_are_closed(tmp_path: Path) -> None:
    frames = Endless(5)
    table = tmp_path / "x.csv"
    table.write_text("time_s,x\n0,1\n0,2\n1,3\n")
    session = MergedRecording([("face", frames, 0.0), ("x", SignalTableRecording(table, "x"), 0)])
    observations = session.observations()
    next(observations)
    session.stop()
    assert frames.stopped
    assert next(observations, None) is None
    assert session.notes == [
        "face: one frame is missing",
        "x: 1 readings of 'x' whose timestamps repeat or go back: left out",
    ]
    session.close()
    assert frames.closed


def test_a_part_that_cannot_be_opened_is_named_and_the_others_are_closed(tmp_path: Path) -> None:
    first = Endless(5)
    with pytest.raises(RecordingError, match=r"^eda: '.*none\.csv' does not exist"):
        open_merged(
            [
                Part("face", lambda: first),
                Part("eda", partial(SignalTableRecording, tmp_path / "none.csv", "eda")),
            ]
        )
    assert first.closed


def test_a_time_of_day_is_refused_with_the_offset_to_say(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("time_s,x\n1600000000.5,1\n1600000001.5,1\n")
    table = SignalTableRecording(path, "x")
    with (
        MergedRecording([("x", table, 0.0)]) as session,
        pytest.raises(RecordingError, match=r"'x' begins at 1600000000 s .* such as -1600000000"),
    ):
        next(session.observations())
    shifted = MergedRecording([("x", SignalTableRecording(path, "x"), -1600000000.0)])
    assert [round(o.time_s, 3) for o in shifted.observations()] == [0.5, 1.5]


@pytest.mark.parametrize(
    ("names", "widths", "message"),
    [
        ([], [], "has the parts none"),
        (["a", "a"], [8, 0], "has the parts 'a', 'a'"),
        (["a", "b"], [8, 8], "'a' and 'b' of one session both hold pictures"),
    ],
)
def test_parts_that_make_no_session_are_refused(
    names: list[str], widths: list[int], message: str
) -> None:
    parts = [(name, Endless(1, width), 0.0) for name, width in zip(names, widths, strict=True)]
    with pytest.raises(RecordingError, match=message):
        MergedRecording(parts)
