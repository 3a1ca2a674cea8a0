"""The contract of a modality: an extractor that streams and an encoder that learns.

One file in this folder (a folder for a large one) and one config in `configs/modality/` add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

from affectfuse.containers import Array, Interval, Observation, Reading, Target
from affectfuse.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Extractor", "Modality", "Need", "Recognise", "check_modality"]

Need = Literal["face", "audio", "body", "signal"]

_DECLARED = (
    "name", "needs", "window_s", "latency_s", "max_age_s", "sample_shape", "embedding_dim",
)  # fmt: skip

Recognise = Callable[[Array], tuple[Array, Array]]
"""A trained recogniser as a plain function: clip (*clip_shape) -> (embedding, probabilities)."""


class Extractor(ABC):
    """A small stateful object for one recording: observations in, readings out, in bounded memory.

    Causal: what it yields depends only on what it was given so far. It imports no torch.
    A new recording gets a new extractor, so nothing survives from one to the next.
    """

    @abstractmethod
    def push(self, observation: Observation) -> Iterable[Reading]:
        """Take the next observation, in order of time, and yield what became known with it."""

    def tick(self, time_s: float) -> Iterable[Reading]:
        """Called at each beat of the fusion clock, after all observations before `time_s`."""
        return ()

    def flush(self) -> Iterable[Reading]:
        """Called once at the end of the recording: yield what was still being held back."""
        return ()


class Modality(ABC):
    """What kind of evidence it is, and the two halves that work on it.

    A modality is built from a config; its constructor's parameters are the config's keys.

    Attributes:
        name: unique among the modalities of a recipe.
        needs: what it must be given: 'face' (frames with landmarks), 'audio', 'body', 'signal'.
        window_s: how much of the past one sample covers.
        latency_s: how long after an event the modality knows of it.
        max_age_s: a sample older than this counts as absent at a tick.
        quality_floor: a sample whose quality lies below counts as absent.
        sample_shape: shape of `ModalitySample.array`, the encoder's input without its batch axis.
        embedding_dim: width of the encoder's output.
    """

    name: str
    needs: frozenset[Need]
    window_s: float
    latency_s: float
    max_age_s: float
    quality_floor: float = 0.0
    sample_shape: tuple[int, ...]
    embedding_dim: int

    ready_made: bool = False
    """Whether its samples come ready-made with the data set, and are cut from no recording."""

    clip_shape: tuple[int, ...] = ()
    """Shape of the recogniser's input without its batch axis; none without a recogniser."""

    recogniser_target: Target | None = None
    """What the recogniser inside the extractor predicts, or None when there is none."""

    action_units: tuple[str, ...] = ()
    """What the recogniser's second head predicts, as named in `Interval.values` ('au12')."""

    @abstractmethod
    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        """Return a fresh extractor.

        Args:
            recognise: the trained recogniser, for a modality that has one; without it the
                extractor works, and labels nothing.
            annotations: known intervals, from which clips are cut instead of from what the
                extractor spots by itself: how training clips are made.
        """

    @abstractmethod
    def encoder(self) -> nn.Module:
        """Return a new encoder: (batch, *sample_shape) float32 -> (batch, embedding_dim)."""

    def recogniser(self) -> nn.Module | None:
        """Return a new recogniser, (batch, *clip_shape) -> (embedding, logits), or None.

        It is trained on labelled clips, on its own Target, before fusion, then frozen.
        """
        return None

    def recogniser_to_train(self) -> nn.Module | None:
        """Return a new recogniser to train: with the pretrained weights that the config names."""
        return self.recogniser()

    def clip_steps(self) -> Sequence[Mapping[str, Any]]:
        """Return how its clips are made: the steps in order, each with its parameters."""
        return ()

    def learned_parts(self) -> Mapping[str, str]:
        """Return what in the extractor was learned, by name, and on what; not the recogniser."""
        return {}


def check_modality(modality: Modality) -> None:
    """Make sure that a modality declares what it must, and that its encoder keeps to it.

    Raises:
        ConfigError: when it does not.
    """
    said = f"the modality {type(modality).__qualname__}"
    for attribute in _DECLARED:
        if not hasattr(modality, attribute):
            raise ConfigError(
                f"{said} declares no {attribute}: set it in the class or in its constructor; all "
                f"that a modality declares: {', '.join(_DECLARED)}."
            )
    for need in modality.needs:
        if need not in get_args(Need):
            allowed = ", ".join(map(repr, get_args(Need)))
            raise ConfigError(f"{said} needs '{need}'; allowed: {allowed}.")
    import torch  # the extractors do without

    shape = (2, *modality.sample_shape)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        try:
            found = tuple(modality.encoder().eval()(torch.zeros(shape)).shape)
        except RuntimeError as error:
            raise ConfigError(
                f"the encoder of {said} cannot take samples of its sample_shape, two at a time "
                f"{shape}: {' '.join(str(error).split())}."
            ) from error
    if found != (2, modality.embedding_dim):
        raise ConfigError(
            f"the encoder of {said} turns two samples into the shape {found}; its embedding_dim "
            f"asks for {(2, modality.embedding_dim)}."
        )
