"""Observations in, readings and ticks out: the one path that scoring, training and live share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from affectfuse.containers import (
    Frame,
    Interval,
    ModalitySample,
    Observation,
    Reading,
    Tick,
    Track,
)
from affectfuse.errors import ConfigError
from affectfuse.modalities.base import Extractor, Modality, Recognise
from affectfuse.recording.base import Recording, RecordingSource
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.prefetch import available_cores, prefetch
from affectfuse.recording.reader import open_recording

__all__ = ["FACE_VISIBLE", "FusionClock", "extract", "extract_recording", "observe", "start"]

_DEPTH = 8
"""Observations that may wait between two threads: enough to keep both busy, little memory."""

FACE_VISIBLE = "face_visible"
"""Name of the track that says, once a second, which share of that second's frames show a face."""


class FusionClock:
    """Beats once a second and holds the newest sample of each modality.

    A modality is absent at a tick when it has given no sample, when its newest is older than the
    modality's `max_age_s`, or when that sample's quality lies below its `quality_floor`.
    """

    def __init__(self, modalities: Iterable[Modality], period_s: float = 1.0) -> None:
        self._modalities = {modality.name: modality for modality in modalities}
        self._period_s = period_s
        self._newest: dict[str, ModalitySample] = {}
        self._beats = 1

    @property
    def next_s(self) -> float:
        """Time of the next tick: the end of its window."""
        return self._beats * self._period_s

    def offer(self, sample: ModalitySample) -> None:
        """Take a sample; it counts from the next tick on."""
        self._newest[sample.modality] = sample

    def tick(self) -> Tick:
        """Beat: return what each modality has now, and move on."""
        time_s = self.next_s
        self._beats += 1
        return Tick(time_s, {name: self._current(name, time_s) for name in self._modalities})

    def _current(self, name: str, time_s: float) -> ModalitySample | None:
        sample, modality = self._newest.get(name), self._modalities[name]
        if sample is None or time_s - sample.offset_s > modality.max_age_s:
            return None
        return sample if sample.quality >= modality.quality_floor else None


class _FaceCount:
    """Counts, between ticks, the frames that show a face."""

    def __init__(self) -> None:
        self._frames = self._faces = 0

    def push(self, frame: Frame) -> None:
        self._frames += 1
        self._faces += frame.face is not None

    def track(self, time_s: float) -> Track:
        seen = self._frames > 0
        share = self._faces / self._frames if seen else np.nan
        self._frames = self._faces = 0
        return Track.reading(FACE_VISIBLE, "fraction", time_s, share, float(seen))


def extract(
    observations: Iterable[Observation],
    modalities: Mapping[str, Modality],
    extractors: Mapping[str, Extractor],
) -> Iterator[Reading | Tick]:
    """Run the extractors over the observations (merged by time, faces found) and beat the clock.

    Yields readings as they become known and one `Tick` a second, in order; a tick comes when the
    first observation at or after its time arrives, or at the end when the recording lasted so long.
    NumPy's linear algebra gets one thread meanwhile: these arrays are small, and finding faces
    needs the cores.
    """
    with threadpool_limits(1, "blas"):
        yield from _extract(observations, modalities, extractors)


def _extract(
    observations: Iterable[Observation],
    modalities: Mapping[str, Modality],
    extractors: Mapping[str, Extractor],
) -> Iterator[Reading | Tick]:
    clock = FusionClock(modalities.values())
    faces = _FaceCount()

    def beat() -> Iterator[Reading | Tick]:
        time_s = clock.next_s
        yield faces.track(time_s)
        for name, extractor in extractors.items():
            yield from _offered(extractor.tick(time_s), modalities[name], clock)
        yield clock.tick()

    end_s = previous_s = -np.inf
    for observation in observations:
        while observation.time_s >= clock.next_s:
            yield from beat()
        for name, extractor in extractors.items():
            yield from _offered(extractor.push(observation), modalities[name], clock)
        if isinstance(observation, Frame):
            faces.push(observation)
            step_s = observation.time_s - previous_s if np.isfinite(previous_s) else 0.0
            previous_s = observation.time_s
            end_s = max(end_s, observation.time_s + step_s)
        else:
            end_s = max(end_s, observation.time_s)
    while clock.next_s <= end_s + 1e-6:
        yield from beat()
    for extractor in extractors.values():
        yield from extractor.flush()


def _offered(
    readings: Iterable[Reading], modality: Modality, clock: FusionClock
) -> Iterator[Reading]:
    for reading in readings:
        if isinstance(reading, ModalitySample):
            wanted = (modality.name, tuple(modality.sample_shape))
            if (reading.modality, reading.array.shape) != wanted:
                raise ConfigError(
                    f"the modality '{modality.name}' yields a sample of '{reading.modality}' of "
                    f"shape {reading.array.shape}; it must be of its own name, and of its "
                    f"sample_shape, {wanted[1]}: put its extractor right."
                )
            clock.offer(reading)
        yield reading


def observe(
    recording: Recording, modalities: Iterable[Modality], faces: FaceTracker
) -> Iterator[Observation]:
    """Yield a recording's observations with faces found.

    Reading and finding run in threads, where there is more than one core for them.
    """
    threads = available_cores() > 1

    def ahead(items: Iterator[Observation]) -> Iterator[Observation]:
        return prefetch(items, depth=_DEPTH) if threads else items

    observations = ahead(recording.observations())
    if not any("face" in modality.needs for modality in modalities):
        return observations
    return ahead(faces.track(seen) if isinstance(seen, Frame) else seen for seen in observations)


def extract_recording(
    source: RecordingSource,
    modalities: Mapping[str, Modality],
    *,
    recognise: Mapping[str, Recognise] | None = None,
    annotations: Mapping[str, Sequence[Interval]] | None = None,
    notes: list[str] | None = None,
) -> Iterator[Reading | Tick]:
    """Open a recording, find its faces and extract.

    Args:
        source: a file, camera or stream, or a function that opens the recording.
        modalities: by name.
        recognise: the trained recogniser of each modality that has one.
        annotations: known intervals by modality name, see `Modality.extractor`.
        notes: to which the recording's notes are added at its end: what went wrong.
    """
    extractors = start(modalities, recognise, annotations)
    opened = source() if callable(source) else open_recording(source)
    with opened as recording, FaceTracker() as faces:
        yield from extract(observe(recording, modalities.values(), faces), modalities, extractors)
        if notes is not None:
            notes += recording.notes


def start(
    modalities: Mapping[str, Modality],
    recognise: Mapping[str, Recognise] | None = None,
    annotations: Mapping[str, Sequence[Interval]] | None = None,
) -> dict[str, Extractor]:
    """Return a fresh extractor of each modality, for one recording."""
    recognise, annotations = recognise or {}, annotations or {}
    return {
        name: modality.extractor(recognise.get(name), annotations.get(name))
        for name, modality in modalities.items()
    }
