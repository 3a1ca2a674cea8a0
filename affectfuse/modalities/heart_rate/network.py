"""The encoder of heart-rate history."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

__all__ = ["HistoryEncoder"]


class HistoryEncoder(nn.Module):
    """Two convolutions over time, then the mean and the newest state, projected.

    Shape: (batch, channel, time) -> (batch, embedding_dim).
    """

    def __init__(self, channels: int, embedding_dim: int, width: int = 32) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv1d(channels, width, kernel_size=5, padding=2),
            nn.GELU(),
            nn.Conv1d(width, width, kernel_size=3, padding=1),
            nn.GELU(),
        )
        self.project = nn.Linear(2 * width, embedding_dim)

    def forward(self, history: Tensor) -> Tensor:
        states = self.convolutions(history)
        pooled = torch.cat([states.mean(dim=-1), states[..., -1]], dim=-1)
        return cast(Tensor, self.project(pooled))
