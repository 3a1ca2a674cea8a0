"""Log ratios, their standard, weights, sign and norms of OSS-3."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm
from scoring.planted import ask, plant
from scoring.simulated import Effect, simulate

from affectfuse.config import build, load_node
from affectfuse.containers import IntervalTrack, Track
from affectfuse.scoring.base import Question, QuestionKind, ScoringProtocol, SessionScore
from affectfuse.scoring.oss3 import OSS3

KINDS: tuple[QuestionKind, ...] = ("comparison", "relevant", "comparison", "relevant")
WEIGHTS = {"respiration_line_length": 0.192, "electrodermal_rise": 0.528, "cardio_rise": 0.28}
NORMS = {
    "source": "Somebody (2020)",
    "channels": {name: {"mean": 0.1, "sd": 0.5} for name in WEIGHTS},
    "truthful": {"mean": -0.6, "sd": 0.8},
    "deceptive": {"mean": 0.7, "sd": 0.9},
    "base_rates": [0.1],
}


def session(
    strengths: dict[str, list[float]], presentations: int = 3
) -> tuple[dict[str, Track | IntervalTrack], tuple[Question, ...]]:
    questions = ask(KINDS, presentations)
    tracks: dict[str, Track | IntervalTrack] = {}
    for channel, given in strengths.items():
        tracks |= plant(channel, questions, given)
    return tracks, questions


def random_strengths() -> dict[str, list[float]]:
    generator = np.random.default_rng(8)
    return {name: generator.uniform(1, 3, 12).tolist() for name in WEIGHTS}


def scored(strengths: dict[str, list[float]], **more: object) -> SessionScore:
    tracks, questions = session(strengths)
    return OSS3(**more).score(tracks, [], questions)


@pytest.mark.parametrize("channel", list(WEIGHTS))
@pytest.mark.parametrize(("relevant", "sign"), [(1, 1), (4, -1)])
def test_the_sign_of_every_channel(channel: str, relevant: float, sign: int) -> None:
    """The field's: positive where the comparison question has the stronger reaction."""
    strengths = {name: [2.0] * 12 for name in WEIGHTS}
    strengths[channel] = [2, relevant, 2, relevant] * 3
    score = scored(strengths)
    rows = [r for r in score.rows if r.channel == channel and r.question.startswith("relevant")]
    expected = sign * abs(math.log(relevant / 2))
    assert [row.score for row in rows] == pytest.approx([expected] * 6, rel=0.08)
    contrast = next(c for c in score.contrasts if c.channel == channel)
    assert contrast.value == pytest.approx(expected, rel=0.08)
    assert contrast.low <= contrast.value <= contrast.high


def by_hand(score: SessionScore, scale: dict[str, tuple[float, float]] | None = None) -> float:
    """Weighted mean over channels, then presentations, then questions, from the rows' values."""
    z = {}
    for channel in WEIGHTS:
        rows = [row for row in score.rows if row.channel == channel]
        ratios = {}
        for p in (1, 2, 3):
            here = [row for row in rows if row.presentation == p]
            comparison = np.mean([r.value for r in here if r.question.startswith("comparison")])
            for row in here:
                if row.question.startswith("relevant"):
                    ratio = math.log(row.value / comparison)
                    ratios[row.question, p] = -ratio if "respiration" in channel else ratio
        mean, sd = scale[channel] if scale else (0.0, float(np.std(list(ratios.values()), ddof=1)))
        z[channel] = {key: np.clip((x - mean) / sd, -3.89, 3.89) for key, x in ratios.items()}
    together = {
        key: sum(WEIGHTS[c] * z[c][key] for c in WEIGHTS) for key in z["electrodermal_rise"]
    }
    questions = {question for question, _ in together}
    return float(
        np.mean([np.mean([v for (q, _), v in together.items() if q == one]) for one in questions])
    )


def test_the_standardised_score_by_hand() -> None:
    score = scored(random_strengths())
    assert score.summary["standardised_score"] == pytest.approx(-by_hand(score))
    assert any("no norms were given" in note for note in score.notes)
    assert not any(name.startswith(("p_", "predictive", "likelihood")) for name in score.summary)


def test_norms_scale_the_channels_and_give_both_tails() -> None:
    score = scored(random_strengths(), norms=NORMS)
    own = by_hand(score, {name: (0.1, 0.5) for name in WEIGHTS})
    assert score.summary["standardised_score"] == pytest.approx(-own)
    assert score.summary["p_truthful"] == pytest.approx(norm.sf((own + 0.6) / 0.8))
    assert score.summary["p_deceptive"] == pytest.approx(norm.cdf((own - 0.7) / 0.9))
    ratio = norm.pdf(own, 0.7, 0.9) / norm.pdf(own, -0.6, 0.8)
    odds = ratio * 0.1 / 0.9
    value = score.summary["predictive_value.deceptive.base_rate_0.1"]
    assert value == pytest.approx(odds / (1 + odds))
    assert "norms: Somebody (2020)" in score.notes


def test_values_far_out_are_trimmed() -> None:
    narrow = {**NORMS, "channels": {name: {"mean": 0.0, "sd": 1e-6} for name in WEIGHTS}}
    strengths = {name: [1.0, 3.0] * 6 for name in WEIGHTS}
    assert scored(strengths, norms=narrow).summary["standardised_score"] == pytest.approx(-3.89)


@pytest.mark.parametrize("missing", list(WEIGHTS))
def test_without_one_of_its_channels_there_is_no_score(missing: str) -> None:
    strengths = {n: s for n, s in random_strengths().items() if n != missing}
    score = scored(strengths)
    assert math.isnan(score.summary["standardised_score"])
    assert any(f"the session lacks {missing}" in note for note in score.notes)
    rows = [row for row in score.rows if row.channel == missing]
    assert len(rows) == 12
    assert all(math.isnan(row.value) and "no track" in row.note for row in rows)


def test_too_few_presentations_give_no_score() -> None:
    strengths = {name: [2.0, 3.0] * 4 for name in WEIGHTS}
    tracks, questions = session(strengths, presentations=2)
    score = OSS3().score(tracks, [], questions)
    assert math.isnan(score.summary["standardised_score"])
    assert any("2 presentations" in note for note in score.notes)


def test_a_planted_reaction_is_found() -> None:
    score = OSS3().score(*simulate(9, "comparison", Effect(eda_us=1.0)).all())
    total = next(c for c in score.contrasts if c.channel == "all")
    assert total.value < 0
    assert total.p_value <= 0.01
    assert total.high < 0
    without = next(c for c in score.contrasts if c.channel == "all but electrodermal_activity")
    assert without.p_value > 0.05


def test_the_config_builds_it_with_its_defaults() -> None:
    built = build(load_node("protocol", "oss3"), ScoringProtocol)
    assert vars(built) == vars(OSS3())


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"weights": {}}, "weights"),
        ({"weights": {"cardio_rise": -1.0}}, "weights"),
        ({"trim_sd": 0}, "trim_sd"),
        ({"norms": {"source": "x"}}, "lack channels, deceptive, truthful"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, object], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        OSS3(**wrong)
