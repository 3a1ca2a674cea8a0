"""Temperature scaling finds the temperature that was planted."""

from __future__ import annotations

import pytest
import torch

from affectfuse.fusion.outputs import calibrated
from affectfuse.training.fused.calibration import fit_temperature

LOG_PRIOR = torch.tensor([0.5, 0.3, 0.2]).log()


@pytest.mark.parametrize("temperature", [0.7, 1.0, 3.0])
def test_recovers_the_temperature(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits = LOG_PRIOR + 2 * torch.randn(20000, 3, generator=generator)
    truth = calibrated(logits, LOG_PRIOR, temperature).softmax(-1)
    labels = torch.multinomial(truth, 1, generator=generator)[:, 0]
    assert fit_temperature(logits, labels, LOG_PRIOR) == pytest.approx(temperature, rel=0.05)


def test_is_a_minimum_of_the_loss() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(200, 3, generator=generator)
    labels = torch.where(
        torch.rand(200, generator=generator) < 0.6, logits.argmax(1), torch.arange(200) % 3
    )
    best = fit_temperature(logits, labels, LOG_PRIOR)

    def loss(temperature: float) -> float:
        chosen = calibrated(logits.double(), LOG_PRIOR.double(), temperature)
        return float(torch.nn.functional.cross_entropy(chosen, labels))

    assert loss(best) <= min(loss(best * 0.98), loss(best * 1.02), loss(1.0))


def test_stays_in_range_when_the_labels_are_certain_or_absent() -> None:
    logits = torch.tensor([[5.0, 0.0, 0.0], [0.0, 5.0, 0.0]])
    assert fit_temperature(logits, torch.tensor([0, 1]), LOG_PRIOR) == pytest.approx(0.5, rel=0.05)
    assert fit_temperature(logits, torch.tensor([1, 0]), LOG_PRIOR) == pytest.approx(5, rel=0.05)
    assert fit_temperature(logits[:0], torch.zeros(0, dtype=torch.long), LOG_PRIOR) == 1.0
    prior = LOG_PRIOR.expand(4, -1)
    assert fit_temperature(prior, torch.tensor([0, 1, 2, 0]), LOG_PRIOR) == 1.0
