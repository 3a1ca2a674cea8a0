"""The table, the summary and the page of a recording in which expressions were spotted."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import Interval, IntervalTrack, Track
from affectfuse.errors import OutputError
from affectfuse.reports.session import NO_CHECKPOINT, SessionResult, session_notes, warnings
from affectfuse.reports.session_page.media import Pictures
from affectfuse.reports.spotting import spotted_csv, spotted_table, write_spotted

NAMED = Interval(
    12.0,
    12.4,
    "disgust",
    12.15,
    0.4,
    {"displacement_iod_percent": 2.5, "p_disgust": 0.5, "p_others": 0.5, "p_micro_expression": 0.8},
    b"\xff\xd8 no picture",
)
UNNAMED = Interval(3.0, 3.3, "micro_expression", 3.1, 0.7, {"displacement_iod_percent": 2.0})
LONG = Interval(8.0, 10.0, "macro_expression", 9.0, 0.9, {"displacement_iod_percent": 7.0})


@pytest.fixture
def result() -> SessionResult:
    seconds, ones = np.arange(1.0, 31.0), np.ones(30)
    return SessionResult(
        source="a <b>.mp4",
        duration_s=30.0,
        mode="offline causal",
        tracks={"face_visible": Track("face_visible", "fraction", seconds, ones, ones)},
        intervals={
            "micro_expression": IntervalTrack("micro_expression", (UNNAMED, NAMED)),
            "macro_expression": IntervalTrack("macro_expression", (LONG,)),
            "blink": IntervalTrack("blink", (Interval(1.0, 1.2, "blink", 1.1, 1.0),)),
        },
        provenance={"learned_parts": {"spotter": "sessions: Synthetic: 8 variants"}},
        notes=["a note"],
        fused=False,
    )


def test_one_row_an_expression_by_onset(result: SessionResult) -> None:
    rows = list(csv.DictReader(io.StringIO(spotted_csv(result))))
    assert [row["type"] for row in rows] == [
        "micro_expression",
        "macro_expression",
        "micro_expression",
    ]
    assert [row["class"] for row in rows] == ["", "", "disgust"]
    assert float(rows[2]["confidence"]) == 0.8  # that it is there; that it is disgust is p_disgust
    assert float(rows[2]["p_disgust"]) == 0.5
    assert math.isnan(float(rows[0]["p_disgust"]))
    assert list(rows[0])[-2:] == ["p_disgust", "p_others"]
    assert float(rows[1]["apex_s"]) == 9.0
    assert spotted_table(result) == ("2 micro-expressions, 1 macro-expressions, 1 blinks in 30 s")


def test_a_page_of_spotting_speaks_of_no_fused_estimate(
    result: SessionResult, tmp_path: Path
) -> None:
    page = write_spotted(result, tmp_path / "out").read_text()
    assert NO_CHECKPOINT not in session_notes(result)
    assert "Spotted expressions" in page
    assert "fused" not in warnings(result)[0]
    assert "synthetic recordings only" in page
    assert "a &lt;b&gt;.mp4" in page
    assert "data:image/jpeg" in page
    summary = json.loads((tmp_path / "out" / "spotted.json").read_text())
    assert summary["intervals"]["micro_expression"]["count"] == 2
    plain = write_spotted(result, tmp_path / "out", Pictures(thumbnails=False)).read_text()
    assert "data:image/jpeg" not in plain


def test_a_spotter_that_learned_from_people_gets_no_banner(result: SessionResult) -> None:
    result.provenance["learned_parts"]["spotter"] = "CAS(ME)^3: 100 people"
    assert warnings(result) == []


def test_a_folder_that_cannot_be_written_to_is_refused(
    result: SessionResult, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write to"):
        write_spotted(result, tmp_path / "file")
