"""BIDS physiology: every reading at its time, and read back as the signal it was."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from session_file.sessions import score, table, write

from affectfuse.containers import Array, SignalBlock, Track
from affectfuse.recording.physio_sidecar import OWN_TIMES, read_sidecar
from affectfuse.recording.signal_tables import SignalTableRecording
from affectfuse.reports.grids import even_grid, sparse_grid
from affectfuse.reports.physio import physio_files
from affectfuse.reports.session import SessionResult
from affectfuse.reports.writing import write_session

MakeSession = Callable[..., SessionResult]
RNG = np.random.default_rng(4)


def track(name: str, times_s: Array, values: Array | None = None, unit: str = "1") -> Track:
    times_s = np.asarray(times_s, float)
    values = np.sin(times_s) if values is None else np.asarray(values, float)
    return Track(name, unit, times_s, values, np.where(np.isfinite(values), 0.5, 0.0))


def session(*tracks: Track) -> SessionResult:
    return SessionResult("a.mp4", 100.0, "offline causal", {t.name: t for t in tracks})


def written(folder: Path, result: SessionResult) -> list[Path]:
    files = physio_files(result)
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return sorted(folder / name for name in files if name.endswith(".gz"))


def read(path: Path, *channels: str) -> tuple[Array, Array]:
    """A column as our own reader reads it: times (reading,), values (reading, channel)."""
    sidecar = read_sidecar([path.with_name(path.name.removesuffix(".tsv.gz") + ".json")])
    recording = SignalTableRecording(path, {"found": list(channels)}, sidecar=sidecar)
    blocks = [block for block in recording.observations() if isinstance(block, SignalBlock)]
    return (
        np.concatenate([block.times_s for block in blocks]),
        np.concatenate([block.values for block in blocks]),
    )


def rows(path: Path) -> list[list[str]]:
    return [line.split("\t") for line in gzip.open(path, "rt").read().splitlines()]


def test_tracks_of_one_clock_share_a_file_and_each_has_its_quality(tmp_path: Path) -> None:
    late = track("late", np.arange(5.0, 9.0))
    heart_rate = track("heart_rate_bpm", np.arange(1.0, 8.0), [70, 71, np.nan, 73, 74, 75, 76])
    wave = track("bvp", np.arange(60) / 30)
    one, other = written(tmp_path, session(late, wave, heart_rate))
    assert (one.name, other.name) == (
        "recording-1Hz_physio.tsv.gz",
        "recording-30Hz_physio.tsv.gz",
    )
    said = json.loads((tmp_path / "recording-1Hz_physio.json").read_text())
    assert (said["SamplingFrequency"], said["StartTime"]) == (1.0, 1.0)
    columns = ["heart_rate_bpm", "heart_rate_bpm_quality", "late", "late_quality"]
    assert said["Columns"] == columns
    assert all(said[name]["Description"] for name in columns)
    found = rows(one)
    assert [row[0] for row in found] == ["70", "71", "n/a", "73", "74", "75", "76", "n/a"]
    assert [row[2] for row in found][:4] == ["n/a"] * 4
    assert [row[1] for row in found][2] == "0", "a reading that is not known has its quality"
    assert [row[1] for row in found][7] == "n/a", "no reading has none"


def test_even_readings_come_back_at_their_times(tmp_path: Path) -> None:
    times_s = 3.2 + np.arange(100_000) * 1001 / 30000
    values = RNG.normal(size=len(times_s)) * 0.004
    values[5000:9000] = np.nan
    (path,) = written(tmp_path, session(track("bvp", times_s, values)))
    assert path.name == "recording-29p97Hz_physio.tsv.gz"
    known = np.isfinite(values)
    found_s, found = read(path, "bvp")
    np.testing.assert_allclose(found_s, times_s[known], atol=1e-5, rtol=0)
    np.testing.assert_allclose(found[:, 0], values[known], rtol=1e-6)


def test_times_to_the_millisecond_are_even_and_what_is_missing_is_not_known(tmp_path: Path) -> None:
    times_s = np.round(np.arange(3000) / 29.97, 3)
    times_s = np.delete(times_s, slice(700, 1400))
    (path,) = written(tmp_path, session(track("bvp", times_s)))
    assert len(rows(path)) == 3000
    assert {row[0] for row in rows(path)[700:1400]} == {"n/a"}
    found_s, found = read(path, "bvp")
    np.testing.assert_allclose(found_s, times_s, atol=1e-3, rtol=0)
    np.testing.assert_allclose(found[:, 0], np.sin(times_s), rtol=1e-6)


def test_uneven_readings_keep_their_own_times_and_nothing_is_made_up(tmp_path: Path) -> None:
    times_s = np.cumsum(RNG.uniform(0.5, 1.1, 400))
    times_s[200:] += 60.0
    values = RNG.normal(800, 50, 400)
    values[17] = np.nan
    (path,) = written(tmp_path, session(track("beat_interval_ms", times_s, values, "ms")))
    assert path.name == "recording-beatIntervalMs_physio.tsv.gz"
    said = json.loads((tmp_path / "recording-beatIntervalMs_physio.json").read_text())
    assert said["Columns"][0] == OWN_TIMES
    assert "uneven" in said["Timing"]
    assert sum(row[1] != "n/a" for row in rows(path)) == 399
    grid_s = said["StartTime"] + np.arange(len(rows(path))) / said["SamplingFrequency"]
    placed = [(at, float(row[0])) for at, row in zip(grid_s, rows(path), strict=True)
              if row[0] != "n/a"]  # fmt: skip
    assert max(abs(at - own) for at, own in placed) <= 0.5 / said["SamplingFrequency"] + 1e-5
    found_s, found = read(path, "beat_interval_ms")
    kept = np.isfinite(values)
    np.testing.assert_allclose(found_s, times_s[kept], atol=1e-6, rtol=0)
    np.testing.assert_allclose(found[:, 0], values[kept], rtol=1e-6)


def test_readings_that_crowd_are_counted(tmp_path: Path) -> None:
    times_s = np.array([0.0, 1.0, 2.3, 2.31, 3.1, 4.6])
    (path,) = written(tmp_path, session(track("a", times_s)))
    said = json.loads(path.with_name("recording-a_physio.json").read_text())
    assert "1 readings that share a row" in said["Timing"]
    assert [float(row[0]) for row in rows(path) if row[0] != "n/a"] == [0, 1, 2.31, 3.1, 4.6]


@pytest.mark.parametrize(
    "times_s",
    [
        [0.0, 1e-6, 2e-6, 36_000.0],
        [0.0, 0.0, 0.0, 5.0],
        [1.0, 1.0],
        [7.0],
        [0.0, 1e-9, 3600.0],
        [5.0, 3.0, 4.0],
    ],
)
def test_no_times_make_a_table_of_any_length(tmp_path: Path, times_s: list[float]) -> None:
    (path,) = written(tmp_path, session(track("a", np.array(times_s))))
    with gzip.open(path) as file:
        count = sum(1 for _ in file)
    assert 1 <= count <= 200 * (max(times_s) - min(times_s)) + 2
    assert path.stat().st_size < 200_000


def test_two_clocks_of_one_rate_have_files_of_their_own(tmp_path: Path) -> None:
    paths = written(
        tmp_path,
        session(track("a", np.arange(9.0)), track("b", np.arange(9.0) + 0.4), track("c", [])),
    )
    assert [path.name for path in paths] == [
        "recording-1Hz_physio.tsv.gz",
        "recording-1Hzx2_physio.tsv.gz",
    ]
    assert read(paths[1], "b")[0] == pytest.approx(np.arange(9.0) + 0.4)


def test_grids() -> None:
    grid = even_grid(np.array([2.0, 4.0, 10.0, 12.0]))
    assert grid is not None
    assert (grid.start_s, grid.rate_hz) == (2.0, pytest.approx(0.5))
    assert even_grid(np.array([0.0, 1.0, 2.0, 3.006])) is None
    assert even_grid(np.array([0.0, 1.0, 1.0, 2.0])) is None
    uneven = np.array([0.0, 0.7, 1.9, 2.5])
    assert even_grid(uneven) is None
    assert len(set(sparse_grid(uneven).rows(uneven).tolist())) == 4


def test_a_session_writes_its_signals_alike_each_time_and_old_ones_go(
    tmp_path: Path, make_session: MakeSession
) -> None:
    result = make_session(seconds=60)
    write_session(result, tmp_path)
    named = {path.name: path.read_bytes() for path in tmp_path.glob("recording-*")}
    assert set(named) == {
        f"recording-{rate}_physio.{ending}"
        for rate in ("1Hz", "30Hz")
        for ending in ("tsv.gz", "json")
    }
    said = json.loads(named["recording-1Hz_physio.json"])
    assert next(iter(said)) == "Warnings", "a synthetic model stands behind the session"
    (tmp_path / "recording-old_physio.json").write_text("{}")
    (tmp_path / "sub-01_task-mine_physio.json").write_text("{}")
    write_session(result, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("recording-*")} == named
    assert (tmp_path / "sub-01_task-mine_physio.json").exists()
    found_s, found = read(tmp_path / "recording-1Hz_physio.tsv.gz", "heart_rate_bpm")
    track = result.tracks["heart_rate_bpm"]
    known = np.isfinite(track.values)
    assert found_s.tolist() == track.times_s[known].tolist()
    np.testing.assert_allclose(found[:, 0], track.values[known], rtol=1e-6)


def test_a_derived_signal_is_scored_again_as_a_signal(tmp_path: Path) -> None:
    def scored(folder: Path, **recording: object) -> SessionResult:
        folder.mkdir(exist_ok=True)
        skin = {"config": "electrodermal_activity", "window_s": 10, "past_s": []}
        return score(
            write(
                folder,
                recordings={"wristband": recording},
                modalities={"electrodermal_activity": skin},
            )
        )

    table(tmp_path / "eda.csv", value=lambda time_s: 2.0 + 0.2 * np.sin(time_s / 9.0))
    first = scored(tmp_path, path="eda.csv", sources={"eda": "value"}, units={"value": "uS"})
    write_session(first, tmp_path / "out")
    name = "eda_tonic_us"
    (path,) = [
        path.with_name(path.name.replace(".json", ".tsv.gz"))
        for path in (tmp_path / "out").glob("recording-*_physio.json")
        if name in json.loads(path.read_text())["Columns"]
    ]
    second = scored(tmp_path / "again", path=str(path), sources={"eda": name})
    one, other = first.tracks[name], second.tracks[name]
    assert other.unit == "uS"
    level = np.interp(other.times_s, one.times_s, one.values)
    known = np.isfinite(other.values) & (other.times_s > 20.0)
    assert known.sum() > 200
    assert np.corrcoef(other.values[known], level[known])[0, 1] > 0.9
    assert abs(other.values[known].mean() - level[known].mean()) < 0.02
