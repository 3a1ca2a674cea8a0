"""How a clip is made: every choice, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from affectfuse.signals.flow import FlowName
from affectfuse.signals.interpolation import Interpolation

__all__ = ["Apex", "ClipFlow", "ClipSettings", "FlowReference", "Interpolated", "Span"]

ClipFlow = FlowName | Literal["raft"]
FlowReference = Literal["onset", "previous"]
Interpolated = Literal["flow", "frames"]
Span = Literal["onset_offset", "onset_apex"]
Apex = Literal["coded", "flow", "midpoint"]


@dataclass(frozen=True, slots=True)
class ClipSettings:
    """How a clip is made.

    Attributes:
        frames: number of frames a clip is interpolated to.
        size_px: side of its frames.
        flow: optical flow method, one of `FLOW_METHODS` or 'raft'.
        flow_weights: file of RAFT's weights; None: what AFFECTFUSE_RAFT_WEIGHTS names.
        flow_reference: 'onset': flow from the first frame to each; 'previous': from each frame of
            the clip to the next, which needs interpolated frames.
        interpolation: 'linear' or 'path_graph' (TIM).
        interpolated: what is interpolated: 'flow', measured on all recorded frames, or 'frames',
            between which flow is then measured.
        span: what a clip covers: 'onset_offset', in which the apex is not used, or 'onset_apex'.
        apex: where the apex is: 'coded' (annotated or spotted; where it is not known, as 'flow');
            'flow', the frame of maximal flow from the onset; 'midpoint' of onset and offset.
        magnification: alpha of `magnify_motion`; 0: none.
        magnification_band_hz: its temporal band.
        magnification_displacement_percent: its largest displacement, in % of the interocular
            distance.
    """

    frames: int
    size_px: int
    flow: ClipFlow
    flow_weights: str | None
    flow_reference: FlowReference
    interpolation: Interpolation
    interpolated: Interpolated
    span: Span
    apex: Apex
    magnification: float
    magnification_band_hz: tuple[float, float]
    magnification_displacement_percent: float

    def __post_init__(self) -> None:
        if self.frames < 2 or self.size_px < 16:
            raise ValueError(
                f"a clip of {self.frames} frames of {self.size_px} pixels; it needs 2 frames and "
                "16 pixels"
            )
        for name, kind in (
            ("flow_reference", FlowReference),
            ("interpolated", Interpolated),
            ("span", Span),
            ("apex", Apex),
        ):
            if getattr(self, name) not in get_args(kind):
                allowed = ", ".join(f"'{known}'" for known in get_args(kind))
                raise ValueError(f"clip_{name} is '{getattr(self, name)}'; allowed: {allowed}")
        if self.flow_reference == "previous" and self.interpolated != "frames":
            raise ValueError(
                "clip_flow_reference is 'previous', which is measured between the frames of the "
                "clip: set clip_interpolated to 'frames'"
            )
