"""The contract of a fusion head.

One file in this folder and one config in `configs/fusion/` add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

__all__ = ["FusionHead", "FusionOutput"]


@dataclass(frozen=True, slots=True, eq=False)
class FusionOutput:
    """What a head returns.

    Attributes:
        logits: (batch, class), fused.
        modality_logits: by modality (batch, class): what each would say alone.
        weights: by modality (batch,): the weight its evidence had, 0 where absent.
    """

    logits: Tensor
    modality_logits: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]


class FusionHead(nn.Module, ABC):
    """Combines the embeddings of whichever modalities are present.

    A head is built from a config and from what the recipe's modalities and Target say:
    `embedding_dims` by modality name and `class_prior` (class,), the training frequencies.

    Absence is an input, never an error: masking uses `where`, so that what lies behind
    `present = False`, NaN included, cannot change the output. With nothing present the output
    is the prior.
    """

    def __init__(self, embedding_dims: Mapping[str, int], class_prior: Tensor) -> None:
        super().__init__()
        self.embedding_dims = dict(embedding_dims)
        self.log_prior: Tensor
        self.register_buffer("log_prior", class_prior.clamp_min(1e-6).log())

    @abstractmethod
    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        """Fuse.

        Args:
            embeddings: by modality (batch, embedding_dim).
            present: by modality (batch,) bool.
            quality: by modality (batch,) in [0, 1].
        """
