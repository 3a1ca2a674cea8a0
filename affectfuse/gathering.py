"""What one pass over a recording yields, gathered into the tracks of a session."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from affectfuse.containers import (
    Estimate,
    Frame,
    IntervalTrack,
    Observation,
    Reading,
    Tick,
    Track,
)
from affectfuse.extraction import extract, observe, start
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.recording.base import Recording
from affectfuse.recording.faces import FaceTracker
from affectfuse.recording.merged import MergedRecording

__all__ = ["Gathered", "Gathering", "Watch", "gather"]

Watch = Callable[[int, float, Tick | Reading | None], None]
"""Called as watch(frames so far, time_s, newest reading or tick) while a recording is read."""

_TOLERANCE_S = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """What one pass over a recording yielded.

    Attributes:
        duration_s: how long it lasted.
        frames: how many were seen.
        tracks: by name.
        intervals: by name.
        quality: by modality, that of its sample at each tick.
        estimates: one a tick; empty without a fused model.
        notes: of the recording, what went wrong.
        face_landmarks: which of MediaPipe's interfaces found faces; None without pictures.
        created: when, UTC, ISO 8601.
        from_cache: whether it was kept from an earlier pass.
    """

    duration_s: float
    frames: int
    tracks: Mapping[str, Track]
    intervals: Mapping[str, IntervalTrack]
    quality: Mapping[str, Track]
    estimates: Sequence[Estimate] = ()
    notes: Sequence[str] = ()
    face_landmarks: str | None = None
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    from_cache: bool = False


def gather(
    recording: Recording,
    modalities: Mapping[str, Modality],
    face: Mapping[str, Any],
    *,
    recognise: Mapping[str, Recognise] | None = None,
    estimate: Callable[[Tick], Estimate] | None = None,
    watch: Watch | None = None,
) -> Gathered:
    """Pass over an open recording once.

    Args:
        recording: read to its end, or until it is stopped.
        modalities: by name.
        face: how the face is found, see `FaceTracker`.
        recognise: the trained recogniser of each modality that has one.
        estimate: the fused model.
        watch: told of progress.
    """
    extractors = start(modalities, recognise)
    session = Gathering()
    with FaceTracker(**face) as faces:
        observations = session.count(observe(recording, modalities.values(), faces))
        for reading in extract(observations, modalities, extractors):
            session.add(reading)
            if isinstance(reading, Tick) and estimate:
                session.estimates.append(estimate(reading))
            if watch:
                watch(session.frames, session.time_s, reading)
        if isinstance(recording, MergedRecording):
            session.end(recording.end_s)
        return Gathered(
            session.time_s,
            session.frames,
            session.tracks(),
            session.intervals(),
            session.quality(),
            session.estimates,
            recording.notes,
            faces.generation if recording.info.width else None,  # finding out loads the model
        )


class _Readings:
    """The parts of one track as plain numbers: hours of readings take a few megabytes."""

    def __init__(self, first: Track) -> None:
        self._name, self._unit = first.name, first.unit
        self._columns = [array("d") for _ in range(3)]
        self._notes: dict[str, None] = {}
        self.add(first)

    def add(self, part: Track) -> None:
        parts = (part.times_s, part.values, part.quality)
        for column, values in zip(self._columns, parts, strict=True):
            column.extend(np.asarray(values, dtype=float).tolist())
        if part.note:
            self._notes[part.note] = None

    def track(self) -> Track:
        times_s, values, quality = (np.array(column) for column in self._columns)
        return Track(self._name, self._unit, times_s, values, quality, "; ".join(self._notes))


class Gathering:
    """Gathers what one pass over a recording yields; grows by a few numbers a second.

    What a recording tells of the time before the session began, modalities may compare with, and
    what comes after its end may tell of the time before; neither is a part of the session.

    Attributes:
        frames: how many were seen.
        time_s: of the latest observation, or the session's end.
        estimates: of the fused model, which the caller appends.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.time_s = 0.0
        self._end_s = math.inf
        self.estimates: list[Estimate] = []
        self._tracks: dict[str, _Readings] = {}
        self._intervals: dict[str, list[IntervalTrack]] = defaultdict(list)
        self._quality: dict[str, _Readings] = {}

    def count(self, observations: Iterator[Observation]) -> Iterator[Observation]:
        """Pass observations on, and count them."""
        for observation in observations:
            self.frames += isinstance(observation, Frame)
            self.time_s = max(self.time_s, observation.time_s)
            yield observation

    def add(self, reading: Reading | Tick) -> None:
        """Keep what is shown or scored of a reading."""
        if isinstance(reading, Track):
            _add(self._tracks, reading)
        elif isinstance(reading, IntervalTrack):
            self._intervals[reading.name].append(reading)
        elif isinstance(reading, Tick):
            for name, sample in reading.samples.items():
                quality = sample.quality if sample else 0.0
                _add(self._quality, Track.reading(name, "fraction", reading.time_s, quality, 1.0))

    def end(self, end_s: float) -> None:
        """Say when the session ended, if that was before the last observation."""
        self._end_s = end_s + _TOLERANCE_S
        self.time_s = min(self.time_s, end_s)
        self.estimates = [e for e in self.estimates if e.time_s <= self._end_s]

    def tracks(self) -> dict[str, Track]:
        """Return the tracks by name."""
        return self._within(self._tracks)

    def intervals(self) -> dict[str, IntervalTrack]:
        """Return the interval tracks by name."""
        joined = {name: IntervalTrack.join(parts) for name, parts in self._intervals.items()}
        return {
            name: replace(
                track,
                intervals=tuple(
                    i for i in track.intervals if -_TOLERANCE_S <= i.onset_s <= self._end_s
                ),
            )
            for name, track in joined.items()
        }

    def quality(self) -> dict[str, Track]:
        """Return the quality of each modality's sample at each tick."""
        return self._within(self._quality)

    def _within(self, tracks: Mapping[str, _Readings]) -> dict[str, Track]:
        found = {}
        for name, readings in tracks.items():
            track = readings.track()
            kept = (track.times_s >= -_TOLERANCE_S) & (track.times_s <= self._end_s)
            if kept.any() or not len(kept):
                parts = (track.times_s[kept], track.values[kept], track.quality[kept])
                found[name] = Track(name, track.unit, *parts, track.note)
        return found


def _add(tracks: dict[str, _Readings], part: Track) -> None:
    if part.name in tracks:
        tracks[part.name].add(part)
    else:
        tracks[part.name] = _Readings(part)
