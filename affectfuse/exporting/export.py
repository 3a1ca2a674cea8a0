"""A checkpoint written as ONNX files and one JSON file that says what they are."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from affectfuse import __version__
from affectfuse.checkpoint import Checkpoint
from affectfuse.datasets.base import Progress
from affectfuse.exporting.conversion import OnnxFile, convert, require_onnx
from affectfuse.exporting.programs import programs
from affectfuse.files import write_whole
from affectfuse.reports.session import SYNTHETIC, SYNTHETIC_ONLY
from affectfuse.reports.strict_json import strict_json
from affectfuse.versions import package_versions

__all__ = ["Export", "export_checkpoint"]

_DESCRIPTION = "model.json"
_UNCHECKED = "not checked: ONNX Runtime is not installed (pip install 'affectfuse[onnx]')"


@dataclass(frozen=True, slots=True, eq=False)
class Export:
    """What was written.

    Attributes:
        folder: where.
        files: the ONNX files.
        warning: what every user of the model must know, or empty.
    """

    folder: Path
    files: tuple[OnnxFile, ...]
    warning: str

    @property
    def description(self) -> Path:
        """The JSON file that says what the ONNX files take and give."""
        return self.folder / _DESCRIPTION

    def table(self) -> str:
        """Return the files, their size and how far each is from PyTorch, as text."""
        width = max(len(file.name) for file in self.files)
        lines = [
            f"{file.name:<{width}}  {len(file.content) / 1024:8.1f} KiB  " + _checked(file)
            for file in self.files
        ]
        return "\n".join([*lines, *([f"note: {self.warning}"] if self.warning else [])])


def _checked(file: OnnxFile) -> str:
    if math.isnan(file.difference):
        return _UNCHECKED
    return f"largest difference from PyTorch {file.difference:.1e}"


def export_checkpoint(
    checkpoint: Checkpoint, out: Path, progress: Progress | None = None
) -> Export:
    """Write a checkpoint's networks into a folder: see `programs`, and `model.json` beside them.

    Every file is converted and checked before the first is written.

    Raises:
        CheckpointError: when the checkpoint cannot be used.
        ExportError: when ONNX is not installed, or a network cannot be written or differs.
        OutputError: when a file cannot be written.
    """
    require_onnx()
    warning = _warning(checkpoint)
    notes = {
        "affectfuse": __version__,
        "checkpoint": f"{checkpoint.source}, written {checkpoint.created}",
        "trained_on": str(checkpoint.trained_on.get("provenance", "")),
        "warning": warning,
    }
    todo = list(programs(checkpoint))
    files = []
    for done, program in enumerate(todo):
        if progress:
            progress("writing ONNX", done, len(todo))
        files.append(convert(program, notes))
    if progress:
        progress("writing ONNX", len(todo), len(todo))
    export = Export(out, tuple(files), warning)
    for file in files:
        write_whole(out / file.name, file.content)
    description = strict_json(_description(checkpoint, export)) + "\n"
    write_whole(export.description, description.encode())
    return export


def _warning(checkpoint: Checkpoint) -> str:
    trained_on = checkpoint.trained_on
    trained = [trained_on, *(trained_on.get("recognisers") or {}).values()]
    return SYNTHETIC_ONLY if all(t.get("dataset") == SYNTHETIC for t in trained) else ""


def _description(checkpoint: Checkpoint, export: Export) -> dict[str, Any]:
    return {
        "warning": export.warning,
        "files": {
            file.name: {
                "inputs": {name: ["batch", *shape] for name, shape in file.inputs.items()},
                "outputs": {name: ["batch", *shape] for name, shape in file.outputs.items()},
                "largest_difference_from_pytorch": file.difference,
            }
            for file in export.files
        },
        "targets": [asdict(target) for target in checkpoint.targets],
        "prior_logits": list(checkpoint.prior_logits),
        "modalities": {
            name: {
                "sample_shape": modality.sample_shape,
                "embedding_dim": modality.embedding_dim,
                "window_s": modality.window_s,
                "max_age_s": modality.max_age_s,
                "quality_floor": modality.quality_floor,
                "clip_shape": modality.clip_shape,
                "recogniser_target": (
                    asdict(modality.recogniser_target)
                    if name in checkpoint.recogniser_weights and modality.recogniser_target
                    else None
                ),
                "config": checkpoint.modality_configs[name],
            }
            for name, modality in sorted(checkpoint.modalities().items())
        },
        "calibration": asdict(checkpoint.calibration),
        "checkpoint": checkpoint.provenance(),
        "versions": package_versions("torch", "onnx", "onnxscript", "onnxruntime"),
    }
