"""The learned spotter's network run step by step in NumPy, and the file its weights lie in."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

import affectfuse
from affectfuse.containers import Array
from affectfuse.errors import CheckpointError
from affectfuse.files import write_whole

__all__ = ["SHIPPED", "CausalNetwork", "SpotterWeights", "load_spotter", "save_spotter"]

SHIPPED = Path(affectfuse.__file__).parent / "checkpoints" / "micro_expression_spotter.safetensors"
"""The weights inside the package, trained on synthetic sessions only."""

_FORMAT = "affectfuse spotter network 1"


@dataclass(frozen=True, slots=True, eq=False)
class SpotterWeights:
    """A trained spotter network.

    Attributes:
        weights: by name, as in `SpotterNetwork`.
        dilations: of its blocks.
        calibration: by kind, (slope, bias) that take a peak's logit to the logit of the
            probability that it is an expression whose times are right.
        threshold: by kind, the probability from which a peak counts.
        provenance: what it was trained on and how it did.
    """

    weights: Mapping[str, Array]
    dilations: tuple[int, ...]
    calibration: Mapping[str, tuple[float, float]]
    threshold: Mapping[str, float]
    provenance: Mapping[str, Any]


class CausalNetwork:
    """Runs the network one step after another, with a state of constant size.

    Equal to `SpotterNetwork`'s forward pass, of which it is the copy without torch.
    """

    def __init__(self, spotter: SpotterWeights) -> None:
        w = {name: np.asarray(value, np.float32) for name, value in spotter.weights.items()}
        self._inner = w["inner.weight"][:, :, 0], w["inner.bias"]
        self._readout = w["readout.weight"][:, :, 0], w["readout.bias"]
        self._blocks = []
        for i in range(len(spotter.dilations)):
            taps = w[f"taps.{i}.weight"]
            flat = taps.transpose(0, 2, 1).reshape(len(taps), -1)  # oldest tap first
            mixer = w[f"mixers.{i}.weight"][:, :, 0]
            self._blocks.append((flat, w[f"taps.{i}.bias"], mixer, w[f"mixers.{i}.bias"]))
        self._dilations = spotter.dilations
        self.restart()

    def restart(self) -> None:
        """Forget the past."""
        width = len(self._inner[1])
        self._past = [np.zeros((2 * d, width), np.float32) for d in self._dilations]
        self._steps = 0

    def step(self, signals: Array) -> Array:
        """Return the outputs (output,) for the signals (signal,) of the next step."""
        weight, bias = self._inner
        hidden = weight @ signals + bias
        for past, dilation, block in zip(self._past, self._dilations, self._blocks, strict=True):
            flat, tap_bias, mixer, mixer_bias = block
            now = np.maximum(hidden, 0.0)
            oldest = self._steps % (2 * dilation)
            middle = (self._steps + dilation) % (2 * dilation)
            seen = np.concatenate([past[oldest], past[middle], now])
            past[oldest] = now
            hidden = hidden + mixer @ np.maximum(flat @ seen + tap_bias, 0.0) + mixer_bias
        self._steps += 1
        weight, bias = self._readout
        out: Array = weight @ np.maximum(hidden, 0.0) + bias
        out[-2:] = np.logaddexp(0.0, out[-2:])
        return out


def save_spotter(spotter: SpotterWeights, path: Path) -> None:
    """Write a trained spotter: all or nothing."""
    header = {
        "format": _FORMAT,
        "settings": json.dumps(
            {
                "dilations": spotter.dilations,
                "calibration": spotter.calibration,
                "threshold": spotter.threshold,
            }
        ),
        "provenance": json.dumps(dict(spotter.provenance)),
    }
    weights = {k: np.ascontiguousarray(v, np.float32) for k, v in spotter.weights.items()}
    write_whole(path, safetensors.numpy.save(weights, header))


def load_spotter(path: Path | None = None) -> SpotterWeights:
    """Read a trained spotter; None is the shipped one.

    Raises:
        CheckpointError: when the file is not there or holds no spotter.
    """
    path = path or SHIPPED
    try:
        with safetensors.safe_open(path, "np") as file:
            header = dict(file.metadata() or {})
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot read spotter weights from {path}: {error}.") from None
    if header.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} holds no spotter: give what 'affectfuse train micro_expression_spotter' wrote."
        )
    settings = json.loads(header["settings"])
    return SpotterWeights(
        weights=weights,
        dilations=tuple(settings["dilations"]),
        calibration={k: (v[0], v[1]) for k, v in settings["calibration"].items()},
        threshold=settings["threshold"],
        provenance=json.loads(header["provenance"]),
    )
