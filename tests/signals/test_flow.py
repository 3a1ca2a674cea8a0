"""Optical flow on known displacements, strain on analytic fields, rigid motion, sampling."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from affectfuse.containers import Array
from affectfuse.signals.flow import (
    FLOW_METHODS,
    FlowName,
    fit_rigid,
    flow_method,
    optical_strain,
    rigid_basis,
    sample_field,
)

SIZE = 128
Y, X = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2.0


def texture(seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.normal(size=(SIZE, SIZE)), (0, 0), 2.5)
    return np.asarray(smooth / smooth.std())


def picture(smooth: Array) -> Array:
    return np.clip(128 + 40 * smooth, 0, 255).astype(np.uint8)


def moved(smooth: Array, u: Array, v: Array) -> Array:
    """The texture after a shift by (u, v)."""
    x, y = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    maps = (x - u).astype(np.float32), (y - v).astype(np.float32)
    return cv2.remap(smooth, *maps, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize("name", FLOW_METHODS)
@pytest.mark.parametrize(("u", "v"), [(0.6, -0.3), (-2.0, 1.5)])
def test_flow_finds_a_known_shift(name: FlowName, u: float, v: float) -> None:
    smooth = texture()
    flow = flow_method(name)(picture(smooth), picture(moved(smooth, u + 0 * X, v + 0 * X)))
    assert flow.shape == (SIZE, SIZE, 2)
    inner = flow[16:-16, 16:-16]
    np.testing.assert_allclose(np.median(inner, axis=(0, 1)), [u, v], atol=0.1)
    assert np.sqrt(np.mean((inner - [u, v]) ** 2)) < 0.25


def test_flow_of_a_still_picture_is_zero() -> None:
    still = picture(texture())
    for name in FLOW_METHODS:
        assert np.median(np.abs(flow_method(name)(still, still))) < 0.005


def test_an_unknown_flow_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(ValueError, match="'raft'; allowed: 'dis'"):
        flow_method("raft")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("u", "v", "strain"),
    [
        (0 * X + 3.0, 0 * X - 1.0, 0.0),  # shift
        (-0.01 * Y, 0.01 * X, 0.0),  # turn
        (0.02 * X, 0.02 * Y, 0.02 * np.sqrt(2)),  # dilation
        (0.03 * X, 0 * X, 0.03),  # stretch along one axis
        (0 * X, 0.03 * Y, 0.03),
        (0.04 * Y, 0 * X, 0.04 / np.sqrt(2)),  # shear, either way
        (0 * X, 0.04 * X, 0.04 / np.sqrt(2)),
        (0.02 * Y, 0.02 * X, 0.04 / np.sqrt(2)),  # pure shear
    ],
)
def test_strain_of_analytic_fields(u: Array, v: Array, strain: float) -> None:
    field = np.stack([u, v], axis=-1)
    np.testing.assert_allclose(optical_strain(field), strain, atol=1e-12)
    clip = np.stack([field, 2 * field])
    np.testing.assert_allclose(optical_strain(clip)[1], 2 * strain, atol=1e-12)


def test_a_field_is_sampled_between_pixels() -> None:
    field = np.stack([X + 2 * Y, X * 0 + 5], axis=-1).astype(np.float32)
    middle = (SIZE - 1) / 2.0
    at = np.array([[middle + 0.5, middle], [middle, middle + 1.25], [500.0, middle]])
    np.testing.assert_allclose(
        sample_field(field, at), [[0.5, 5], [2.5, 5], [middle, 5]], atol=0.07
    )  # OpenCV interpolates at 1/32 of a pixel


def test_rigid_motion_is_found_beside_points_that_move_by_themselves() -> None:
    rng = np.random.default_rng(1)
    points = rng.uniform(0, 100, (60, 3))
    turned = 0.02 * np.column_stack([points[:, 2], -points[:, 2]])  # a head turn shows as depth
    rigid = np.array([1.5, -0.5]) + turned + 0.01 * np.column_stack([-points[:, 1], points[:, 0]])
    displacement = rigid + rng.normal(0, 0.02, rigid.shape)
    displacement[:12] += [0.0, -3.0]  # a raised brow
    basis = rigid_basis(points)
    motion = fit_rigid(basis, displacement, np.ones(60), robust_px=0.5, rounds=5)
    np.testing.assert_allclose((basis @ motion)[12:], rigid[12:], atol=0.15)
    np.testing.assert_allclose(
        (displacement - basis @ motion)[:12].mean(axis=0), [0.0, -3.0], atol=0.2
    )
