"""Attention pooling over one token a modality, with a learned token for an absent one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, best_trust, evidence_layer, masked

__all__ = ["MaskedAttention"]


class MaskedAttention(FusionHead):
    """A weighted mean of tokens, weighed by softmax of u . tanh(V token); then a hidden layer.

    A modality's token is q_m * (W_m x_m) + (1 - q_m) * absent_m + modality_m: quality moves a
    sample towards the learned token of absence. Absent ones take part in the attention, so that the
    head can tell that something is missing, and what attention they draw goes to no other. The
    evidence is multiplied by the best quality present, so that nothing present gives exactly the
    prior.

    Weights: a modality's attention times its quality, so they sum to 1 at most.

    References: attention pooling, Ilse, Tomczak and Welling (2018), "Attention-based deep multiple
    instance learning", arXiv:1802.04712; a learned token in place of a hidden one, Devlin et al.
    (2019), arXiv:1810.04805. Deviations: one absent token a modality, quality, and the product
    with the best quality.

    Args:
        hidden_dim: width of the tokens and of the hidden layer.
    """

    def __init__(
        self, embedding_dims: Mapping[str, int], prior_logits: Tensor, hidden_dim: int = 32
    ) -> None:
        super().__init__(embedding_dims, prior_logits)
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))
        self.tokens = nn.ModuleDict(
            {name: nn.Linear(embedding_dims[name], hidden_dim, bias=False) for name in self.heads}
        )
        self.absent = nn.ParameterDict({n: torch.zeros(hidden_dim) for n in self.heads})
        self.modality = nn.ParameterDict({n: 0.1 * torch.randn(hidden_dim) for n in self.heads})
        self.score = nn.Sequential(
            nn.Linear(hidden_dim, hidden_dim), nn.Tanh(), nn.Linear(hidden_dim, 1, bias=False)
        )
        self.hidden = nn.Sequential(nn.Linear(hidden_dim, hidden_dim), nn.GELU())
        self.output = evidence_layer(hidden_dim, len(prior_logits))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        tokens = []
        for name, here in trust.items():
            share = here.unsqueeze(-1)
            token = share * self.tokens[name](known[name]) + (1.0 - share) * self.absent[name]
            tokens.append(token + self.modality[name])
        stacked = torch.stack(tokens, 1)
        attention = torch.softmax(self.score(stacked), 1)
        pooled = (attention * stacked).sum(1)
        return FusionOutput(
            self.prior_logits + best_trust(trust) * self.output(self.hidden(pooled)),
            {n: self.prior_logits + own for n, own in self.heads(known, present).items()},
            {name: attention[:, i, 0] * trust[name] for i, name in enumerate(trust)},
        )
