"""Micro-expressions: spotted in the stream, cut into clips, recognised, summed up each second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from affectfuse.containers import Interval, Target
from affectfuse.modalities.base import Extractor, Modality, Need, Recognise
from affectfuse.modalities.micro_expression.clips import CLIP_CHANNELS, ClipCutter
from affectfuse.modalities.micro_expression.extractor import MicroExpressionExtractor
from affectfuse.modalities.micro_expression.motion import MotionMeter
from affectfuse.modalities.micro_expression.spotter import PulseSpotter
from affectfuse.modalities.micro_expression.summary import RECOGNISER_DIM, WindowSummary
from affectfuse.recording.alignment import FaceAligner
from affectfuse.signals.flow import FlowName
from affectfuse.signals.interpolation import Interpolation

if TYPE_CHECKING:
    from torch import nn

__all__ = ["CLASSES", "MicroExpression"]

CLASSES = ("happiness", "surprise", "disgust", "repression", "others")


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
        threshold: how far above the face's own noise a pulse must stand to be an expression.
        micro_longest_s: an expression that lasts longer is a macro-expression.
        clip_frames: frames of a clip.
        clip_size_px: side of a clip's frames.
        interpolation: of a clip in time: 'linear' or 'path_graph'.
        embedding_dim: width of the encoder's output.
    """

    name = "micro_expression"
    needs: frozenset[Need] = frozenset({"face"})
    recogniser_target: ClassVar[Target] = Target("micro_expression", CLASSES, "clip", "coder")

    def __init__(
        self,
        window_s: float = 20.0,
        max_age_s: float = 2.0,
        quality_floor: float = 0.2,
        crop_size_px: int = 128,
        smoothing_s: float = 0.5,
        flow: FlowName = "dis",
        threshold: float = 1.5,
        micro_longest_s: float = 0.5,
        clip_frames: int = 8,
        clip_size_px: int = 48,
        interpolation: Interpolation = "linear",
        embedding_dim: int = 16,
    ) -> None:
        self.window_s = window_s
        self.max_age_s = max_age_s
        self.quality_floor = quality_floor
        self.embedding_dim = embedding_dim
        self.latency_s = PulseSpotter.latency_s
        self.sample_shape = WindowSummary.shape(len(CLASSES))
        self.clip_shape = (len(CLIP_CHANNELS), clip_frames, clip_size_px, clip_size_px)
        self._crop_size_px = crop_size_px
        self._smoothing_s = smoothing_s
        self._flow = flow
        self._threshold = threshold
        self._micro_longest_s = micro_longest_s
        self._interpolation = interpolation
        if not window_s > 0:
            raise ValueError(f"window_s is {window_s}; it must be above 0")
        self.extractor()  # refuses a parameter that cannot be used, before a recording is opened

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        return MicroExpressionExtractor(
            aligner=FaceAligner(self._crop_size_px, self._smoothing_s),
            meter=MotionMeter(self._flow),
            spotter=PulseSpotter(self._threshold, self._micro_longest_s),
            cutter=ClipCutter(
                self.clip_shape[1], self.clip_shape[2], self._flow, self._interpolation
            ),
            summary=WindowSummary(self.name, self.window_s, len(CLASSES)),
            classes=CLASSES,
            recognise=recognise,
            annotations=annotations,
        )

    def encoder(self) -> nn.Module:
        from affectfuse.modalities.micro_expression.encoder import SummaryEncoder

        return SummaryEncoder(self.sample_shape[0], self.embedding_dim)

    def recogniser(self) -> nn.Module:
        from affectfuse.modalities.micro_expression.network import TwoStreamNetwork

        return TwoStreamNetwork(self.clip_shape[1], len(CLASSES), RECOGNISER_DIM)
