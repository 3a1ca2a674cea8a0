"""The clip of an expression: aligned, referred to its onset, head motion removed, of fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.modalities.micro_expression.clip_settings import ClipSettings
from affectfuse.modalities.micro_expression.head_motion import HeadMotion
from affectfuse.modalities.micro_expression.raft import find_weights, raft_flow, weights_digest
from affectfuse.recording.alignment import AlignedFace
from affectfuse.signals.flow import FlowMethod, flow_method, optical_strain
from affectfuse.signals.interpolation import interpolate_frames
from affectfuse.signals.magnification import magnify_motion

__all__ = ["CLIP_CHANNELS", "ClipCutter", "thumbnail_jpeg"]

CLIP_CHANNELS = ("u", "v", "strain", "grey")
"""Flow from the onset to the right and down, in % of the interocular distance; optical strain in %;
brightness, standardised over the clip."""


class ClipCutter:
    """Cuts clips, float32 (channel, time, height, width) with channels as in `CLIP_CHANNELS`.

    The flow's magnitude is kept: nothing but the brightness is standardised. Every step is a
    function of its own, and `steps` lists them with their parameters.

    Args:
        settings: see there.
        crop_size_px: side of the aligned faces it will be given.
    """

    def __init__(self, settings: ClipSettings, crop_size_px: int) -> None:
        self._settings = settings
        self._weights = find_weights(settings.flow_weights) if settings.flow == "raft" else None
        self._flow: FlowMethod
        if settings.flow == "raft":
            assert self._weights is not None
            self._flow = raft_flow(self._weights, crop_size_px)
        else:
            self._flow = flow_method(settings.flow)
        # What these refuse is refused before a recording is opened.
        interpolate_frames(np.zeros((1, 1)), np.zeros(1), settings.interpolation)
        self._magnified(np.zeros((1, 16, 16)), np.zeros(1), 1.0)

    def steps(self) -> tuple[dict[str, Any], ...]:
        """Return what is done to aligned crops, in order: how were these flow images made?"""
        s = self._settings
        interpolate: dict[str, Any] = {
            "step": f"interpolate {s.interpolated}",
            "by": _name(interpolate_frames),
            "method": s.interpolation,
            "frames": s.frames,
            "from": "onset",
            "to": "offset" if s.span == "onset_offset" else "apex",
        }
        flow: dict[str, Any] = {
            "step": "measure flow",
            "by": _name(raft_flow if s.flow == "raft" else flow_method),
            "method": s.flow,
            "reference": s.flow_reference,
        }
        if self._weights is not None:
            flow |= {"weights": str(self._weights), "sha256": weights_digest(self._weights)}
        steps: list[dict[str, Any]] = []
        if s.magnification:
            steps.append(
                {
                    "step": "magnify motion",
                    "by": _name(magnify_motion),
                    "alpha": s.magnification,
                    "band_hz": list(s.magnification_band_hz),
                    "displacement_percent": s.magnification_displacement_percent,
                }
            )
        if s.span == "onset_apex":
            rule = "coded, else the frame of maximal flow" if s.apex == "coded" else s.apex
            steps.append({"step": "find the apex", "by": _name(maximal_flow), "apex": rule})
        if s.interpolated == "frames":
            steps.append(interpolate)
        steps += [
            flow,
            {"step": "remove head motion", "by": _name(HeadMotion), "size_px": s.size_px},
            {"step": "measure strain", "by": _name(optical_strain)},
        ]
        if s.interpolated == "flow":
            steps.append(interpolate)
        steps.append({"step": "standardise brightness", "by": _name(standardised)})
        return tuple(steps)

    def cut(self, faces: Sequence[AlignedFace], interval: Interval) -> Array | None:
        """Return the clip of an interval, or None when fewer than 2 of the faces lie in it."""
        inside = _between(faces, interval.onset_s, interval.offset_s)
        if len(inside) < 2:
            return None
        s = self._settings
        times = np.array([face.time_s for face in inside])
        head = HeadMotion(inside[0], s.size_px)
        greys = np.stack([cv2.cvtColor(face.crop, cv2.COLOR_RGB2GRAY) for face in inside])
        if s.magnification:
            greys = self._magnified(greys, times, head.interocular_px)
        end_s = interval.offset_s
        if s.span == "onset_apex":
            end_s = self._apex_s(greys, times, head, interval)
        wanted = np.linspace(interval.onset_s, end_s, s.frames)
        positions = np.interp(wanted, times, np.arange(len(times)))
        if s.interpolated == "frames":
            between = interpolate_frames(greys, positions, s.interpolation)
            greys = np.clip(np.rint(between), 0, 255).astype(np.uint8)
            clip = self._channels(greys, head)
        else:
            clip = interpolate_frames(self._channels(greys, head), positions, s.interpolation)
        clip[..., 3] = standardised(clip[..., 3])
        return np.ascontiguousarray(clip.transpose(3, 0, 1, 2), dtype=np.float32)

    def _magnified(self, greys: Array, times_s: Array, interocular_px: float) -> Array:
        s = self._settings
        magnified = magnify_motion(
            greys,
            times_s,
            alpha=s.magnification,
            band_hz=s.magnification_band_hz,
            displacement_px=s.magnification_displacement_percent / 100.0 * interocular_px,
        )
        return np.clip(np.rint(magnified), 0, 255).astype(np.uint8)

    def _apex_s(self, greys: Array, times_s: Array, head: HeadMotion, interval: Interval) -> float:
        if self._settings.apex == "midpoint":
            return 0.5 * (interval.onset_s + interval.offset_s)
        if self._settings.apex == "coded" and interval.apex_s > interval.onset_s:
            return interval.apex_s
        fields = np.stack([head.removed_from(self._flow(greys[0], grey)) for grey in greys[1:]])
        return float(times_s[1 + maximal_flow(fields)])

    def _channels(self, greys: Array, head: HeadMotion) -> Array:
        """Return grey images (time, height, width) as (time, size, size, channel)."""
        onset = self._settings.flow_reference == "onset"
        return np.stack(
            [
                self._frame(greys[0 if onset else max(i - 1, 0)], grey, head)
                for i, grey in enumerate(greys)
            ]
        )

    def _frame(self, reference: Array, grey: Array, head: HeadMotion) -> Array:
        flow = head.removed_from(self._flow(reference, grey))
        strain = (100.0 / head.cell_px) * optical_strain(flow)
        small = cv2.resize(grey, flow.shape[1::-1], interpolation=cv2.INTER_AREA)
        percent = 100.0 / head.interocular_px
        return np.dstack([percent * flow, strain, small]).astype(np.float32)


def _between(faces: Sequence[AlignedFace], onset_s: float, offset_s: float) -> list[AlignedFace]:
    """Return the faces between two times, give or take a little more than half a frame."""
    step_s = 0.6 * (faces[-1].time_s - faces[0].time_s) / max(len(faces) - 1, 1) if faces else 0.0
    return [face for face in faces if onset_s - step_s <= face.time_s <= offset_s + step_s]


def maximal_flow(fields: Array) -> int:
    """Return which of the flow fields (time, height, width, 2) is the largest in the mean."""
    return int(np.hypot(fields[..., 0], fields[..., 1]).mean(axis=(1, 2)).argmax())


def standardised(greys: Array) -> Array:
    """Return brightness less its mean, by its standard deviation, over the whole clip."""
    return np.asarray((greys - greys.mean()) / (greys.std() + 1e-6))


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def thumbnail_jpeg(face: AlignedFace, size_px: int = 96) -> bytes:
    """Return the crop as a small colour JPEG."""
    small = cv2.resize(face.crop, (size_px, size_px), interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    return encoded.tobytes()
