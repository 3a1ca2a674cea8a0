"""What every recogniser's config must hold."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from torch import nn

from affectfuse.config import build, load_node, names
from affectfuse.modalities.recognition import ClosedForm, FrozenRecogniser

NAMES = names("recogniser")
cases = pytest.mark.parametrize("name", NAMES)
SHAPE, CLASSES = (3, 28, 28), 3


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    return build(load_node("recogniser", name), nn.Module, clip_shape=SHAPE, n_classes=CLASSES)


def solved(name: str) -> nn.Module:
    """Return a recogniser that answers: a closed form has learnt a few clips."""
    network = make(name)
    if isinstance(network, ClosedForm):
        clips = torch.rand(12, *SHAPE) * 255
        network.solve(clips, torch.arange(12) % CLASSES, torch.ones(CLASSES))
    return network.eval()


def test_there_are_recognisers() -> None:
    assert {"flow_kernel", "ststnet", "sssnet"} <= set(NAMES)


@cases
def test_config_lists_every_parameter(name: str) -> None:
    parameters = set(inspect.signature(type(make(name))).parameters)
    listed = set(map(str, load_node("recogniser", name))) - {"target"}
    assert listed == parameters - {"clip_shape", "n_classes"}


@cases
def test_clips_give_embeddings_and_logits_each_by_itself(name: str) -> None:
    network = solved(name)
    clips = torch.rand(5, *SHAPE) * 255
    with torch.no_grad():
        embedding, logits = network(clips)
        alone = network(clips[2:3])
    assert embedding.shape[0] == 5
    assert logits.shape == (5, CLASSES)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()
    torch.testing.assert_close(alone[1], logits[2:3], rtol=1e-4, atol=1e-5)


@cases
def test_a_frozen_one_is_a_plain_function(name: str) -> None:
    recognise = FrozenRecogniser(solved(name))
    clip = np.full(SHAPE, 100.0, np.float32)
    clip[:, 10:14, 5:9] = 180.0
    embedding, probabilities = recognise(clip)
    assert embedding.ndim == 1
    assert probabilities.sum() == pytest.approx(1.0, abs=1e-5)
    again = make(name)
    weights = recognise.weights()
    if not isinstance(again, ClosedForm):
        again.load_state_dict(weights)
        assert FrozenRecogniser(again).digest() == recognise.digest()
