"""Each statistic against an independent reference: SciPy, or counting by hand."""

from __future__ import annotations

import math
from itertools import permutations, product

import numpy as np
import pytest
from scipy.stats import kstest, mannwhitneyu, permutation_test, ttest_1samp

from affectfuse.scoring.statistics.detection import auc, d_prime
from affectfuse.scoring.statistics.multiplicity import holm
from affectfuse.scoring.statistics.permutation import Permuted, label_arrangements, studentised
from affectfuse.scoring.statistics.sign_flip import mean_interval, sign_flip_p

GENERATOR = np.random.default_rng(11)


@pytest.mark.parametrize("n", [6, 9, 12])
def test_the_sign_flip_p_is_scipys(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.6, 1, n)
    exact = permutation_test(
        (differences,), np.mean, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(differences) == pytest.approx(exact.pvalue)


@pytest.mark.parametrize("n", [6, 7, 10])
def test_the_interval_holds_what_the_test_does_not_reject(n: int) -> None:
    differences = np.random.default_rng(n).normal(0.5, 1, n)
    low, high = mean_interval(differences)
    inside, outside = np.array([low, high]), np.array([low, high])
    inside += 1e-6 * np.array([1, -1])
    outside += 1e-6 * np.array([-1, 1])
    assert all(sign_flip_p(differences - mean) > 0.05 for mean in inside)
    assert all(sign_flip_p(differences - mean) <= 0.05 for mean in outside)


def test_the_interval_of_six_is_their_range_and_of_many_students() -> None:
    six = np.array([3.0, 1.0, 4.0, 1.5, 9.0, 2.6])
    assert mean_interval(six) == (1.0, 9.0)
    many = np.random.default_rng(1).normal(2, 1, 40)
    limits = ttest_1samp(many, 0).confidence_interval(0.95)
    assert mean_interval(many) == pytest.approx((limits.low, limits.high))
    assert sign_flip_p(many) == pytest.approx(ttest_1samp(many, 0).pvalue)


def test_below_six_pairs_nothing_is_said() -> None:
    five = np.array([1.0, 2.0, 3.0, 4.0, 5.0, math.nan])
    assert math.isnan(sign_flip_p(five))
    assert all(math.isnan(limit) for limit in mean_interval(five))


@pytest.mark.parametrize(("n", "shape"), [(7, "normal"), (11, "heavy"), (30, "normal")])
def test_the_interval_covers_as_often_as_it_says(n: int, shape: str) -> None:
    generator = np.random.default_rng(n)
    held = 0
    for _ in range(1000):
        values = generator.normal(size=n) if shape == "normal" else generator.standard_t(2, n)
        low, high = mean_interval(1.0 + values)
        held += low <= 1.0 <= high
    assert 930 <= held <= 990


def test_holm_on_a_worked_example() -> None:
    """Four tests at .01, .04, .03, .005: times 3, 1, 2, 4 and never falling."""
    given = np.array([0.01, 0.04, math.nan, 0.03, 0.005])
    np.testing.assert_allclose(holm(given), [0.03, 0.06, math.nan, 0.06, 0.02])
    assert len(holm(np.array([]))) == 0


def test_auc_is_mann_whitneys_u() -> None:
    signal, noise = GENERATOR.integers(0, 6, 15), GENERATOR.integers(0, 5, 25)
    u = mannwhitneyu(signal, noise).statistic
    assert auc(signal.astype(float), noise.astype(float)) == pytest.approx(u / (15 * 25))
    assert math.isnan(auc(np.array([math.nan]), noise.astype(float)))


def test_d_prime_of_known_populations() -> None:
    signal, noise = GENERATOR.normal(3, 2, 20000), GENERATOR.normal(0, 1, 20000)
    assert d_prime(signal, noise) == pytest.approx(3 / math.sqrt(2.5), rel=0.02)
    assert math.isnan(d_prime(signal[:1], noise))
    assert math.isnan(d_prime(np.ones(3), np.ones(3)))


def permuted(values: np.ndarray, chosen: np.ndarray, count: int = 999) -> Permuted:
    """Means of the chosen less those of the others, in every arrangement; (item, channel)."""
    rows, ways = label_arrangements(chosen, np.zeros(len(chosen)), count, seed=5)
    weights = rows / rows.sum(1, keepdims=True) - ~rows / (~rows).sum(1, keepdims=True)
    names = tuple(map(str, range(values.shape[1])))
    return Permuted(names, weights @ values, ways)


def test_p_is_scipys_two_sample_permutation_test() -> None:
    values = np.random.default_rng(2).normal(size=(10, 3)) + np.arange(3)
    chosen = np.arange(10) < 5
    values[chosen] += 1.0
    found = permuted(values, chosen)
    for channel in range(3):
        groups = (values[chosen, channel], values[~chosen, channel])
        exact = permutation_test(groups, lambda a, b: a.mean() - b.mean(), n_resamples=np.inf)
        # SciPy doubles the smaller tail; equal groups make the distribution symmetric.
        assert found.p_values()[channel] == pytest.approx(exact.pvalue)


def test_step_down_max_t_by_its_definition() -> None:
    values = np.random.default_rng(3).normal(size=(8, 4))
    chosen = np.arange(8) < 4
    values[chosen, 1] += 3.0
    found = permuted(values, chosen)
    t = np.abs(found.statistics - found.statistics.mean(0)) / found.statistics.std(0)
    order = np.argsort(-t[0])
    steps = [np.mean(t[:, order[k:]].max(1) >= t[0, order[k]] - 1e-9) for k in range(4)]
    np.testing.assert_allclose(found.p_adjusted()[order], np.maximum.accumulate(steps))
    assert found.p_any() == found.p_adjusted().min()
    assert (found.p_adjusted() >= found.p_values()).all()


def test_all_arrangements_within_blocks_once_each() -> None:
    chosen = np.array([True, False, False, True, False, True])
    blocks = np.array([0, 0, 0, 1, 1, 1])
    rows, ways = label_arrangements(chosen, blocks, 99, seed=0)
    first = set(permutations((True, False, False)))
    second = set(permutations((True, True, False)))
    assert {tuple(row.tolist()) for row in rows} == {a + b for a, b in product(first, second)}
    assert len(rows) == ways == 9
    assert (rows[0] == chosen).all()


def test_drawn_arrangements_keep_the_counts_and_follow_the_seed() -> None:
    chosen, blocks = np.arange(20) % 2 == 0, np.repeat([0, 1], 10)
    rows, ways = label_arrangements(chosen, blocks, 200, seed=1)
    assert rows.shape == (201, 20)
    assert ways == math.comb(10, 5) ** 2
    assert (rows[:, :10].sum(1) == 5).all()
    assert (rows == label_arrangements(chosen, blocks, 200, seed=1)[0]).all()
    assert (rows != label_arrangements(chosen, blocks, 200, seed=2)[0]).any()
    assert abs(rows[1:].mean(0) - 0.5).max() < 0.15


def test_what_cannot_be_tested_is_nan() -> None:
    statistics = np.random.default_rng(4).normal(size=(30, 3))
    statistics[:, 1] = 2.0
    statistics[0, 2] = math.nan
    p = Permuted(("a", "constant", "missing"), statistics, 30).p_values()
    assert math.isfinite(p[0])
    assert np.isnan(p[1:]).all()
    few = Permuted(("a",), statistics[:, :1], 19)
    assert np.isnan(few.p_values()).all()
    assert np.isnan(few.p_adjusted()).all()
    assert math.isnan(few.p_any())


def test_plain_p_is_conservative_and_randomised_p_uniform() -> None:
    """Counts tie often: the plain p must stay below its level, the randomised one be uniform."""
    generator = np.random.default_rng(6)
    plain, uniform = [], []
    chosen = np.arange(8) < 4
    for _ in range(600):
        found = permuted(generator.poisson(0.7, (8, 1)).astype(float), chosen)
        if math.isfinite(found.p_values()[0]):
            plain.append(found.p_values()[0])
            uniform.append(found.p_values(generator.random(1))[0])
    assert kstest(uniform, "uniform").pvalue > 0.01
    assert all(np.mean(np.array(plain) <= level) <= level + 0.01 for level in (0.05, 0.1, 0.5))


def test_studentised_rows_by_hand() -> None:
    values = np.array([[3.0, 1.0, 2.0, math.nan], [0.0, 4.0, 2.0, 1.0], [9.0, *[math.nan] * 3]])
    found, centre = studentised(values, prior=3.0)
    known = [3.0, 1.0, 2.0, 0.0, 4.0, 2.0, 1.0, 9.0]
    assert centre == pytest.approx(np.mean(known))
    overall = np.var(known)
    variance = (np.var([3, 1, 2]) * 3 + 3 * overall) / 5
    assert found[0] == pytest.approx((2 - np.mean(known)) / math.sqrt(variance / 3))
    variance = (np.var([0, 4, 2, 1]) * 4 + 3 * overall) / 6
    assert found[1] == pytest.approx((1.75 - np.mean(known)) / math.sqrt(variance / 4))
    assert math.isnan(found[2])
    assert np.isnan(studentised(np.full((3, 2), math.nan))[0]).all()
