"""Product of experts: every present modality's evidence in full. A baseline."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, masked

__all__ = ["ProductOfExperts"]


class ProductOfExperts(FusionHead):
    """p(y) proportional to prior(y) * product over present m of p_m(y) / prior(y).

    Each modality has a linear head on its embedding whose output is its evidence e_m(y), and the
    fused logits are log prior(y) + sum of e_m(y): the naive Bayes rule. It differs from
    `LogLinearPool` in that every weight is 1: none is learned, so modalities that repeat each other
    are counted as often, and quality is not used, so a bad sample counts as much as a good one.

    Weights: 1 where present.

    Reference: Hinton (2002), "Training products of experts by minimizing contrastive divergence",
    doi:10.1162/089976602760128018. Deviations: trained on the labels; the experts are taken
    relative to the prior, which so enters once, however many are present.
    """

    def __init__(self, embedding_dims: Mapping[str, int], prior_logits: Tensor) -> None:
        super().__init__(embedding_dims, prior_logits)
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        evidence = self.heads(known, present)
        logits = self.prior_logits + sum(evidence.values())
        return FusionOutput(
            logits,
            {name: self.prior_logits + own for name, own in evidence.items()},
            {name: present[name].to(trust[name].dtype) for name in known},
        )
