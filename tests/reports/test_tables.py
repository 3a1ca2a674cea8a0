from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest

from affectfuse.containers import Estimate, Interval, IntervalTrack, Target, Track
from affectfuse.reports.score_tables import contrasts_csv, scores_csv
from affectfuse.reports.session import (
    FACE_VISIBLE,
    HEART_RATE,
    MICRO_EXPRESSION,
    NO_CHECKPOINT,
    SYNTHETIC,
    SYNTHETIC_ONLY,
    SessionResult,
    coverage,
    public,
    warnings,
)
from affectfuse.reports.session_page.page import render
from affectfuse.reports.strict_json import strict_json
from affectfuse.reports.summary import session_summary
from affectfuse.reports.tables import micro_expressions_tsv, sidecar, timeline_csv
from affectfuse.scoring.base import SessionScore

NAN = math.nan


def track(name: str, unit: str, times: list[float], values: list[float]) -> Track:
    quality = np.where(np.isfinite(values), 0.75, 0.0)
    return Track(name, unit, np.array(times), np.array(values), quality)


def small(**changes: Any) -> SessionResult:
    """Three seconds; in the second one nobody is seen."""
    times = [1.0, 2.0, 3.0]
    values: dict[str, Any] = {
        "source": "a.mp4",
        "duration_s": 3.2,
        "mode": "offline causal",
        "tracks": {
            FACE_VISIBLE: track(FACE_VISIBLE, "fraction", times, [1.0, 0.0, 0.5]),
            HEART_RATE: track(HEART_RATE, "bpm", times, [70.25, NAN, 72.0]),
        },
        "intervals": {
            MICRO_EXPRESSION: IntervalTrack(
                MICRO_EXPRESSION,
                (Interval(0.5, 0.8, "disgust", 0.6, 0.9), Interval(2.1, 2.4, "micro_expression")),
            )
        },
        "estimates": [
            Estimate(1.0, {"calm": 0.25, "tense": 0.75}, {"heart_rate": 0.5}, {}),
            Estimate(2.0, {"calm": 0.5, "tense": 0.5}, {"heart_rate": 0.0}, {}),
        ],
        "target": Target("hidden_state", ("calm", "tense"), "window", "planted"),
        "modality_quality": {"heart_rate": track("heart_rate", "fraction", times, [0.5, 0, 0.7])},
        "provenance": {"checkpoint": {"trained_on": {"dataset": "synthetic"}}},
    }
    return SessionResult(**(values | changes))


def test_timeline_golden() -> None:
    assert timeline_csv(small()) == (
        "time_s,face_visible,heart_rate_bpm,heart_rate_confidence,p_calm,p_tense,weight_heart_rate\n"
        "1,1,70.25,0.75,0.25,0.75,0.5\n"
        "2,0,NaN,0,NaN,NaN,0\n"
        "3,0.5,72,0.75,NaN,NaN,NaN\n"
    )


def test_timeline_without_a_checkpoint_has_nan_weights_and_a_note() -> None:
    result = small(target=None, estimates=[], provenance={})
    rows = list(csv.DictReader(io.StringIO(timeline_csv(result))))
    assert [row["weight_heart_rate"] for row in rows] == ["NaN"] * 3
    assert not any(name.startswith("p_") for name in rows[0])
    assert NO_CHECKPOINT in session_summary(result)["notes"]
    assert NO_CHECKPOINT in sidecar(result, "timeline")["weight_heart_rate"]["Description"]
    assert NO_CHECKPOINT not in session_summary(small())["notes"]


def test_timeline_takes_the_newest_reading_of_a_second() -> None:
    fast = track(HEART_RATE, "bpm", [0.4, 0.9, 1.0, 2.6, 3.1], [60.0, 61.0, 62.0, 63.0, 64.0])
    result = small(tracks={FACE_VISIBLE: small().tracks[FACE_VISIBLE], HEART_RATE: fast})
    rows = list(csv.DictReader(io.StringIO(timeline_csv(result))))
    assert [row["heart_rate_bpm"] for row in rows] == ["62", "NaN", "63"]
    assert coverage(result, fast) == pytest.approx(2 / 3)


def test_timeline_of_less_than_a_second_and_of_no_tracks() -> None:
    result = small(tracks={}, intervals={}, estimates=[], modality_quality={}, duration_s=0.4)
    assert timeline_csv(result).count("\n") == 1
    summary = session_summary(result)
    assert math.isnan(summary["coverage"]["face_visible"])
    assert summary["summary"]["micro_expressions"] is None
    two = small(tracks={}, estimates=[], duration_s=2.9, modality_quality={})
    assert timeline_csv(two).splitlines()[1:] == ["1,NaN,NaN,NaN,NaN,NaN", "2,NaN,NaN,NaN,NaN,NaN"]


def test_micro_expressions_golden() -> None:
    assert micro_expressions_tsv(small()) == (
        "onset\tduration\ttrial_type\tapex\tconfidence\n"
        "0.5\t0.3\tdisgust\t0.6\t0.9\n"
        "2.1\t0.3\tmicro_expression\tn/a\tn/a\n"
    )
    assert micro_expressions_tsv(small(intervals={})).count("\n") == 1


