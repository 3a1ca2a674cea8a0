"""The benchmark that scores published logs again reads both kinds of log."""

from __future__ import annotations

from pathlib import Path

import pytest

from affectfuse.errors import DatasetError

BENCHMARKS = Path(__file__).parents[2] / "benchmarks" / "micro_expression"

PYTHON_LOG = """Subject: 006
Predicted   : [0, 0, 1, 2]
Ground Truth: [0, 1, 1, 2]
UF1: 0.5185 | UAR: nan
Subject: sub01
Predicted   : [2]
Ground Truth: [2]
UF1: 0.72 | UAR: 0.72
"""
MATLAB_LOG = "casme2 sub01\r\nEP02_01f 1 0\r\nEP19_05f 0 0\r\nsamm 006\r\n006_1_2 2 2\r\n"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_both_kinds_of_log_are_pooled_over_subjects(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import logged  # type: ignore[import-not-found]

    (tmp_path / "python.txt").write_text(PYTHON_LOG)
    (tmp_path / "matlab.txt").write_text(MATLAB_LOG)
    labels, predictions = logged.read_log(tmp_path / "python.txt")
    assert labels.tolist() == [0, 1, 1, 2, 2]
    assert predictions.tolist() == [0, 0, 1, 2, 2]
    labels, predictions = logged.read_log(tmp_path / "matlab.txt")
    assert labels.tolist() == [1, 0, 2]
    assert predictions.tolist() == [0, 0, 2]
    logged.main([str(tmp_path / "python.txt")])
    said = capsys.readouterr().out
    # F1: 2/3, 2/3, 1; recall: 1, 1/2, 1
    assert f"5 clips, UF1 {7 / 9:.4f}, UAR {5 / 6:.4f}, accuracy 0.8000" in said


def test_a_log_is_held_against_a_run_clip_by_clip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import logged

    (tmp_path / "matlab.txt").write_text(MATLAB_LOG)
    header = "seed,clip,subject,database,label,predicted,p_a,p_b,p_c\n"
    rows = ["006_006_1_2,006,samm,c,c,0,0,1", "sub01_EP02_01f,sub01,casme2,b,b,0,1,0",
            "sub01_EP19_05f,sub01,casme2,a,a,1,0,0"]  # fmt: skip
    run = tmp_path / "predictions.csv"
    run.write_text(header + "".join(f"0,{row}\n" for row in rows))
    logged.main(["--against", str(run), str(tmp_path / "matlab.txt")])
    # the run is right in all three; the log's F1 are 2/3, 0 and 1
    assert f"{1 - 5 / 9:+.3f}" in capsys.readouterr().out
    run.write_text(header + "0,007_x,007,samm,c,c,0,0,1\n0,006_006_1_2,006,samm,a,a,1,0,0\n")
    with pytest.raises(DatasetError, match="no prediction of the clip '007_x'"):
        logged.main(["--against", str(run), str(tmp_path / "matlab.txt")])


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    import logged

    (tmp_path / "empty.txt").write_text("nothing here\n")
    with pytest.raises(DatasetError, match=r"empty\.txt holds no predictions"):
        logged.read_log(tmp_path / "empty.txt")
    (tmp_path / "short.txt").write_text("Predicted : [0, 1]\nGround Truth: [0]\n")
    with pytest.raises(DatasetError, match=r"2 predictions for the 1 labels \[0\]"):
        logged.read_log(tmp_path / "short.txt")
