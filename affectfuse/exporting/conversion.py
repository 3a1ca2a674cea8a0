"""One program written as ONNX, and held against PyTorch in ONNX Runtime."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor

from affectfuse.errors import ExportError
from affectfuse.exporting.programs import Program

__all__ = ["TOLERANCE", "OnnxFile", "convert", "require_onnx"]

TOLERANCE = 1e-4
"""Largest difference from PyTorch that is accepted; of values beyond 1, in parts of them."""

_EXTRA = "pip install 'affectfuse[onnx]'"
_TRACED_BATCH, _CHECKED_BATCHES = 3, (1, 8, 33)  # 1 and more: a batch of one is traced differently


@dataclass(frozen=True, slots=True, eq=False)
class OnnxFile:
    """A program as ONNX.

    Attributes:
        name: of the file.
        content: of the file.
        inputs, outputs: shapes by name, without the batch axis, in order.
        difference: largest difference from PyTorch, absolute, or relative where a value lies beyond
            1; NaN where ONNX Runtime is missing.
    """

    name: str
    content: bytes
    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    difference: float


def require_onnx() -> None:
    """Check that what writes ONNX is installed.

    Raises:
        ExportError: naming what is missing and the extra that brings it.
    """
    missing = [name for name in ("onnx", "onnxscript") if find_spec(name) is None]
    if missing:
        raise ExportError(
            f"writing ONNX files needs {' and '.join(missing)}, which this installation lacks: "
            f"{_EXTRA}."
        )


@torch.no_grad()
def convert(program: Program, notes: Mapping[str, str]) -> OnnxFile:
    """Write a program as ONNX with a batch axis of any length, and check it.

    Args:
        program: put in evaluation mode.
        notes: kept in the file as its metadata.

    Raises:
        ExportError: when PyTorch cannot write it, or ONNX Runtime does not give the same.
    """
    require_onnx()
    program.eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        inputs = program.draw(_TRACED_BATCH)
        content = _written(program, inputs, notes)
        difference = _difference(program, content)
    if difference > TOLERANCE:
        raise ExportError(
            f"{program.name}.onnx differs from PyTorch by {difference:.2g}, more than "
            f"{TOLERANCE:g}; nothing was written. Please report this, with the model's config."
        )
    outputs = dict(zip(program.outputs, program(*inputs.values()), strict=True))
    return OnnxFile(f"{program.name}.onnx", content, _shapes(inputs), _shapes(outputs), difference)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape[1:]) for name, tensor in tensors.items()}


def _written(program: Program, inputs: Mapping[str, Tensor], notes: Mapping[str, str]) -> bytes:
    batch = torch.export.Dim("batch", min=1)
    axes = tuple({0: batch} for _ in inputs)
    with _quiet():
        try:
            written = torch.onnx.export(
                program,
                tuple(inputs.values()),
                dynamo=True,
                input_names=list(inputs),
                output_names=list(program.outputs),
                dynamic_shapes={"inputs": axes},
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise ExportError(
                f"{program.name} cannot be written as ONNX: {reason} Its network has to do with "
                "operators that ONNX has."
            ) from error
    assert written is not None
    model = written.model_proto
    graph = model.graph
    if any(not found.type.tensor_type.shape.dim[0].dim_param for found in graph.input):
        raise ExportError(
            f"{program.name} would take batches of one size only: somewhere in its network the "
            "batch size becomes a plain number; take tensor.shape[0], not len(tensor)."
        )
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output):
        part.ClearField("metadata_props")  # lines of source code, with this machine's paths
    for key, value in notes.items():
        model.metadata_props.add(key=key, value=value)
    content: bytes = model.SerializeToString()
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks, on its own code and on torchvision, off the user's screen."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _difference(program: Program, content: bytes) -> float:
    """Return the largest difference between ONNX Runtime and PyTorch."""
    if find_spec("onnxruntime") is None:
        return math.nan
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    largest = 0.0
    for batch in _CHECKED_BATCHES:
        inputs = program.draw(batch)
        wanted = program(*inputs.values())
        found = session.run(
            list(program.outputs), {name: tensor.numpy() for name, tensor in inputs.items()}
        )
        for one, other in zip(found, wanted, strict=True):
            differences = (torch.from_numpy(one) - other).abs() / other.abs().clamp_min(1.0)
            largest = max(largest, float(differences.nan_to_num(math.inf).max()))
    return largest
