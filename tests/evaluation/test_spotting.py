"""Spotting held against truth: counts worked out by hand, and a data set of planted intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectfuse.config import load_recipe
from affectfuse.containers import Interval, IntervalTrack, Track
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.errors import ConfigError, DatasetError, RecordingError
from affectfuse.evaluation import spotted as spotted_module
from affectfuse.evaluation import spotting as spotting_module
from affectfuse.evaluation.spotted import Spotted, collect_spotted
from affectfuse.evaluation.spotting import evaluate_spotting, spotting_recipe
from affectfuse.evaluation.spotting_counts import (
    RecordingCounts,
    count_recording,
    measure_spotting,
)
from affectfuse.modalities.micro_expression import MicroExpression
from affectfuse.reports.evaluations.spotting_evaluation import (
    spotting_table,
    write_spotting_evaluation,
)

MICRO, MACRO = "micro_expression", "macro_expression"
CLASSES = ("happiness", "surprise", "disgust", "repression", "others")


def at(
    onset_s: float, label: str = "happiness", length_s: float = 0.4, **values: float
) -> Interval:
    return Interval(onset_s, onset_s + length_s, label, onset_s + 0.2, 0.8, values)


def found(micro: Sequence[Interval] = (), macro: Sequence[Interval] = ()) -> Spotted:
    return Spotted({MICRO: tuple(micro), MACRO: tuple(macro)}, 60.0)


def test_counts_of_one_recording() -> None:
    truth = {MICRO: [at(1), at(5, "surprise"), at(9, "disgust")], MACRO: [at(20, "x", 2.0)]}
    spotted = found(
        micro=[at(1.1, "happiness"), at(5.0, "disgust"), at(30)],
        macro=[at(20.1, MACRO, 1.8), at(9.0, MACRO, 0.4)],  # of the wrong kind: two errors
    )
    counts, matches = count_recording(truth, spotted, CLASSES, None, 0.5)
    assert counts.spotting.tolist() == [[2, 1, 1], [1, 1, 0]]
    assert counts.confusion.sum() == 2
    assert counts.confusion[0, 0] == 1
    assert counts.confusion[1, 2] == 1
    assert sorted(m.outcome for m in matches) == ["false alarm"] * 2 + ["hit"] * 3 + ["missed"]
    (missed,) = [m for m in matches if m.outcome == "missed"]
    assert missed.true_class == "disgust"
    assert math.isnan(missed.iou)


def test_words_outside_the_map_count_in_spotting_alone() -> None:
    truth = {MICRO: [at(1, "sadness"), at(5, "joy")]}
    spotted = found(micro=[at(1), at(5)])
    counts, _ = count_recording(truth, spotted, CLASSES, {"joy": "happiness"}, 0.5)
    assert counts.spotting[0].tolist() == [2, 0, 0]
    assert counts.confusion.sum() == counts.confusion[0, 0] == 1
    unnamed, _ = count_recording(truth, found(micro=[at(1, MICRO)]), CLASSES, None, 0.5)
    assert unnamed.confusion.sum() == 0


def counted(micro: Sequence[int], macro: Sequence[int], confusion: Any = None) -> RecordingCounts:
    return RecordingCounts(
        np.array([micro, macro], float),
        np.zeros((2, 2)) if confusion is None else np.array(confusion, float),
        30.0,
    )


def test_metrics_of_summed_counts() -> None:
    recordings = [
        ("a", counted((4, 1, 0), (1, 0, 0), [[2, 0], [1, 1]])),
        ("a", counted((2, 0, 2), (0, 0, 1), [[1, 1], [0, 0]])),
        ("b", counted((2, 3, 2), (0, 1, 0))),
    ]
    metrics = {name: m.value for name, m in measure_spotting(recordings, 200, 0).items()}
    assert metrics["precision_micro"] == pytest.approx(8 / 12)
    assert metrics["recall_micro"] == pytest.approx(8 / 12)
    assert metrics["f1_micro"] == pytest.approx(16 / 24)
    assert metrics["f1_macro"] == pytest.approx(2 / 4)
    assert metrics["f1_overall"] == pytest.approx(18 / 28)
    assert metrics["false_alarms_per_min_micro"] == pytest.approx(4 / 1.5)
    assert metrics["uar"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    uf1 = (2 * 3 / (4 + 4) + 2 * 1 / (2 + 2)) / 2
    assert metrics["uf1"] == pytest.approx(uf1)
    assert metrics["strs"] == pytest.approx(16 / 24 * uf1)


def test_intervals_come_from_drawing_subjects() -> None:
    good, bad = counted((9, 0, 1), (0, 0, 0)), counted((1, 9, 9), (0, 0, 0))
    metrics = measure_spotting([("a", good), ("b", bad)], 500, 0)
    low, high = metrics["f1_micro"].low, metrics["f1_micro"].high
    assert low == pytest.approx(2 / 20)
    assert high == pytest.approx(18 / 19)
    assert math.isnan(metrics["f1_macro"].value)
    assert math.isnan(metrics["uar"].value)
    one = measure_spotting([("a", good)], 500, 0)["f1_micro"]
    assert one.value == pytest.approx(18 / 19)
    assert math.isnan(one.low)


class Planted(Dataset):
    """Recordings whose file says what would be spotted; one is broken."""

    name, target, provenance = "planted", None, "Numbers; no person was recorded."

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def prepare(self, progress: Any = None) -> None:
        for number in range(3):
            (self._folder / f"{number}.json").write_text(str(number))

    def items(self) -> Sequence[DatasetItem]:
        coded = {MICRO: (at(1), at(5, "surprise")), MACRO: (at(8, "disgust", 1.0),)}
        return [
            DatasetItem(
                f"k{number}", f"s{number}", self._folder / f"{number}.json", annotations=coded
            )
            for number in range(3)
        ] + [DatasetItem("uncoded", "s9", self._folder / "0.json")]


def read(source: Path, modalities: Any, **_: Any) -> Iterator[Track | IntervalTrack]:
    number = int(Path(source).read_text())
    if number == 2:
        raise RecordingError("it is broken")
    yield Track("face_visible", "fraction", np.arange(1.0, 61.0), np.ones(60), np.ones(60))
    yield IntervalTrack(MICRO, (at(1.05, "happiness", p_micro_expression=0.9),))
    if number == 1:
        yield IntervalTrack(MICRO, (at(5, "surprise", p_micro_expression=0.7), at(30, "others")))
    yield IntervalTrack(MACRO, (at(8.1, MACRO, 1.0),))


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setattr(spotted_module, "extract_recording", read)
    monkeypatch.setattr(spotting_module, "build", lambda node, kind: Planted(folder))
    return tmp_path


def overrides(tmp_path: Path, *more: str) -> list[str]:
    return [f"cache={tmp_path / 'cache'}", "workers=1", "draws=100", *more]


def test_a_data_set_is_evaluated_whole(planted: Path) -> None:
    recipe = spotting_recipe("micro_expression_sessions", overrides(planted))
    result = evaluate_spotting(recipe)
    assert result.overall.counts == {MICRO: (3, 1, 1), MACRO: (2, 0, 0)}
    assert result.overall.minutes == pytest.approx(2.0)
    assert result.overall.metrics["false_alarms_per_min_micro"].value == pytest.approx(0.5)
    assert result.confusion[0, 0] == 2
    assert result.confusion[1, 1] == 1
    assert result.skipped == {"k2": "it is broken"}
    text = spotting_table(result)
    assert "3/1/1" in text
    assert "k2: it is broken" in text
    out = planted / "out"
    write_spotting_evaluation(result, out)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["overall"]["counts"][MICRO]["false_positives"] == 1
    rows = (out / "matches.csv").read_text().splitlines()
    assert len(rows) == 1 + 7
    assert any(row.startswith("k1,s1,micro_expression,false alarm") for row in rows)


def test_without_a_recogniser_nothing_is_named(planted: Path) -> None:
    recipe = spotting_recipe("micro_expression_sessions", overrides(planted, "checkpoint=null"))
    result = evaluate_spotting(recipe)
    assert result.classes == ()
    assert "uar" not in result.overall.metrics
    assert result.overall.counts[MICRO] == (3, 1, 1)


def test_what_was_spotted_is_read_back_from_the_cache(planted: Path) -> None:
    items = Planted(planted / "data").items()[:1]
    Planted(planted / "data").prepare()
    arguments = (items, MicroExpression(), {}, None, {}, planted / "cache")
    first, _ = collect_spotted(*arguments)
    again, _ = collect_spotted(*arguments)
    for kind in (MICRO, MACRO):
        one, two = first["k0"].intervals[kind], again["k0"].intervals[kind]
        assert [(i.onset_s, i.label, i.values) for i in one] == [
            (i.onset_s, i.label, i.values) for i in two
        ]
    (interval,) = again["k0"].intervals[MICRO]
    assert interval.label == "happiness"
    assert interval.values["p_spotted"] == pytest.approx(0.9)
    assert again["k0"].watched_s == pytest.approx(60.0)


def test_what_cannot_be_evaluated_is_refused(planted: Path, monkeypatch: Any) -> None:
    with pytest.raises(ConfigError, match="'least_iou' is 0"):
        evaluate_spotting(spotting_recipe("synthetic", overrides(planted, "least_iou=0")))
    two = overrides(planted, "modalities=[heart_rate,micro_expression]")
    with pytest.raises(ConfigError, match="'modalities' names 2 modalities"):
        evaluate_spotting(spotting_recipe("synthetic", two))
    other = overrides(planted, "modalities.micro_expression.clip_frames=9")
    with pytest.raises(ConfigError, match="'clip_frames' of the modality is 9"):
        evaluate_spotting(spotting_recipe("synthetic", other))
    with pytest.raises(ConfigError, match="unknown recipe or data set 'synthetics'"):
        spotting_recipe("synthetics")
    monkeypatch.setattr(Planted, "items", lambda self: [DatasetItem("a", "a", planted / "x")])
    with pytest.raises(DatasetError, match="no recording whose expressions are coded"):
        evaluate_spotting(spotting_recipe("synthetic", overrides(planted)))


def test_the_recipe_has_what_the_evaluation_reads() -> None:
    assert {"dataset", "modalities", "checkpoint", "label_map", "least_iou"} <= set(
        load_recipe("evaluate_spotting")
    )
