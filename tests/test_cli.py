"""The commands as a user types them: what they write, and what they say to bad input."""

from __future__ import annotations

import csv
import json
import math
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import av
import pytest
from recording.videos import write_sound

from affectfuse.cli import main
from affectfuse.containers import Frame
from affectfuse.recording.writing import VideoWriter

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return its exit code and what it printed."""

    def command(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["affectfuse", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return command


@pytest.fixture(scope="session")
def face_file(face_video: list[Frame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The face video as a file with a space and an umlaut in its name."""
    path = tmp_path_factory.mktemp("videos") / "a sëssion.mp4"
    height, width = face_video[0].image.shape[:2]
    with VideoWriter(path, width, height, crf=18) as writer:
        for frame in face_video:
            writer.write(frame.image, frame.time_s)
    return path


def refused(result: tuple[int, str, str], *words: str) -> None:
    """The promise for bad input: code 2, one clear line, no traceback."""
    code, _, err = result
    lines = [line for line in err.splitlines() if line.startswith("affectfuse: ")]
    assert code == 2, err
    assert len(lines) == 1, err
    assert "Traceback" not in err
    for word in words:
        assert word in lines[0], lines[0]


def read_timeline(out: Path) -> list[dict[str, str]]:
    with (out / "timeline.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_score_without_a_checkpoint(run: Run, face_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, _ = run("score", face_file, "--out", out, "--video", "link")
    assert code == 0
    assert str(out / "report.html") in printed
    rows = read_timeline(out)
    assert list(rows[0])[:4] == [
        "time_s",
        "face_visible",
        "heart_rate_bpm",
        "heart_rate_confidence",
    ]
    assert [float(row["time_s"]) for row in rows] == list(range(1, len(rows) + 1))
    assert all(math.isnan(float(row["weight_heart_rate"])) for row in rows)
    session = json.loads((out / "session.json").read_text())
    assert len(session["provenance"]["recording"]["sha256"]) == 64
    assert any("no checkpoint" in note for note in session["notes"])
    assert (out / "micro_expressions.tsv").read_text().startswith("onset\tduration\ttrial_type\t")
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    page = (out / "report.html").read_text()
    assert "<script src" not in page
    linked = unquote(re.search(r'<video[^>]* src="([^"]*)"', page)[1])
    assert (out / linked).resolve() == face_file


def test_what_cannot_go_into_the_page_is_refused_at_once(
    run: Run, face_file: Path, tmp_path: Path
) -> None:
    out, session = tmp_path / "out", tmp_path / "session.yaml"
    session.write_text(
        "purpose: a test\nconsent: {given: true, record: form 1}\n"
        f"recordings: {{camera: {{path: '{face_file}'}}}}\n"
    )
    for source in (face_file, session):
        found = run("score", source, "--out", out, "--video", "embed", "--no-thumbnails")
        refused(found, "--no-thumbnails", "--video embed", "leave one of the two out")
    assert not out.exists()
    assert run("score", face_file, "--out", out, "--video", "film")[0] == 2


def test_score_with_the_demo_checkpoint(run: Run, face_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    events = tmp_path / "events.tsv"
    events.write_text("onset\tduration\ttrial_type\n7\t2\tfirst <b>question</b>\n")
    arguments = ("score", face_file, "--out", out, "--checkpoint", "demo", "--events", events)
    code, _, err = run(*arguments, "--no-thumbnails")
    assert code == 0, err
    totals = []
    for row in read_timeline(out):
        weights = [float(value) for key, value in row.items() if key.startswith("weight_")]
        total = sum(float(value) for key, value in row.items() if key.startswith("p_"))
        assert math.isnan(total) == (max(weights) == 0), "known just where there is evidence"
        totals += [] if math.isnan(total) else [total]
    assert len(totals) > 4
    assert totals == pytest.approx([1.0] * len(totals), abs=1e-3)
    session = json.loads((out / "session.json").read_text())
    assert any("no real person" in text for text in session["warnings"])
    page = (out / "report.html").read_text()
    assert "no real person" in page
    assert "first <b>question" not in page
    assert "data:image/jpeg" not in page
    assert (out / "scores.csv").is_file()


def text_file(path: Path) -> None:
    path.write_text("this is not a video\n" * 50)


def empty_file(path: Path) -> None:
    path.touch()


def missing(path: Path) -> None:
    assert not path.exists()


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [text_file, empty_file, missing, folder])
def test_what_is_no_video(run: Run, tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "recording.mp4"
    make(path)
    refused(run("score", path, "--out", tmp_path / "out"), "recording.mp4")
    assert not (tmp_path / "out").exists()


def cut_to(source: Path, target: Path, share: float) -> None:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])


