"""What every scoring protocol's config must hold."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace

import numpy as np
import pytest
from scoring.simulated import Design, Simulated, simulate

from affectfuse.config import build, load_node, names
from affectfuse.containers import IntervalTrack, Track
from affectfuse.scoring.base import ScoringProtocol, SessionScore

NAMES = names("protocol")
cases = pytest.mark.parametrize("name", NAMES)
DESIGNS: dict[str, Design] = {"relevant": "comparison", "probe": "items"}


def make(name: str) -> ScoringProtocol:
    return build(load_node("protocol", name), ScoringProtocol)  # type: ignore[type-abstract]


def session(name: str, seed: int = 0) -> Simulated:
    """Return a session whose questions are of the kinds that the protocol asks for."""
    return simulate(seed, DESIGNS.get(getattr(make(name), "first", ""), "events"))


def unknown(track: Track | IntervalTrack) -> Track | IntervalTrack:
    if isinstance(track, IntervalTrack):
        return IntervalTrack(track.name, ())
    nothing = np.full(len(track.values), math.nan)
    return Track(track.name, track.unit, track.times_s, nothing, 0 * track.quality)


def said(score: SessionScore) -> str:
    return " ".join([*score.notes, score.methods, *score.summary, *map(repr, score.contrasts)])


def test_there_are_protocols() -> None:
    assert {"baseline_shift", "comparison_question", "concealed_information", "oss3"} <= set(NAMES)


@cases
def test_config_lists_every_parameter(name: str) -> None:
    parameters = set(inspect.signature(type(make(name))).parameters)
    assert set(map(str, load_node("protocol", name))) - {"target"} == parameters
    assert make(name).name == name


@cases
def test_every_question_and_channel_has_a_row(name: str) -> None:
    given = session(name)
    score = make(name).score(*given.all())
    assert score.protocol == name
    asked = {(row.question, row.onset_s) for row in score.rows}
    assert asked == {(q.label, q.onset_s) for q in given.questions}
    channels = {row.channel for row in score.rows}
    assert len(score.rows) == len(asked) * len(channels)
    assert all(0 <= row.coverage <= 1 for row in score.rows)
    assert any(math.isfinite(row.value) for row in score.rows)
    assert all(math.isfinite(row.value) or row.note for row in score.rows)


@cases
def test_what_is_not_known_is_nan_with_a_note(name: str) -> None:
    given = session(name)
    tracks = {key: unknown(track) for key, track in given.tracks.items()}
    score = make(name).score(tracks, [], given.questions)
    assert score.rows
    assert all(math.isnan(row.value) and row.note for row in score.rows)
    assert all(math.isnan(c.value) and math.isnan(c.p_value) for c in score.contrasts)
    assert all(contrast.note for contrast in score.contrasts)


@cases
def test_no_tracks_and_no_events(name: str) -> None:
    given = session(name)
    assert make(name).score({}, [], given.questions).rows is not None
    assert make(name).score(given.tracks, given.estimates, ()).rows == ()
    assert make(name).score({}, [], ()).rows == ()


@cases
def test_a_missing_track_changes_nothing_else(name: str) -> None:
    given = session(name)
    whole = make(name).score(*given.all())
    without = {key: track for key, track in given.tracks.items() if key != "cardio"}
    part = make(name).score(without, given.estimates, given.questions)
    rows = [repr(row) for row in whole.rows if "cardio" not in row.channel]
    assert rows == [repr(row) for row in part.rows if "cardio" not in row.channel]
    assert all(math.isnan(row.value) for row in part.rows if "cardio" in row.channel)


@cases
def test_intervals_hold_their_values_and_need_six_pairs(name: str) -> None:
    for contrast in make(name).score(*session(name).all()).contrasts:
        if math.isfinite(contrast.low):
            assert contrast.low <= contrast.value <= contrast.high
            assert contrast.pairs >= 6
        assert not contrast.p_value < 1e-6
        assert not contrast.p_adjusted < contrast.p_value


@cases
def test_scoring_leaves_its_input_alone_and_repeats(name: str) -> None:
    given = session(name)
    before = {
        key: track.values.copy() for key, track in given.tracks.items() if isinstance(track, Track)
    }
    first = make(name).score(*given.all())
    assert repr(make(name).score(*given.all())) == repr(first)
    shuffled = given.questions[::-1]
    assert repr(make(name).score(given.tracks, given.estimates, shuffled)) == repr(first)
    for key, values in before.items():
        np.testing.assert_array_equal(given.tracks[key].values, values)  # type: ignore[union-attr]


@cases
def test_scores_do_not_depend_on_when_the_clock_began(name: str) -> None:
    given = session(name)
    later = [replace(q, onset_s=q.onset_s + 64, offset_s=q.offset_s + 64) for q in given.questions]
    later = [replace(q, answer_s=q.answer_s + 64) for q in later]
    tracks: dict[str, Track | IntervalTrack] = {}
    for key, track in given.tracks.items():
        if isinstance(track, Track):
            tracks[key] = replace(track, times_s=track.times_s + 64)
    only = {key: given.tracks[key] for key in tracks}
    first = make(name).score(only, [], given.questions)
    second = make(name).score(tracks, [], later)
    np.testing.assert_allclose(
        [row.value for row in first.rows], [row.value for row in second.rows], atol=1e-6
    )


@cases
def test_methods_references_and_no_verdict(name: str) -> None:
    score = make(name).score(*session(name).all())
    assert len(score.methods) > 200
    assert score.references
    assert not any(word in said(score).split() for word in ("DI", "NDI", "SR", "NSR", "lie"))
    assert "predictive_value" not in said(score)
