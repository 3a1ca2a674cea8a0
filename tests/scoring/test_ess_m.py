"""The null model against the published figures, and against counting."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from affectfuse.scoring.ess_m import PRESENTATIONS, WEIGHTS, Cuts, NullModel

POLYGRAPH = tuple(WEIGHTS.values())


def model(relevant: int) -> NullModel:
    return NullModel(POLYGRAPH, PRESENTATIONS, relevant)


@pytest.mark.parametrize(("relevant", "subtotal"), [(2, (-5, 2)), (3, (-7, 1)), (4, (-9, 1))])
def test_the_published_cuts(relevant: int, subtotal: tuple[int, int]) -> None:
    assert model(relevant).cuts() == Cuts(-3, 3)
    assert model(relevant).subtotal_cuts() == Cuts(*subtotal)


@pytest.mark.parametrize(("relevant", "tail"), [(2, 0.72), (3, 0.77), (4, 0.80)])
def test_most_sessions_lie_beyond_the_cuts_by_chance(relevant: int, tail: float) -> None:
    assert round(model(relevant).tail(3), 2) == tail
    assert model(relevant).tail(-3) == model(relevant).tail(3)
    assert model(relevant).tail(0) == pytest.approx(1)
    assert math.isnan(model(relevant).tail(math.nan))


def test_the_chances_are_those_of_counting() -> None:
    """Every outcome of two channels, weights 1 and 2, twice, of one question."""
    outcomes = [a + 2 * b + c + 2 * d for a, b, c, d in product((-1, 0, 1), repeat=4)]
    totals, counts = np.unique(outcomes, return_counts=True)
    small = NullModel((1, 2), 2, 1)
    np.testing.assert_array_equal(small.totals, totals)
    np.testing.assert_allclose(small.probabilities, counts / 81)


def test_a_higher_prior_asks_for_more() -> None:
    assert model(3).cuts(2.0).positive > 3
    assert model(3).cuts(2.0).negative < -3
    assert math.isnan(NullModel((1,), 1, 1).cuts(1e6).positive)


@pytest.mark.parametrize("wrong", [((), 5, 2), ((1.5,), 5, 2), ((1,), 0, 2), ((1,), 5, 0)])
def test_impossible_models_are_refused(wrong: tuple[tuple[int, ...], int, int]) -> None:
    with pytest.raises(ValueError, match="whole numbers from 1"):
        NullModel(*wrong)
