"""Motion magnification: small motions of a clip made larger, before flow is measured."""

from __future__ import annotations

import cv2
import numpy as np

from affectfuse.containers import Array

__all__ = ["magnify_motion", "temporal_band"]

_COARSEST_PX = 8  # side of the smallest level of the pyramid


def magnify_motion(
    frames: Array,
    times_s: Array,
    *,
    alpha: float,
    band_hz: tuple[float, float],
    displacement_px: float,
) -> Array:
    """Return the frames with their motion about 1 + alpha times as large: linear, Eulerian.

    Each level of a Laplacian pyramid is filtered in time and the result, times alpha, is added to
    the frame. Where a level's wavelength L is too short for that to look like motion, which for
    displacements up to `displacement_px` holds below L = 8 (1 + alpha) displacement_px, alpha falls
    to L / (8 displacement_px) - 1, and to 0 for the finest levels. The filter starts at rest with
    the first frame, which comes back as it is: motion is magnified about the first frame.

    Reference: Wu et al. 2012, "Eulerian video magnification for revealing subtle changes in the
    world", doi:10.1145/2185520.2185561. Deviations: grey images only; the first-order filters take
    the frames' own times; the coarsest level is magnified too, since the clip is aligned already.

    Args:
        frames: grey (time, height, width), any range.
        times_s: (time,), ascending.
        alpha: magnification; 0 changes nothing.
        band_hz: lower and upper cutoff of the temporal filter.
        displacement_px: the largest displacement that is to look like motion.

    Returns:
        float32 (time, height, width); values may leave the range of the frames.

    Raises:
        ValueError: for parameters that cannot be used.
    """
    low_hz, high_hz = band_hz
    if not (alpha >= 0 and 0 <= low_hz < high_hz and displacement_px > 0):
        raise ValueError(
            f"magnification {alpha} in the band {low_hz} to {high_hz} Hz up to {displacement_px} "
            "px; it must be 0 or more, the band ascending, the displacement above 0"
        )
    frames = frames.astype(np.float32)
    levels = _pyramid(frames)
    added = np.zeros_like(levels[-1])
    for depth in reversed(range(len(levels))):
        if depth < len(levels) - 1:
            added = np.stack([_enlarged(image, levels[depth].shape[1:]) for image in added])
        strength = np.clip(3.0 * 2**depth / (8.0 * displacement_px) - 1.0, 0.0, alpha)
        added += np.float32(strength) * temporal_band(levels[depth], times_s, band_hz)
    return frames + added


def temporal_band(values: Array, times_s: Array, band_hz: tuple[float, float]) -> Array:
    """Return values (time, ...) less than their slow changes, smoothed: 0 at the first of them.

    It is the difference of two first-order low-passes, one at each end of the band.
    """
    steps_s = np.diff(times_s, prepend=times_s[0])
    slow, quick = values[0].astype(np.float32), values[0].astype(np.float32)
    band = np.empty(values.shape, np.float32)
    for i, step_s in enumerate(steps_s):
        slow_gain, quick_gain = (np.float32(-np.expm1(-2 * np.pi * f * step_s)) for f in band_hz)
        slow = slow + slow_gain * (values[i] - slow)
        quick = quick + quick_gain * (values[i] - quick)
        band[i] = quick - slow
    return band


def _pyramid(frames: Array) -> list[Array]:
    """Return the Laplacian pyramid, finest first: level n holds wavelengths of about 3 * 2^n px."""
    levels = []
    while min(frames.shape[1:]) >= 2 * _COARSEST_PX:
        smaller = np.stack([cv2.pyrDown(frame) for frame in frames])
        back = np.stack([_enlarged(image, frames.shape[1:]) for image in smaller])
        levels.append(frames - back)
        frames = smaller
    return [*levels, frames]


def _enlarged(image: Array, shape: tuple[int, ...]) -> Array:
    return np.asarray(cv2.pyrUp(image, dstsize=(shape[1], shape[0])))