def test_a_truncated_video_is_scored_up_to_the_break(
    run: Run, face_file: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    with av.open(str(face_file)) as read, av.open(str(whole), "w") as write:
        copy = write.add_stream_from_template(read.streams.video[0])
        for packet in read.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                write.mux(packet)
    cut_to(whole, cut, 0.6)
    code, _, err = run("score", cut, "--out", tmp_path / "out")
    assert code == 0, err
    assert "breaks off" in err
    assert "breaks off" in (tmp_path / "out" / "session.json").read_text()
    assert 4 <= len(read_timeline(tmp_path / "out")) <= 9  # of twelve seconds


def test_a_video_whose_index_is_cut_off(run: Run, face_file: Path, tmp_path: Path) -> None:
    cut_to(face_file, tmp_path / "cut.mp4", 0.6)
    refused(run("score", tmp_path / "cut.mp4", "--out", tmp_path / "out"), "cut.mp4", "index")
    assert not (tmp_path / "out").exists()


def test_sound_without_pictures(run: Run, tmp_path: Path) -> None:
    write_sound(tmp_path / "sound.mp4")
    refused(run("score", tmp_path / "sound.mp4", "--out", tmp_path / "out"), "sound.mp4", "video")


def test_a_file_in_place_of_the_output_folder(run: Run, face_file: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    refused(run("score", face_file, "--out", tmp_path / "out"), "out")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="the super-user may write anywhere")
def test_a_folder_that_may_not_be_written(run: Run, face_file: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refused(run("score", face_file, "--out", closed / "out"), "closed")


def test_bad_checkpoints(run: Run, face_file: Path, tmp_path: Path) -> None:
    out = ("--out", tmp_path / "out")
    refused(run("score", face_file, *out, "--checkpoint", tmp_path / "no.pt"), "no.pt")
    (tmp_path / "text.pt").write_text("weights")
    refused(run("score", face_file, *out, "--checkpoint", tmp_path / "text.pt"), "text.pt")
    refused(run("info", tmp_path / "text.pt"), "text.pt")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("face.chose=largest", ("face.chose", "'choose'")),
        ("modalities=[hart_rate]", ("'heart_rate'",)),
        ("protocol=baseline_shif", ("'baseline_shift'",)),
        ("nonsense", ("key=value",)),
    ],
)
def test_bad_overrides(
    run: Run, face_file: Path, tmp_path: Path, override: str, words: tuple[str, ...]
) -> None:
    refused(run("score", face_file, override, "--out", tmp_path / "out"), *words)
    assert not (tmp_path / "out").exists()


def test_bad_events(run: Run, face_file: Path, tmp_path: Path) -> None:
    events = tmp_path / "events.tsv"
    events.write_text("onset\tduration\ttrial_type\n1\t1\ta\nlate\t1\tb\n")
    refused(run("score", face_file, "--out", tmp_path / "out", "--events", events), "row", "late")
    events.write_text("onset\tduration\ttrial_type\n9999\t1\tafter the end\n")
    refused(run("score", face_file, "--out", tmp_path / "out", "--events", events), "9999")
    missing_file = ("--events", tmp_path / "none.tsv")
    refused(run("score", face_file, "--out", tmp_path / "out", *missing_file), "none.tsv")


def test_unknown_recipes_and_modalities_beside_a_checkpoint(
    run: Run, face_file: Path, tmp_path: Path
) -> None:
    refused(run("train", "trian", "--out", tmp_path / "out"), "Did you mean 'train'")
    both = ("modalities=[heart_rate]", "--checkpoint", "demo")
    refused(run("score", face_file, *both, "--out", tmp_path / "out"), "checkpoint", "modalities")


def test_synth_writes_video_and_truth(run: Run, tmp_path: Path) -> None:
    code, _, err = run("synth", tmp_path / "s.mp4", "duration_s=1", "width=160", "height=120")
    assert code == 0, err
    truth = json.loads((tmp_path / "s.json").read_text())
    assert truth
    assert (tmp_path / "s_events.tsv").read_text().startswith("onset\tduration\ttrial_type")
    refused(run("synth", tmp_path / "s.mp4", "duration=1"), "duration_s")
    refused(run("synth", tmp_path / "none" / "x" / "s.txt"), ".mp4")


def test_info_describes_the_demo_checkpoint(run: Run) -> None:
    code, printed, _ = run("info", "demo")
    assert code == 0
    for word in ("heart_rate", "micro_expression", "hidden_state", "synthetic"):
        assert word in printed


def test_cache_is_private_and_can_be_cleared(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFECTFUSE_CACHE", str(tmp_path / "cache"))
    code, printed, _ = run("cache", "path")
    cache = Path(printed.strip())
    assert code == 0
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    (cache / "face.png").touch()
    assert run("cache", "clear")[0] == 0
    assert not cache.exists()


def test_spot_writes_what_it_found(run: Run, face_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, err = run("spot", face_file, "--out", out, "--checkpoint", "demo")
    assert code == 0, err
    assert str(out / "spotted.html") in printed
    assert "micro-expressions" in printed
    assert sorted(path.name for path in out.iterdir()) == [
        "spotted.csv",
        "spotted.html",
        "spotted.json",
    ]
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    with (out / "spotted.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    found = json.loads((out / "spotted.json").read_text())
    count = sum(found["intervals"][f"{kind}_expression"]["count"] for kind in ("micro", "macro"))
    assert len(rows) == count
    assert found["provenance"]["checkpoint"]["source"] == "demo"
    assert any("synthetic" in warning for warning in found["warnings"])
    page = (out / "spotted.html").read_text()
    assert "timeline.csv" not in page
    assert "never says that someone lies" in page
    for row in rows:
        assert float(row["onset_s"]) < float(row["apex_s"]) < float(row["offset_s"])
        assert 0.0 < float(row["confidence"]) < 1.0


def test_spot_says_what_it_lacks(run: Run, face_file: Path, tmp_path: Path) -> None:
    code, _, err = run("spot", face_file, "--out", tmp_path / "out")
    assert code == 0
    assert "no checkpoint was given, so what is spotted has no class" in err
    refused(run("spot", tmp_path / "none.mp4", "--out", tmp_path / "o"), "none.mp4")
    refused(run("spot", face_file, "modalities=[]", "--out", tmp_path / "o"), "names 0 modalities")
