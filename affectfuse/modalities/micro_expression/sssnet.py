"""SSSNet: one shallow stream over one flow image. A published baseline."""

from __future__ import annotations

from torch import Tensor, nn

from affectfuse.modalities.recognition import grey_levels

__all__ = ["SSSNet"]


class SSSNet(nn.Module):
    """Shallow single-stream network over flow images (batch, 3, height, width), grey levels.

    Reference: Varanka, Peng and Zhao 2021, "Micro-expression recognition with noisy labels",
    doi:10.2352/ISSN.2470-1173.2021.11.HVEI-157. Deviations: the authors resize the flow to 64x64
    pixels, here the images are taken as they are, which leaves the first dense layer fewer inputs;
    grey levels are scaled to about -2..2 first.

    Args:
        clip_shape: (channel, height, width) of the images.
        n_classes: number of logits.
        dropout: share of features hidden in training; the authors' is 0.5.

    Shape:
        clips (batch, *clip_shape) -> features (batch, 256), logits (batch, n_classes).
    """

    def __init__(self, clip_shape: tuple[int, ...], n_classes: int, dropout: float = 0.5) -> None:
        super().__init__()
        channels, height, width = clip_shape
        places = ((height - 4) // 3 - 2) // 2 * (((width - 4) // 3 - 2) // 2)
        self.features = nn.Sequential(
            nn.Conv2d(channels, 32, 5),
            nn.ReLU(),
            nn.MaxPool2d(3),
            nn.BatchNorm2d(32),
            nn.Dropout2d(dropout),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(64),
            nn.Dropout2d(dropout),
            nn.Flatten(),
            nn.Linear(64 * places, 256),
            nn.ReLU(),
        )
        self.classify = nn.Sequential(nn.Dropout(dropout), nn.Linear(256, n_classes))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        features = self.features(grey_levels(clips))
        return features, self.classify(features)