def test_micro_expression_columns_are_described() -> None:
    described = sidecar(small(), "micro_expressions")
    header = micro_expressions_tsv(small()).splitlines()[0].split("\t")
    assert list(described) == ["Warnings", *header]


@pytest.mark.parametrize("table", ["timeline", "scores", "contrasts"])
def test_sidecars_describe_every_column_and_warn_first(table: str) -> None:
    result = small()
    score = SessionScore("baseline_shift", (), {}, ())
    text = {
        "timeline": timeline_csv(result),
        "scores": scores_csv(score),
        "contrasts": contrasts_csv(score),
    }[table]
    described = sidecar(result, table)
    assert list(described) == ["Warnings", *text.splitlines()[0].split(",")]
    assert described["Warnings"] == [SYNTHETIC_ONLY]
    assert "Warnings" not in sidecar(small(provenance={}), table)


def test_the_summary_counts_what_is_known() -> None:
    summary = session_summary(small())
    assert summary["schema_version"] == "1.1"
    assert summary["warnings"] == [SYNTHETIC_ONLY]
    assert summary["coverage"] == {"face_visible": 0.5, HEART_RATE: pytest.approx(2 / 3)}
    assert summary["summary"]["heart_rate_median_bpm"] == pytest.approx(71.125)
    assert summary["summary"]["micro_expressions"] == 2
    assert summary["summary"]["mean_probabilities"] == {"calm": 0.25, "tense": 0.75}
    assert summary["summary"]["share_with_evidence"] == 0.5
    assert summary["modalities"]["heart_rate"]["coverage"] == pytest.approx(2 / 3)
    assert summary["modalities"]["heart_rate"]["mean_quality_when_present"] == pytest.approx(0.6)


def trained(*datasets: str) -> dict[str, Any]:
    fused, *coded = ({"dataset": name} for name in datasets)
    return {"checkpoint": {"trained_on": fused | {"recognisers": dict(enumerate(coded))}}}


def test_only_a_model_of_nothing_but_synthetic_data_is_marked_so() -> None:
    def said(provenance: dict[str, Any]) -> list[str]:
        return warnings(small(provenance=provenance))

    assert said(trained("synthetic")) == said(trained("synthetic", "synthetic")) != []
    assert said(trained("lab")) == said(trained("lab", "synthetic")) == []
    assert said(trained("synthetic", "lab")) == []
    assert said({}) == said({"checkpoint": None}) == said({"checkpoint": {}}) == []


def test_watched_and_nothing_found_is_none_found() -> None:
    watched = {MICRO_EXPRESSION: small().modality_quality["heart_rate"]}
    summary = session_summary(small(intervals={}, modality_quality=watched))
    assert summary["summary"]["micro_expressions"] == 0
    assert summary["intervals"][MICRO_EXPRESSION]["count"] == 0
    never = track(MICRO_EXPRESSION, "fraction", [1.0, 2.0, 3.0], [0.0, 0.0, 0.0])
    for quality in ({}, {MICRO_EXPRESSION: never}):
        unseen = session_summary(small(intervals={}, modality_quality=quality))
        assert unseen["summary"]["micro_expressions"] is None


def test_names_are_those_of_their_rooms() -> None:
    from affectfuse.config import build, load_node
    from affectfuse.datasets.synthetic import Synthetic
    from affectfuse.extraction import FACE_VISIBLE as WATCHED
    from affectfuse.modalities.base import Modality

    assert FACE_VISIBLE == WATCHED
    assert Synthetic.name == SYNTHETIC
    modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    readings = modality.extractor().tick(1.0)
    assert HEART_RATE in [r.name for r in readings if isinstance(r, Track)]
    assert build(load_node("modality", MICRO_EXPRESSION), Modality)  # type: ignore[type-abstract]


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def test_json_is_strict() -> None:
    value = {"a": NAN, "b": [math.inf, np.float32(0.5), np.int64(3)], 4: np.array([1.0, NAN])}
    text = strict_json(value | {"c": {"x"}, "d": True, "e": object})
    parsed = json.loads(text, parse_constant=refuse)
    assert parsed["a"] is None
    assert parsed["b"] == [None, 0.5, 3]
    assert parsed["4"] == [1.0, None]
    assert parsed["c"] == ["x"]
    assert parsed["d"] is True
    assert isinstance(parsed["e"], str)
    json.loads(strict_json(session_summary(small())), parse_constant=refuse)


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("rtsp://anna:secret@cam.example:554/live", "rtsp://cam.example:554/live"),
        ("http://a:secret@b@cam.example/x?at=a@b", "http://cam.example/x?at=a@b"),
        ("rtsp://cam.example/live", "rtsp://cam.example/live"),
        ("folder/a@b.mp4", "folder/a@b.mp4"),
    ],
)
def test_passwords_leave_no_trace(source: str, shown: str) -> None:
    result = small(
        source=source,
        provenance={"recording": {"source": source, "all": [source]}},
        notes=[f"{source} broke off"],
    )
    assert public(source) == shown
    summary = session_summary(result)
    assert summary["source"] == summary["provenance"]["recording"]["source"] == shown
    assert f"{shown} broke off" in summary["notes"]
    if "secret" in source:
        assert "secret" not in strict_json(summary)
        assert "secret" not in render(result)
