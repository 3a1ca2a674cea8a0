"""What is measured on fused models, on predictions whose figures are known."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation.fused_planted import AFFECT, MOOD, NAMES, STATE, UNITS, planted, with_fused
from sklearn.metrics import roc_auc_score

from affectfuse.containers import Target
from affectfuse.errors import DatasetError
from affectfuse.evaluation.conformal import measure_conformal
from affectfuse.evaluation.fused import BEST_SINGLE, FUSED, FusedPredictions
from affectfuse.evaluation.fused_evaluation import MIDDLE, evaluate_fused
from affectfuse.evaluation.fused_groups import measure_groups
from affectfuse.evaluation.fused_runs import compare_runs
from affectfuse.evaluation.fused_scores import ALL, MATCHED, measure_fused
from affectfuse.evaluation.fused_table import fused_table
from affectfuse.evaluation.subsets import measure_subsets


def test_every_estimate_stands_beside_the_fused_one_on_the_same_samples() -> None:
    found = planted()
    scores, differences = measure_fused(found, STATE, 200, 0)
    by_name = {(s.estimate, s.subset, s.metric): s for s in scores}
    assert {e for e, subset, _ in by_name if subset == ALL} == {FUSED}
    assert {e for e, subset, _ in by_name if subset == MATCHED} == {FUSED, BEST_SINGLE, *NAMES}
    rows = found.matched
    assert {s.rows for s in scores if s.subset == MATCHED} == {int(rows.sum())}
    truth = found.labels["state"][rows]
    for name in (FUSED, *NAMES):
        each = [roc_auc_score(truth, said[rows][:, 1]) for said in found.estimates[name]]
        score = by_name[name, MATCHED, "auroc"]
        assert score.seeds == pytest.approx(each)
        assert score.found.value == pytest.approx(np.mean(each))
        assert score.found.low < score.found.value < score.found.high
    less = {(d.other, d.metric): d for d in differences}
    for name in NAMES:
        expected = by_name[FUSED, MATCHED, "auroc"].found.value
        expected -= by_name[name, MATCHED, "auroc"].found.value
        assert less[name, "auroc"].found.value == pytest.approx(expected)
    assert less["eda", "auroc"].found.low > 0
    assert less["eda", "auroc"].p_value <= 0.01


def test_a_difference_of_equals_is_nothing() -> None:
    found = planted()
    same = with_fused(found, found.estimates["pulse"])
    _, differences = measure_fused(same, STATE, 100, 0)
    [one] = [d for d in differences if (d.other, d.metric) == ("pulse", "auroc")]
    assert (one.found.value, one.found.low, one.found.high, one.p_value) == (0, 0, 0, 1)


def test_coverage_of_sets_by_class_and_subject() -> None:
    found = planted()
    [held] = measure_conformal(found, STATE, 200, 0)
    truth, sets = found.labels["state"], found.sets["state"]
    inside = sets[:, np.arange(len(found)), truth]
    assert held.overall.value == pytest.approx(inside.mean())
    assert held.by_class["stress"].value == pytest.approx(inside[:, truth == 1].mean())
    assert held.size.value == pytest.approx(sets.sum(-1).mean())
    assert held.singletons.value == pytest.approx((sets.sum(-1) == 1).mean())
    assert [one.subject for one in held.by_subject] == sorted(set(found.subjects.tolist()))
    first = found.subjects == "sub00"
    assert held.by_subject[0].coverage == pytest.approx(inside[:, first].mean())
    least, median, greatest = held.spread
    assert least <= median <= greatest
    everything = replace(found, sets={"state": np.ones_like(sets)})
    [all_held] = measure_conformal(everything, STATE, 200, 0)
    assert all_held.overall.value == 1.0
    assert not all_held.holds
    assert replace(held, promised=held.overall.value).holds


def test_coverage_of_intervals_of_scales() -> None:
    found = planted(AFFECT)
    held = measure_conformal(found, AFFECT, 100, 0)
    assert [one.name for one in held] == ["valence", "arousal"]
    error = np.abs(found.estimates[FUSED][..., 1] - found.labels["affect"][:, 1])
    assert held[1].overall.value == pytest.approx((error <= 1.0).mean())
    assert held[1].size.value == pytest.approx(2.0)
    wide = {name: np.full_like(width, np.inf) for name, width in found.half_widths.items()}
    [first, _] = measure_conformal(replace(found, half_widths=wide), AFFECT, 100, 0)
    assert first.overall.value == 1.0
    assert np.isinf(first.size.value)
    assert measure_conformal(planted(UNITS), UNITS, 100, 0) == []


def test_evidence_added_up_rightly_survives_missing_modalities() -> None:
    found = measure_subsets(planted(subjects=30), STATE, 200, 0)
    assert len(found.subsets) == 7
    assert found.subsets[0].modalities == NAMES
    assert not any(subset.below_single for subset in found.subsets)
    assert len(found.removals) == 9
    assert not any(removal.rises for removal in found.removals)
    by_name = {subset.name: subset for subset in found.subsets}
    assert by_name["eda + face"].single == "face"
    assert by_name["pulse"].difference.value == 0.0


def test_a_head_that_fails_without_a_modality_is_caught() -> None:
    found = planted(subjects=30)
    rng = np.random.default_rng(0)
    worse = found.subsets["eda + pulse"][:, rng.permutation(len(found))] ** 8
    worse /= worse.sum(-1, keepdims=True)
    broken = measure_subsets(
        replace(found, subsets={**found.subsets, "eda + pulse": worse}), STATE, 200, 0
    )
    assert [subset.name for subset in broken.subsets if subset.below_single] == ["eda + pulse"]
    rising = [(r.modalities, r.removed) for r in broken.removals if r.rises]
    assert rising == [(NAMES, "face")]


def test_scales_have_no_confidence() -> None:
    found = measure_subsets(planted(AFFECT), AFFECT, 100, 0)
    assert found.metric == "ccc"
    assert found.removals == ()
    assert np.isnan(found.subsets[0].confidence.value)


def test_groups_have_their_own_scores_and_warn_when_small() -> None:
    found = planted(subjects=9)
    groups = measure_groups(found, STATE, 50, 0)
    assert [(g.attribute, g.value, g.subjects, g.few) for g in groups] == [
        ("sex", "female", 4, True),
        ("sex", "male", 5, False),
    ]
    female = found.take(found.attributes["sex"] == "female")
    [expected, *_] = measure_fused(female, STATE, 50, 0)[0]
    assert groups[0].scores[0].found == expected.found
    two = replace(found, databases=np.where(found.subjects < "sub04", "one", "two"))
    assert {g.attribute for g in measure_groups(two, STATE, 50, 0)} == {"database", "sex"}


def written(found: FusedPredictions, path: Path) -> Path:
    header, rows = fused_table(found, range(len(found.chosen)))
    with path.open("w", encoding="utf-8", newline="") as opened:
        csv.writer(opened, lineterminator="\n").writerows([header, *rows])
    return path


@pytest.mark.parametrize("target", [STATE, UNITS, AFFECT], ids=lambda t: t.name)
def test_a_run_is_compared_with_the_table_of_another(target: Target, tmp_path: Path) -> None:
    strong, weak = planted(target), planted(target, strength=0.4, seeds=3)
    weak = replace(weak, labels=strong.labels)
    path = written(weak.take(weak.subjects != "sub00"), tmp_path / "predictions.csv")
    found = {d.metric: d for d in compare_runs(strong, path, 100, 0)}
    main = "ccc" if target is AFFECT else "auroc"
    shared = strong.subjects != "sub00"
    expected = [
        measure_fused(run.take(shared), target, 10, 0)[0] for run in (strong, weak)
    ]  # fmt: skip
    value = [next(s for s in scores if s.metric == main).found.value for scores in expected]
    assert found[main].found.value == pytest.approx(value[0] - value[1], abs=1e-4)
    assert found[main].found.low > 0
    assert found[main].rows == int(shared.sum())


def test_the_order_of_the_other_runs_rows_is_of_no_matter(tmp_path: Path) -> None:
    found, other = planted(), planted(strength=0.5)
    other = replace(other, labels=found.labels)
    path = written(other, tmp_path / "predictions.csv")
    expected = compare_runs(found, path, 20, 0)
    header, *lines = path.read_text().splitlines()
    np.random.default_rng(0).shuffle(lines)
    path.write_text("\n".join([header, *lines]) + "\n")
    assert [d.found.value for d in compare_runs(found, path, 20, 0)] == pytest.approx(
        [d.found.value for d in expected], abs=1e-9
    )
    path.write_text("\n".join([header, *lines[:-1], lines[0]]) + "\n")
    with pytest.raises(DatasetError, match="does not hold every sample once a seed"):
        compare_runs(found, path, 20, 0)


def test_tables_that_cannot_be_compared_are_refused(tmp_path: Path) -> None:
    found = planted()
    turned = replace(found, labels={"state": 1 - found.labels["state"]})
    with pytest.raises(DatasetError, match="other labels of 'state'"):
        compare_runs(found, written(turned, tmp_path / "turned.csv"), 10, 0)
    elsewhere = replace(found, keys=np.char.add(found.keys, "x"))
    with pytest.raises(DatasetError, match="none of these samples"):
        compare_runs(found, written(elsewhere, tmp_path / "elsewhere.csv"), 10, 0)
    with pytest.raises(DatasetError, match="no predictions of units"):
        compare_runs(planted(UNITS), written(found, tmp_path / "state.csv"), 10, 0)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match=r"other\.csv is no predictions\.csv of a fused"):
        compare_runs(found, tmp_path / "other.csv", 10, 0)
    with pytest.raises(DatasetError, match=r"none\.csv is no predictions\.csv"):
        compare_runs(found, tmp_path / "none.csv", 10, 0)


@pytest.mark.parametrize("target", [STATE, MOOD, UNITS, AFFECT], ids=lambda t: t.name)
def test_everything_together(target: Target) -> None:
    found = evaluate_fused(planted(target), 50, 0)
    [one] = found.targets
    assert one.score(FUSED, ALL) is not None
    assert one.score("face", MIDDLE) is not None
    assert (one.calibration is None) == (target is AFFECT)
    assert one.robustness is not None
    assert len(one.groups) == 2
    assert found.chosen == {"eda": 0.0, "face": 0.0, "pulse": 1.0}
    assert any("have every modality" in note for note in found.notes)


def test_the_best_single_modality_is_that_of_the_target_it_was_chosen_for() -> None:
    """What is best of the main target says nothing of another, and must not stand for it there."""
    main, other = planted(STATE), planted(AFFECT)
    both = replace(
        main,
        targets=(STATE, AFFECT),
        labels={**main.labels, **other.labels},
        half_widths=other.half_widths,
        **{
            part: {
                name: np.concatenate([values, getattr(other, part)[name]], -1)
                for name, values in getattr(main, part).items()
            }
            for part in ("estimates", "subsets")
        },
    )
    state, affect = evaluate_fused(both, 20, 0).targets
    assert {d.other for d in state.differences} == {BEST_SINGLE, *NAMES}
    assert {d.other for d in affect.differences} == set(NAMES)
    assert affect.score(BEST_SINGLE, MATCHED) is None
    assert {s.estimate for s in affect.groups[0].scores} == {FUSED, *NAMES}


def test_no_modality_stands_for_the_best_where_none_could_be_chosen() -> None:
    found = planted()
    nowhere = found.subjects == "sub00"
    chosen = np.where(nowhere, -1, found.chosen)
    estimates = {**found.estimates, BEST_SINGLE: found.estimates[BEST_SINGLE].copy()}
    estimates[BEST_SINGLE][:, nowhere] = np.nan
    some = replace(found, chosen=chosen, estimates=estimates)
    measured = evaluate_fused(some, 20, 0)
    assert {d.other for d in measured.targets[0].differences} == set(NAMES)
    assert any("no best single modality" in note for note in measured.notes)
    header, rows = fused_table(some, [0, 1])
    named = [dict(zip(header, row, strict=True)) for row in rows]
    assert {row["best_single"] for row in named if row["subject"] == "sub00"} == {""}
    assert {row["best_single"] for row in named if row["subject"] == "sub01"} == {"pulse"}


def test_one_subject_and_unlabelled_rows_are_no_error() -> None:
    one = evaluate_fused(planted(subjects=1), 50, 0)
    score = one.targets[0].score(FUSED, ALL)
    assert score is not None
    assert np.isnan(score.found.low)
    assert any("not defined" in note for note in one.notes)
    found = planted()
    never = replace(found, present={name: np.zeros(len(found), bool) for name in NAMES})
    [alone] = evaluate_fused(never, 50, 0).targets
    assert alone.robustness is None
    matched = alone.score(FUSED, MATCHED)
    assert matched is not None
    assert (matched.rows, np.isnan(matched.found.value)) == (0, True)
    half = found.labels["state"].copy()
    half[found.subjects < "sub06"] = -1
    [some] = evaluate_fused(replace(found, labels={"state": half}), 50, 0).targets
    assert (some.rows, some.subjects) == (len(found) // 2, 6)
