"""The frozen sets of the micro-expression spotter, and those it is tuned on."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from omegaconf import OmegaConf

from affectfuse.config import build, load_node
from affectfuse.datasets.base import Dataset
from affectfuse.datasets.synthetic import Synthetic, SyntheticConditions
from affectfuse.datasets.synthetic.script import SessionScript

FROZEN = {
    "micro_expression_sessions": "dc9e637a7eee2d7a",
    "micro_expression_free": "d780a8c589c08adc",
    "micro_expression_frame_rates": "cedd5a9a80e7c1e0",
}
TUNING = (
    "micro_expression_tuning",
    "micro_expression_sessions_retired",
    "micro_expression_free_retired",
)


def configured(name: str) -> list[Synthetic]:
    made = build(load_node("dataset", name), Dataset)  # type: ignore[type-abstract]
    if isinstance(made, SyntheticConditions):
        return list(made.sets.values())
    assert isinstance(made, Synthetic)
    return [made]


def scripts(name: str) -> list[SessionScript]:
    return [one.script(number, 1) for one in configured(name) for number in one.subjects]


@pytest.mark.parametrize(("name", "digest"), FROZEN.items())
def test_frozen_sets_have_not_moved(name: str, digest: str) -> None:
    """A set that is changed after spotters were tuned is another set: give it another name."""
    content = json.dumps(OmegaConf.to_container(load_node("dataset", name)), sort_keys=True)
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest


def test_they_share_no_subject_with_tuning_or_each_other() -> None:
    subjects = [
        {(one.seed, number) for one in configured(name) for number in one.subjects}
        for name in (*FROZEN, *TUNING, "synthetic", "synthetic_expressions")
    ]
    assert len(set.union(*subjects)) == sum(map(len, subjects))


def test_sessions_hold_what_was_promised() -> None:
    sessions = scripts("micro_expression_sessions")
    assert {s.parameters.duration_s for s in sessions} == {120.0}
    assert np.mean([len(s.micro_expressions) for s in sessions]) == pytest.approx(11.5, abs=2.0)
    assert np.mean([len(s.blinks) for s in sessions]) == pytest.approx(15.0, abs=2.0)
    assert all(s.syllables and s.gaze and s.parameters.sway_degrees >= 0.5 for s in sessions)
    assert sum(len(s.macro_expressions) for s in sessions) >= 10
    events = [e for s in sessions for e in s.micro_expressions]
    assert all(2.0 <= e.displacement_percent <= 5.0 for e in events)
    assert len({e.label for e in events}) == 5


def test_free_sessions_have_everything_but_micro_expressions() -> None:
    for session in scripts("micro_expression_free"):
        assert not session.micro_expressions
        assert session.macro_expressions
        assert session.blinks
        assert session.syllables
