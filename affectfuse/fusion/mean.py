"""Mean of what the present modalities say. A baseline."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, masked

__all__ = ["Mean"]


class Mean(FusionHead):
    """Prior plus the mean over present modalities of q_m * e_m(y): evidence weighed by quality.

    Each modality has a linear head on its embedding whose output is its evidence e_m(y), what it
    adds to the prior's logits. Averaging logits is the geometric mean of the modalities'
    probabilities, renormalised: a logarithmic opinion pool of equal weights. A mean does not grow
    with the number of modalities that agree, nor shrink when one is missing: with one modality
    left it says all that this one says, so its confidence may rise as modalities drop out.

    Weights: q_m divided by the number of present modalities. Nothing is learned beside the
    unimodal heads.

    Reference: Kittler, Hatef, Duin and Matas (1998), "On combining classifiers",
    doi:10.1109/34.667881. Deviations: logits are averaged, not probabilities, and weighed by
    quality.
    """

    def __init__(self, embedding_dims: Mapping[str, int], prior_logits: Tensor) -> None:
        super().__init__(embedding_dims, prior_logits)
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        evidence = self.heads(known, present)
        count = torch.stack([present[name] for name in known]).sum(0).clamp_min(1)
        weights, logits = {}, self.prior_logits
        for name, own in evidence.items():
            weights[name] = trust[name] / count
            logits = logits + weights[name].unsqueeze(-1) * own
        return FusionOutput(
            logits, {name: self.prior_logits + own for name, own in evidence.items()}, weights
        )
