"""A trained model as a plain function: a tick of the fusion clock in, an estimate out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from affectfuse.containers import Array, Estimate, ModalitySample, Target, Tick
from affectfuse.fusion.calibration import FUSED, Calibration, prediction_set
from affectfuse.fusion.model import FusionModel
from affectfuse.fusion.outputs import Outputs

__all__ = ["Estimator", "one_thread", "usable"]


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


class Estimator:
    """Estimates the targets at each tick.

    Args:
        model: trained; it is put in evaluation mode.
        targets: what the model predicts.
        calibration: of its estimates.

    Attributes:
        model: the same.
    """

    def __init__(
        self, model: FusionModel, targets: Sequence[Target], calibration: Calibration | None = None
    ) -> None:
        self.outputs = Outputs(targets)
        self.model = model.eval()
        self._calibration = calibration or Calibration()

    @torch.inference_mode()
    def estimate(self, tick: Tick) -> Estimate:
        """Return the estimate at the tick's time. A modality without a usable sample is absent.

        Raises:
            ValueError: when a sample is not of the shape that the model was trained on.
        """
        samples, present, quality = {}, {}, {}
        for name, shape in self.model.sample_shapes.items():
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
        output = self.model(samples, present, quality)
        fused = self._activated(output.logits, FUSED)
        probabilities = self._named(fused, {"classes", "labels"})
        return Estimate(
            tick.time_s,
            probabilities,
            {name: output.weights[name].item() for name in samples},
            {
                name: self._named(self._activated(logits, name), {"classes", "labels"})
                for name, logits in output.modality_logits.items()
                if present[name]
            },
            self._named(fused, {"scales"}),
            self._prediction_sets(fused),
        )

    def _activated(self, logits: Tensor, estimate: str) -> Array:
        calibrated = self.outputs.calibrated(
            logits[0], self.model.prior_logits, self._calibration.of(estimate)
        )
        return self.outputs.activate(calibrated).numpy()

    def _named(self, values: Array, kinds: set[str]) -> dict[str, float]:
        return {
            name: float(value)
            for target in self.outputs.targets
            if target.kind in kinds
            for name, value in zip(target.classes, values[self.outputs.of(target)], strict=True)
        }

    def _prediction_sets(self, values: Array) -> dict[str, tuple[str, ...]]:
        sets = {}
        for target in self.outputs.targets:
            threshold = self._calibration.thresholds.get(target.name)
            if target.kind == "classes" and threshold is not None:
                inside = prediction_set(values[self.outputs.of(target)], threshold)
                sets[target.name] = tuple(np.array(target.classes)[inside].tolist())
        return sets
