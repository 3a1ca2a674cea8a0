"""z scores, d', AUC, Lykken's ranks and refusals of the concealed information test."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from scipy.stats import mannwhitneyu
from scoring.planted import CHANNELS, ask, plant
from scoring.simulated import Effect, simulate

from affectfuse.config import build, load_node
from affectfuse.scoring.base import QuestionKind, ScoringProtocol, SessionScore
from affectfuse.scoring.concealed_information import ConcealedInformation, lykken

KINDS: tuple[QuestionKind, ...] = ("neutral", "irrelevant", "probe", "irrelevant", "irrelevant")
STRENGTHS = [[9, 1, 4, 2, 3], [9, 3, 4, 1, 2], [9, 1, 2, 3, 4]]


def scored(channel: str = "electrodermal_rise", **more: object) -> SessionScore:
    questions = ask(KINDS, 3)
    tracks = plant(channel, questions, np.ravel(STRENGTHS).tolist())
    return ConcealedInformation(**more).score(tracks, [], questions)


def test_z_scores_are_within_each_presentation_and_leave_the_buffer_out() -> None:
    rows = [row for row in scored().rows if row.channel == "electrodermal_rise"]
    for presentation, strengths in enumerate(STRENGTHS, start=1):
        items = np.array([r.value for r in rows if r.presentation == presentation][1:])
        np.testing.assert_allclose(items, strengths[1:], rtol=0.05)
        given = [r.score for r in rows if r.presentation == presentation]
        assert math.isnan(given[0])
        np.testing.assert_allclose(given[1:], (items - items.mean()) / items.std(ddof=1))


def test_d_prime_auc_and_the_contrast_by_hand() -> None:
    score = scored()
    z = np.concatenate([(np.array(s[1:]) - 2.5) / np.std(s[1:], ddof=1) for s in STRENGTHS])
    probe = np.tile([False, True, False, False], 3)
    auc = mannwhitneyu(z[probe], z[~probe]).statistic / (3 * 9)
    spread = math.sqrt((z[probe].var(ddof=1) + z[~probe].var(ddof=1)) / 2)
    by_hand = (z[probe].mean() - z[~probe].mean()) / spread
    assert score.summary["auc.electrodermal_rise"] == pytest.approx(auc, abs=0.06)
    assert score.summary["d_prime.electrodermal_rise"] == pytest.approx(by_hand, rel=0.1)
    contrast = next(c for c in score.contrasts if c.channel == "electrodermal_rise")
    assert contrast.value == pytest.approx(z[probe].mean() - z[~probe].mean(), rel=0.05)
    assert (contrast.unit, contrast.pairs) == ("SD", 3)


def test_lykken_by_hand() -> None:
    """Strongest, strongest, third: 2 + 2 + 0 of 6."""
    score = scored()
    assert score.summary["lykken.electrodermal_rise"] == 4
    assert score.summary["lykken_highest.electrodermal_rise"] == 6
    outcomes = [sum(picks) for picks in product((2, 1, 0, 0), repeat=3)]
    chance = np.mean(np.array(outcomes) >= 4)
    assert score.summary["null_tail.lykken.electrodermal_rise"] == pytest.approx(chance)
    tie = lykken(np.array([2.0, 2.0, 1.0]), np.array([True, False, False]), np.zeros(3))
    assert tie[0] == 1
    assert all(math.isnan(x) for x in lykken(np.array([]), np.array([], bool), np.array([])))


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_sign_of_every_channel(channel: str) -> None:
    """The combined score is positive where the probe's reaction is the stronger one."""
    questions = ask(KINDS, 3)
    sign = -1 if channel == "heart_rate_bpm" else 1  # the heart slows when something is concealed
    tracks = plant(channel, questions, [1, 2, 3, 2, 2] * 3)
    score = ConcealedInformation(combined=[channel]).score(tracks, [], questions)
    assert sign * score.summary["combined_z"] > 1.9


def test_planted_reactions_to_the_probe_are_found() -> None:
    effect = Effect(heart_rate_bpm=-5.0, eda_us=1.5)
    score = ConcealedInformation().score(*simulate(7, "items", effect).all())
    found = {contrast.channel: contrast for contrast in score.contrasts}
    for name in ("heart_rate_bpm", "electrodermal_rise"):
        assert found[name].p_adjusted <= 0.05
    assert found["all"].p_value <= 0.01
    assert found["all"].low > 0
    assert {"all but heart_rate", "all but electrodermal_activity"} <= set(found)
    assert found["pulse_amplitude"].p_adjusted > 0.05


@pytest.mark.parametrize(
    ("kinds", "presentations", "reason"),
    [
        (KINDS, 2, "2 presentations hold a probe and 3 irrelevant"),
        (("irrelevant", "probe", "irrelevant"), 5, "0 presentations hold"),
        (("irrelevant",) * 4, 5, "0 presentations hold"),
    ],
)
def test_too_few_items_give_no_score_and_a_reason(
    kinds: tuple[QuestionKind, ...], presentations: int, reason: str
) -> None:
    questions = ask(kinds, presentations)
    tracks = plant("electrodermal_rise", questions, [1.0] * len(questions))
    score = ConcealedInformation().score(tracks, [], questions)
    assert math.isnan(score.summary["combined_z"])
    assert any(reason in note for note in score.notes)
    measured = {n: v for n, v in score.summary.items() if n.startswith(("d_prime", "lykken."))}
    assert measured
    assert all(math.isnan(value) for value in measured.values())


def test_the_config_builds_it_with_its_defaults() -> None:
    built = build(load_node("protocol", "concealed_information"), ScoringProtocol)
    assert vars(built) == vars(ConcealedInformation())


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="min_irrelevant"):
        ConcealedInformation(min_irrelevant=1)
