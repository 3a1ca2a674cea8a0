"""Tables of a camera's mean colours as recordings."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.reader import open_recording
from affectfuse.recording.traces import TraceRecording


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def read(path: Path) -> tuple[list[SignalBlock], list[str]]:
    with open_recording(path) as recording:
        assert isinstance(recording, TraceRecording)
        blocks = [b for b in recording.observations() if isinstance(b, SignalBlock)]
        return blocks, recording.notes


@pytest.mark.parametrize(
    ("header", "step"),
    [
        ("time,R,G,B", 40),
        ("time_ms,r,g,b", 40),
        ("time,R,G,B", 0.04),
        ("Time_s, Red,green,blue", 0.04),
    ],
)
def test_rows_become_blocks_in_seconds(tmp_path: Path, header: str, step: float) -> None:
    path = write(tmp_path / "a.csv", header, [f"{5 + i * step:g},{i},20,30" for i in range(50)])
    blocks, notes = read(path)
    times_s = np.concatenate([b.times_s for b in blocks])
    np.testing.assert_allclose(times_s, 0.04 * np.arange(50), atol=1e-9)
    values = np.concatenate([b.values for b in blocks])
    np.testing.assert_array_equal(values, [[i, 20, 30] for i in range(50)])
    assert all(b.source == "camera" and b.units == ("grey level",) * 3 for b in blocks)
    assert len(blocks) == 8  # of a quarter of a second
    assert notes == ["colours without pictures: no face, no expressions, no head motion"]


def test_columns_in_any_order_and_tabs(tmp_path: Path) -> None:
    rows = [f"1\t{i * 33}\tx\t3\t2" for i in range(4)]
    blocks, _ = read(write(tmp_path / "a.tsv", "B\ttime\tnote\tR\tG", rows))
    np.testing.assert_array_equal(blocks[0].values, [[3, 2, 1]] * 4)


def test_bad_rows_are_left_out_and_counted(tmp_path: Path) -> None:
    rows = ["0,1,1,1", "40,1,1,1", "40,9,9,9", "30,9,9,9", "80,nan,1,1", "120,x,1,1", "160,1,1"]
    blocks, notes = read(write(tmp_path / "a.csv", "time,R,G,B", [*rows, "200,1,1,1"]))
    assert np.concatenate([b.times_s for b in blocks]).tolist() == [0.0, 0.04, 0.2]
    assert notes[0] == "3 rows without a time and three colours: left out"
    assert notes[1] == "2 rows whose timestamps repeat or go back: left out"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the first line of .* is empty"),
        ("time,R,G\n1,2,3\n", "has the columns time, r, g"),
        ("R,G,B\n1,2,3\n", "needs a header with 'time'"),
        ("time,R,G,B\n0,1,1,1\n", "holds 1 rows"),
        ("time,R,G,B\n", "holds 0 rows"),
    ],
)
def test_other_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(RecordingError, match=message):
        open_recording(path)


def test_a_missing_or_binary_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        open_recording(tmp_path / "none.csv")
    (tmp_path / "a.csv").write_bytes(bytes([255, 254, 0, 200]) * 40)
    with pytest.raises(RecordingError, match="cannot be read as a table"):
        open_recording(tmp_path / "a.csv")


def test_replay_is_paced_and_can_be_stopped(tmp_path: Path) -> None:
    rows = [f"{40 * i},1,1,1" for i in range(2000)]
    path = write(tmp_path / "a.csv", "time,R,G,B", rows)
    with open_recording(path, replay=True) as recording:
        observations = recording.observations()
        began_s = time.monotonic()
        for _ in range(3):
            last = next(observations)
        assert time.monotonic() - began_s >= last.time_s - 0.01
        recording.stop()
        assert next(observations, None) is None
