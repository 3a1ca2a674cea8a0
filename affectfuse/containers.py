"""The few values that cross rooms. No torch, no video library: NumPy and the standard library.

    recording -> Observation -> Reading (Track, IntervalTrack, ModalitySample, Clip)
              -> Tick -> Estimate -> session score -> report

Times are seconds from the start of the recording, read from the source's own timestamps.
Shape words: time, channel, height, width, landmark, class.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "AudioBlock",
    "Clip",
    "Estimate",
    "Face",
    "Frame",
    "Interval",
    "IntervalTrack",
    "ModalitySample",
    "Observation",
    "Place",
    "Reading",
    "SignalBlock",
    "Target",
    "TargetKind",
    "Tick",
    "Track",
]

Array = NDArray[Any]
TargetKind = Literal["classes", "labels", "scales"]


# ---------------------------------------------------------------- observations: what a source gives


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face in one frame.

    Attributes:
        landmarks: (landmark, 3) float32: x and y in pixels of the frame, z in the same unit
            (negative is nearer to the camera); 478 landmarks in MediaPipe's order.
        visibility: how much of the face the frame shows, in [0, 1].
    """

    landmarks: Array
    visibility: float


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One video frame: RGB uint8 (height, width, 3), upright, and the face found in it or None."""

    time_s: float
    image: Array
    face: Face | None = None


@dataclass(frozen=True, slots=True, eq=False)
class AudioBlock:
    """A block of sound: float32 (time, channel) in [-1, 1]; `time_s` is its first sample's."""

    time_s: float
    samples: Array
    sampling_rate_hz: float


@dataclass(frozen=True, slots=True, eq=False)
class SignalBlock:
    """A block of a sensor's readings: values (time, channel) at times_s (time,); units by channel.

    `time_s` is the time of its last reading: the moment from which all of the block is known.
    """

    source: str
    times_s: Array
    values: Array
    channels: tuple[str, ...]
    units: tuple[str, ...]

    @property
    def time_s(self) -> float:
        return float(self.times_s[-1])


Observation = Frame | AudioBlock | SignalBlock


# ------------------------------------------------------------ readings: what an extractor yields


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A reading at its native rate: values (time,) with their true times (time,) in seconds.

    `quality` (time,) lies in [0, 1]; NaN in `values` means "not known then", and `note` says why.
    """

    name: str
    unit: str
    times_s: Array
    values: Array
    quality: Array
    note: str = ""

    def __post_init__(self) -> None:
        lengths = {len(self.times_s), len(self.values), len(self.quality)}
        if len(lengths) != 1:
            raise ValueError(
                f"track '{self.name}' has {len(self.times_s)} times, {len(self.values)} values and "
                f"{len(self.quality)} qualities; the three must be equally long"
            )

    @classmethod
    def reading(
        cls, name: str, unit: str, time_s: float, value: float, quality: float, note: str = ""
    ) -> Track:
        """Return a track of one reading: what a streaming extractor yields at a time."""
        return cls(
            name, unit, np.array([time_s]), np.array([float(value)]), np.array([quality]), note
        )

    @classmethod
    def join(cls, parts: Iterable[Track]) -> Track:
        """Return consecutive parts of one track as one; notes are kept once each, in order."""
        parts = list(parts)
        if len({(part.name, part.unit) for part in parts}) != 1:
            raise ValueError("only parts of one track, with one name and unit, can be joined")
        return cls(
            parts[0].name,
            parts[0].unit,
            np.concatenate([part.times_s for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.quality for part in parts]),
            "; ".join(dict.fromkeys(part.note for part in parts if part.note)),
        )

    def between(self, start_s: float, end_s: float) -> Track:
        """Return the readings with start_s <= time < end_s."""
        keep = (self.times_s >= start_s) & (self.times_s < end_s)
        return Track(
            self.name,
            self.unit,
            self.times_s[keep],
            self.values[keep],
            self.quality[keep],
            self.note,
        )


@dataclass(frozen=True, slots=True)
class Place:
    """A square in a frame: its middle and its side in pixels, turned clockwise by so many degrees.

    Pixels are those of the upright frame, x to the right and y down.
    """

    x_px: float
    y_px: float
    side_px: float
    turn_degrees: float


@dataclass(frozen=True, slots=True, eq=False)
class Interval:
    """Something that begins, may peak, and ends: an expression, a question, a labelled stretch.

    Attributes:
        label: what it is, a class name of some Target or a word of its own.
        apex_s: time of the peak, NaN when there is none or it is not known.
        confidence: probability that it is there and is what the label says, NaN when not estimated.
        values: further numbers by name, units in the names (`displacement_iod_percent`).
        thumbnail_jpeg: a small picture of the face at the apex, or empty.
        place: where in the frame that picture lies, None when it is not known.
    """

    onset_s: float
    offset_s: float
    label: str
    apex_s: float = math.nan
    confidence: float = math.nan
    values: Mapping[str, float] = field(default_factory=dict)
    thumbnail_jpeg: bytes = b""
    place: Place | None = None

    def __post_init__(self) -> None:
        if not self.offset_s >= self.onset_s:
            raise ValueError(
                f"interval '{self.label}' has onset {self.onset_s} s and offset {self.offset_s} s; "
                "the offset must not come before the onset"
            )

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s


@dataclass(frozen=True, slots=True, eq=False)
class IntervalTrack:
    """A track of intervals (spotted micro-expressions, blinks)."""

    name: str
    intervals: tuple[Interval, ...]
    note: str = ""

    @classmethod
    def join(cls, parts: Iterable[IntervalTrack]) -> IntervalTrack:
        """Return parts of one track as one, its intervals ordered by onset."""
        parts = list(parts)
        if len({part.name for part in parts}) != 1:
            raise ValueError("only parts of one interval track can be joined")
        intervals = sorted((i for part in parts for i in part.intervals), key=lambda i: i.onset_s)
        note = "; ".join(dict.fromkeys(part.note for part in parts if part.note))
        return cls(parts[0].name, tuple(intervals), note)


@dataclass(frozen=True, slots=True, eq=False)
class ModalitySample:
    """What one modality knows at a time: the array its encoder takes, float32 (*sample_shape).

    The sample covers onset_s to offset_s; `quality` in [0, 1] is what fusion weighs it by.
    """

    modality: str
    onset_s: float
    offset_s: float
    array: Array
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """A short array about one interval, float32 (*clip_shape): a recogniser's input."""

    modality: str
    interval: Interval
    array: Array


