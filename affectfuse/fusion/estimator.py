"""A trained model as a plain function: a tick of the fusion clock in, an estimate out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from affectfuse.containers import Array, Estimate, ModalitySample, Target, Tick
from affectfuse.fusion.model import FusionModel

__all__ = ["Estimator", "calibrated", "one_thread", "usable"]


def one_thread() -> None:
    """Let torch use one thread in this process.

    One tick or clip at a time gains nothing from more, and finding faces needs the cores.
    """
    torch.set_num_threads(1)


def usable(sample: ModalitySample | None) -> bool:
    """Return whether a sample can be fused: there, and finite throughout."""
    return (
        sample is not None
        and bool(np.isfinite(sample.quality))
        and bool(np.isfinite(sample.array).all())
    )


def calibrated(logits: Tensor, log_prior: Tensor, temperature: float) -> Tensor:
    """Return log-probabilities: the evidence for each class divided by the temperature.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599) of what the logits say beyond the prior,
    so that the prior stays the prior where nothing is present.

    Args:
        logits: (..., class).
        log_prior: (class,).
        temperature: above 0; 1 changes nothing.
    """
    return torch.log_softmax(log_prior + (logits - log_prior) / temperature, dim=-1)


class Estimator:
    """Estimates the target at each tick.

    Args:
        model: trained; it is put in evaluation mode.
        target: what the model predicts.
        temperature: of the fused logits.
        modality_temperatures: of each modality's own logits; 1 for those left out.
    """

    def __init__(
        self,
        model: FusionModel,
        target: Target,
        temperature: float = 1.0,
        modality_temperatures: Mapping[str, float] | None = None,
    ) -> None:
        self.target = target
        self._model = model.eval()
        self._temperature = temperature
        self._modality_temperatures = dict(modality_temperatures or {})

    @torch.inference_mode()
    def estimate(self, tick: Tick) -> Estimate:
        """Return the estimate at the tick's time. A modality without a usable sample is absent.

        Raises:
            ValueError: when a sample is not of the shape that the model was trained on.
        """
        samples, present, quality = {}, {}, {}
        for name, shape in self._model.sample_shapes.items():
            sample = tick.samples.get(name)
            here = usable(sample)
            array: Array = np.zeros(shape, np.float32)
            trust = 0.0
            if here:
                assert sample is not None
                array, trust = sample.array.astype(np.float32, copy=False), sample.quality
                if array.shape != shape:
                    raise ValueError(
                        f"the sample of '{name}' has shape {array.shape}; the model takes {shape}"
                    )
            samples[name] = torch.from_numpy(array)[None]
            present[name] = torch.tensor([here])
            quality[name] = torch.tensor([trust], dtype=torch.float32)
        output = self._model(samples, present, quality)
        return Estimate(
            tick.time_s,
            self._by_class(output.logits, self._temperature),
            {name: output.weights[name].item() for name in samples},
            {
                name: self._by_class(logits, self._modality_temperatures.get(name, 1.0))
                for name, logits in output.modality_logits.items()
                if present[name]
            },
        )

    def _by_class(self, logits: Tensor, temperature: float) -> dict[str, float]:
        log_probabilities = calibrated(logits[0], self._model.head.log_prior, temperature)
        return dict(zip(self.target.classes, log_probabilities.exp().tolist(), strict=True))
