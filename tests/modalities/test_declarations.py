"""What is said of a modality that does not keep to its own declarations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affectfuse.containers import ModalitySample, SignalBlock
from affectfuse.errors import ConfigError
from affectfuse.extraction import extract
from affectfuse.modalities.base import Extractor, Modality, check_modality


class Belt(Modality):
    name, needs = "belt", frozenset({"signal"})
    window_s, latency_s, max_age_s = 1.0, 0.0, 2.0
    sample_shape, embedding_dim = (3,), 2

    def extractor(self, recognise: Any = None, annotations: Any = None) -> Extractor:
        return Newest("belt", 3)

    def encoder(self) -> nn.Module:
        return nn.Linear(3, 2)


class Newest(Extractor):
    def __init__(self, name: str, width: int) -> None:
        self.name, self.width = name, width

    def push(self, observation: Any) -> Any:
        yield ModalitySample(
            self.name, 0.0, observation.time_s, np.zeros(self.width, np.float32), 1.0
        )


def declaring(**changed: Any) -> Belt:
    return type("Belt", (Belt,), changed)()


def test_a_modality_that_keeps_to_them_is_accepted_and_draws_no_random_number() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    check_modality(Belt())
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"needs": frozenset({"keys"})}, "Belt needs 'keys'; allowed: 'face', 'audio', 'body', 's"),
        ({"sample_shape": (4,)}, r"cannot take samples of its sample_shape, two .* \(2, 4\): mat1"),
        ({"embedding_dim": 5}, r"into the shape \(2, 2\); its embedding_dim asks for \(2, 5\)"),
    ],
)
def test_what_contradicts_them_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_modality(declaring(**changed))


def test_what_is_not_declared_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Belt, "max_age_s")
    with pytest.raises(ConfigError, match="Belt declares no max_age_s: set it in the class or in"):
        check_modality(Belt())


@pytest.mark.parametrize(("name", "width"), [("bolt", 3), ("belt", 4)])
def test_a_sample_of_another_name_or_shape_is_refused(name: str, width: int) -> None:
    block = SignalBlock("belt", np.arange(3.0), np.zeros((3, 1)), ("belt",), ("1",))
    with pytest.raises(ConfigError, match=f"'belt' yields a sample of '{name}' of shape .{width},"):
        list(extract([block], {"belt": Belt()}, {"belt": Newest(name, width)}))
