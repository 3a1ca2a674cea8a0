"""Spatial streams from timm: face and image networks, through the extra 'timm'."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectfuse.errors import ConfigError, ModelNotFoundError

__all__ = ["PRETRAINED", "timm_backbone"]

_CHANNELS = 2
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
    try:
        model = timm.create_model(
            name, in_chans=_CHANNELS, num_classes=0, pretrained=weights == PRETRAINED
        )
    except (RuntimeError, ValueError, OSError) as error:  # no network, or no weights of that name
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"the backbone '{name}' with its pretrained weights: {reason}") from error
    if weights not in (None, PRETRAINED):
        _load(model, Path(str(weights)), name)
    fixed = model.pretrained_cfg.get("fixed_input_size", False)
    size_px = int(model.pretrained_cfg["input_size"][-1]) if fixed else None
    return _Backbone(model, size_px), int(model.head_hidden_size)


def _load(model: Any, file: Path, name: str) -> None:
    """Load a file of timm's weights; all but those of its classifier must be there and fit."""
    from timm.models import adapt_input_conv, load_state_dict

    if not file.is_file():
        raise ModelNotFoundError(
            f"backbone_weights is '{file}', which is not a file: give the weights of '{name}', "
            f"'{PRETRAINED}' to let timm download its own, or null."
        )
    try:
        state = load_state_dict(str(file), device="cpu")
        first = model.pretrained_cfg["first_conv"] + ".weight"
        if first in state:
            state[first] = adapt_input_conv(_CHANNELS, state[first])
        missing = model.load_state_dict(state, strict=False).missing_keys
    except Exception as error:  # torch raises a dozen kinds for a file that is not its own
        reason = " ".join(str(error).split())[:160]
        raise ConfigError(f"{file} holds no weights of timm's '{name}': {reason}") from error
    if missing:
        raise ConfigError(f"{file} holds no weights of timm's '{name}': it lacks '{missing[0]}'.")


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
