"""Low-rank tensor fusion: tensor fusion whose cost is linear in the modalities. A baseline."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, best_trust, evidence_layer, masked

__all__ = ["LowRankTensorFusion"]


class LowRankTensorFusion(FusionHead):
    """h = sum over r of the product over m of (a_mr + q_m * W_mr x_m): a factorised tensor layer.

    The same as a linear layer on the outer product of all [1; q_m x_m] whose weights are a sum of
    `rank` outer products of vectors. Absent, or of no quality, a modality leaves its constant a_mr,
    which is learned. The evidence, linear in h, is multiplied by the best quality present, so that
    nothing present gives exactly the prior.

    Weights: |W_m x_m|^2 q_m^2 / (|a_m|^2 + |W_m x_m|^2 q_m^2), the share of the modality's factor
    that comes from its sample.

    Reference: Liu, Shen, Lakshminarasimhan, Liang, Zadeh and Morency (2018), "Efficient low-rank
    multimodal fusion with modality-specific factors", arXiv:1806.00064. Deviations: quality; the
    sum over r is divided by the rank; the constants begin at 1, so that the product begins near 1.

    Args:
        rank: number of terms.
        hidden_dim: width of h.
    """

    def __init__(
        self,
        embedding_dims: Mapping[str, int],
        prior_logits: Tensor,
        rank: int = 4,
        hidden_dim: int = 32,
    ) -> None:
        super().__init__(embedding_dims, prior_logits)
        self._shape = (rank, hidden_dim)
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))
        self.factors = nn.ModuleDict(
            {n: nn.Linear(embedding_dims[n], rank * hidden_dim, bias=False) for n in self.heads}
        )
        self.constants = nn.ParameterDict({n: torch.ones(rank * hidden_dim) for n in self.heads})
        self.output = evidence_layer(hidden_dim, len(prior_logits))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        best = best_trust(trust)
        products, weights = torch.ones_like(best), {}
        for name, here in trust.items():
            part = here.unsqueeze(-1) * self.factors[name](known[name])
            products = products * (self.constants[name] + part)
            size = part.square().sum(-1)
            weights[name] = size / (size + self.constants[name].square().sum()).clamp_min(1e-12)
        hidden = products.reshape(-1, *self._shape).mean(1)
        return FusionOutput(
            self.prior_logits + best * self.output(hidden),
            {n: self.prior_logits + own for n, own in self.heads(known, present).items()},
            weights,
        )
