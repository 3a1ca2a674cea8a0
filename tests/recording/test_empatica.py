"""The folder of an Empatica E4: times, units, sources, and what is missing or damaged."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datasets.empatica import RATES_HZ, START_UNIX_S, write_empatica

from affectfuse.containers import Array, SignalBlock
from affectfuse.errors import RecordingError
from affectfuse.recording.empatica import EmpaticaRecording
from affectfuse.recording.reader import open_recording


def read(folder: Path) -> tuple[dict[str, tuple[Array, Array]], list[str]]:
    """Times and values of each source, and the notes."""
    with open_recording(folder) as recording:
        blocks = [b for b in recording.observations() if isinstance(b, SignalBlock)]
        times = [block.time_s for block in blocks]
        assert times == sorted(times)
        joined = {
            source: (
                np.concatenate([b.times_s for b in blocks if b.source == source]),
                np.concatenate([b.values for b in blocks if b.source == source]),
            )
            for source in {b.source for b in blocks}
        }
        return joined, recording.notes


def test_times_and_units(tmp_path: Path) -> None:
    write_empatica(tmp_path, 10.0, {"EDA": 1.5, "ACC": 0.25})
    found, notes = read(tmp_path)
    assert notes == []
    assert set(found) == {"bvp", "eda", "temperature", "acceleration"}
    for source, name, start_s in (
        ("bvp", "BVP", 0.0),
        ("eda", "EDA", 1.5),
        ("acceleration", "ACC", 0.25),
    ):
        times_s, _ = found[source]
        expected_s = start_s + np.arange(round(10 * RATES_HZ[name])) / RATES_HZ[name]
        np.testing.assert_allclose(times_s, expected_s, rtol=0, atol=1e-9)
    rows = np.loadtxt(tmp_path / "ACC.csv", delimiter=",", skiprows=2)
    np.testing.assert_array_equal(found["acceleration"][1], rows / 64)
    assert np.linalg.norm(found["acceleration"][1].mean(axis=0)) == pytest.approx(1.0, abs=0.02)
    with EmpaticaRecording(tmp_path) as recording:
        units = {
            (b.source, b.channels, b.units)
            for b in recording.observations()
            if isinstance(b, SignalBlock)
        }
        assert recording.info.duration_s == pytest.approx(11.25)
        assert recording.info.nominal_rate_hz == 64.0
        assert recording.start_unix_s == START_UNIX_S
    assert ("eda", ("eda",), ("uS",)) in units
    assert ("temperature", ("temperature",), ("degC",)) in units
    assert ("acceleration", ("x", "y", "z"), ("g",) * 3) in units


def test_what_the_wristband_derives(tmp_path: Path) -> None:
    write_empatica(tmp_path, 20.0)
    (tmp_path / "HR.csv").write_text(f"{START_UNIX_S + 10:.2f}\n1.0\n71.5\n72.0\n")
    (tmp_path / "IBI.csv").write_text(f"{START_UNIX_S:.6f}, IBI\n4.5,0.8125\n5.25,0.75\n5.25,0.7\n")
    (tmp_path / "tags.csv").write_text(f"{START_UNIX_S + 3.5}\n")
    found, notes = read(tmp_path)
    assert notes == []
    np.testing.assert_allclose(found["heart_rate"][0], [10, 11])
    np.testing.assert_allclose(found["heart_rate"][1][:, 0], [71.5, 72.0])
    np.testing.assert_allclose(found["beat_interval"][0], [4.5, 5.25])
    np.testing.assert_allclose(found["beat_interval"][1][:, 0], [0.8125, 0.75])
    with EmpaticaRecording(tmp_path) as recording:
        assert recording.tags_s == (3.5,)


def test_a_missing_file_is_a_source_less(tmp_path: Path) -> None:
    write_empatica(tmp_path, 5.0)
    (tmp_path / "EDA.csv").unlink()
    found, notes = read(tmp_path)
    assert "eda" not in found
    assert notes == ["no EDA.csv: 'eda' was not recorded"]


def test_damaged_rows_are_left_out_and_named(tmp_path: Path) -> None:
    write_empatica(tmp_path, 5.0)
    lines = (tmp_path / "ACC.csv").read_text().splitlines()
    lines[9], lines[50] = "1,2", "1,x,3"
    (tmp_path / "ACC.csv").write_text("\n".join(lines))
    found, notes = read(tmp_path)
    assert notes == ["ACC.csv: row 10 is '1,2', row 51 is '1,x,3': left out"]
    times_s, _ = found["acceleration"]
    assert len(times_s) == 158
    assert 7 / 32 not in times_s
    assert times_s[-1] == 159 / 32  # those after it keep their time
    lines[60:66] = ["nan,1,1"] * 6
    (tmp_path / "ACC.csv").write_text("\n".join(lines))
    assert read(tmp_path)[1][0].endswith("row 61 is 'nan,1,1' and 5 more: left out")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n", r"BVP\.csv' begins with ''"),
        ("start\n64\n1\n", "begins with 'start' and '64'"),
        ("1644227574\n0\n1\n", "its second the rows a second"),
        ("1644227574\n64\n", "holds no reading"),
        ("1644227574\n64\nx\n", "holds no reading"),
    ],
)
def test_a_file_that_says_nothing(tmp_path: Path, content: str, message: str) -> None:
    write_empatica(tmp_path, 5.0)
    (tmp_path / "BVP.csv").write_text(content)
    with pytest.raises(RecordingError, match=message):
        EmpaticaRecording(tmp_path)


def test_an_empty_file_is_a_source_less(tmp_path: Path) -> None:
    write_empatica(tmp_path, 5.0)
    for name in ("BVP", "HR", "IBI", "tags"):
        (tmp_path / f"{name}.csv").write_bytes(b"")
    found, notes = read(tmp_path)
    assert sorted(found) == ["acceleration", "eda", "temperature"]
    assert notes == ["no BVP.csv: 'bvp' was not recorded"]
    for name in ("EDA", "TEMP", "ACC"):
        (tmp_path / f"{name}.csv").write_bytes(b"")
    with pytest.raises(RecordingError, match=r"the sensors' files in .* are empty; export it aga"):
        EmpaticaRecording(tmp_path)


def test_files_of_several_sessions_are_refused(tmp_path: Path) -> None:
    write_empatica(tmp_path, 5.0, {"EDA": 3e7})
    with pytest.raises(RecordingError, match="'eda' starts 30000000 s after the first"):
        EmpaticaRecording(tmp_path)


def test_another_folder_is_no_wristband(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="is a folder"):
        open_recording(tmp_path)
    with pytest.raises(RecordingError, match=r"none of BVP\.csv"):
        EmpaticaRecording(tmp_path)


def test_stopping_ends_the_readings(tmp_path: Path) -> None:
    write_empatica(tmp_path, 5.0)
    with EmpaticaRecording(tmp_path) as recording:
        seen = []
        for block in recording.observations():
            seen.append(block)
            if len(seen) == 3:
                recording.stop()
    assert len(seen) == 3
