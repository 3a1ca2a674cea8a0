"""What is measured on fused models, on predictions whose figures are known."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from evaluation.fused_planted import AFFECT, MOOD, NAMES, STATE, UNITS, planted
from sklearn.metrics import roc_auc_score

from affectfuse.containers import Target
from affectfuse.errors import DatasetError
from affectfuse.evaluation.conformal import measure_conformal
from affectfuse.evaluation.decisions import Decisions, decide, measure_calibration
from affectfuse.evaluation.drawn_metrics import drawn_ece
from affectfuse.evaluation.fused import BEST_SINGLE, FUSED, FusedPredictions
from affectfuse.evaluation.fused_evaluation import MIDDLE, evaluate_fused
from affectfuse.evaluation.fused_groups import measure_groups
from affectfuse.evaluation.fused_runs import compare_runs
from affectfuse.evaluation.fused_scores import ALL, MATCHED, measure_fused
from affectfuse.evaluation.fused_table import fused_table
from affectfuse.evaluation.permutation import exchange, permutation_test, segments_of
from affectfuse.evaluation.position import measure_drift, middle_segments, probe_side_doors
from affectfuse.evaluation.resampling import resample
from affectfuse.evaluation.selective_risk import selective_risk
from affectfuse.evaluation.subsets import measure_subsets


def with_fused(found: FusedPredictions, values: np.ndarray) -> FusedPredictions:
    return replace(found, estimates={**found.estimates, FUSED: values})


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


def test_calibrated_decisions_are_within_noise_and_others_are_not() -> None:
    found = planted(subjects=40, absent=0.0)
    resampling = resample(found.subjects, 200, 0)
    truth = found.labels["state"]
    good = decide(STATE, truth, found.estimates[FUSED], resampling)
    calibrated = measure_calibration(STATE, good, 0)
    assert calibrated.within_noise
    assert calibrated.expected < calibrated.expected_high < 0.1
    odds = found.estimates[FUSED] ** 3
    sure = decide(STATE, truth, odds / odds.sum(-1, keepdims=True), resampling)
    overconfident = measure_calibration(STATE, sure, 0)
    assert not overconfident.within_noise
    assert sum(part.rows for part in calibrated.bins) == 2 * len(found)


def test_a_model_that_says_the_prior_of_all_is_calibrated() -> None:
    """Whatever the order of the rows: here by label, as segments of a session are."""
    correct = np.repeat([True, False], [80, 40])[None]
    confidence = np.full((1, 120), 2 / 3)
    subjects = np.tile(np.arange(10), 12).astype(str)
    found = measure_calibration(STATE, Decisions(confidence, correct, resample(subjects, 50, 0)), 0)
    assert found.ece.value == pytest.approx(0.0, abs=1e-12)
    assert found.within_noise
    assert [part.rows for part in found.bins] == [120]
    assert found.bins[0].share == pytest.approx(2 / 3)


def test_the_noise_of_the_ece_is_that_of_redrawn_labels() -> None:
    """Against a direct simulation, which redraws labels and computes the ECE anew."""
    found = planted(subjects=6, seeds=1, absent=0.0)
    resampling = resample(found.subjects, 0, 0)
    decisions = decide(STATE, found.labels["state"], found.estimates[FUSED], resampling)
    mine = measure_calibration(STATE, decisions, 0)
    rng = np.random.default_rng(5)
    confidence = decisions.confidence[0]
    drawn = [
        drawn_ece(confidence, rng.random(len(confidence)) < confidence, resampling)[0]
        for _ in range(2000)
    ]
    assert mine.expected == pytest.approx(np.mean(drawn), rel=0.05)
    assert mine.expected_high == pytest.approx(np.percentile(drawn, 95), rel=0.08)


def test_labels_are_decided_one_by_one() -> None:
    found = planted(UNITS)
    truth = found.labels["units"].copy()
    truth[:7, 0] = np.nan
    decisions = decide(UNITS, truth, found.estimates[FUSED], resample(found.subjects, 0, 0))
    assert decisions.confidence.shape == (2, 2 * len(found) - 7)
    assert (decisions.confidence >= 0.5).all()


def test_risk_falls_with_confidence_between_oracle_and_chance() -> None:
    found = planted(absent=0.0)
    decisions = decide(
        STATE, found.labels["state"], found.estimates[FUSED], resample(found.subjects, 0, 0)
    )
    risk = selective_risk(STATE, decisions)
    assert risk.optimal < risk.area.value < risk.random
    assert risk.coverage[-1] == 1.0
    assert risk.risk[-1] == pytest.approx(risk.random)
    assert risk.random == pytest.approx(1 - decisions.correct.mean())
    order = np.argsort(-decisions.confidence.reshape(-1), kind="stable")
    wrong = ~decisions.correct.reshape(-1)[order]
    naive = np.mean(np.cumsum(wrong) / np.arange(1, len(wrong) + 1))
    assert risk.area.value == pytest.approx(naive)
    assert np.isnan(risk.area.low)  # no draws were asked for
    flat = replace(decisions, confidence=np.full_like(decisions.confidence, 0.7))
    assert selective_risk(STATE, flat).area.value == pytest.approx(risk.random)


def test_the_interval_of_the_area_is_that_of_the_rows_repeated() -> None:
    """Ties in random order: the mean over many orders of the rows as often as they were drawn."""
    found = planted(subjects=6, segments=2, samples=4, seeds=1)
    drawn = resample(found.subjects, 20, 0)
    decisions = decide(STATE, found.labels["state"], found.estimates[FUSED], drawn)
    decisions = replace(decisions, confidence=np.round(decisions.confidence, 1))
    rng, areas = np.random.default_rng(0), []
    for weights in drawn.weights[1:]:
        rows = np.repeat(np.arange(len(found)), weights[drawn.units].astype(int))
        orders = [rng.permutation(rows) for _ in range(2000)]
        sure = [order[np.argsort(-decisions.confidence[0][order], kind="stable")]
                for order in orders]  # fmt: skip
        wrong = ~decisions.correct[0][np.stack(sure)]
        areas.append((wrong.cumsum(1) / np.arange(1, len(rows) + 1)).mean())
    area = selective_risk(STATE, decisions).area
    assert (area.low, area.high) == pytest.approx(np.percentile(areas, [2.5, 97.5]), abs=0.004)
    assert area.low < area.value < area.high


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


def test_position_tells_a_label_that_comes_and_goes() -> None:
    found = planted()
    doors = {door.told_from: door for door in probe_side_doors(found, STATE, 100, 0)}
    assert set(doors) == {"position in the session", "length of the segment"}
    assert doors["position in the session"].found.value > 0.95
    assert doors["length of the segment"].found.value == pytest.approx(0.5)
    rng = np.random.default_rng(0)
    shuffled = replace(found, labels={"state": rng.integers(0, 2, len(found))})
    [position, _] = probe_side_doors(shuffled, STATE, 100, 0)
    assert 0.35 < position.found.value < 0.65


def test_length_and_database_tell_what_they_were_made_to_tell() -> None:
    found = planted(MOOD)
    truth = found.labels["mood"]
    told = replace(found, durations_s=60.0 + truth, databases=np.where(truth == 1, "one", "two"))
    doors = {door.told_from: door.found.value for door in probe_side_doors(told, MOOD, 50, 0)}
    assert doors["length of the segment"] == pytest.approx(1.0)
    assert 0.7 < doors["source database"] < 1.0


def test_position_tells_nothing_of_scales_that_do_not_follow_it() -> None:
    doors = probe_side_doors(planted(AFFECT), AFFECT, 50, 0)
    assert doors[0].metric == "ccc"
    assert abs(doors[0].found.value) < 0.25
    assert doors[0].chance == 0.0


def test_a_fact_that_is_the_same_of_all_tells_nothing_of_rare_labels() -> None:
    """A fit that only says how frequent a label is among others would be below chance."""
    found = planted(UNITS, subjects=9)
    rare = (np.random.default_rng(0).random((len(found), 2)) < 0.1).astype(float)
    _, length, *_ = probe_side_doors(replace(found, labels={"units": rare}), UNITS, 50, 0)
    assert length.told_from == "length of the segment"
    assert length.found.value == pytest.approx(0.5)


def test_one_subject_cannot_be_probed() -> None:
    [door, *_] = probe_side_doors(planted(subjects=1), STATE, 50, 0)
    assert np.isnan(door.found.value)


def test_the_middle_leaves_out_first_and_last_segments() -> None:
    found = planted(segments=5)
    middle = middle_segments(found, STATE)
    assert set(found.segments[middle].tolist()) == {1, 2, 3}
    unlabelled = found.labels["state"].copy()
    unlabelled[found.segments == 0] = -1
    later = replace(found, labels={"state": unlabelled})
    assert set(found.segments[middle_segments(later, STATE)].tolist()) == {2, 3}


def test_a_score_that_drifts_is_told_from_one_that_does_not() -> None:
    found = planted(subjects=30, segments=5)
    [steady] = measure_drift(found, STATE, 100, 0)  # recordings begin and end with rest
    assert steady.word == "rest"
    assert steady.alike
    assert (steady.early, steady.late, steady.recordings) == (240, 240, 30)
    late = found.segments == 4
    drifted = found.estimates[FUSED].copy()
    drifted[:, late] = drifted[:, late][..., ::-1]
    [moved] = measure_drift(with_fused(found, drifted), STATE, 100, 0)
    assert not moved.alike
    assert moved.auroc.value < 0.4
    assert measure_drift(planted(segments=4), STATE, 100, 0) == []  # they end with stress


def test_random_order_tells_association_from_none() -> None:
    found = planted(subjects=10)
    linked = permutation_test(found, STATE, 0)
    assert linked.p_value == pytest.approx(1 / 1001)
    assert linked.segments == 50
    each = [roc_auc_score(found.labels["state"], said[:, 1]) for said in found.estimates[FUSED]]
    assert linked.value == pytest.approx(np.mean(each))
    assert linked.chance == pytest.approx(0.5, abs=0.02)
    for target in (MOOD, UNITS, AFFECT):
        assert permutation_test(planted(target), target, 0).p_value < 0.01


def test_a_model_that_only_knows_people_is_at_chance() -> None:
    """Each subject has as many samples of a class as any order of its segments would have."""
    found = planted(subjects=10, segments=4)
    _, who = np.unique(found.subjects, return_inverse=True)
    score = np.random.default_rng(0).random(10)[who]
    knows = np.repeat(np.stack([1 - score, score], 1)[None], 2, 0)
    assert permutation_test(with_fused(found, knows), STATE, 0).p_value > 0.9


def test_p_values_of_no_association_are_uniform() -> None:
    rng = np.random.default_rng(0)
    found = planted(subjects=6, segments=6, samples=2, seeds=1)
    below = 0
    for _ in range(60):
        noise = rng.random(len(found))
        said = np.stack([1 - noise, noise], 1)[None]
        below += permutation_test(with_fused(found, said), STATE, 0).p_value <= 0.2
    assert 4 <= below <= 22  # 12 expected; 99.9 % of binomials lie within


def test_exchanges_stay_with_their_owner() -> None:
    owners = np.array(["b", "a", "b", "a", "b"])
    rng = np.random.default_rng(0)
    orders = [exchange(owners, rng) for _ in range(50)]
    for order in orders:
        assert sorted(order.tolist()) == [0, 1, 2, 3, 4]
        assert (owners[order] == owners).all()
    assert len({tuple(order.tolist()) for order in orders}) > 5
    one_each = [exchange(np.array(["a", "b", "c"]), rng) for _ in range(20)]
    assert any((order != [0, 1, 2]).any() for order in one_each)
    index, first = segments_of(np.array(["r", "r", "s", "r"]), np.array([1, 0, 1, 1]))
    assert index.tolist() == [1, 0, 2, 1]
    assert first.tolist() == [1, 0, 2]


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
