"""Gated multimodal unit: each modality's part is let through by a gate that sees them all."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, evidence_layer, masked, with_flag

__all__ = ["GatedUnit"]


class GatedUnit(FusionHead):
    """h = sum over m of q_m * g_m * tanh(W_m x_m + b_m), g_m = sigmoid(V_m [all that is present]).

    The gates, one a hidden unit and modality, see the embeddings of all modalities with their
    presence flags, [q_1 x_1; q_1; ...]. A linear layer without a bias reads the evidence from h, so
    nothing present gives exactly the prior; where a modality is absent, or its quality is 0, it
    adds nothing.

    Weights: q_m times the mean of the modality's gates.

    Reference: Arevalo, Solorio, Montes-y-Gomez and Gonzalez (2017), "Gated multimodal units for
    information fusion", arXiv:1702.01992, in its form for more than two modalities (gates that do
    not sum to 1). Deviations: flags, quality and biases; a linear layer behind the unit.

    Args:
        hidden_dim: width of h.
    """

    def __init__(
        self, embedding_dims: Mapping[str, int], prior_logits: Tensor, hidden_dim: int = 32
    ) -> None:
        super().__init__(embedding_dims, prior_logits)
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))
        everything = sum(embedding_dims[name] + 1 for name in self.heads)
        self.parts = nn.ModuleDict(
            {name: nn.Linear(embedding_dims[name], hidden_dim) for name in self.heads}
        )
        self.gates = nn.ModuleDict({name: nn.Linear(everything, hidden_dim) for name in self.heads})
        self.output = evidence_layer(hidden_dim, len(prior_logits), bias=False)

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        everything = torch.cat([with_flag(known[name], trust[name]) for name in known], -1)
        hidden, weights = [], {}
        for name, here in trust.items():
            gate = here.unsqueeze(-1) * torch.sigmoid(self.gates[name](everything))
            hidden.append(gate * torch.tanh(self.parts[name](known[name])))
            weights[name] = gate.mean(-1)
        return FusionOutput(
            self.prior_logits + self.output(torch.stack(hidden).sum(0)),
            {n: self.prior_logits + own for n, own in self.heads(known, present).items()},
            weights,
        )
