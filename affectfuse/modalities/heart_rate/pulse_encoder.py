"""The encoder that sees the pulse's own signals, and the person's baseline beside them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectfuse.modalities.heart_rate.network import HistoryEncoder
from affectfuse.modalities.heart_rate.pulse_network import PulseNetwork

__all__ = ["PulseEncoder"]


class PulseEncoder(nn.Module):
    """A trained pulse network on the signals, a small network on the history, projected.

    The network is frozen, unless `fine_tune`: it was trained on a target of its own.

    Args:
        network: trained.
        signals_shape: (channel, time) of the signals.
        history_shape: (channel, time) of the history, see `History`.
        embedding_dim: width of the output.
        fine_tune: whether the network learns with the rest.

    Shape: (batch, signals and history in a row) -> (batch, embedding_dim).
    """

    def __init__(
        self,
        network: PulseNetwork,
        signals_shape: tuple[int, int],
        history_shape: tuple[int, int],
        embedding_dim: int,
        fine_tune: bool,
    ) -> None:
        super().__init__()
        self._signals_shape, self._history_shape = signals_shape, history_shape
        self.network = network.requires_grad_(fine_tune)
        self.history = HistoryEncoder(history_shape[0], embedding_dim)
        width = int(network.settings["embedding_dim"])
        self.project = nn.Linear(width + embedding_dim, embedding_dim)

    def forward(self, samples: Tensor) -> Tensor:
        size = self._signals_shape[0] * self._signals_shape[1]
        signals = samples[:, :size].reshape(-1, *self._signals_shape)
        history = samples[:, size:].reshape(-1, *self._history_shape)
        pulse, _ = self.network(signals)
        projected: Tensor = self.project(torch.cat([pulse, self.history(history)], dim=-1))
        return projected
