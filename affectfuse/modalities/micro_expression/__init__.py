"""Micro-expressions: spotted in the stream, cut into clips, recognised, summed up each second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from affectfuse.containers import Interval, Target
from affectfuse.modalities.base import Extractor, Modality, Need, Recognise
from affectfuse.modalities.micro_expression.clip_settings import (
    Apex,
    ClipFlow,
    ClipSettings,
    FlowReference,
    Interpolated,
    Span,
)
from affectfuse.modalities.micro_expression.clips import CLIP_CHANNELS, ClipCutter
from affectfuse.modalities.micro_expression.extractor import MicroExpressionExtractor
from affectfuse.modalities.micro_expression.motion import MotionMeter, MotionReader
from affectfuse.modalities.micro_expression.spotters import (
    SpotterName,
    build_spotter,
    learned_on,
    spotter_latency_s,
)
from affectfuse.modalities.micro_expression.summary import RECOGNISER_DIM, WindowSummary
from affectfuse.recording.alignment import FaceAligner
from affectfuse.signals.flow import FlowName
from affectfuse.signals.interpolation import Interpolation

if TYPE_CHECKING:
    from torch import nn

    from affectfuse.modalities.micro_expression.network import Variant

__all__ = ["CLASSES", "MicroExpression"]

CLASSES = ("happiness", "surprise", "disgust", "repression", "others")
COMPACT = "compact"
"""The spatial stream that is affectfuse's own."""


