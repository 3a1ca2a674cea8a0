"""Outputs of several targets on one axis: where they lie, what they become, how they cool."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from affectfuse.containers import Target
from affectfuse.fusion.outputs import Outputs, calibrated

STATE = Target("state", ("calm", "tense", "tired"), "window", "planted")
UNITS = Target("action_units", ("au4", "au12"), "window", "coder", "labels")
MOOD = Target("mood", ("valence",), "window", "self-report", "scales")
LOGITS = torch.tensor([[0.2, -1.0, 3.0, 0.5, -2.0, 7.5], [0.0, 0.0, 0.0, 0.0, 0.0, -4.0]])


def test_outputs_lie_side_by_side_in_the_targets_order() -> None:
    outputs = Outputs([STATE, UNITS, MOOD])
    assert len(outputs) == 6
    assert outputs.names == ("calm", "tense", "tired", "au4", "au12", "valence")
    assert [outputs.of(t) for t in (STATE, "action_units", MOOD)] == [
        slice(0, 3),
        slice(3, 5),
        slice(5, 6),
    ]


def test_each_kind_has_its_activation() -> None:
    rows = LOGITS.double().numpy()
    found = Outputs([STATE, UNITS, MOOD]).activate(LOGITS).numpy()
    powers = np.exp(rows[:, :3])
    np.testing.assert_allclose(found[:, :3], powers / powers.sum(1, keepdims=True), rtol=1e-6)
    np.testing.assert_allclose(found[:, 3:5], 1 / (1 + np.exp(-rows[:, 3:5])), rtol=1e-6)
    np.testing.assert_array_equal(found[:, 5], rows[:, 5])


def test_temperature_scales_the_evidence_and_not_the_prior() -> None:
    prior = torch.tensor([0.7, 0.3])
    evidence = torch.tensor([0.0, 2.0])
    cooled = calibrated(prior.log() + evidence, prior.log(), 2.0).softmax(-1)
    wanted = prior * torch.exp(evidence / 2)
    torch.testing.assert_close(cooled, wanted / wanted.sum())
    assert torch.equal(calibrated(prior.log(), prior.log(), 7.0), prior.log())


def test_each_target_has_its_own_temperature_and_scales_none() -> None:
    prior = torch.tensor([-1.0, -1.2, -1.1, 0.3, -0.4, 2.0])
    temperatures = {"state": 2.0, "action_units": 0.5, "mood": 10.0}
    found = Outputs([STATE, UNITS, MOOD]).calibrated(LOGITS, prior, temperatures)
    torch.testing.assert_close(found[:, :3], prior[:3] + (LOGITS[:, :3] - prior[:3]) / 2)
    torch.testing.assert_close(found[:, 3:5], prior[3:5] + (LOGITS[:, 3:5] - prior[3:5]) * 2)
    assert torch.equal(found[:, 5], LOGITS[:, 5])
    torch.testing.assert_close(Outputs([STATE, UNITS, MOOD]).calibrated(LOGITS, prior, {}), LOGITS)


def test_names_must_be_distinct() -> None:
    other = Target("mood", ("calm",), "window", "self-report", "scales")
    with pytest.raises(ValueError, match="two classes, labels or scales are called 'calm'"):
        Outputs([STATE, other])
    with pytest.raises(ValueError, match="two targets are called 'mood'"):
        Outputs([MOOD, other])
    with pytest.raises(ValueError, match="no targets"):
        Outputs([])
