"""What a model's outputs stand for: the classes, labels and scales of its targets, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from affectfuse.containers import Target

__all__ = ["Outputs", "calibrated"]


def calibrated(logits: Tensor, prior_logits: Tensor, temperature: float) -> Tensor:
    """Return logits whose evidence, what they say beyond the prior, is divided by a temperature.

    Temperature scaling (Guo et al. 2017, arXiv:1706.04599) of the evidence alone, so that the prior
    stays the prior where nothing is present.

    Args:
        logits: (..., output).
        prior_logits: (output,).
        temperature: above 0; 1 changes nothing.
    """
    return prior_logits + (logits - prior_logits) / temperature


class Outputs:
    """The outputs of one or more targets on one axis, in the targets' order.

    The logits of 'classes' become probabilities by softmax, those of 'labels' by the logistic
    function, those of 'scales' are the values themselves.

    Args:
        targets: at least one.

    Raises:
        ValueError: when two targets, or two outputs, have one name.
    """

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = tuple(targets)
        self.names = tuple(name for target in self.targets for name in target.classes)
        for what, found in (
            ("targets", [target.name for target in self.targets]),
            ("classes, labels or scales", list(self.names)),
        ):
            twice = sorted({name for name in found if found.count(name) > 1})
            if twice or not found:
                raise ValueError(
                    f"two {what} are called '{twice[0]}'; rename one" if twice else f"no {what}"
                )
        self._slices: dict[str, slice] = {}
        start = 0
        for target in self.targets:
            self._slices[target.name] = slice(start, start + len(target.classes))
            start += len(target.classes)

    def __len__(self) -> int:
        return len(self.names)

    def of(self, target: Target | str) -> slice:
        """Return where the outputs of a target lie."""
        return self._slices[target if isinstance(target, str) else target.name]

    def activate(self, logits: Tensor) -> Tensor:
        """Return probabilities and values of logits (..., output)."""
        parts = []
        for target in self.targets:
            part = logits[..., self.of(target)]
            if target.kind == "classes":
                part = torch.softmax(part, -1)
            elif target.kind == "labels":
                part = torch.sigmoid(part)
            parts.append(part)
        return torch.cat(parts, -1)

    def calibrated(
        self, logits: Tensor, prior_logits: Tensor, temperatures: Mapping[str, float]
    ) -> Tensor:
        """Return logits (..., output) with each target's evidence divided by its temperature.

        Scales have none: their values stay as they are.
        """
        parts = [
            logits[..., part]
            if target.kind == "scales"
            else calibrated(logits[..., part], prior_logits[part], temperatures.get(target.name, 1))
            for target in self.targets
            for part in [self.of(target)]
        ]
        return torch.cat(parts, -1)
