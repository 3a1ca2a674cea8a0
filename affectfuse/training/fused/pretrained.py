"""Encoders that were trained before: taken from a checkpoint, by the name of the modality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from affectfuse.checkpoint import load_checkpoint, sample_spec
from affectfuse.datasets.splits import Split
from affectfuse.errors import ConfigError
from affectfuse.files import file_sha256
from affectfuse.fusion.model import FusionModel
from affectfuse.modalities.base import Modality

__all__ = ["PretrainedEncoders", "pretrained_encoders"]


@dataclass(frozen=True, slots=True, eq=False)
class PretrainedEncoders:
    """Trained encoders, with what standardises their samples.

    Attributes:
        source: the checkpoint.
        sha256: of its file.
        weights: of encoder and standardisation, by modality, by name as in a `FusionModel`.
        subjects: of the data set at hand that took part in their training, by side of the split.
    """

    source: str
    sha256: str
    weights: Mapping[str, Mapping[str, Tensor]]
    subjects: Mapping[str, frozenset[str]]

    def load(self, model: FusionModel) -> None:
        """Put them in the model.

        Raises:
            ConfigError: when the model's encoder of that modality is built in another way.
        """
        own = model.state_dict()
        for name, weights in self.weights.items():
            wanted = {key: own[key].shape for key in own if _belongs(key, name)}
            if wanted != {key: weight.shape for key, weight in weights.items()}:
                raise ConfigError(
                    f"encoders_from={self.source}: the encoder of '{name}' there is built in "
                    "another way than the recipe's: give the modality the same config as then."
                )
            model.load_state_dict(dict(weights), strict=False)

    def check_unseen(self, split: Split) -> None:
        """Refuse a split whose held-out subjects the encoders have learnt from.

        Raises:
            ConfigError: naming a subject.
        """
        learnt = self.subjects["train"]
        for side, seen in (
            ("test", learnt | self.subjects["validation"]),
            ("validation", learnt),
        ):
            known = sorted(seen.intersection(split.as_dict()[side]))
            if known:
                raise ConfigError(
                    f"encoders_from={self.source}: its encoders have learnt from {len(known)} of "
                    f"the {side} subjects ('{known[0]}'): train them on others, or use the same "
                    "split as then."
                )


def pretrained_encoders(
    path: str, modalities: Mapping[str, Modality], dataset: str
) -> PretrainedEncoders:
    """Return the encoders that a checkpoint of affectfuse holds for some modalities.

    Args:
        path: of the checkpoint.
        modalities: by name; those that the checkpoint lacks are left out.
        dataset: name of the data set at hand.

    Raises:
        CheckpointError: when it cannot be read.
        ConfigError: when it holds none of the modalities, or one that takes other samples.
    """
    checkpoint = load_checkpoint(path)
    weights = {}
    for name, modality in modalities.items():
        if name not in checkpoint.sample_specs:
            continue
        now, then = sample_spec(modality), dict(checkpoint.sample_specs[name])
        if now != then:
            raise ConfigError(
                f"encoders_from={path}: '{name}' there has samples of {then['sample_shape']} and "
                f"embeddings of {then['embedding_dim']}, here {now['sample_shape']} and "
                f"{now['embedding_dim']}: give the modality the same config as then."
            )
        weights[name] = {k: w for k, w in checkpoint.weights.items() if _belongs(k, name)}
    if not weights:
        held, wanted = ", ".join(sorted(checkpoint.sample_specs)), ", ".join(sorted(modalities))
        raise ConfigError(
            f"encoders_from={path}: it holds encoders of {held}, but the recipe has {wanted}: name "
            "another checkpoint, or null."
        )
    same = checkpoint.trained_on.get("dataset") == dataset
    sides = dict(checkpoint.trained_on.get("subjects") or {}) if same else {}
    subjects = {side: frozenset(sides.get(side, ())) for side in ("train", "validation")}
    file = Path(path)
    return PretrainedEncoders(
        path, file_sha256(file) if file.is_file() else checkpoint.created, weights, subjects
    )


def _belongs(key: str, modality: str) -> bool:
    """Return whether a weight is of the modality's encoder or standardisation."""
    return key.startswith((f"encoders.{modality}.", f"standardise.{modality}."))
