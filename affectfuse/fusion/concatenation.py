"""Concatenated embeddings into a multilayer perceptron. A baseline."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import (
    UnimodalHeads,
    best_trust,
    evidence_layer,
    masked,
    with_flag,
)

__all__ = ["Concatenation"]


class Concatenation(FusionHead):
    """Early fusion of embeddings: all of them and their presence flags -> one hidden layer.

    The input is [q_1 x_1; q_1; q_2 x_2; q_2; ...]: a modality that is absent gives zeros, and its
    flag tells that from an embedding of zeros; quality moves a sample towards absence. The evidence
    is multiplied by the best quality present, so that nothing present gives exactly the prior.

    Weights: the share of each modality in what enters the hidden layer, by Euclidean norm; they sum
    to 1. A measure of size, not of use.

    Reference: Ngiam et al. (2011), "Multimodal deep learning", ICML, is an early instance.
    Deviations: flags, quality, and the product with the best quality.

    Args:
        hidden_dim: width of the hidden layer.
    """

    def __init__(
        self, embedding_dims: Mapping[str, int], prior_logits: Tensor, hidden_dim: int = 32
    ) -> None:
        super().__init__(embedding_dims, prior_logits)
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))
        # The blocks, one a modality, of the matrix that the concatenated input is multiplied with.
        self.blocks = nn.ModuleDict(
            {
                name: nn.Linear(embedding_dims[name] + 1, hidden_dim, bias=False)
                for name in self.heads
            }
        )
        self.bias = nn.Parameter(torch.zeros(hidden_dim))
        self.output = evidence_layer(hidden_dim, len(prior_logits))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        parts = {name: self.blocks[name](with_flag(known[name], trust[name])) for name in known}
        hidden = nn.functional.gelu(torch.stack(list(parts.values())).sum(0) + self.bias)
        sizes = {name: part.detach().square().sum(-1).sqrt() for name, part in parts.items()}
        total = torch.stack(list(sizes.values())).sum(0).clamp_min(1e-12)
        return FusionOutput(
            self.prior_logits + best_trust(trust) * self.output(hidden),
            {n: self.prior_logits + own for n, own in self.heads(known, present).items()},
            {name: size / total for name, size in sizes.items()},
        )
