"""Optical flow and what is derived from it: strain and rigid motion.

A flow field is float32 (height, width, 2): where each pixel of the first image lies in the second,
as a displacement (u to the right, v downwards) in pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import cv2
import numpy as np

from affectfuse.containers import Array

__all__ = [
    "FLOW_METHODS",
    "FlowMethod",
    "FlowName",
    "fit_rigid",
    "flow_method",
    "optical_strain",
    "rigid_basis",
    "sample_field",
]

FlowName = Literal["dis", "dis_medium", "farneback", "tvl1"]
FlowMethod = Callable[[Array, Array], Array]
"""Takes two grey images, uint8 (height, width); returns the flow from the first to the second."""

FLOW_METHODS: tuple[FlowName, ...] = ("dis", "dis_medium", "farneback", "tvl1")


def flow_method(name: FlowName) -> FlowMethod:
    """Return an optical flow method by name.

    'dis' is the ultrafast preset taken down to half the image's size (the preset stops at a
    quarter) with 8 iterations: on displacements of a pixel or two it has nearly the signal to noise
    of 'dis_medium' at a quarter of its time.

    References: DIS, Kroeger et al. 2016, doi:10.1007/978-3-319-46493-0_29; Farneback 2003,
    doi:10.1007/3-540-45103-X_50; TV-L1, Zach, Pock and Bischof 2007,
    doi:10.1007/978-3-540-74936-3_22.

    Raises:
        ValueError: for a name that is not in `FLOW_METHODS`.
    """
    library: Any = cv2
    if name == "dis":
        quick = library.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        quick.setFinestScale(1)
        quick.setGradientDescentIterations(8)
        return lambda first, second: quick.calc(first, second, None)
    if name == "dis_medium":
        medium = library.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        return lambda first, second: medium.calc(first, second, None)
    if name == "farneback":
        return _farneback
    if name == "tvl1":
        tvl1 = library.optflow.DualTVL1OpticalFlow_create()
        return lambda first, second: tvl1.calc(first, second, None)
    allowed = ", ".join(f"'{known}'" for known in FLOW_METHODS)
    raise ValueError(f"flow method is '{name}'; allowed: {allowed}")


def _farneback(first: Array, second: Array) -> Array:
    start = np.zeros((*first.shape, 2), np.float32)
    return cv2.calcOpticalFlowFarneback(first, second, start, 0.5, 3, 15, 3, 5, 1.1, 0)


def optical_strain(flow: Array) -> Array:
    """Return the strain magnitude sqrt(u_x^2 + v_y^2 + (u_y + v_x)^2 / 2) of a flow field.

    It is the Frobenius norm of the symmetric part of the displacement's gradient: 0 for any shift
    and (to first order) any turn of the whole image.

    Args:
        flow: (..., height, width, 2), displacement in pixels.

    Returns:
        (..., height, width), dimensionless.
    """
    u_y, u_x = np.gradient(flow[..., 0], axis=(-2, -1))
    v_y, v_x = np.gradient(flow[..., 1], axis=(-2, -1))
    strain: Array = np.sqrt(u_x**2 + v_y**2 + 0.5 * (u_y + v_x) ** 2)
    return strain


def sample_field(field: Array, points: Array) -> Array:
    """Return the values of a field (height, width, channel) at points (point, 2) x, y: bilinear.

    Points outside take the value at the border.
    """
    x, y = points.astype(np.float32).T[:, :, None]
    values = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(values[:, 0], dtype=np.float64)


def rigid_basis(points: Array) -> Array:
    """Return what a small rigid head motion can do to points (point, 3), as (point, 4).

    Under weak perspective a head that shifts, turns or comes nearer displaces a point at x, y, z by
    a linear function of (1, x, y, z) in each image axis; depth is what tells a turn from a shift.
    """
    centred = points - points.mean(axis=0)
    return np.column_stack([np.ones(len(points)), centred / np.abs(centred).max()])


def fit_rigid(
    basis: Array, displacement: Array, weights: Array, *, robust_px: float, rounds: int = 2
) -> Array:
    """Return the rigid motion (4, 2) that explains displacements (point, 2) best.

    Weighted least squares with a little ridge, then reweighted so that points which move by
    themselves (more than about `robust_px` off) lose their say (Geman-McClure weights).
    """
    ridge = 1e-3 * weights.sum() * np.diag([0.0, 1.0, 1.0, 1.0])
    w = weights
    for _ in range(rounds + 1):
        weighted = basis.T * w
        motion: Array = np.linalg.solve(weighted @ basis + ridge, weighted @ displacement)
        residual = displacement - basis @ motion
        w = weights / (1.0 + np.sum(residual**2, axis=1) / robust_px**2) ** 2
    return motion
