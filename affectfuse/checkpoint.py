"""One self-describing file: a trained model and all that is needed to use, judge and trace it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from affectfuse import __version__
from affectfuse.config import build
from affectfuse.containers import Target
from affectfuse.errors import CheckpointError, ConfigError
from affectfuse.files import write_whole
from affectfuse.fusion.base import FusionHead
from affectfuse.fusion.calibration import FUSED, Calibration
from affectfuse.fusion.estimator import Estimator
from affectfuse.fusion.model import FusionModel
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.modalities.recognition import FrozenRecogniser

__all__ = [
    "DEMO",
    "FORMAT_VERSION",
    "Checkpoint",
    "build_model",
    "load_checkpoint",
    "sample_spec",
    "save_checkpoint",
]

FORMAT = "affectfuse checkpoint"
FORMAT_VERSION = 2
DEMO = "demo"
"""Name of the small checkpoint inside the package, trained on synthetic recordings."""

_FIT = "use the version of affectfuse that wrote it, or train again."


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """A trained fused model.

    Attributes:
        modality_configs: by modality name, the config it is built from.
        sample_specs: by modality name, the `sample_spec` it had in training.
        fusion_config: the head's config.
        targets: what the model predicts, the main target first.
        prior_logits: of the head, (output,): see `FusionHead`.
        calibration: temperatures and conformal thresholds, fitted on held-out subjects.
        weights: of the fusion model.
        recogniser_weights: by name of a modality that has a recogniser.
        trained_on: data set, its provenance sentence, subjects by side of the split, recognisers'
            training, the resolved recipe.
        metrics: one row an estimate and subset, on held-out subjects.
        versions: by package name.
        created: UTC, ISO 8601.
        source: where it was loaded from; not written.
    """

    modality_configs: Mapping[str, Mapping[str, Any]]
    sample_specs: Mapping[str, Mapping[str, Any]]
    fusion_config: Mapping[str, Any]
    targets: tuple[Target, ...]
    prior_logits: Sequence[float]
    calibration: Calibration
    weights: Mapping[str, Tensor]
    recogniser_weights: Mapping[str, Mapping[str, Tensor]]
    trained_on: Mapping[str, Any]
    metrics: Sequence[Mapping[str, Any]]
    versions: Mapping[str, str]
    created: str
    source: str = field(default="memory")

    @property
    def target(self) -> Target:
        """The main target."""
        return self.targets[0]

    def modalities(self) -> dict[str, Modality]:
        """Build the modalities.

        Raises:
            CheckpointError: when a class is not available, or no longer takes the samples that the
                model was trained on.
        """
        built = {}
        for name, config in self.modality_configs.items():
            try:
                modality = build(config, Modality)  # type: ignore[type-abstract]
            except ConfigError as error:
                raise self._unavailable(str(config.get("target")), error) from error
            now, then = sample_spec(modality), dict(self.sample_specs[name])
            if now != then:
                raise CheckpointError(
                    f"{self.source}: modality '{name}' was trained with {_spec_text(then)}, but "
                    f"this installation builds {_spec_text(now)}: {_FIT}"
                )
            built[name] = modality
        return built

    def model(self) -> FusionModel:
        """Build the fusion model with its trained weights, in evaluation mode.

        Raises:
            CheckpointError: as `modalities`, or when the weights do not fit.
        """
        modalities = self.modalities()
        try:
            model = build_model(modalities, self.fusion_config, self.prior_logits)
        except ConfigError as error:
            raise self._unavailable(str(self.fusion_config.get("target")), error) from error
        self._load(model, self.weights, "the fusion model")
        return model.eval()

    def estimator(self) -> Estimator:
        """Return the trained model as a function of ticks."""
        return Estimator(self.model(), self.targets, self.calibration)

    def recognise(self) -> dict[str, Recognise]:
        """Return the trained recogniser of each modality that has one, as a plain function."""
        return {name: FrozenRecogniser(module) for name, module in self.recognisers().items()}

    def recognisers(self) -> dict[str, nn.Module]:
        """Build the recogniser of each modality that has one, with its trained weights."""
        found: dict[str, nn.Module] = {}
        modalities = self.modalities()
        for name, weights in self.recogniser_weights.items():
            module = modalities[name].recogniser() if name in modalities else None
            if module is None:
                raise CheckpointError(
                    f"{self.source}: it holds a recogniser for '{name}', but that modality has "
                    f"none here: {_FIT}"
                )
            self._load(module, weights, f"the recogniser of '{name}'")
            found[name] = module.eval()
        return found

    def provenance(self) -> dict[str, Any]:
        """Return what an output made with this checkpoint has to say about it; no tensors."""
        return {
            "source": self.source,
            "created": self.created,
            "target": self.target.name,
            "classes": list(self.target.classes),
            "targets": [asdict(target) for target in self.targets],
            "modalities": sorted(self.modality_configs),
            "trained_on": {k: v for k, v in self.trained_on.items() if k != "recipe"},
            "metrics": [dict(row) for row in self.metrics],
            "versions": dict(self.versions),
        }

    def digest(self) -> str:
        """Return a digest of all that decides what the model says."""
        stated = (self.modality_configs, self.sample_specs, self.fusion_config, self.prior_logits)
        said = [*stated, asdict(self.calibration), [asdict(target) for target in self.targets]]
        found = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode())
        for part, weights in (("", self.weights), *self.recogniser_weights.items()):
            for name, tensor in weights.items():
                found.update(f"{part} {name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                flat = tensor.detach().cpu().contiguous().reshape(-1)
                found.update(flat.view(torch.uint8).numpy().tobytes())
        return found.hexdigest()

    def describe(self) -> str:
        """Return what the checkpoint is, as text for people."""
        subjects = dict(self.trained_on.get("subjects") or {})
        lines = [
            f"checkpoint    {self.source}, written {self.created} by affectfuse "
            f"{self.versions.get('affectfuse', 'unknown')}",
            *(
                f"target        {target.name}, {target.kind}: {', '.join(target.classes)} (one a "
                f"{target.unit}, evidence: {target.evidence})"
                for target in self.targets
            ),
            f"modalities    {', '.join(sorted(self.modality_configs))}",
            f"fused by      {str(self.fusion_config.get('target')).rpartition('.')[2]}",
            f"trained on    {self.trained_on.get('dataset')}: {self.trained_on.get('provenance')}",
            "subjects      " + ", ".join(f"{len(who)} {side}" for side, who in subjects.items()),
            "temperature   "
            + (
                ", ".join(f"{t:.2f} ({n})" for n, t in self.calibration.of(FUSED).items())
                or "1 (not fitted)"
            ),
            *self._coverage(),
        ]
        for row in self.metrics:
            numbers = ", ".join(
                f"{key} {value:.3f}" for key, value in row.items() if isinstance(value, float)
            )
            of = f"{row['target']}: " if "target" in row else ""  # where there are several
            lines.append(
                f"{row['estimate']:<13} {of}{numbers} ({row['subset']} samples: {row['samples']} "
                f"of {row['subjects']} subjects)"
            )
        return "\n".join(lines)

    def _coverage(self) -> list[str]:
        thresholds, coverage = self.calibration.thresholds, self.calibration.coverage
        sets = [target.name for target in self.targets if target.name in thresholds]
        scales = [name for t in self.targets if t.kind == "scales" for name in t.classes]
        reach = [f"{name} +- {thresholds[name]:.3g}" for name in scales if name in thresholds]
        what = [f"sets of {', '.join(sets)}"] * bool(sets)
        what += [f"intervals {', '.join(reach)}"] * bool(reach)
        return [f"conformal     {'; '.join(what)} (coverage {coverage:.0%})"] if what else []

    def _load(self, module: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
        try:
            module.load_state_dict(dict(weights))
        except RuntimeError:
            raise CheckpointError(
                f"{self.source}: the weights of {what} do not fit what this installation builds: "
                f"{_FIT}"
            ) from None

    def _unavailable(self, target: str, error: ConfigError) -> CheckpointError:
        advice = (
            "pass --allow-custom in the folder that holds custom/, if you trust its code."
            if target.partition(".")[0] == "custom"
            else _FIT
        )
        return CheckpointError(f"{self.source} needs '{target}': {error} To use it, {advice}")


def sample_spec(modality: Modality) -> dict[str, Any]:
    """Return what a model relies on in a modality: shape of its samples, width of its embedding."""
    return {
        "sample_shape": [int(size) for size in modality.sample_shape],
        "embedding_dim": int(modality.embedding_dim),
    }


def _spec_text(spec: Mapping[str, Any]) -> str:
    return f"samples {tuple(spec['sample_shape'])} and embeddings of {spec['embedding_dim']}"


def build_model(
    modalities: Mapping[str, Modality], fusion: Mapping[str, Any], prior_logits: Sequence[float]
) -> FusionModel:
    """Build an untrained model: the modalities' encoders and the configured head."""
    head = build(
        fusion,
        FusionHead,  # type: ignore[type-abstract]
        embedding_dims={name: modality.embedding_dim for name, modality in modalities.items()},
        prior_logits=torch.tensor(list(prior_logits), dtype=torch.float32),
    )
    return FusionModel(
        {name: modality.encoder() for name, modality in sorted(modalities.items())},
        {name: modality.sample_shape for name, modality in modalities.items()},
        head,
    )


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint: all of it or, when that fails, nothing.

    Raises:
        OutputError: when the file cannot be written.
    """
    content = {f.name: getattr(checkpoint, f.name) for f in fields(checkpoint)}
    del content["source"]
    content["targets"] = [asdict(target) for target in checkpoint.targets]
    content["calibration"] = asdict(checkpoint.calibration)
    content = {"format": FORMAT, "format_version": FORMAT_VERSION, **_plain(content)}
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(path, buffer.getvalue())


def _plain(value: Any) -> Any:
    """Return the value in the few types that `weights_only` loading allows, tensors on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().cpu().clone()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a checkpoint cannot hold a {type(value).__name__}")


