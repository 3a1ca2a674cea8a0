"""What position, length, database and random order tell that they ought not to."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation.fused_planted import AFFECT, MOOD, STATE, UNITS, planted, with_fused
from sklearn.metrics import roc_auc_score

from affectfuse.evaluation.fused import FUSED
from affectfuse.evaluation.permutation import exchange, permutation_test, segments_of
from affectfuse.evaluation.position import measure_drift, middle_segments, probe_side_doors


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


@pytest.mark.filterwarnings("error")
def test_a_table_without_times_tells_nothing_of_position() -> None:
    whole = planted()
    nowhen = np.zeros(len(whole))
    timeless = replace(whole, times_s=nowhen, segments=nowhen.astype(int), durations_s=nowhen)
    known = {d.told_from: d.found.value for d in probe_side_doors(whole, STATE, 20, 0)}
    unknown = {d.told_from: d.found.value for d in probe_side_doors(timeless, STATE, 20, 0)}
    assert known["position in the session"] > 0.9
    assert np.isnan(unknown["position in the session"])
    assert np.isnan(unknown["length of the segment"])
