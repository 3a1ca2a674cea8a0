"""Tensor fusion: every product of one feature from each modality. A baseline."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, best_trust, evidence_layer, masked

__all__ = ["TensorFusion"]


class TensorFusion(FusionHead):
    """The outer product of [1; z_m] over modalities, z_m = q_m * tanh(W_m x_m + b_m), then layers.

    The product holds each modality's features, those of every pair, and so on: (reduced_dim + 1)
    to the power of the number of modalities, which is refused above `max_products`. With z_m = 0 a
    modality, absent or of no quality, leaves the products of the others as they are. The evidence
    is multiplied by the best quality present, so that nothing present gives exactly the prior.

    Weights: |z_m|^2 / (1 + |z_m|^2), the share of the product's squared norm that has the
    modality in it.

    Reference: Zadeh, Chen, Poria, Cambria and Morency (2017), "Tensor fusion network for multimodal
    sentiment analysis", arXiv:1707.07250. Deviations: any number of modalities, quality, features
    reduced by one layer, one hidden layer behind the product.

    Args:
        reduced_dim: features of each modality that are multiplied.
        hidden_dim: width of the hidden layer.
        max_products: most entries the product may have.
    """

    def __init__(
        self,
        embedding_dims: Mapping[str, int],
        prior_logits: Tensor,
        reduced_dim: int = 8,
        hidden_dim: int = 32,
        max_products: int = 10_000,
    ) -> None:
        super().__init__(embedding_dims, prior_logits)
        n_products = (reduced_dim + 1) ** len(embedding_dims)
        if n_products > max_products:
            raise ValueError(
                f"{len(embedding_dims)} modalities of reduced_dim {reduced_dim} give {n_products} "
                f"products; max_products is {max_products}: lower reduced_dim, or take "
                "low_rank_tensor_fusion"
            )
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))
        self.reduce = nn.ModuleDict(
            {name: nn.Linear(embedding_dims[name], reduced_dim) for name in self.heads}
        )
        self.hidden = nn.Sequential(nn.Linear(n_products, hidden_dim), nn.GELU())
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
            reduced = here.unsqueeze(-1) * torch.tanh(self.reduce[name](known[name]))
            factors = torch.cat([torch.ones_like(best), reduced], -1)
            products = (products.unsqueeze(-1) * factors.unsqueeze(1)).flatten(1)
            size = reduced.square().sum(-1)
            weights[name] = size / (1.0 + size)
        return FusionOutput(
            self.prior_logits + best * self.output(self.hidden(products)),
            {n: self.prior_logits + own for n, own in self.heads(known, present).items()},
            weights,
        )