def load_checkpoint(path_or_name: str | Path) -> Checkpoint:
    """Load a checkpoint from a file, or the embedded one by its name, 'demo'.

    Nothing in the file is run, and no class is imported before the checkpoint is used.

    Raises:
        CheckpointError: when it is not there, not a checkpoint, or of another format version.
    """
    path = Path(path_or_name)
    if str(path_or_name) == DEMO:
        path = Path(__file__).parent / "checkpoints" / "demo.pt"
    if not path.is_file():
        what = f"no checkpoint at {path}" if not path.exists() else f"{path} is not a file"
        raise CheckpointError(
            f"{what}: give the checkpoint.pt that 'affectfuse train' wrote, or '{DEMO}'."
        )
    content = _read(path)
    found = content.pop("format_version", None)
    if found != FORMAT_VERSION:
        raise CheckpointError(
            f"{path} has format version {found}, written by affectfuse "
            f"{dict(content.get('versions') or {}).get('affectfuse', 'unknown')}; affectfuse "
            f"{__version__} reads version {FORMAT_VERSION}: {_FIT}"
        )
    known = {f.name for f in fields(Checkpoint)} - {"source"}
    if set(content) != known:
        wrong = sorted(set(content) ^ known)[0]
        state = "lacks" if wrong in known else "has the unknown part"
        raise CheckpointError(f"{path} {state} '{wrong}': {_FIT}")
    targets = [Target(**{**t, "classes": tuple(t["classes"])}) for t in content.pop("targets")]
    calibration = Calibration(**content.pop("calibration"))
    return Checkpoint(
        targets=tuple(targets), calibration=calibration, source=str(path_or_name), **content
    )


def _read(path: Path) -> dict[str, Any]:
    refusal = (
        f"{path} is not an affectfuse checkpoint: give the checkpoint.pt that 'affectfuse train' "
        f"wrote, or '{DEMO}'."
    )
    if not zipfile.is_zipfile(path):
        raise CheckpointError(refusal)
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises a dozen kinds for a file that is not its own
        raise CheckpointError(refusal) from error
    if not isinstance(content, dict) or content.pop("format", None) != FORMAT:
        raise CheckpointError(refusal)
    return content
