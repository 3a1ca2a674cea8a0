"""The default head: a masked, quality-weighted log-linear pool of unimodal heads."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from affectfuse.fusion.base import FusionHead, FusionOutput
from affectfuse.fusion.unimodal import UnimodalHeads, masked

__all__ = ["LogLinearPool"]


class LogLinearPool(FusionHead):
    """p(y) proportional to prior(y) * product over present m of (p_m(y) / prior(y)) ** (w_m * q_m).

    Each modality has a linear head on its embedding whose output is its evidence e_m(y), the log
    of p_m(y) / prior(y) up to a constant that does not depend on y. So the fused logits are
    log prior(y) + sum of w_m * q_m * e_m(y), and w_m = 1 is the naive Bayes rule: conditionally
    independent modalities. w_m >= 0 is learned with the heads (softplus); where folds inside the
    training subjects tell what modalities are worth with people that the heads have not seen, that
    takes its place, see `set_weights`. q_m is the sample's quality. The weights are not
    renormalised when a modality is absent, so the estimate falls back towards the prior, and is the
    prior when nothing is present. A weight says what a modality adds beside others. One that adds
    nothing (w_m = 0) may still know something by itself, so where it is the only one present, its
    weight is at least `least_alone`. For labels the same holds of log odds; a scale's value is its
    mean plus a weighted sum of what each modality says of its deviation.

    Reference: Genest and Zidek (1986), "Combining probability distributions: a critique and an
    annotated bibliography", doi:10.1214/ss/1177013825. Deviation: pooled relative to the prior
    (Bordley 1982, doi:10.1287/mnsc.28.10.1137), weighed by quality, weights free to sum to more
    or less than 1.

    Args:
        initial_weight: w_m before training, above 0.
        least_alone: least weight of a modality that is alone; 0 leaves it as it is beside others.
    """

    def __init__(
        self,
        embedding_dims: Mapping[str, int],
        prior_logits: Tensor,
        initial_weight: float = 1.0,
        least_alone: float = 0.2,
    ) -> None:
        super().__init__(embedding_dims, prior_logits)
        if not initial_weight > 0:
            raise ValueError(f"initial_weight is {initial_weight}; it must be above 0.")
        if not least_alone >= 0:
            raise ValueError(f"least_alone is {least_alone}; it must be 0 or more.")
        self.least_alone = least_alone
        before_softplus = math.log(math.expm1(initial_weight))
        self.heads = UnimodalHeads(embedding_dims, len(prior_logits))
        self.raw_weights = nn.ParameterDict(
            {name: nn.Parameter(torch.tensor(before_softplus)) for name in self.heads}
        )

    @torch.no_grad()
    def set_weights(self, weights: Mapping[str, float]) -> None:
        """Take other weights, by modality, 0 or more, such as were fitted on held-out subjects."""
        for name, weight in weights.items():
            self.raw_weights[name].fill_(math.log(math.expm1(weight)) if weight else -math.inf)

    def weigh(
        self, present: Mapping[str, Tensor], trust: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return w_m * q_m by modality (batch,).

        Args:
            present: by modality (batch,) bool.
            trust: by modality (batch,), its quality, 0 where absent.
        """
        count = torch.stack([present[name] for name in self.heads]).sum(0)
        found = {}
        for name in self.heads:
            weight = functional.softplus(self.raw_weights[name])
            alone = present[name] & (count == 1)
            weight = torch.where(alone, weight.clamp_min(self.least_alone), weight)
            found[name] = weight * trust[name]
        return found

    def forward(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        known, trust = masked(embeddings, present, quality)
        evidence = self.heads(known, present)
        weights, logits = self.weigh(present, trust), self.prior_logits
        for name, own in evidence.items():
            logits = logits + weights[name].unsqueeze(-1) * own
        return FusionOutput(
            logits, {name: self.prior_logits + own for name, own in evidence.items()}, weights
        )
