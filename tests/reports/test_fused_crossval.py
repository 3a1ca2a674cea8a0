"""The outputs of a cross-validation of fused models, of planted predictions."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation.fused_planted import AFFECT, STATE, UNITS, planted
from reports.test_page import HOSTILE, browse, in_browser

from affectfuse.evaluation.fused import FUSED, FusedPredictions, subset_name
from affectfuse.evaluation.fused_evaluation import evaluate_fused
from affectfuse.evaluation.fused_scores import ALL
from affectfuse.reports.evaluations.fused_crossval import (
    FUSED_CROSSVAL_OUTPUTS,
    fused_crossval_table,
    write_fused_crossval,
)
from affectfuse.training.folds import FoldPlan
from affectfuse.training.fused.crossval import FusedCrossValidation


def run(
    found: FusedPredictions, *, permuted: bool = False, **facts: object
) -> FusedCrossValidation:
    return FusedCrossValidation(
        dataset="set <b>",
        plan=FoldPlan("leave_one_subject_out", 5, 0.2, 0.2, 0),
        folds=12,
        predictions=found,
        evaluation=evaluate_fused(found, 60, 0),
        seeds=tuple(range(len(found.chosen))),
        permuted=permuted,
        draws=60,
        parameters=1234,
        seconds=2.0,
        skipped={"rows.csv, row 7": "label is <i>"},
        notes={"rec01": "label corrected"},
        provenance={"created": "2026-01-01T00:00:00+00:00", "configuration": {"seed": 0}, **facts},
    )


def both_kinds() -> FusedPredictions:
    """Classes and scales at once, the outputs side by side."""
    one, other = planted(STATE), planted(AFFECT)
    beside = {n: np.concatenate([v, other.estimates[n]], -1) for n, v in one.estimates.items()}
    subsets = {n: np.concatenate([v, other.subsets[n]], -1) for n, v in one.subsets.items()}
    return replace(
        one,
        targets=(STATE, AFFECT),
        labels={**one.labels, **other.labels},
        estimates=beside,
        subsets=subsets,
        half_widths=other.half_widths,
    )


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture(scope="module")
def result() -> FusedCrossValidation:
    return run(both_kinds())


@pytest.fixture(scope="module")
def out(result: FusedCrossValidation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    (folder / "confusion.csv").write_text("of a run of clips\n")
    (folder / "mine.txt").write_text("left alone\n")
    assert write_fused_crossval(result, folder) == folder / "crossval.html"
    return folder


def test_all_files_are_there_and_those_of_another_kind_of_run_are_gone(out: Path) -> None:
    assert {path.name for path in out.iterdir()} == {*FUSED_CROSSVAL_OUTPUTS, "mine.txt"}


def test_predictions_hold_every_sample_once_a_seed(out: Path, result: FusedCrossValidation) -> None:
    found, rows = result.predictions, rows_of(out / "predictions.csv")
    assert len(rows) == 2 * len(found)
    row, place = rows[len(found) + 17], 17  # of the second seed
    assert row["seed"] == "1"
    assert row["recording"] == found.keys[place]
    assert row["label_state"] == STATE.classes[found.labels["state"][place]]
    assert float(row["label_arousal"]) == pytest.approx(found.labels["affect"][place, 1], rel=1e-4)
    assert float(row["p_stress"]) == pytest.approx(found.estimates[FUSED][1, place, 1], rel=1e-4)
    assert float(row["value_valence"]) == pytest.approx(found.estimates[FUSED][1, place, 2], 1e-4)
    by_eda = float(row["p_rest_by_eda"])
    assert by_eda == pytest.approx(found.estimates["eda"][1, place, 0], rel=1e-4)
    assert row["best_single"] == "pulse"
    assert row["set_state"].split("|") == [
        name for name, inside in zip(STATE.classes, found.sets["state"][1, place], strict=True)
        if inside
    ]  # fmt: skip
    assert float(row["half_width_arousal"]) == 1.0
    assert row["present_face"] == str(int(found.present["face"][place]))
    assert row["sex"] in ("male", "female")


def test_scores_are_those_that_were_measured(out: Path, result: FusedCrossValidation) -> None:
    rows = rows_of(out / "scores.csv")
    [fused] = [
        row for row in rows
        if (row["target"], row["attribute"], row["estimate"], row["subset"], row["metric"])
        == ("state", "", FUSED, ALL, "auroc")
    ]  # fmt: skip
    score = result.evaluation.targets[0].score(FUSED, ALL)
    assert score is not None
    assert float(fused["value"]) == pytest.approx(score.found.value, abs=1e-5)
    assert float(fused["low_95"]) == pytest.approx(score.found.low, abs=1e-5)
    assert [float(v) for v in fused["by_seed"].split()] == pytest.approx(score.seeds, abs=1e-5)
    assert {row["attribute"] for row in rows} == {"", "sex"}
    assert {r["metric"] for r in rows if r["target"] == "affect"} >= {"ccc", "pearson_r", "mae"}
    assert any(row["estimate"] == "fused of eda + face" for row in rows)
    others = {row["fused_minus"] for row in rows_of(out / "differences.csv")}
    assert others == {"best single", "eda", "face", "pulse"}


def test_the_summary_is_strict_json_with_what_follows_from_it(out: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(name)

    text = (out / "crossval.json").read_text("utf-8")
    found = json.loads(text, parse_constant=refuse)
    assert found["schema_version"] == "2.0"
    state, affect = found["targets"]
    assert set(state["scores"][0]["found"]) == {"value", "low_95", "high_95"}
    assert isinstance(state["calibration"]["within_noise"], bool)
    assert isinstance(state["conformal"][0]["holds"], bool)
    assert state["conformal"][0]["by_subject"][0]["subject"] == "sub00"
    assert state["robustness"]["subsets"][0]["below_single"] is False
    assert state["robustness"]["removals"][0]["rises"] is False
    assert state["drift"][0]["alike"] is True
    assert affect["calibration"] is None
    assert affect["robustness"]["subsets"][0]["confidence"]["value"] is None
    assert found["best_single_chosen"]["pulse"] == 1.0


def test_the_page_holds_every_part_and_nothing_from_outside(out: Path) -> None:
    page = (out / "crossval.html").read_text("utf-8")
    body = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    for name in ("estimates", "subsets", "coverage-0"):
        for target in (0, 1):
            assert f'id="{name}-{target}"' in body
    assert 'id="reliability-0"' in body
    assert 'id="reliability-1"' not in body
    for words in (
        "Fused minus", "Position in the session", "Late against early", "Sex", "lower is better",
        "neither the first nor the last", "Labels in random order",
    ):  # fmt: skip
        assert words in body, words
    assert "set &lt;b&gt;" in body
    assert "<i>" not in body
    assert "default-src &#39;none&#39;" in page
    assert not re.search(r'(src|href)="https?:', body)


def test_the_page_draws_the_numbers_that_were_measured(
    out: Path, result: FusedCrossValidation
) -> None:
    page = (out / "crossval.html").read_text("utf-8")
    data = re.search(r'id="page-data">(.*?)</script>', page, re.DOTALL)
    assert data
    [state, affect] = json.loads(data[1])["targets"]
    names = [found["name"] for found in state["estimates"]]
    assert names == ["fused", "best single", "eda", "face", "pulse"]
    risk = result.evaluation.targets[0].risk
    assert risk is not None
    assert state["risk"]["random"] == pytest.approx(100 * risk.random)
    assert len(state["coverage"][0]["subjects"]) == 12
    assert [found["name"] for found in state["subsets"]] == [
        "all", "without pulse", "without face", "without eda", "eda", "face", "pulse",
    ]  # fmt: skip
    assert "bins" not in affect
    assert len(affect["coverage"]) == 2


def test_the_table_says_what_there_is_to_say(result: FusedCrossValidation) -> None:
    table = fused_crossval_table(result)
    for words in (
        "set <b>, leave_one_subject_out, 12 folds, seeds 0, 1; 1,234 trained parameters",
        "AUROC fused minus best single: +", "of a calibrated model", "covered, which",
        "with eda + face: AUROC", "from the position in the session alone: AUROC",
        "late against early 'rest': AUROC", "labels of segments in random order: CCC",
        "sex female: AUROC fused", "240 samples of 6 subjects", "skipped: rows.csv, row 7",
        "note: fewer than three seeds", "area under risk and coverage 0.0",
    ):  # fmt: skip
        assert words in table, words


def test_permuted_and_synthetic_runs_say_so(tmp_path: Path) -> None:
    found = run(planted(UNITS), permuted=True, dataset_provenance="synthetic: planted")
    page = write_fused_crossval(found, tmp_path).read_text("utf-8")
    assert "Labels in random order" in page
    assert "the decisions about all labels together; the table has the mean" in page
    assert "Not a result about people" in page
    assert "labels in random order: what is above chance" in fused_crossval_table(found)


def one_of_each() -> FusedPredictions:
    """One modality of one subject, nothing else known."""
    one = planted(subjects=1)
    return replace(
        one,
        present={"eda": one.present["eda"]},
        estimates={n: one.estimates[n] for n in (FUSED, "best single", "eda")},
        chosen=np.zeros_like(one.chosen),
        subsets={},
        sets={},
        attributes={},
    )


def test_one_modality_and_one_subject_have_less_to_show(tmp_path: Path) -> None:
    page = write_fused_crossval(run(one_of_each()), tmp_path).read_text("utf-8")
    assert 'id="subsets-0"' not in page
    assert "no interval" in page
    assert "one subject" in page


def test_where_no_best_single_modality_was_chosen_none_is_shown(tmp_path: Path) -> None:
    found = planted()
    found = replace(found, chosen=np.full_like(found.chosen, -1))
    page = write_fused_crossval(run(found), tmp_path).read_text("utf-8")
    assert "Best single" not in page
    assert "no best single modality: what was held out inside training" in page
    assert "fused minus pulse" in fused_crossval_table(run(found))


def test_nothing_is_said_of_differences_without_a_matched_sample() -> None:
    found = planted()
    apart = {name: (np.arange(len(found)) % 3) == i for i, name in enumerate(found.present)}
    assert "fused minus" not in fused_crossval_table(run(replace(found, present=apart)))


def hostile() -> FusedPredictions:
    """Every word that may come from outside tries to be markup."""
    found = planted(replace(STATE, classes=(HOSTILE, "stress")))

    def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
        return {name.replace("face", HOSTILE): part for name, part in values.items()}

    return replace(
        found,
        keys=np.char.add(found.keys, HOSTILE),
        subjects=np.char.add(found.subjects, HOSTILE),
        present=renamed(found.present),
        estimates=renamed(found.estimates),
        subsets={
            subset_name(tuple(renamed(dict.fromkeys(name.split(" + "))))): part
            for name, part in found.subsets.items()
        },
        attributes={HOSTILE: np.char.add(found.attributes["sex"], HOSTILE)},
    )


@in_browser
@pytest.mark.parametrize(("kind", "plots"), [("full", 8), ("bare", 3), ("hostile", 5)])
def test_the_plots_are_drawn_without_a_word_on_the_console(
    kind: str, plots: int, tmp_path: Path
) -> None:
    made = {"full": both_kinds, "bare": one_of_each, "hostile": hostile}[kind]
    page = write_fused_crossval(run(made()), tmp_path / "out").read_text("utf-8")
    document, console = browse(page, tmp_path)
    assert not console
    assert 'data-ready="true"' in document
    assert "<script>document.title" not in document
    assert document.count('class="main-svg"') >= 2 * plots  # two layers of each
    assert "affectfuse cross-validation</title>" in document
