"""Encoder of the window summary."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["SummaryEncoder"]


class SummaryEncoder(nn.Module):
    """A small multilayer perceptron: (batch, feature) -> (batch, embedding_dim)."""

    def __init__(self, n_features: int, embedding_dim: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features, 2 * embedding_dim),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(2 * embedding_dim, embedding_dim),
        )

    def forward(self, samples: Tensor) -> Tensor:
        embedding: Tensor = self.layers(samples)
        return embedding
