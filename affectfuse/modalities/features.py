"""Samples that a data set brings ready-made: a feature vector a segment, from whatever made it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from affectfuse.containers import Interval, Observation, Reading
from affectfuse.modalities.base import Extractor, Modality, Recognise

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Features"]


class Features(Modality):
    """Feature vectors of one kind, as a data set's `DatasetItem.features` holds them.

    Nothing is extracted from a recording: in scoring the modality is absent.

    Args:
        name: of the modality: the data set's name for these vectors.
        n_features: their width.
        embedding_dim: width of the encoder's output; 0: the standardised features themselves are
            the embedding, so that a linear head on them is a logistic regression.
        hidden_dim: width of the encoder's hidden layer; 0: none, the encoder is linear.
        dropout: share of the features that are hidden from the encoder in training.
    """

    needs = frozenset()
    ready_made = True
    window_s = latency_s = max_age_s = 0.0

    def __init__(
        self,
        name: str,
        n_features: int,
        embedding_dim: int = 0,
        hidden_dim: int = 0,
        dropout: float = 0.0,
    ) -> None:
        if n_features < 1:
            raise ValueError(f"n_features is {n_features}; it must be at least 1.")
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout is {dropout}; it must be at least 0 and below 1.")
        if hidden_dim and not embedding_dim:
            raise ValueError("hidden_dim needs an embedding_dim above 0.")
        self.name = name
        self.sample_shape = (n_features,)
        self.embedding_dim = embedding_dim or n_features
        self._linear = embedding_dim == 0
        self._hidden_dim = hidden_dim
        self._dropout = dropout

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        """Return an extractor that yields nothing."""
        return _Nothing()

    def encoder(self) -> nn.Module:
        """Return (batch, feature) -> (batch, embedding_dim)."""
        from torch import nn

        layers: list[nn.Module] = [nn.Dropout(self._dropout)] if self._dropout else []
        width = self.sample_shape[0]
        if self._hidden_dim:
            layers += [nn.Linear(width, self._hidden_dim), nn.GELU()]
            width = self._hidden_dim
        if not self._linear:
            layers.append(nn.Linear(width, self.embedding_dim))
        return nn.Sequential(*layers)


class _Nothing(Extractor):
    def push(self, observation: Observation) -> Iterable[Reading]:
        return ()
