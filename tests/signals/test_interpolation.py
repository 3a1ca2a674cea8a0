"""Interpolation of clips in time: frames come back at their own places, and what lies between."""

from __future__ import annotations

import numpy as np
import pytest

from affectfuse.signals.interpolation import (
    INTERPOLATIONS,
    Interpolation,
    interpolate_frames,
    interpolation_weights,
)


@pytest.mark.parametrize("method", INTERPOLATIONS)
def test_frames_are_reproduced_at_their_places(method: Interpolation) -> None:
    frames = np.random.default_rng(0).normal(size=(9, 4, 5, 2)).astype(np.float32)
    whole = interpolate_frames(frames, np.arange(9.0), method)
    np.testing.assert_allclose(whole, frames, atol=1e-5)
    ends = interpolate_frames(frames, np.array([0.0, 8.0]), method)
    np.testing.assert_allclose(ends, frames[[0, -1]], atol=1e-5)
    weights = interpolation_weights(np.linspace(0, 8, 16), 9, method)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0)


def test_linear_lies_between_neighbours() -> None:
    frames = np.array([0.0, 10.0, 30.0])[:, None]
    between = interpolate_frames(frames, np.array([0.25, 1.5]), "linear")
    np.testing.assert_allclose(between[:, 0], [2.5, 20.0])


def test_path_graph_is_the_least_squares_embedding_of_the_paper() -> None:
    """Against the construction itself: SVD of the frames, sine curves of the path graph."""
    frames = np.random.default_rng(1).normal(size=(6, 40))
    n, mean = len(frames), frames.mean(axis=0)
    u, s, vt = np.linalg.svd((frames - mean).T, full_matrices=False)
    u, coordinates = u[:, : n - 1], s[: n - 1, None] * vt[: n - 1]

    def curve(t: np.ndarray) -> np.ndarray:  # t in [1/n, 1]
        k = np.arange(1, n)[:, None]
        return np.sin(np.pi * k * t + np.pi * (n - k) / (2 * n))

    to_space = np.linalg.lstsq(curve(np.arange(1, n + 1) / n).T, coordinates.T, rcond=None)[0]
    positions = np.linspace(0, n - 1, 11)
    expected = (u @ to_space.T @ curve((positions + 1) / n)).T + mean
    np.testing.assert_allclose(
        interpolate_frames(frames, positions, "path_graph"), expected, atol=1e-5
    )


def test_what_cannot_be_used_is_refused() -> None:
    with pytest.raises(ValueError, match="0 to 2"):
        interpolation_weights(np.array([2.5]), 3, "linear")
    with pytest.raises(ValueError, match="'cubic'; allowed: 'linear', 'path_graph'"):
        interpolation_weights(np.array([0.5]), 3, "cubic")  # type: ignore[arg-type]
