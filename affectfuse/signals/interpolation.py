"""Interpolation of a clip in time: any number of frames becomes a fixed number."""

from __future__ import annotations

from typing import Literal

import numpy as np

from affectfuse.containers import Array

__all__ = ["INTERPOLATIONS", "Interpolation", "interpolate_frames", "interpolation_weights"]

Interpolation = Literal["linear", "path_graph"]
INTERPOLATIONS: tuple[Interpolation, ...] = ("linear", "path_graph")


def interpolation_weights(positions: Array, n_frames: int, method: Interpolation) -> Array:
    """Return the weights (position, frame) that take n_frames frames to fractional positions.

    A position of 0 is the first frame and n_frames - 1 the last; each row of weights sums to 1 and
    at a whole position the frame itself comes back.

    'path_graph' is the temporal interpolation model (TIM): frames lie on a path graph, whose
    Laplacian eigenvectors are sine curves, and the clip is sampled along that curve. For linearly
    independent frames its least-squares embedding is exact, which leaves the trigonometric
    interpolation computed here. 'linear' mixes the two neighbours.

    Reference: Zhou, Zhao and Pietikainen 2011, doi:10.1109/CVPR.2011.5995345.

    Raises:
        ValueError: for an unknown method, no frames, or a position outside the clip.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if n_frames < 1 or positions.min() < 0 or positions.max() > n_frames - 1:
        raise ValueError(f"positions must lie in 0 to {n_frames - 1}, the frames of the clip")
    frames = np.arange(n_frames)
    if method == "linear":
        weights: Array = np.maximum(0.0, 1.0 - np.abs(positions[:, None] - frames))
        return weights
    if method == "path_graph":
        curve = np.pi * np.arange(1, n_frames) / n_frames  # one frequency an eigenvector
        at_frames = np.cos(np.outer(frames + 0.5, curve))
        at_positions = np.cos(np.outer(positions + 0.5, curve))
        return (1.0 + 2.0 * at_positions @ at_frames.T) / n_frames
    allowed = ", ".join(f"'{known}'" for known in INTERPOLATIONS)
    raise ValueError(f"interpolation is '{method}'; allowed: {allowed}")


def interpolate_frames(frames: Array, positions: Array, method: Interpolation) -> Array:
    """Return the frames (time, ...) at fractional positions, float32 (position, ...)."""
    weights = interpolation_weights(positions, len(frames), method).astype(np.float32)
    return np.tensordot(weights, frames.astype(np.float32), axes=1)
