"""Spatial streams from timm: face and image networks, through the extra 'timm'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectfuse.errors import ConfigError, ModelNotFoundError

__all__ = ["PRETRAINED", "timm_backbone"]

PRETRAINED = "pretrained"
"""In place of a file of weights: timm's own, which it downloads."""


def timm_backbone(name: str, weights: str | None = None) -> tuple[nn.Module, int]:
    """Return a model of timm as a spatial stream, (batch, 2, height, width) -> (batch, width).

    timm fits the first layer to two channels, of pretrained weights too. A model that takes images
    of one size only is given the clip's frames enlarged to it.

    Args:
        name: timm's name of the model.
        weights: a file of its weights, 'pretrained' for those that timm downloads, or None for
            random ones.

    Returns:
        the module and its width.

    Raises:
        ConfigError: without timm, for a name it does not know, or for a file of other weights.
        ModelNotFoundError: when there is no such file.
    """
    try:
        import timm
    except (
        ImportError,
        RuntimeError,
    ) as error:  # torchvision built for another torch fails so
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"the backbone '{name}' needs timm ({reason}): install 'affectfuse[timm]', or set "
            "backbone to 'compact'."
        ) from error
    if not timm.is_model(name):
        near = ", ".join(timm.list_models(f"*{name}*")[:3]) or "timm.list_models() lists them"
        raise ConfigError(f"timm has no model '{name}': {near}; or set backbone to 'compact'.")
    options: dict[str, Any] = {"in_chans": 2, "num_classes": 0, "pretrained": weights is not None}
    if weights not in (None, PRETRAINED):
        if not Path(str(weights)).is_file():
            raise ModelNotFoundError(
                f"backbone_weights is '{weights}', which is not a file: give the weights of "
                f"'{name}', '{PRETRAINED}' to let timm download its own, or null."
            )
        options["pretrained_cfg_overlay"] = {"file": str(weights)}
    try:
        model = timm.create_model(name, **options)
    except (RuntimeError, KeyError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"the backbone '{name}' with weights '{weights}': {reason}") from error
    fixed = model.pretrained_cfg.get("fixed_input_size", False)
    size_px = int(model.pretrained_cfg["input_size"][-1]) if fixed else None
    return _Backbone(model, size_px), int(model.num_features)


class _Backbone(nn.Module):
    def __init__(self, model: nn.Module, size_px: int | None) -> None:
        super().__init__()
        self.model = model
        self._size_px = size_px

    def forward(self, images: Tensor) -> Tensor:
        if self._size_px is not None:
            size = (self._size_px, self._size_px)
            images = functional.interpolate(images, size, mode="bilinear", align_corners=False)
        features: Tensor = self.model(images)
        return features if torch.is_tensor(features) else features[0]
