"""From what a model gives to what it says: its fused and its modalities' logits, calibrated."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affectfuse.fusion.alone import alone
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import FUSED, Calibration
from affectfuse.fusion.outputs import Outputs

__all__ = ["calibrated_estimates"]


def calibrated_estimates(
    output: FusionOutput,
    present: Mapping[str, Tensor],
    outputs: Outputs,
    prior_logits: Tensor,
    calibration: Calibration,
) -> dict[str, Tensor]:
    """Return calibrated logits (batch, output) of 'fused' and of each modality by itself.

    Where a modality is alone, the fused estimate has that modality's temperatures: with a quality
    of 1 the two are the same.

    Args:
        output: of a model.
        present: by modality (batch,) bool, as the model was told.
        outputs: what is predicted.
        prior_logits: (output,) of the model.
        calibration: of its estimates.
    """

    def cooled(logits: Tensor, estimate: str) -> Tensor:
        return outputs.calibrated(logits, prior_logits, calibration.of(estimate))

    fused = cooled(output.logits, FUSED)
    for name, rows in alone(present).items():
        fused = torch.where(rows.unsqueeze(-1), cooled(output.logits, name), fused)
    own = {name: cooled(logits, name) for name, logits in output.modality_logits.items()}
    return {FUSED: fused, **own}
