from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from affectfuse.datasets.synthetic import PlantedReaction, SessionScript, draw_session, truth_of
from affectfuse.datasets.synthetic.reactions import response_course
from affectfuse.errors import ConfigError

QUIET = {
    "duration_s": 120.0,
    "hidden_state": False,
    "rsa_sd_ms": 0.0,
    "beat_jitter_sd_ms": 0.0,
    "heart_rate_drift_sd_bpm": 0.0,
    "micro_expressions_per_min": 0.0,
}
REACTIONS = (PlantedReaction(30.0, 4.0, 2), PlantedReaction(80.0, -6.0, 3))


def test_the_heart_answers_by_as_much_as_planted() -> None:
    beats_s = np.array(draw_session(3, 1, reactions=REACTIONS, **QUIET).beats_s)
    rate, middle_s = 60.0 / np.diff(beats_s), (beats_s[1:] + beats_s[:-1]) / 2
    rest = np.median(rate[middle_s < 28.0])
    for onset_s, bpm in ((30.0, 4.0), (80.0, -6.0)):
        for since_s, share in ((0.0, 0.0), (6.0, 1.0), (10.0, 1.0), (20.0, 0.0)):
            away = np.interp(onset_s + since_s, middle_s, rate) - rest
            assert away == pytest.approx(share * bpm, abs=0.2)
        for since_s in (2.5, 15.0):
            away = np.interp(onset_s + since_s, middle_s, rate) - rest
            assert 0.2 < away / bpm < 0.8


def test_the_response_rises_once_and_falls_once() -> None:
    course = response_course(np.arange(-5.0, 30.0, 0.1))
    steps = np.diff(course)
    assert (course.min(), course.max()) == (0.0, 1.0)
    assert np.count_nonzero(np.diff(np.sign(steps[steps != 0]))) == 1


def test_expressions_follow_the_question_and_do_not_overlap() -> None:
    for seed in range(20):
        script = draw_session(seed, 0, reactions=REACTIONS, **{**QUIET, "duration_s": 100.0})
        onsets_s = [event.onset_s for event in script.micro_expressions]
        for reaction in REACTIONS:
            after = [t for t in onsets_s if 0.5 <= t - reaction.onset_s <= 4.0]
            assert len(after) == reaction.micro_expressions
        for before, next_one in pairwise(script.micro_expressions):
            assert next_one.onset_s >= before.offset_s + 0.3


def test_what_is_drawn_beside_reactions_is_the_same_without() -> None:
    given = {**QUIET, "micro_expressions_per_min": 10.0, "macro_expressions_per_min": 3.0}
    plain = draw_session(7, 2, **given)
    reacting = draw_session(7, 2, reactions=REACTIONS, **given)
    for name in ("blinks", "gaze", "motion", "breaths_s", "frame_times_s", "noise_seed"):
        assert getattr(reacting, name) == getattr(plain, name)
    assert plain.reactions == ()
    own = [event for event in reacting.micro_expressions if event in plain.micro_expressions]
    assert len(reacting.micro_expressions) == len(own) + 5
    far = [
        event
        for event in plain.micro_expressions
        if all(abs(event.onset_s - reaction.onset_s - 2.0) > 5.0 for reaction in REACTIONS)
    ]
    assert far
    assert all(event in own for event in far)
    early_s = np.array([t for t in reacting.beats_s if t < 31.0])
    np.testing.assert_array_equal(early_s, np.array(plain.beats_s)[: len(early_s)])


def test_reactions_are_kept_with_the_script() -> None:
    script = draw_session(3, 1, reactions=REACTIONS, **QUIET)
    data = json.loads(json.dumps(script.to_json()))
    assert SessionScript.from_json(data) == script
    del data["reactions"]
    assert SessionScript.from_json(data).reactions == ()
    assert len(truth_of(script).events["micro_expression"]) == 5


@pytest.mark.parametrize(
    ("reaction", "words"),
    [
        (PlantedReaction(-1.0, 4.0), "planted at -1 s"),
        (PlantedReaction(118.0, 4.0), "planted at 118 s"),
        (PlantedReaction(30.0, 4.0, 9), "9 micro-expressions"),
    ],
)
def test_reactions_that_do_not_fit_are_refused(reaction: PlantedReaction, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        draw_session(0, 0, reactions=[reaction], **QUIET)
