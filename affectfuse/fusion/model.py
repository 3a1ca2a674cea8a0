"""The whole fused model as a plain module: one encoder a modality, then a head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from affectfuse.fusion.base import FusionHead, FusionOutput

__all__ = ["FusionModel", "Standardise"]

_LIMIT = 10.0


class Standardise(nn.Module):
    """Shifts and scales samples by the mean and standard deviation of the training samples.

    One mean and scale for each entry of the first axis (a feature, or a channel), so that a
    modality may give its samples in any unit. What lies further out than ten deviations is cut
    there: one absurd reading cannot decide an estimate.
    """

    def __init__(self, sample_shape: Sequence[int]) -> None:
        super().__init__()
        width = (sample_shape[0] if sample_shape else 1, *[1] * (len(sample_shape) - 1))
        shape = width if sample_shape else ()
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("scale", torch.ones(shape))

    @torch.no_grad()
    def fit(self, samples: Tensor) -> None:
        """Take mean and scale from present samples (batch, *sample_shape); none leaves both."""
        if len(samples) == 0:
            return
        axes = [axis for axis in range(samples.ndim) if axis != 1]
        values = samples.double()
        mean = values.mean(axes, keepdim=True)[0]
        scale = (values - mean).square().mean(axes, keepdim=True)[0].sqrt()
        constant = scale <= 1e-6 * mean.abs().clamp_min(1e-6)
        self.mean.copy_(mean)
        self.scale.copy_(torch.where(constant, 1.0, scale))

    def forward(self, samples: Tensor, present: Tensor) -> Tensor:
        """Standardise (batch, *sample_shape); absent rows become zeros, whatever they held."""
        here = present.reshape(-1, *[1] * (samples.ndim - 1))
        known = torch.where(here, samples, self.mean)
        return ((known - self.mean) / self.scale).clamp(-_LIMIT, _LIMIT)


class FusionModel(nn.Module):
    """Samples of whichever modalities are present -> fused logits.

    Samples of absent modalities may hold anything, NaN included: they reach the encoder as zeros
    (the mean training sample), and the head masks what the encoder makes of them.

    Args:
        encoders: by modality, (batch, *sample_shape) -> (batch, embedding_dim).
        sample_shapes: by modality.
        head: built for the same modalities.

    Attributes:
        output_mean, output_scale: (output,), the unit that the head's outputs are in: mean and
            standard deviation in training of a scale, 0 and 1 for classes and labels.
    """

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        sample_shapes: Mapping[str, Sequence[int]],
        head: FusionHead,
    ) -> None:
        super().__init__()
        if not set(encoders) == set(sample_shapes) == set(head.embedding_dims):
            raise ValueError(
                f"encoders for {sorted(encoders)}, sample shapes for {sorted(sample_shapes)} and "
                f"a head for {sorted(head.embedding_dims)}; the three must name the same modalities"
            )
        self.sample_shapes = {name: tuple(sample_shapes[name]) for name in sorted(encoders)}
        self.standardise = nn.ModuleDict({n: Standardise(s) for n, s in self.sample_shapes.items()})
        self.encoders = nn.ModuleDict({name: encoders[name] for name in self.sample_shapes})
        self.head = head
        self.output_mean: Tensor
        self.output_scale: Tensor
        self.register_buffer("output_mean", torch.zeros_like(head.prior_logits))
        self.register_buffer("output_scale", torch.ones_like(head.prior_logits))

    @property
    def prior_logits(self) -> Tensor:
        """What the model says when nothing is present, (output,)."""
        return self._in_units(self.head.prior_logits)

    def _in_units(self, logits: Tensor) -> Tensor:
        return self.output_mean + self.output_scale * logits

    def fit_standardisation(
        self, samples: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> None:
        """Take means and scales from the present training samples of the modalities there."""
        for name, found in samples.items():
            standardise = self.standardise[name]
            assert isinstance(standardise, Standardise)
            standardise.fit(found[present[name]])

    def forward(
        self,
        samples: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        """Fuse.

        Args:
            samples: by modality (batch, *sample_shape).
            present: by modality (batch,) bool.
            quality: by modality (batch,) in [0, 1].
        """
        return self.fuse(self.embed(samples, present), present, quality)

    def embed(
        self, samples: Mapping[str, Tensor], present: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Return the embeddings of the modalities in `samples`, (batch, embedding_dim) each."""
        return {
            name: encoder(self.standardise[name](samples[name], present[name]))
            for name, encoder in self.encoders.items()
            if name in samples
        }

    def fuse(
        self,
        embeddings: Mapping[str, Tensor],
        present: Mapping[str, Tensor],
        quality: Mapping[str, Tensor],
    ) -> FusionOutput:
        """Fuse embeddings; the output is in the targets' own units."""
        output: FusionOutput = self.head(embeddings, present, quality)
        return FusionOutput(
            self._in_units(output.logits),
            {name: self._in_units(own) for name, own in output.modality_logits.items()},
            output.weights,
        )
