"""The contract of a data set: a list of recordings with subjects, labels and references.

One file in this folder and one config in `configs/dataset/` add one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from affectfuse.containers import Array, Interval, Target, Track
from affectfuse.recording.base import Recording, RecordingSource

__all__ = ["Dataset", "DatasetItem", "LabelledClip", "Progress"]

Progress = Callable[[str, int, int], None]
"""Called as progress(what, done, total) during long work."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledClip:
    """A clip that comes ready-made: the array (*clip_shape) float32, and its label as coded."""

    label: str
    array: Array


@dataclass(frozen=True, slots=True, eq=False)
class DatasetItem:
    """One recording of one subject and what is known of it.

    Attributes:
        key: unique in the data set, stable between runs.
        subject: who is recorded; splits never put one subject on both sides.
        path: the recording: a file, or a folder of images.
        labels: the state over time, as intervals: `label` is a class of the single-label target
            ('' where it is not labelled), `values` the labels (0 or 1) and scales by name.
        annotations: known intervals by modality name (coded micro-expressions), from which clips
            for its recogniser are cut; 'macro_expression' beside them, for spotting.
        references: true or reference tracks by name (heart rate of a chest strap), for evaluation.
        attributes: further facts to break results down by (skin tone, condition, source);
            'database' names the one that an item of a composite comes from.
        clips: clips that come ready-made (flow images), where `path` is no recording.
        features: samples that come ready-made, by modality, float32 (feature,), for all of the
            item's labels; a modality that is missing here is absent.
        opener: opens the recording where `path` alone does not say how (images, arrays, timestamps
            beside the video); can be pickled.
        beside: further files that the opener reads; with `path` they decide what a cached
            extraction is found by.
    """

    key: str
    subject: str
    path: Path
    labels: tuple[Interval, ...] = ()
    annotations: Mapping[str, tuple[Interval, ...]] = field(default_factory=dict)
    references: Mapping[str, Track] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)
    opener: Callable[[], Recording] | None = None
    clips: tuple[LabelledClip, ...] = ()
    features: Mapping[str, Array] = field(default_factory=dict)
    beside: tuple[Path, ...] = ()

    @property
    def source(self) -> RecordingSource:
        """What `extract_recording` reads."""
        return self.opener or self.path

    def open(self) -> Recording:
        """Open the recording for reading, once.

        Raises:
            RecordingError: when it cannot be read.
        """
        from affectfuse.recording.reader import open_recording  # PyAV is slow to load

        return self.opener() if self.opener is not None else open_recording(self.path)


class Dataset(ABC):
    """Recordings under one root.

    Attributes:
        name: of the data set.
        target: what its labels say; None when it has none (then it is for evaluation only, or for
            encoders that learn from its references). The first, where there are several.
        provenance: one sentence for every output of a model trained on it: who was seen.
    """

    name: str
    target: Target | None
    provenance: str

    @property
    def targets(self) -> tuple[Target, ...]:
        """All that its labels say, the main target first."""
        return () if self.target is None else (self.target,)

    @property
    def skipped(self) -> Mapping[str, str]:
        """What the last `items` left out for a fault in the data, by its place, with the reason."""
        return {}

    @property
    def notes(self) -> Mapping[str, str]:
        """What the last `items` corrected or found missing but could use, by its place."""
        return {}

    def place(self, key: str) -> str:
        """Return where an item of the last `items` is described, for messages: a row of a table."""
        return key

    def prepare(self, progress: Progress | None = None) -> None:
        """Make sure the recordings are there (a synthetic set renders what is missing).

        Raises:
            DatasetError: when the root lacks what the layout says; the message names the expected
                path and says how the data set is obtained.
        """

    @abstractmethod
    def items(self) -> Sequence[DatasetItem]:
        """Return the recordings, ordered by key."""
