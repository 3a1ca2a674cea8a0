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


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    import logged

    (tmp_path / "empty.txt").write_text("nothing here\n")
    with pytest.raises(DatasetError, match=r"empty\.txt holds no predictions"):
        logged.read_log(tmp_path / "empty.txt")
    (tmp_path / "short.txt").write_text("Predicted : [0, 1]\nGround Truth: [0]\n")
    with pytest.raises(DatasetError, match=r"2 predictions for the 1 labels \[0\]"):
        logged.read_log(tmp_path / "short.txt")
