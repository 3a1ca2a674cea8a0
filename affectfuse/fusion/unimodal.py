"""What heads share: masking what is absent, and what each modality would say alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["UnimodalHeads", "best_trust", "evidence_layer", "masked", "with_flag"]


def masked(
    embeddings: Mapping[str, Tensor], present: Mapping[str, Tensor], quality: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return embeddings and trust, by modality in the order of the names.

    Trust is the quality cut to [0, 1]. Both are zeros where a modality is absent, whatever they
    held, and no gradient goes back there.
    """
    known, trust = {}, {}
    for name in sorted(embeddings):
        here = present[name]
        known[name] = torch.where(here.unsqueeze(-1), embeddings[name], 0.0)
        trust[name] = torch.where(here, quality[name], 0.0).clamp(0.0, 1.0)
    return known, trust


def with_flag(known: Tensor, trust: Tensor) -> Tensor:
    """Return trust * [embedding; 1], (batch, embedding_dim + 1): zeros where absent."""
    flagged = torch.cat([known, torch.ones_like(known[:, :1])], -1)
    return trust.unsqueeze(-1) * flagged


def best_trust(trust: Mapping[str, Tensor]) -> Tensor:
    """Return the largest trust, (batch, 1): 0 with nothing present.

    A head whose layers say something even of zeros multiplies its evidence by this, and so gives
    exactly the prior when nothing is present, and nearly so when nothing can be trusted.
    """
    return torch.stack(list(trust.values()), -1).amax(-1, keepdim=True)


def evidence_layer(width: int, n_outputs: int, *, bias: bool = True) -> nn.Linear:
    """Return a linear layer that begins at zero: an untrained head says the prior."""
    layer = nn.Linear(width, n_outputs, bias=bias)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer


class UnimodalHeads(nn.ModuleDict):
    """One linear layer a modality, from its embedding to its evidence: what it adds to the prior.

    Args:
        embedding_dims: by modality.
        n_outputs: width of the evidence.
    """

    def __init__(self, embedding_dims: Mapping[str, int], n_outputs: int) -> None:
        super().__init__()
        for name in sorted(embedding_dims):  # sorted: the order of the modalities changes nothing
            self[name] = evidence_layer(embedding_dims[name], n_outputs)

    def forward(
        self, known: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the evidence of masked embeddings, by modality (batch, output); 0 where absent."""
        return {
            name: torch.where(present[name].unsqueeze(-1), head(known[name]), 0.0)
            for name, head in self.items()
        }
