"""A modality that is present by itself: the fused estimate is its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affectfuse.fusion.base import FusionOutput

__all__ = ["alone", "said_alone"]


def alone(present: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return where a modality is present and no other is, by modality (batch,) bool."""
    count = torch.stack(list(present.values())).sum(0)
    return {name: here & (count == 1) for name, here in present.items()}


def said_alone(
    output: FusionOutput,
    present: Mapping[str, Tensor],
    quality: Mapping[str, Tensor],
    prior_logits: Tensor,
) -> FusionOutput:
    """Return the output, but what a modality that is alone says by itself, times its quality.

    What a head has learnt of a modality beside others (that they repeat it, or know better) does
    not hold when they are missing.

    Args:
        output: of a head.
        present: by modality (batch,) bool.
        quality: by modality (batch,) in [0, 1].
        prior_logits: (output,).
    """
    logits, weights = output.logits, dict(output.weights)
    for name, rows in alone(present).items():
        trust = torch.where(rows, quality[name], 0.0).clamp(0.0, 1.0)
        own = prior_logits + trust.unsqueeze(-1) * (output.modality_logits[name] - prior_logits)
        logits = torch.where(rows.unsqueeze(-1), own, logits)
        weights[name] = torch.where(rows, trust, weights[name])
    return FusionOutput(logits, output.modality_logits, weights)
