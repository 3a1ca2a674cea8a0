"""The recogniser: a spatial stream on appearance, a temporal stream on flow, joined late."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from affectfuse.modalities.micro_expression.clip_settings import FlowReference

__all__ = ["TwoStreamNetwork", "Variant", "mirrored"]

Variant = Literal["two_stream", "flow", "appearance"]

_FLOW_SCALE = 0.5  # flow of a few % of the interocular distance comes to about 1
_TEMPORAL_WIDTHS = (32, 48, 64)
_SPATIAL_WIDTHS = (12, 24, 32)
_POOLED = 16  # places that a compact stream ends with


class TwoStreamNetwork(nn.Module):
    """Two-stream network over a clip: (batch, channel, time, height, width), see `CLIP_CHANNELS`.

    The temporal stream sees flow and strain of all frames; the spatial stream sees the frame of the
    apex (farthest from the onset in mean flow) and its difference from the onset. Each ends in its
    own vector; a layer over both gives the embedding, another the logits. In training, clips are
    mirrored at random and their motion made a little larger or smaller.

    Reference: Simonyan and Zisserman 2014, "Two-stream convolutional networks for action
    recognition in videos", arXiv:1406.2199. Deviation: late integration by a learned layer over
    both streams' features, not by averaging their scores.

    Attributes:
        action_units: a second head, embedding -> one logit an action unit, or None.

    Args:
        n_frames: of a clip.
        n_classes: number of logits.
        embedding_dim: width of the embedding.
        variant: 'two_stream', or one of the streams alone: 'flow', 'appearance'.
        backbone: spatial stream in place of the compact one, (batch, 2, height, width) ->
            (batch, width), with its width.
        n_action_units: of the second head; 0: none.
        mirror: test-time augmentation: when not in training, embedding and logits are means over
            the clip and its mirror image.
        flow_reference: what the clip's flow is measured from.

    Shape:
        clip (batch, 4, time, height, width) -> embedding (batch, embedding_dim),
        logits (batch, n_classes).
    """

    def __init__(
        self,
        n_frames: int,
        n_classes: int,
        embedding_dim: int,
        *,
        variant: Variant = "two_stream",
        backbone: tuple[nn.Module, int] | None = None,
        n_action_units: int = 0,
        mirror: bool = False,
        flow_reference: FlowReference = "onset",
    ) -> None:
        super().__init__()
        self._mirror = mirror
        self._from_onset = flow_reference == "onset"
        width = 0
        self.temporal: nn.Module | None = None
        self.spatial: nn.Module | None = None
        if variant != "appearance":
            self.temporal = _stream(3 * n_frames, _TEMPORAL_WIDTHS)
            width += _TEMPORAL_WIDTHS[-1] * _POOLED
        if variant != "flow":
            compact = _stream(2, _SPATIAL_WIDTHS), _SPATIAL_WIDTHS[-1] * _POOLED
            self.spatial, spatial_width = backbone or compact
            width += spatial_width
        self.embed = nn.Sequential(nn.Dropout(0.3), nn.Linear(width, embedding_dim), nn.Tanh())
        self.classify = nn.Linear(embedding_dim, n_classes)
        self.action_units = nn.Linear(embedding_dim, n_action_units) if n_action_units else None

    def forward(self, clip: Tensor) -> tuple[Tensor, Tensor]:
        if self.training:
            clip = _augmented(clip)
        embedding = self._embedding(clip)
        logits = self.classify(embedding)
        if self._mirror and not self.training:
            other = self._embedding(mirrored(clip))
            logits = 0.5 * (logits + self.classify(other))
            embedding = 0.5 * (embedding + other)
        return embedding, logits

    def _embedding(self, clip: Tensor) -> Tensor:
        streams = []
        motion = clip[:, :3] * _FLOW_SCALE
        if self.temporal is not None:
            streams.append(self.temporal(motion.flatten(1, 2)))
        if self.spatial is not None:
            streams.append(self.spatial(self._appearance(motion[:, :2], clip[:, 3])))
        embedding: Tensor = self.embed(torch.cat(streams, dim=1))
        return embedding

    def _appearance(self, flow: Tensor, grey: Tensor) -> Tensor:
        """Return the apex and its difference from the onset, (batch, 2, height, width)."""
        if not self._from_onset:
            flow = flow.cumsum(dim=2)
        size = flow.square().mean(dim=(1, 3, 4))
        apex = grey[torch.arange(grey.shape[0], device=grey.device), size.argmax(dim=1)]
        return torch.stack([apex, 4.0 * (apex - grey[:, 0])], dim=1)


def mirrored(clip: Tensor) -> Tensor:
    """Return clips (batch, 4, time, height, width) as a mirror shows them."""
    return clip.flip(-1) * clip.new_tensor([-1.0, 1.0, 1.0, 1.0]).view(1, 4, 1, 1, 1)


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
    clip = torch.where(mirror, mirrored(clip), clip)
    size = 0.8 + 0.5 * torch.rand(len(clip), 1, 1, 1, 1, device=clip.device)
    return torch.cat([clip[:, :3] * size, clip[:, 3:]], dim=1)
