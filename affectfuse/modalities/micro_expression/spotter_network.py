"""The network of the learned spotter, for training; `spotter_inference` runs it without torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectfuse.modalities.micro_expression.motion_signals import N_SIGNALS

__all__ = ["SpotterNetwork"]

KINDS = 2
OUTPUTS = 1 + KINDS + 3


class SpotterNetwork(nn.Module):
    """A causal temporal convolution over facial motion.

    Residual blocks of dilated causal convolutions (Bai, Kolter and Koltun 2018, "An empirical
    evaluation of generic convolutional and recurrent networks for sequence modeling",
    arXiv:1803.01271; without weight norm and dropout). At each step it says whether a micro- or a
    macro-expression ended a fixed delay ago, and where its offset, apex and onset lie.

    Args:
        width: channels of the convolutions.
        dilations: of the blocks, in steps; with taps of 3 steps the past they see is
            2 * sum(dilations).

    Shape: signals (batch, signal, time) -> (batch, output, time): the logits of 'nothing',
        'micro' and 'macro'; then where the offset lies from the expected one, how long the fall
        and the rise last, in seconds.
    """

    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.settings = {"width": width, "dilations": list(dilations)}
        self.dilations = dilations
        self.inner = nn.Conv1d(N_SIGNALS, width, 1)
        self.taps = nn.ModuleList(nn.Conv1d(width, width, 3, dilation=d) for d in dilations)
        self.mixers = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in dilations)
        self.readout = nn.Conv1d(width, OUTPUTS, 1)

    def forward(self, signals: Tensor) -> Tensor:
        hidden = self.inner(signals)
        for dilation, taps, mixer in zip(self.dilations, self.taps, self.mixers, strict=True):
            past = functional.pad(functional.relu(hidden), (2 * dilation, 0))
            hidden = hidden + mixer(functional.relu(taps(past)))
        out = self.readout(functional.relu(hidden))
        times_s = functional.softplus(out[:, 1 + KINDS + 1 :])
        return torch.cat([out[:, : 1 + KINDS + 1], times_s], dim=1)