Reading = Track | IntervalTrack | ModalitySample | Clip


# ------------------------------------------------------------------------------ fusion


@dataclass(frozen=True, slots=True, eq=False)
class Tick:
    """One beat of the fusion clock: the sample each modality has at `time_s`, None where absent.

    `time_s` is the end of the tick's window.
    """

    time_s: float
    samples: Mapping[str, ModalitySample | None]


@dataclass(frozen=True, slots=True)
class Target:
    """What a head predicts; it may predict several at once.

    Attributes:
        name: of the target, e.g. 'hidden_state'.
        classes: names of the classes, labels or scales, in the order of the outputs.
        unit: what one label is given to: 'clip', 'window' or 'session'.
        evidence: what stands behind a label: 'coder', 'self-report', 'condition' or 'planted'.
        kind: 'classes': one of them is so; 'labels': each is so or not (action units); 'scales':
            each is a number (valence, arousal).
    """

    name: str
    classes: tuple[str, ...]
    unit: str
    evidence: str
    kind: TargetKind = "classes"

    def __post_init__(self) -> None:
        if self.kind not in get_args(TargetKind):
            allowed = ", ".join(get_args(TargetKind))
            raise ValueError(f"target '{self.name}' is of kind '{self.kind}'; allowed: {allowed}")
        least = 2 if self.kind == "classes" else 1
        if len(self.classes) < least or len(set(self.classes)) != len(self.classes):
            raise ValueError(f"target '{self.name}' needs at least {least} distinct {self.kind}")


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """The fused estimate of one tick.

    Attributes:
        probabilities: by class or label, calibrated; those of one target's classes sum to 1. The
            prior when nothing is present.
        weights: by modality, the weight its evidence had; 0 where it is absent.
        modality_probabilities: by present modality, what it alone would say.
        values: by scale, in the scale's own unit; the mean in training when nothing is present.
        prediction_sets: by target, the classes that cannot be ruled out at the checkpoint's
            coverage; of targets whose conformal quantiles were fitted.
    """

    time_s: float
    probabilities: Mapping[str, float]
    weights: Mapping[str, float]
    modality_probabilities: Mapping[str, Mapping[str, float]]
    values: Mapping[str, float] = field(default_factory=dict)
    prediction_sets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