class MicroExpression(Modality):
    """Micro-expressions in face video.

    Tracks: the interval tracks `micro_expression`, `macro_expression` and `blink`, and
    `facial_motion` once a second. Sample: a summary of the last `window_s`. Clip: float32
    (channel, time, height, width), see `ClipCutter`.

    Args:
        window_s: how much of the past one summary covers.
        max_age_s: a summary older than this is absent.
        quality_floor: a summary whose window was watched for a smaller share is absent.
        crop_size_px: side of the aligned face.
        smoothing_s: time constant of the alignment at rest.
        flow: optical flow method: 'dis', 'dis_medium', 'farneback' or 'tvl1'.
        threshold: from which an expression counts: with the spotter 'learned' its confidence, with
            'pulse' its strength in noise levels of the face; None takes the spotter's own.
        micro_longest_s: an expression that lasts longer is a macro-expression.
        clip_frames: frames of a clip.
        clip_size_px: side of a clip's frames.
        interpolation: of a clip in time: 'linear' or 'path_graph'.
        embedding_dim: width of the encoder's output.
        clip_flow: flow method of clips, which may also be 'raft'; None: as `flow`.
        clip_flow_weights: file of RAFT's weights.
        clip_flow_reference: what flow is measured from: 'onset' or 'previous' frame.
        clip_interpolated: what is interpolated: 'flow' or 'frames'.
        clip_span: 'onset_offset' or 'onset_apex'.
        clip_apex: where the apex is, for a span that ends there: 'coded', 'flow' or 'midpoint'.
        magnification: alpha of Eulerian motion magnification; 0: none.
        magnification_band_hz: its temporal band.
        magnification_displacement_percent: the largest displacement it is made for, in % of the
            interocular distance.
        classes: what the recogniser tells apart.
        network: its variant: 'two_stream', 'flow' or 'appearance'.
        backbone: its spatial stream: 'compact', or the name of a model of timm.
        backbone_weights: what a model of timm starts training from: a file, 'pretrained' for the
            weights that timm downloads, or None for random ones.
        action_units: what its second head predicts ('au12'); none: no such head.
        test_time_augmentation: 'none' or 'mirror': the mean over a clip and its mirror image.
        spotter: what finds expressions: 'learned', a small network, or 'pulse', signal processing.
        spotter_weights: file of the learned one; None takes the one shipped, which has seen no
            real person.
    """

    name = "micro_expression"
    needs: frozenset[Need] = frozenset({"face"})

    def __init__(
        self,
        window_s: float = 20.0,
        max_age_s: float = 2.0,
        quality_floor: float = 0.2,
        crop_size_px: int = 128,
        smoothing_s: float = 0.5,
        flow: FlowName = "dis",
        threshold: float | None = None,
        micro_longest_s: float = 0.5,
        clip_frames: int = 8,
        clip_size_px: int = 48,
        interpolation: Interpolation = "linear",
        embedding_dim: int = 16,
        clip_flow: ClipFlow | None = None,
        clip_flow_weights: str | None = None,
        clip_flow_reference: FlowReference = "onset",
        clip_interpolated: Interpolated = "flow",
        clip_span: Span = "onset_offset",
        clip_apex: Apex = "coded",
        magnification: float = 0.0,
        magnification_band_hz: Sequence[float] = (0.3, 10.0),
        magnification_displacement_percent: float = 1.0,
        classes: Sequence[str] = CLASSES,
        network: Variant = "two_stream",
        backbone: str = COMPACT,
        backbone_weights: str | None = None,
        action_units: Sequence[str] = (),
        test_time_augmentation: Literal["none", "mirror"] = "none",
        spotter: SpotterName = "learned",
        spotter_weights: str | None = None,
    ) -> None:
        self.window_s = window_s
        self.max_age_s = max_age_s
        self.quality_floor = quality_floor
        self.embedding_dim = embedding_dim
        self.latency_s = spotter_latency_s(spotter)
        self.recogniser_target = Target("micro_expression", tuple(classes), "clip", "coder")
        self.action_units = tuple(action_units)
        self.sample_shape = WindowSummary.shape(len(classes))
        self.clip_shape = (len(CLIP_CHANNELS), clip_frames, clip_size_px, clip_size_px)
        self._classes = tuple(classes)
        self._crop_size_px = crop_size_px
        self._smoothing_s = smoothing_s
        self._flow = flow
        self._threshold = threshold
        self._micro_longest_s = micro_longest_s
        self._spotter = spotter
        self._spotter_weights = spotter_weights
        low_hz, high_hz = magnification_band_hz
        self._clips = ClipSettings(
            frames=clip_frames,
            size_px=clip_size_px,
            flow=clip_flow or flow,
            flow_weights=clip_flow_weights,
            flow_reference=clip_flow_reference,
            interpolation=interpolation,
            interpolated=clip_interpolated,
            span=clip_span,
            apex=clip_apex,
            magnification=magnification,
            magnification_band_hz=(low_hz, high_hz),
            magnification_displacement_percent=magnification_displacement_percent,
        )
        self._network = network
        self._backbone = backbone
        self._backbone_weights = backbone_weights
        self._test_time_augmentation = test_time_augmentation
        if not window_s > 0:
            raise ValueError(f"window_s is {window_s}; it must be above 0")
        _check_network(network, backbone, backbone_weights, test_time_augmentation)
        for unit in self.action_units:
            if not (unit.startswith("au") and unit[2:].isdigit()):
                raise ValueError(f"action unit '{unit}'; write them as 'au12'")
        self.extractor()  # refuses a parameter that cannot be used, before a recording is opened

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        return MicroExpressionExtractor(
            motion=self.motion_reader(),
            spotter=build_spotter(
                self._spotter, self._threshold, self._micro_longest_s, self._spotter_weights
            ),
            cutter=ClipCutter(self._clips, self._crop_size_px),
            summary=WindowSummary(self.name, self.window_s, len(self._classes)),
            classes=self._classes,
            recognise=recognise,
            annotations=annotations,
        )

    def motion_reader(self) -> MotionReader:
        """Return what measures facial motion in the extractor, for one recording."""
        return MotionReader(
            FaceAligner(self._crop_size_px, self._smoothing_s), MotionMeter(self._flow)
        )

    def learned_parts(self) -> Mapping[str, str]:
        seen = learned_on(self._spotter, self._spotter_weights)
        return {"spotter": seen} if seen else {}

    def encoder(self) -> nn.Module:
        from affectfuse.modalities.micro_expression.encoder import SummaryEncoder

        return SummaryEncoder(self.sample_shape[0], self.embedding_dim)

    def recogniser(self) -> nn.Module:
        return self._new_recogniser(None)

    def recogniser_to_train(self) -> nn.Module:
        return self._new_recogniser(self._backbone_weights)

    def clip_steps(self) -> Sequence[dict[str, Any]]:
        align = {
            "step": "align and crop",
            "by": f"{FaceAligner.__module__}.{FaceAligner.__qualname__}",
            "crop_size_px": self._crop_size_px,
            "smoothing_s": self._smoothing_s,
        }
        return (align, *ClipCutter(self._clips, self._crop_size_px).steps())

    def _new_recogniser(self, backbone_weights: str | None) -> nn.Module:
        from affectfuse.modalities.micro_expression.network import TwoStreamNetwork

        backbone = None
        if self._backbone != COMPACT:
            from affectfuse.modalities.micro_expression.backbones import timm_backbone

            backbone = timm_backbone(self._backbone, backbone_weights)
        return TwoStreamNetwork(
            self.clip_shape[1],
            len(self._classes),
            RECOGNISER_DIM,
            variant=self._network,
            backbone=backbone,
            n_action_units=len(self.action_units),
            mirror=self._test_time_augmentation == "mirror",
            flow_reference=self._clips.flow_reference,
        )


def _check_network(
    network: str, backbone: str, backbone_weights: str | None, test_time_augmentation: str
) -> None:
    """Refuse what does not fit together, without loading torch."""
    if network not in ("two_stream", "flow", "appearance"):
        raise ValueError(f"network is '{network}'; allowed: 'two_stream', 'flow', 'appearance'")
    if test_time_augmentation not in ("none", "mirror"):
        raise ValueError(
            f"test_time_augmentation is '{test_time_augmentation}'; allowed: 'none', 'mirror'"
        )
    if network == "flow" and backbone != COMPACT:
        raise ValueError(
            f"backbone is '{backbone}', but network 'flow' has no spatial stream; leave '{COMPACT}'"
        )
    if backbone == COMPACT and backbone_weights is not None:
        raise ValueError(
            f"backbone_weights is '{backbone_weights}', but the compact stream has none; name a "
            "model of timm as backbone, or leave null"
        )
