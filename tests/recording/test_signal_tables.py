"""Tables of a sensor's readings as recordings: times, channels, units, what is left out."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectfuse.containers import SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.physio_sidecar import read_sidecar
from affectfuse.recording.signal_tables import SignalTableRecording


def write(path: Path, header: str, rows: list[str]) -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def read(
    path: Path, sources: Any = "wrist", **given: Any
) -> tuple[dict[str, SignalBlock], list[str]]:
    """All readings of each source as one block, and the notes."""
    with SignalTableRecording(path, sources, **given) as recording:
        blocks = [b for b in recording.observations() if isinstance(b, SignalBlock)]
        assert [b.time_s for b in blocks] == sorted(b.time_s for b in blocks)
        joined = {
            name: SignalBlock(
                name,
                np.concatenate([b.times_s for b in blocks if b.source == name]),
                np.concatenate([b.values for b in blocks if b.source == name]),
                next(b.channels for b in blocks if b.source == name),
                next(b.units for b in blocks if b.source == name),
            )
            for name in {b.source for b in blocks}
        }
        return joined, recording.notes


@pytest.mark.parametrize(
    ("header", "step", "delimiter"),
    [
        ("time_s,eda_us,temp (degC)", 0.25, ","),
        ("TIME_MS;eda_us;temp (degC)", 250, ";"),
        ("time\teda_us\ttemp [celsius]", 0.25, "\t"),
    ],
)
def test_times_are_as_they_stand_and_units_are_in_the_names(
    tmp_path: Path, header: str, step: float, delimiter: str
) -> None:
    rows = [delimiter.join([f"{(i + 20) * step:g}", f"{i}", "33.5"]) for i in range(40)]
    blocks, notes = read(write(tmp_path / "a.csv", header, rows))
    wrist = blocks["wrist"]
    np.testing.assert_allclose(wrist.times_s, 5 + 0.25 * np.arange(40), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(wrist.values, [[i, 33.5] for i in range(40)])
    assert (wrist.channels, wrist.units) == (("eda_us", "temp"), ("uS", "degC"))
    assert notes == []


def test_blocks_are_a_quarter_of_a_second(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "time_s,x", [f"{i / 64!r},{i}" for i in range(128)])
    with SignalTableRecording(path, "x") as recording:
        assert [len(b.times_s) for b in recording.observations()] == [16] * 8
        assert recording.info.duration_s == 127 / 64
        assert recording.info.nominal_rate_hz == 64.0


def test_a_rate_gives_the_times_of_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt", "ECG,EDA", ["0.1,2", "0.2,3", "0.3,4"])
    blocks, _ = read(path, {"eda": ["EDA"], "ecg": ["ECG"]}, sampling_rate_hz=500, start_s=2.0)
    np.testing.assert_array_equal(blocks["eda"].times_s, 2.0 + np.arange(3) / 500)
    np.testing.assert_array_equal(blocks["ecg"].values[:, 0], [0.1, 0.2, 0.3])
    assert blocks["ecg"].units == ("1",)
    blocks, _ = read(path, {"ecg": ["ECG"]}, sampling_rate_hz=500, units={"ECG": "mV"})
    assert blocks["ecg"].units == ("mV",)


def test_a_table_without_a_header_is_told_its_columns(tmp_path: Path) -> None:
    (tmp_path / "bvp.csv").write_text("0.5\n-0.25\n")
    blocks, _ = read(tmp_path / "bvp.csv", "bvp", sampling_rate_hz=64, columns=["wave"])
    assert (blocks["bvp"].values[:, 0].tolist(), blocks["bvp"].channels) == (
        [0.5, -0.25],
        ("wave",),
    )


def test_a_blank_line_is_a_reading_that_is_missing_and_keeps_its_time(tmp_path: Path) -> None:
    (tmp_path / "bvp.csv").write_text("\n1\n\n3\n")
    blocks, notes = read(tmp_path / "bvp.csv", "bvp", sampling_rate_hz=2, columns=["wave"])
    assert blocks["bvp"].times_s.tolist() == [0.5, 1.5]
    assert blocks["bvp"].values[:, 0].tolist() == [1, 3]
    assert notes == ["2 readings of 'bvp' that are missing, or their times: left out"]


def test_each_source_loses_only_its_own_missing_readings(tmp_path: Path) -> None:
    """Sensors of different rates in one table leave blank cells."""
    rows = ["0,1,,", "0.1,2,7,7", "0.2,nan,,", "0.3,n/a,8,8", "0.4,5,,", "x,6,9,9", "0.6,7,9"]
    path = write(tmp_path / "a.csv", "time_s,bvp,x,y", rows)
    blocks, notes = read(path, {"bvp": ["bvp"], "acceleration": ["x", "y"]})
    assert blocks["bvp"].times_s.tolist() == [0, 0.1, 0.4, 0.6]
    assert blocks["acceleration"].times_s.tolist() == [0.1, 0.3]
    assert notes == [
        "3 readings of 'bvp' that are missing, or their times: left out",
        "5 readings of 'acceleration' that are missing, or their times: left out",
    ]


def test_a_source_without_a_reading_is_absent_and_noted(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "time_s,x,y", ["0,1,n/a", "1,2,"])
    blocks, notes = read(path, {"x": ["x"], "y": ["y"]})
    assert set(blocks) == {"x"}
    assert notes == ["no reading of 'y'"]


def test_times_that_repeat_or_go_back_are_left_out(tmp_path: Path) -> None:
    rows = ["0,1", "1,2", "1,9", "0.5,9", "2,3"]
    blocks, notes = read(write(tmp_path / "a.csv", "time_s,x", rows))
    assert blocks["wrist"].values[:, 0].tolist() == [1, 2, 3]
    assert notes == ["2 readings of 'wrist' whose timestamps repeat or go back: left out"]


def test_columns_without_numbers_or_names_are_left_out_aloud(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", ",time_s,phase,x", ["0,0,rest,1", "1,1,rest,2"])
    blocks, notes = read(path)
    assert blocks["wrist"].channels == ("x",)
    assert notes == [
        "a nameless column: left out",
        "the column 'phase' holds no numbers: left out",
    ]


def test_bids_physiology(tmp_path: Path) -> None:
    table = tmp_path / "sub-1_task-a_physio.tsv.gz"
    with gzip.open(table, "wt") as file:
        file.write("0.5\t1\nn/a\t2\n0.7\t3\n")
    upper, own = tmp_path / "task-a_physio.json", tmp_path / "sub-1_task-a_physio.json"
    upper.write_text(json.dumps({"SamplingFrequency": 4, "StartTime": 0}))
    said = {"Columns": ["eda", "trigger"], "StartTime": -0.5, "eda": {"Units": "microsiemens"}}
    own.write_text(json.dumps(said))
    blocks, _ = read(table, {"eda": ["eda"]}, sidecar=read_sidecar([upper, own]))
    assert blocks["eda"].times_s.tolist() == [-0.5, 0.0]
    assert (blocks["eda"].values[:, 0].tolist(), blocks["eda"].units) == ([0.5, 0.7], ("uS",))
    own.write_text("{}")
    with pytest.raises(RecordingError, match="lacks 'Columns'; BIDS physiology needs"):
        read_sidecar([upper, own])
    own.write_text("[")
    with pytest.raises(RecordingError, match="not a readable JSON object"):
        read_sidecar([own])
    for columns in (None, "eda", []):
        own.write_text(json.dumps(said | {"Columns": columns}))
        with pytest.raises(RecordingError, match=r"Columns .*; it must list the names"):
            read_sidecar([upper, own])
    own.write_text(json.dumps(said | {"StartTime": "n/a"}))
    with pytest.raises(RecordingError, match="StartTime n/a; both must be numbers"):
        read_sidecar([upper, own])


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("", {}, "the first line of .* is empty; a table begins with the names of its columns"),
        ("x,y\n1,2\n", {}, "has the columns 'x', 'y' and no time"),
        ("1,2\n3,4\n", {"sampling_rate_hz": 4}, "the first line of .* holds numbers"),
        ("time_s,x,x\n1,2,3\n", {}, "two columns 'x'"),
        ("time_s,x\n1,2\n", {"sampling_rate_hz": 4}, "its times twice, 'time_s' and 4 Hz"),
        ("time,time_ms,x\n1,2,3\n", {}, "its times twice, 'time' and 'time_ms'"),
        ("time,x\n0,1\n40,2\n80,3\n", {}, "rises by 40 a row, which may be seconds or milli"),
        ("time_s,x\n1,1\n2,1\n1e9,1\n", {}, r"'wrist' jumps from 2 s to 1e\+09 s: take the rows"),
        ("time_s,x\n1,a\n", {}, "none but the time holds numbers"),
        ("time_s,x\n1,2\n", {"sources": {"x": ["X"]}}, "no column 'X'. Allowed: 'time_s', 'x'"),
        ("time_s,eda_us\n", {"sources": {"x": ["eda"]}}, "Did you mean 'eda_us'"),
        ("time_s,x\na,2\n", {"sources": {"x": ["x"]}}, "holds no reading of 'x'"),
        ("x,y\n1,2\n", {"time": "z"}, "no column 'z'"),
        ("x,y\n1,2\n", {"sampling_rate_hz": 0}, "0 rows a second; give a rate above 0"),
        ("t,y\n1,2\n", {"time": "t", "time_unit": "min"}, "time_unit is 'min'"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, text: str, given: dict[str, Any], message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(RecordingError, match=message):
        SignalTableRecording(path, **{"sources": "wrist"} | given)


def test_the_unit_of_coarse_times_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "t,x", ["0,1", "40,2"])
    for unit, last_s in (("ms", 0.04), ("s", 40.0)):
        blocks, _ = read(path, time="t", time_unit=unit)
        assert blocks["wrist"].times_s[-1] == last_s


def test_a_missing_or_broken_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        SignalTableRecording(tmp_path / "none.csv", "x")
    (tmp_path / "a.tsv.gz").write_bytes(b"no gzip")
    with pytest.raises(RecordingError, match="cannot be read as a table"):
        SignalTableRecording(tmp_path / "a.tsv.gz", "x")


def test_it_can_be_stopped(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "time_s,x", [f"{i},1" for i in range(9)])
    with SignalTableRecording(path, "x") as recording:
        observations = recording.observations()
        next(observations)
        recording.stop()
        assert next(observations, None) is None
