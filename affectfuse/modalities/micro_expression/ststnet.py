"""STSTNet: three shallow streams over one flow image. A published baseline."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from affectfuse.modalities.recognition import grey_levels

__all__ = ["STSTNet"]


class STSTNet(nn.Module):
    """Shallow triple-stream network over flow images (batch, 3, 28, 28), grey levels.

    Reference: Liong, Gan, See, Khor and Huang 2019, "Shallow triple stream three-dimensional CNN
    (STSTNet) for micro-expression recognition", doi:10.1109/FG.2019.8756567. Layers as in the
    authors' PyTorch code. Deviation: grey levels are scaled to about -2..2 first.

    Args:
        clip_shape: (channel, height, width) of the images.
        n_classes: number of logits.
        dropout: share of features hidden in training; the authors' is 0.5.

    Shape:
        clips (batch, *clip_shape) -> features (batch, feature), logits (batch, n_classes).
    """

    def __init__(self, clip_shape: tuple[int, ...], n_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        channels, height, width = clip_shape
        self.streams = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, filters, 3, padding=2),
                nn.ReLU(),
                nn.BatchNorm2d(filters),
                nn.MaxPool2d(3, stride=3, padding=1),
                nn.Dropout(dropout),
            )
            for filters in (3, 5, 8)
        )
        self.pool = nn.AvgPool2d(2)
        places = ((height + 2) // 3 + 1) // 2 * (((width + 2) // 3 + 1) // 2)
        self.classify = nn.Linear(16 * places, n_classes)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        images = grey_levels(clips)
        streams = torch.cat([stream(images) for stream in self.streams], dim=1)
        features = self.pool(streams).flatten(1)
        return features, self.classify(features)
