"""Scores, totals, rules, refusals and tests of the comparison question test."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from scoring.planted import CHANNELS, ask, plant
from scoring.simulated import Effect, simulate

from affectfuse.config import build, load_node
from affectfuse.containers import Track
from affectfuse.scoring.base import Question, QuestionKind, ScoringProtocol, SessionScore
from affectfuse.scoring.comparison_question import ComparisonQuestion, side
from affectfuse.scoring.ess_m import WEIGHTS, Cuts, NullModel
from affectfuse.scoring.positions import adjacent, position_scores

KINDS: tuple[QuestionKind, ...] = ("comparison", "relevant", "comparison", "relevant", "neutral")
NORMS = {
    "source": "Somebody (2020)",
    "sensitivity": 0.8,
    "specificity": 0.9,
    "base_rates": [0.001, 0.5],
    "labels": {"negative": "SR", "inconclusive": "INC", "positive": "NSR"},
}


def strengths(questions: Sequence[Question], relevant: float, comparison: float) -> list[float]:
    by_kind = {"relevant": relevant, "comparison": comparison}
    return [by_kind.get(question.kind, 2.0) for question in questions]


def scored(
    relevant: float, comparison: float, channel: str = "electrodermal_rise", **more: object
) -> SessionScore:
    questions = ask(KINDS, 5)
    tracks = plant(channel, questions, strengths(questions, relevant, comparison))
    return ComparisonQuestion(**more).score(tracks, [], questions)


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("relevant", "comparison", "sign"), [(2, 4, 1), (4, 2, -1), (3, 3, 0)])
def test_the_sign_of_every_channel(
    channel: str, relevant: float, comparison: float, sign: int
) -> None:
    """Positive where the reaction to the comparison is stronger, whatever 'stronger' looks like."""
    score = scored(relevant, comparison, channel)
    weight = ComparisonQuestion().weights[channel]
    rows = [row for row in score.rows if row.channel == channel]
    given = [row.score for row in rows if row.question.startswith("relevant")]
    assert given == [sign * weight] * 10
    assert all(math.isnan(row.score) for row in rows if not row.question.startswith("relevant"))
    assert score.summary["grand_total"] == 10 * sign * weight


@pytest.mark.parametrize(
    ("channel", "least"),
    [
        ("electrodermal_rise", 1.1),
        ("cardio_rise", 1.25),
        ("respiration_line_length", 1.2),
        ("pulse_amplitude", 1.1),
    ],
)
def test_a_ratio_below_the_least_scores_nothing(channel: str, least: float) -> None:
    assert scored(2 * least * 1.02, 2, channel).summary["grand_total"] < 0
    assert scored(2 * least * 0.97, 2, channel).summary["grand_total"] == 0


def test_the_adjacent_comparison_with_the_greater_change_is_taken() -> None:
    """C R C: of 4 and 1 around a relevant 2 the first counts; a far one of 9 does not."""
    kinds: tuple[QuestionKind, ...] = ("comparison", "comparison", "relevant", "comparison")
    questions = ask(kinds, 3)
    tracks = plant("electrodermal_rise", questions, [9, 4, 2, 1] * 3)
    rows = ComparisonQuestion(min_relevant=1).score(tracks, [], questions).rows
    assert [row.score for row in rows if row.score == row.score] == 3 * [2.0]
    tracks = plant("electrodermal_rise", questions, [9, 1, 2, 1] * 3)
    rows = ComparisonQuestion(min_relevant=1).score(tracks, [], questions).rows
    assert [row.score for row in rows if row.score == row.score] == 3 * [-2.0]


def test_adjacent_items_by_brute_force() -> None:
    generator = np.random.default_rng(0)
    block = np.repeat([0, 1, 2], [5, 3, 6])
    chosen = generator.random((40, 14)) < 0.5
    before, after = adjacent(chosen, block)
    for row in range(40):
        for item in range(14):
            free = [j for j in range(14) if block[j] == block[item] and not chosen[row, j]]
            assert before[row, item] == max((j for j in free if j <= item), default=-1)
            assert after[row, item] == min((j for j in free if j >= item), default=-1)


def test_position_scores_of_ratios_and_zeros() -> None:
    relevant = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 3.0, math.nan])
    comparison = np.array([1.9, 2.0, 3.5, 9.0, 0.0, 1.0, 1.0, 1.0])
    given = position_scores(relevant, comparison, (2.0, 3.0, 4.0), ratio=True)
    np.testing.assert_array_equal(given, [0, 1, 2, 3, 0, 3, -2, math.nan])
    given = position_scores(relevant, comparison, (2.0,), ratio=False)
    np.testing.assert_array_equal(given, [0, 0, 1, 1, 0, 0, -1, math.nan])


def test_seven_positions() -> None:
    score = scored(1, 3.4, positions=7)
    assert score.summary["grand_total"] == 20
    assert "cut.grand_total.positive" not in score.summary
    assert any("no null model" in note for note in score.notes)


def test_cuts_and_tails_are_the_null_models() -> None:
    questions = ask(KINDS, 5)
    tracks = {}
    for channel in ComparisonQuestion().min_ratios:
        tracks |= plant(channel, questions, strengths(questions, 2, 4))
    protocol = ComparisonQuestion(channels=list(ComparisonQuestion().min_ratios))
    score = protocol.score(tracks, [], questions)
    model = NullModel(tuple(WEIGHTS.values()), 5, 2)
    assert score.summary["grand_total"] == 50
    assert score.summary["subtotal.relevant 2"] == 25
    assert (score.summary["cut.grand_total.negative"], score.summary["cut.subtotal.negative"]) == (
        -3,
        -5,
    )
    assert score.summary["null_tail.at_cut.positive"] == pytest.approx(model.tail(3))
    assert score.summary["null_tail.grand_total"] == pytest.approx(model.tail(50))
    assert any("published ESS-M" in note for note in score.notes)
    assert any("occurs in 72% of sessions" in note for note in score.notes)
    alone = scored(2, 4)
    assert any("null-model reference" in note for note in alone.notes)


@pytest.mark.parametrize(("total", "expected"), [(-3, -1), (-2, 0), (0, 0), (3, 1), (9, 1)])
def test_sides_of_the_cuts(total: float, expected: float) -> None:
    assert side(total, Cuts(-3, 3)) == expected
    assert side(total, Cuts(math.nan, math.nan)) == 0
    assert math.isnan(side(math.nan, Cuts(-3, 3)))


def test_the_two_stage_rule_asks_the_lowest_subtotal_when_the_total_says_nothing() -> None:
    """One relevant question far down, the other far up: the total is 0, the subtotal decides."""
    questions = ask(KINDS, 5)
    tracks = plant("electrodermal_rise", questions, [3, 9, 3, 1, 1] * 5)
    score = ComparisonQuestion().score(tracks, [], questions)
    assert score.summary["grand_total"] == 0
    assert score.summary["subtotal.relevant 2"] == -10
    assert score.summary["side.grand_total"] == 0
    assert score.summary["side.subtotal"] == -1
    assert score.summary["side.two_stage"] == -1


def test_no_verdict_and_no_predictive_value_without_norms() -> None:
    score = scored(4, 2)
    said = " ".join([*score.notes, score.methods, *score.summary])
    assert "predictive_value" not in said
    assert any("no norms were given" in note for note in score.notes)
    assert not any(word in said for word in ("NDI", " DI", " SR", "NSR", "deceptive"))


def test_norms_give_bayes_and_the_users_words() -> None:
    score = scored(4, 2, norms=NORMS)
    hits, false = 0.8 * 0.001, 0.1 * 0.999
    value = score.summary["predictive_value.negative.base_rate_0.001"]
    assert value == pytest.approx(hits / (hits + false))
    assert score.summary["predictive_value.positive.base_rate_0.5"] == pytest.approx(0.9 / 1.1)
    assert "by these norms: SR" in score.notes
    assert "by these norms: NSR" in scored(2, 4, norms=NORMS).notes
    assert "by these norms: INC" in scored(2, 2, norms=NORMS).notes


@pytest.mark.parametrize(
    ("kinds", "presentations", "reason"),
    [
        (("comparison", "relevant", "comparison"), 5, "1 different relevant questions"),
        (("comparison", "relevant", "relevant"), 5, "1 different comparison questions"),
        (KINDS, 2, "2 presentations hold both kinds"),
        (("relevant", "relevant"), 5, "0 different comparison questions"),
    ],
)
def test_too_few_questions_give_no_total_and_a_reason(
    kinds: tuple[QuestionKind, ...], presentations: int, reason: str
) -> None:
    questions = ask(kinds, presentations)
    tracks = plant("electrodermal_rise", questions, strengths(questions, 4, 2))
    score = ComparisonQuestion(norms=NORMS).score(tracks, [], questions)
    assert math.isnan(score.summary["grand_total"])
    assert any(reason in note for note in score.notes)
    total = next(c for c in score.contrasts if c.channel == "all")
    assert math.isnan(total.value)
    assert reason in total.note
    assert not any("by these norms" in note for note in score.notes)
    assert not any(name.startswith("predictive") for name in score.summary)


def test_too_little_of_the_signal_gives_no_total() -> None:
    questions = ask(KINDS, 5)
    tracks = plant("electrodermal_rise", questions, strengths(questions, 4, 2))
    eda = tracks["eda_us"]
    eda.values[eda.times_s > 300] = math.nan  # type: ignore[union-attr]
    score = ComparisonQuestion().score(tracks, [], questions)
    assert math.isnan(score.summary["grand_total"])
    assert any("of the cells are known, at least 50%" in note for note in score.notes)


def test_movement_leaves_a_reaction_out() -> None:
    simulated = simulate(3, "comparison")
    tracks, estimates, questions = simulated.all()
    times_s = np.arange(1.0, questions[-1].offset_s + 30)
    struck = next(q for q in questions if q.kind == "relevant")
    still = 0.02 + 0.005 * np.sin(9 * times_s)
    still[np.abs(times_s - struck.onset_s - 5) < 1] = 1.0
    tracks["movement_g"] = Track("movement_g", "g", times_s, still, np.ones(len(times_s)))
    rows = ComparisonQuestion().score(tracks, estimates, questions).rows
    hit = [row for row in rows if row.onset_s == struck.onset_s]
    assert all("movement" in row.artefact and math.isnan(row.score) for row in hit)
    kept = ComparisonQuestion(discard=[]).score(tracks, estimates, questions).rows
    assert any(math.isfinite(r.score) for r in kept if r.onset_s == struck.onset_s)


def test_planted_reactions_are_found_in_their_channels() -> None:
    effect = Effect(heart_rate_bpm=4.0, eda_us=1.0, micro_expressions=2)
    score = ComparisonQuestion().score(*simulate(5, "comparison", effect).all())
    found = {contrast.channel: contrast for contrast in score.contrasts}
    for name in ("heart_rate_bpm", "electrodermal_rise", "micro_expression_count"):
        assert found[name].p_adjusted <= 0.05
        assert found[name].low > 0
        assert found[name].low < found[name].value < found[name].high
        assert found[name].pairs >= 12
    assert found["all"].value < 0
    assert found["all"].p_value <= 0.01
    assert found["pulse_amplitude"].p_adjusted > 0.05


def test_leaving_a_modality_out_leaves_its_scores_out() -> None:
    score = ComparisonQuestion().score(*simulate(5, "comparison").all())
    totals = {c.channel: c.value for c in score.contrasts if c.name == "total"}
    by_channel = {
        name: sum(r.score for r in score.rows if r.channel == name and math.isfinite(r.score))
        for name in ComparisonQuestion().weights
    }
    assert totals["all"] == pytest.approx(sum(by_channel.values()))
    assert totals["all but electrodermal_activity"] == pytest.approx(
        totals["all"] - by_channel["electrodermal_rise"]
    )
    assert totals["all but heart_rate"] == pytest.approx(
        totals["all"] - by_channel["heart_rate_bpm"] - by_channel["pulse_amplitude"]
    )


def test_few_pairs_have_no_interval_and_few_arrangements_no_p() -> None:
    questions = ask(("comparison", "relevant"), 4)  # 16 ways to deal the kinds
    tracks = plant("electrodermal_rise", questions, strengths(questions, 4, 2))
    score = ComparisonQuestion().score(tracks, [], questions)
    contrast = next(c for c in score.contrasts if c.channel == "electrodermal_rise")
    assert contrast.value == pytest.approx(2.0, rel=0.05)
    assert contrast.pairs == 4
    assert all(math.isnan(x) for x in (contrast.low, contrast.high, contrast.p_value))
    assert "an interval needs 6" in contrast.note
    assert "too few arrangements" in contrast.note


def test_the_same_order_throughout_is_told() -> None:
    assert any("same order in every presentation" in note for note in scored(2, 2).notes)
    varied = ComparisonQuestion().score(*simulate(1, "comparison").all())
    assert not any("same order" in note for note in varied.notes)


def test_methods_carry_the_numbers() -> None:
    score = scored(2, 4)
    for said in ("2 relevant and 2 comparison", "5 presentations", "electrodermal_rise (weight 2)"):
        assert said in score.methods
    assert any("Nelson" in reference for reference in score.references)


def test_the_config_builds_it_with_its_defaults() -> None:
    built = build(load_node("protocol", "comparison_question"), ScoringProtocol)
    assert vars(built) == vars(ComparisonQuestion())


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"positions": 5}, "positions"),
        ({"min_ratios": {"cardio_rise": 0.5}}, "min_ratios"),
        ({"orientations": {"x": 2}}, "orientations"),
        ({"prior_odds": 0}, "prior_odds"),
        ({"min_known": 2}, "min_known"),
        ({"permutations": 3}, "permutations"),
        ({"confidence": 1}, "confidence"),
        ({"norms": {**NORMS, "sensitivity": 1.2}}, "share"),
        ({"norms": {**NORMS, "source": " "}}, "source"),
        ({"norms": {**NORMS, "labels": {"guilty": "DI"}}}, "guilty"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        ComparisonQuestion(**wrong)
