"""The recogniser: a spatial stream on appearance, a temporal stream on flow, joined late."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["TwoStreamNetwork"]

_FLOW_SCALE = 0.5  # flow of a few % of the interocular distance comes to about 1


class TwoStreamNetwork(nn.Module):
    """Two-stream network over a clip: (batch, channel, time, height, width), see `CLIP_CHANNELS`.

    The temporal stream sees flow and strain of all frames; the spatial stream sees the frame of the
    apex (largest mean flow) and its difference from the onset. Each ends in its own vector; a layer
    over both gives the embedding, another the logits. In training, clips are mirrored at random
    and their motion made a little larger or smaller.

    Reference: Simonyan and Zisserman 2014, "Two-stream convolutional networks for action
    recognition in videos", arXiv:1406.2199. Deviation: late integration by a learned layer over
    both streams' features, not by averaging their scores.

    Shape:
        clip (batch, 4, time, height, width) -> embedding (batch, embedding_dim),
        logits (batch, n_classes).
    """

    def __init__(self, n_frames: int, n_classes: int, embedding_dim: int) -> None:
        super().__init__()
        self.temporal = _stream(3 * n_frames, (32, 48, 64))
        self.spatial = _stream(2, (12, 24, 32))
        self.embed = nn.Sequential(
            nn.Dropout(0.3), nn.Linear((64 + 32) * 16, embedding_dim), nn.Tanh()
        )
        self.classify = nn.Linear(embedding_dim, n_classes)

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            clip = _augmented(clip)
        motion, grey = clip[:, :3] * _FLOW_SCALE, clip[:, 3]
        size = motion[:, :2].square().mean(dim=(1, 3, 4))
        apex = grey[torch.arange(len(grey), device=grey.device), size.argmax(dim=1)]
        appearance = torch.stack([apex, 4.0 * (apex - grey[:, 0])], dim=1)
        both = torch.cat([self.temporal(motion.flatten(1, 2)), self.spatial(appearance)], dim=1)
        embedding = self.embed(both)
        return embedding, self.classify(embedding)


def _stream(n_channels: int, widths: tuple[int, int, int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for depth, width in enumerate(widths):  # the first halves by its stride: it costs the most
        layers += [
            nn.Conv2d(n_channels, width, 3, stride=1 if depth else 2, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
        ]
        layers += [nn.MaxPool2d(2)] if depth else []
        n_channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())


def _augmented(clip: Tensor) -> Tensor:
    mirror = torch.rand(len(clip), 1, 1, 1, 1, device=clip.device) < 0.5
    flipped = clip.flip(-1) * clip.new_tensor([-1.0, 1.0, 1.0, 1.0]).view(1, 4, 1, 1, 1)
    clip = torch.where(mirror, flipped, clip)
    size = 0.8 + 0.5 * torch.rand(len(clip), 1, 1, 1, 1, device=clip.device)
    return torch.cat([clip[:, :3] * size, clip[:, 3:]], dim=1)
