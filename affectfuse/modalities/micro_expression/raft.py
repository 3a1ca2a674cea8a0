"""RAFT optical flow: a trained network, through the extra 'raft', with weights the user brings."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from affectfuse.containers import Array
from affectfuse.errors import ConfigError, ModelNotFoundError
from affectfuse.signals.flow import FlowMethod

__all__ = ["RAFT_WEIGHTS", "find_weights", "raft_flow", "weights_digest"]

RAFT_WEIGHTS = "AFFECTFUSE_RAFT_WEIGHTS"
"""Environment variable that names the file of weights."""

_ADDRESS = "https://download.pytorch.org/models/raft_small_C_T_V2-01064c6d.pth"
_UPDATES = 12
_LEAST_PX = 128  # torchvision's network takes no smaller picture
_STRIDE_PX = 8


def find_weights(path: str | None) -> Path:
    """Return the file of RAFT-small's weights: `path`, or what AFFECTFUSE_RAFT_WEIGHTS names.

    Nothing is downloaded.

    Raises:
        ModelNotFoundError: when neither is a file; says where the weights are published.
    """
    given = path or os.environ.get(RAFT_WEIGHTS)
    if not given or not Path(given).is_file():
        found = f"'{given}' is not a file" if given else "no file is named"
        raise ModelNotFoundError(
            f"the weights of RAFT: {found}; download {_ADDRESS} and name the file in "
            f"'clip_flow_weights' of the config or in {RAFT_WEIGHTS}."
        )
    return Path(given)


def weights_digest(weights: Path) -> str:
    """Return the SHA-256 of the file of weights."""
    return hashlib.sha256(weights.read_bytes()).hexdigest()


def raft_flow(weights: Path, size_px: int) -> FlowMethod:
    """Return RAFT-small, 12 updates, as a flow method for square grey images.

    Reference: Teed and Deng 2020, doi:10.1007/978-3-030-58536-5_24; torchvision's implementation.

    Args:
        weights: torchvision's state dict of `raft_small`.
        size_px: side of the images it will be given.

    Raises:
        ConfigError: without torchvision, for a size it does not take, or for other weights.
    """
    if size_px < _LEAST_PX or size_px % _STRIDE_PX:
        raise ConfigError(
            f"crop_size_px is {size_px}; RAFT takes a multiple of {_STRIDE_PX} from {_LEAST_PX} on."
        )
    try:
        import torch
        from torchvision.models.optical_flow import raft_small
    except (ImportError, RuntimeError) as error:  # one built for another torch fails as it loads
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"RAFT needs torchvision ({reason}): install 'affectfuse[raft]', or choose another "
            "clip_flow."
        ) from error
    network = raft_small(weights=None)
    try:
        network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
    except Exception as error:  # torch raises a dozen kinds for a file that is not its own
        raise ConfigError(f"{weights} holds no weights of torchvision's raft_small.") from error
    network.eval().requires_grad_(False)

    @torch.inference_mode()
    def flow(first: Array, second: Array) -> Array:
        pair = np.stack([first, second]).astype(np.float32) / 127.5 - 1.0
        images = torch.from_numpy(pair)[:, None, None].expand(-1, -1, 3, -1, -1)
        field = network(images[0], images[1], num_flow_updates=_UPDATES)[-1][0]
        return np.ascontiguousarray(field.permute(1, 2, 0).numpy())

    return flow
