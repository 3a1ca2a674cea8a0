"""The networks of a checkpoint as programs of named arrays: what each ONNX file holds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from affectfuse.checkpoint import Checkpoint
from affectfuse.errors import ExportError
from affectfuse.fusion.base import FusionOutput
from affectfuse.fusion.calibration import FUSED
from affectfuse.fusion.model import FusionModel, Standardise
from affectfuse.fusion.outputs import Outputs

__all__ = ["Program", "programs"]


class Program(nn.Module, ABC):
    """A module of named inputs and outputs, each (batch, ...), in order.

    Args:
        name: of the file.
        outputs: names of what `forward` returns.
    """

    def __init__(self, name: str, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.name, self.outputs = name, outputs

    @abstractmethod
    def draw(self, batch: int) -> dict[str, Tensor]:
        """Return random inputs by name, of all kinds that may come."""

    @abstractmethod
    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Compute."""


def programs(checkpoint: Checkpoint) -> Iterator[Program]:
    """Yield the programs of a checkpoint: the model, its head, each encoder and recogniser.

    - model: 'MODALITY/sample', 'MODALITY/present', 'MODALITY/quality' of every modality ->
      'fused/TARGET' and 'MODALITY/TARGET', calibrated probabilities of classes and labels, values
      of scales; and 'MODALITY/weight'.
    - head: the same with 'MODALITY/embedding' in place of the sample.
    - encoder_MODALITY: 'sample' -> 'embedding', of samples that are present.
    - recogniser_MODALITY: 'clip' -> 'embedding' and 'probabilities'.

    Raises:
        CheckpointError: when the checkpoint cannot be used.
        ExportError: when a modality does not say what clips its recogniser takes.
    """
    model = checkpoint.model()
    yield _Model("model", model, checkpoint)
    yield _Head("head", model, checkpoint)
    for name in model.sample_shapes:
        yield _Encoder(name, model)
    modalities = checkpoint.modalities()
    for name, network in checkpoint.recognisers().items():
        clip_shape = modalities[name].clip_shape
        if not clip_shape:
            raise ExportError(
                f"modality '{name}' has a recogniser and no clip_shape: say in its class what "
                "shape of clips the recogniser takes."
            )
        yield _Recogniser(name, network, clip_shape)


class _Model(Program):
    """The fused model, with calibration and activations behind it."""

    evidence = "sample"

    def __init__(self, name: str, model: FusionModel, checkpoint: Checkpoint) -> None:
        self._modalities = tuple(model.sample_shapes)
        estimates = (FUSED, *self._modalities)
        outputs = [f"{who}/{target.name}" for who in estimates for target in checkpoint.targets]
        super().__init__(name, (*outputs, *(f"{m}/weight" for m in self._modalities)))
        self.model = model
        self._outputs = Outputs(checkpoint.targets)
        self._calibration = checkpoint.calibration

    def draw(self, batch: int) -> dict[str, Tensor]:
        """Return rows whose modalities are present or absent, NaN behind absence."""
        rows = {}
        for name in self._modalities:
            values, present = self.draw_evidence(name, batch), torch.rand(batch) < 0.6
            values[~present] = torch.nan
            rows[f"{name}/{self.evidence}"] = values
            rows[f"{name}/present"] = present
            rows[f"{name}/quality"] = torch.rand(batch)
        return rows

    def draw_evidence(self, name: str, batch: int) -> Tensor:
        return _drawn_samples(self.model, name, batch)

    def fuse(self, *inputs: dict[str, Tensor]) -> FusionOutput:
        output: FusionOutput = self.model(*inputs)
        return output

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        output = self.fuse(
            *(dict(zip(self._modalities, inputs[kind::3], strict=True)) for kind in range(3))
        )
        by_target = []
        for name in (FUSED, *self._modalities):
            logits = output.logits if name == FUSED else output.modality_logits[name]
            temperatures = self._calibration.of(name)
            cooled = self._outputs.calibrated(logits, self.model.prior_logits, temperatures)
            values = self._outputs.activate(cooled)
            by_target += [values[:, self._outputs.of(target)] for target in self._outputs.targets]
        return (*by_target, *(output.weights[name] for name in self._modalities))


class _Head(_Model):
    """The same from embeddings."""

    evidence = "embedding"

    def draw_evidence(self, name: str, batch: int) -> Tensor:
        return torch.randn(batch, self.model.head.embedding_dims[name])

    def fuse(self, *inputs: dict[str, Tensor]) -> FusionOutput:
        return self.model.fuse(*inputs)


class _Encoder(Program):
    """Standardisation and encoder of one modality."""

    def __init__(self, modality: str, model: FusionModel) -> None:
        super().__init__(f"encoder_{modality}", ("embedding",))
        self.model, self._modality = model, modality

    def draw(self, batch: int) -> dict[str, Tensor]:
        return {"sample": _drawn_samples(self.model, self._modality, batch)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        (samples,) = inputs
        present = samples.new_ones(samples.shape[:1], dtype=torch.bool)
        standardised = self.model.standardise[self._modality](samples, present)
        return (self.model.encoders[self._modality](standardised),)


class _Recogniser(Program):
    def __init__(self, modality: str, network: nn.Module, clip_shape: tuple[int, ...]) -> None:
        super().__init__(f"recogniser_{modality}", ("embedding", "probabilities"))
        self.network, self._clip_shape = network, clip_shape

    def draw(self, batch: int) -> dict[str, Tensor]:
        return {"clip": torch.randn(batch, *self._clip_shape)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        (clips,) = inputs
        embedding, logits = self.network(clips)
        return embedding, torch.softmax(logits, -1)


def _drawn_samples(model: FusionModel, name: str, batch: int) -> Tensor:
    """Return samples (batch, *sample_shape) with mean and deviation as in training."""
    standardise = model.standardise[name]
    assert isinstance(standardise, Standardise)
    noise = torch.randn(batch, *model.sample_shapes[name])
    return standardise.mean + standardise.scale * noise
