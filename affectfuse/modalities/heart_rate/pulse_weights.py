"""The trained pulse network as a file: weights, and in its header what they are and saw."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

import affectfuse
from affectfuse.errors import CheckpointError
from affectfuse.files import write_whole
from affectfuse.modalities.heart_rate.pulse_network import PulseNetwork

__all__ = ["SHIPPED", "describe_pulse_network", "load_pulse_network", "save_pulse_network"]

SHIPPED = Path(affectfuse.__file__).parent / "checkpoints" / "heart_rate_pulse.safetensors"
"""The weights inside the package, trained on synthetic traces only."""

_FORMAT = "affectfuse pulse network 1"


def save_pulse_network(network: PulseNetwork, path: Path, provenance: Mapping[str, Any]) -> None:
    """Write the weights: all or nothing.

    Args:
        network: trained.
        path: of the file.
        provenance: what it was trained on and how it did; values that JSON can hold.
    """
    header = {
        "format": _FORMAT,
        "settings": json.dumps(network.settings),
        "provenance": json.dumps(dict(provenance)),
    }
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    write_whole(path, safetensors.torch.save(weights, header))


def load_pulse_network(path: Path | None = None) -> PulseNetwork:
    """Build the network with its trained weights, in evaluation mode; None are the shipped ones.

    Raises:
        CheckpointError: when the file is not there, not of a pulse network, or does not fit.
    """
    path = path or SHIPPED
    header = _header(path)
    network = PulseNetwork(**json.loads(header["settings"]))
    try:
        network.load_state_dict(safetensors.torch.load_file(path))
    except RuntimeError:
        raise CheckpointError(
            f"the weights in {path} do not fit the pulse network of this version of affectfuse: "
            "train them again with 'affectfuse train heart_rate_pulse'."
        ) from None
    return network.eval()


def describe_pulse_network(path: Path | None = None) -> dict[str, Any]:
    """Return what the file says it was trained on and how it did.

    Raises:
        CheckpointError: as `load_pulse_network`.
    """
    described: dict[str, Any] = json.loads(_header(path or SHIPPED)["provenance"])
    return described


def _header(path: Path) -> dict[str, str]:
    try:
        with safetensors.safe_open(path, "pt") as file:
            header = dict(file.metadata() or {})
    except (OSError, safetensors.SafetensorError) as error:
        raise CheckpointError(f"cannot read pulse-network weights from {path}: {error}.") from None
    if header.get("format") != _FORMAT:
        raise CheckpointError(
            f"{path} holds no pulse network: give what 'affectfuse train heart_rate_pulse' wrote."
        )
    return header
