"""The clip of an expression: aligned, referred to its onset, head motion removed, of fixed size."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from affectfuse.containers import Array
from affectfuse.modalities.micro_expression.motion import ANCHORS
from affectfuse.recording.alignment import AlignedFace
from affectfuse.signals.flow import (
    FlowName,
    fit_rigid,
    flow_method,
    optical_strain,
    rigid_basis,
    sample_field,
)
from affectfuse.signals.interpolation import Interpolation, interpolate_frames

__all__ = ["CLIP_CHANNELS", "ClipCutter", "thumbnail_jpeg"]

CLIP_CHANNELS = ("u", "v", "strain", "grey")
"""Flow from the onset to the right and down, in % of the interocular distance; optical strain in %;
brightness, standardised over the clip."""


class ClipCutter:
    """Cuts clips, float32 (channel, time, height, width) with channels as in `CLIP_CHANNELS`.

    The flow's magnitude is kept: nothing but the brightness is standardised. Head motion during the
    clip is fitted on the anchor points and subtracted everywhere, the depth of a pixel being that
    of a smooth surface through the landmarks.

    Args:
        frames: number of frames a clip is interpolated to, from onset to offset.
        size_px: side of its frames.
        flow: optical flow method.
        interpolation: 'linear' or 'path_graph' (TIM).
    """

    def __init__(
        self, frames: int, size_px: int, flow: FlowName, interpolation: Interpolation
    ) -> None:
        if frames < 2 or size_px < 16:
            raise ValueError(
                f"a clip of {frames} frames of {size_px} pixels; it needs 2 frames and 16 pixels"
            )
        self._frames = frames
        self._size_px = size_px
        self._flow = flow_method(flow)
        self._interpolation = interpolation
        interpolate_frames(np.zeros((1, 1)), np.zeros(1), interpolation)

    def cut(self, faces: Sequence[AlignedFace], onset_s: float, offset_s: float) -> Array | None:
        """Return the clip between two times, or None when fewer than 2 of the faces lie there."""
        step_s = 0.6 * (faces[-1].time_s - faces[0].time_s) / max(len(faces) - 1, 1) if faces else 0
        inside = [f for f in faces if onset_s - step_s <= f.time_s <= offset_s + step_s]
        if len(inside) < 2:
            return None
        greys = [cv2.cvtColor(face.crop, cv2.COLOR_RGB2GRAY) for face in inside]
        times = np.array([face.time_s for face in inside])
        rigid = _RigidField(inside[0], self._size_px)
        frames = np.stack([self._frame(greys[0], grey, rigid) for grey in greys])
        wanted = np.linspace(onset_s, offset_s, self._frames)
        positions = np.interp(wanted, times, np.arange(len(times)))
        clip = interpolate_frames(frames, positions, self._interpolation)
        grey = clip[..., 3]
        clip[..., 3] = (grey - grey.mean()) / (grey.std() + 1e-6)
        return np.ascontiguousarray(clip.transpose(3, 0, 1, 2), dtype=np.float32)

    def _frame(self, onset: Array, grey: Array, rigid: _RigidField) -> Array:
        """Return one frame of the clip before interpolation, (height, width, channel)."""
        flow = rigid.removed_from(self._flow(onset, grey))
        strain = (100.0 / rigid.cell_px) * optical_strain(flow)
        size = (self._size_px, self._size_px)
        small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        percent = 100.0 / rigid.interocular_px
        return np.dstack([percent * flow, strain, small]).astype(np.float32)


class _RigidField:
    """Subtracts the head's own motion from flow fields that start at one face.

    The fields come out at the clip's size, still in pixels of the crop.
    """

    def __init__(self, face: AlignedFace, size_px: int) -> None:
        self.interocular_px = face.interocular_px
        side, landmarks = face.crop.shape[0], face.landmarks
        self.cell_px = side / size_px
        self._size = (size_px, size_px)
        surface = np.linalg.lstsq(_terms(landmarks[:, :2] / side), landmarks[:, 2], rcond=None)[0]
        anchors = landmarks[list(ANCHORS)]
        y, x = (np.mgrid[:size_px, :size_px] + 0.5) * self.cell_px - 0.5
        cells = np.column_stack([x.ravel(), y.ravel(), np.zeros(x.size)])
        deepest = np.abs(landmarks[:, 2]).max()
        points = np.vstack([anchors, cells])
        points[:, 2] = np.clip(_terms(points[:, :2] / side) @ surface, -deepest, deepest)
        basis = rigid_basis(points)
        self._anchors = anchors[:, :2]
        self._anchor_basis, self._cell_basis = basis[: len(anchors)], basis[len(anchors) :]

    def removed_from(self, flow: Array) -> Array:
        """Return the flow (size, size, 2) without the head's part."""
        moved = sample_field(cv2.blur(flow, (3, 3)), self._anchors)
        motion = fit_rigid(
            self._anchor_basis,
            moved,
            np.ones(len(moved)),
            robust_px=0.012 * self.interocular_px,
        )
        small = cv2.resize(flow, self._size, interpolation=cv2.INTER_AREA)
        return np.asarray(small - (self._cell_basis @ motion).reshape(small.shape))


def _terms(points: Array) -> Array:
    """Return the terms of a quadratic surface at points (point, 2), as (point, 6)."""
    x, y = points[:, 0], points[:, 1]
    return np.column_stack([np.ones_like(x), x, y, x * x, x * y, y * y])


def thumbnail_jpeg(face: AlignedFace, size_px: int = 96) -> bytes:
    """Return the crop as a small colour JPEG."""
    small = cv2.resize(face.crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
