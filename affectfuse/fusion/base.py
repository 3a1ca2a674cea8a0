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
        logits: (batch, output), fused.
        modality_logits: by modality (batch, output): what each would say alone.
        weights: by modality (batch,): the weight its evidence had, 0 where absent.
    """

    logits: Tensor
    modality_logits: Mapping[str, Tensor]
    weights: Mapping[str, Tensor]


class FusionHead(nn.Module, ABC):
    """Combines the embeddings of whichever modalities are present.

    A head knows nothing of what its outputs stand for: it adds evidence to the prior, output by
    output. Classes, labels and scales of several targets lie side by side on the output axis, see
    `affectfuse.fusion.outputs`.

    A head is built from a config and from what the recipe's modalities and targets say:
    `embedding_dims` by modality name and `prior_logits` (output,), what is said when nothing is
    known: the log of the training frequencies of classes, the log odds of labels, 0 for scales
    (whose values the model standardises).

    Absence is an input, never an error: masking uses `where`, so that what lies behind
    `present = False`, NaN included, cannot change the output. With nothing present the output
    is the prior.
    """

    def __init__(self, embedding_dims: Mapping[str, int], prior_logits: Tensor) -> None:
        super().__init__()
        self.embedding_dims = dict(embedding_dims)
        self.prior_logits: Tensor
        self.register_buffer("prior_logits", prior_logits.clone())

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
