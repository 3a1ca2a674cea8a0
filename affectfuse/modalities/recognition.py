"""Recognisers: (batch, *clip_shape) -> (embedding, logits); and a trained one as a function."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from affectfuse.containers import Array

__all__ = ["ClosedForm", "FrozenRecogniser", "grey_levels"]


class ClosedForm(nn.Module, ABC):
    """A recogniser that is solved at once, not trained step by step."""

    @abstractmethod
    def solve(self, clips: Tensor, labels: Tensor, class_weights: Tensor) -> None:
        """Learn from clips (batch, *clip_shape) with labels (batch,) and class weights (class,)."""


def grey_levels(images: Tensor) -> Tensor:
    """Return images of grey levels 0 to 255 as numbers of about -2 to 2."""
    return (images - 127.5) / 64.0


class FrozenRecogniser:
    """A trained recogniser as a plain function of arrays: a `Recognise`. Picklable.

    Args:
        module: (batch, *clip_shape) -> (embedding, logits); put in evaluation mode.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module.eval().requires_grad_(False)

    @torch.inference_mode()
    def __call__(self, clip: Array) -> tuple[Array, Array]:
        """Recognise one clip (*clip_shape) -> embedding (embedding,), probabilities (class,)."""
        embedding, logits = self._module(torch.from_numpy(clip.astype("float32"))[None])
        return embedding[0].numpy(), torch.softmax(logits[0], -1).numpy()

    def weights(self) -> dict[str, Tensor]:
        """Return the module's weights."""
        return dict(self._module.state_dict())

    def digest(self) -> str:
        """Return a digest of the weights."""
        found = hashlib.sha256()
        for name, weight in sorted(self.weights().items()):
            found.update(name.encode() + weight.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()
