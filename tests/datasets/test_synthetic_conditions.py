"""Conditions: the same subjects, each recorded once under each."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from affectfuse.config import build, load_node
from affectfuse.datasets.base import Dataset
from affectfuse.datasets.synthetic import Parameters, SyntheticConditions, read_truth
from affectfuse.errors import ConfigError

SMALL = {"duration_s": 1.0, "width": 160, "height": 120}
FROZEN = ("heart_rate_stress", "heart_rate_failure", "heart_rate_pulse_free")
TUNING = ("heart_rate_tuning", "heart_rate_failure_retired", "heart_rate_pulse_free_retired")


def _configured(name: str) -> SyntheticConditions:
    made = build(load_node("dataset", name), Dataset)  # type: ignore[type-abstract]
    assert isinstance(made, SyntheticConditions)
    return made


def test_items_name_their_condition_and_carry_its_changes(tmp_path: Path) -> None:
    changes = {"weak": {"pulse_amplitude_percent": 0.2}, "strong": {"heart_rate_bpm": 120.0}}
    data = SyntheticConditions(
        root=str(tmp_path), subjects=2, workers=1, session=SMALL, conditions=changes
    )
    steps: list[tuple[str, int, int]] = []
    data.prepare(lambda *step: steps.append(step))
    assert [step[0] for step in steps] == [
        "synthetic recordings, strong",
        "synthetic recordings, strong",
        "synthetic recordings, weak",
        "synthetic recordings, weak",
    ]
    items = data.items()
    assert [item.key for item in items] == sorted({item.key for item in items})
    assert [item.attributes["condition"] for item in items] == ["strong"] * 2 + ["weak"] * 2
    assert len({item.path for item in items}) == 4
    assert [item.subject for item in items[:2]] == [item.subject for item in items[2:]]
    assert {item.references["beat_interval_ms"].unit for item in items} == {"ms"}
    strong, weak = (read_truth(items[i].path).script for i in (0, 2))
    assert strong.parameters.heart_rate_bpm == 120.0
    assert weak.parameters.pulse_amplitude_percent == 0.2
    assert strong.subject == weak.subject


def test_no_condition_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="conditions is empty"):
        SyntheticConditions(root=str(tmp_path))


def test_an_unknown_parameter_of_a_condition_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="sway_degrees"):
        SyntheticConditions(root=str(tmp_path), conditions={"one": {"sway_degree": 1.0}})


def test_frozen_sets_share_no_subject_with_tuning_or_each_other() -> None:
    subjects = [
        {(one.seed, number) for one in _configured(name).sets.values() for number in one.subjects}
        for name in (*FROZEN, *TUNING)
    ]
    assert len(set.union(*subjects)) == sum(map(len, subjects))


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("heart_rate_stress", "c41ae6a14a83c014"),
        ("heart_rate_failure", "dc55f01a2bc3eaba"),
        ("heart_rate_pulse_free", "eddc6e3eddfe5cc3"),
    ],
)
def test_frozen_sets_have_not_moved(name: str, digest: str) -> None:
    """A set that is changed after methods were tuned is another set: give it another name."""
    content = json.dumps(OmegaConf.to_container(load_node("dataset", name)), sort_keys=True)
    assert hashlib.sha256(content.encode()).hexdigest()[:16] == digest


def test_stress_set_holds_the_conditions_that_were_promised() -> None:
    sets = _configured("heart_rate_stress").sets
    assert len(sets) == 10
    scripts = {
        name: [one.script(number, 1) for number in one.subjects] for name, one in sets.items()
    }
    for name, rate_bpm in {"clean": 66, "sway": 96, "weak_pulse": 84, "fast_138": 138}.items():
        for script in scripts[name]:
            drawn = 60.0 / np.diff(np.array(script.beats_s)).mean()
            assert drawn == pytest.approx(rate_bpm, abs=3.0), name
    assert all(script.absences for script in scripts["face_leaving"])
    assert all(script.syllables for script in scripts["speech"])
    assert all(p.parameters.skin_tone == 6.0 for p in scripts["dark_skin"])


def test_pulse_free_set_lasts_thirty_minutes_and_has_no_pulse() -> None:
    sets = _configured("heart_rate_pulse_free").sets.values()
    scripts = [one.script(number, 1) for one in sets for number in one.subjects]
    assert sum(script.parameters.duration_s for script in scripts) == 1800.0
    assert {script.parameters.pulse_amplitude_percent for script in scripts} == {0.0}
    assert Parameters().pulse_amplitude_percent > 0
