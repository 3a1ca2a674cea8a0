"""The extractor: frames in; intervals, clips and one summary a second out."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from affectfuse.containers import (
    Array,
    Clip,
    Frame,
    Interval,
    IntervalTrack,
    Observation,
    Reading,
    Track,
)
from affectfuse.modalities.base import Extractor, Recognise
from affectfuse.modalities.micro_expression.clips import ClipCutter, thumbnail_jpeg
from affectfuse.modalities.micro_expression.motion import LONGEST_STEP_S, MotionReader
from affectfuse.modalities.micro_expression.spotter import BLINK, MACRO, MICRO, Spotter
from affectfuse.modalities.micro_expression.summary import WindowSummary
from affectfuse.recording.alignment import AlignedFace

__all__ = ["MicroExpressionExtractor"]

_KEPT_S = 2.5  # the longest micro-expression, the time to decide on it, and some context


class MicroExpressionExtractor(Extractor):
    """Spots expressions, cuts and recognises clips, and sums up at each tick.

    With `annotations`, clips are cut from those intervals (none where the face was not seen) while
    spotting goes on; the ring of faces then holds the longest of them.
    """

    def __init__(
        self,
        *,
        motion: MotionReader,
        spotter: Spotter,
        cutter: ClipCutter,
        summary: WindowSummary,
        classes: Sequence[str],
        recognise: Recognise | None,
        annotations: Sequence[Interval] | None,
    ) -> None:
        self._motion = motion
        self._spotter = spotter
        self._cutter = cutter
        self._summary = summary
        self._classes = classes
        self._recognise = recognise
        self._annotated = annotations is not None
        self._waiting = deque(sorted(annotations or (), key=lambda i: i.offset_s))
        longest_s = max((i.duration_s for i in self._waiting), default=0.0)
        self._kept_s = max(_KEPT_S, longest_s + 0.5)
        self._faces: deque[AlignedFace] = deque()
        self._regions: list[Array] = []
        self._before_s = -np.inf
        self._watched = False

    def push(self, observation: Observation) -> Iterator[Reading]:
        if not isinstance(observation, Frame):
            return
        time_s = observation.time_s
        step_s, self._before_s = time_s - self._before_s, time_s
        read = self._motion.push(observation)
        if read is not None:
            aligned, motion = read
            self._watched = True
            self._faces.append(aligned)
            self._regions.append(motion.regions)
            if step_s <= LONGEST_STEP_S:
                self._summary.watch(step_s * aligned.face.visibility)
            for interval in self._spotter.push(motion):
                yield from self._spotted(interval)
        yield from self._annotated_clips(time_s)
        while self._faces and self._faces[0].time_s < time_s - self._kept_s:
            self._faces.popleft()

    def tick(self, time_s: float) -> Iterator[Reading]:
        yield self._motion_track(time_s)
        yield self._summary.at(time_s)

    def flush(self) -> Iterator[Reading]:
        for interval in self._spotter.flush():
            yield from self._spotted(interval)
        yield from self._annotated_clips(np.inf)
        if self._watched:  # watched and nothing found is an empty track, not a missing one
            for name in (MICRO, MACRO, BLINK):
                yield IntervalTrack(name, ())

    def _spotted(self, interval: Interval) -> Iterator[Reading]:
        if interval.label == MICRO:
            yield from self._micro(interval)
            return
        if interval.label == MACRO:
            self._summary.add_macro(interval)
        elif interval.label == BLINK:
            self._summary.add_blink(interval)
        yield IntervalTrack(interval.label, (interval,))

    def _micro(self, interval: Interval) -> Iterator[Reading]:
        clip = self._cutter.cut(self._faces, interval)
        apex = min(self._faces, key=lambda face: abs(face.time_s - interval.apex_s))
        interval = replace(interval, thumbnail_jpeg=thumbnail_jpeg(apex), place=apex.place)
        embedding = probabilities = None
        if self._recognise is not None and clip is not None:
            embedding, probabilities = self._recognise(clip)
            best = int(np.argmax(probabilities))
            by_class = zip(self._classes, probabilities, strict=True)
            values = dict(interval.values) | {f"p_{name}": float(p) for name, p in by_class}
            values["p_micro_expression"] = interval.confidence
            interval = replace(
                interval,
                label=self._classes[best],
                confidence=interval.confidence * float(probabilities[best]),
                values=values,
            )
        self._summary.add_micro(interval, embedding, probabilities)
        if clip is not None and not self._annotated:
            yield Clip(self._summary.modality, interval, clip)
        yield IntervalTrack(MICRO, (interval,))

    def _annotated_clips(self, time_s: float) -> Iterator[Reading]:
        while self._waiting and self._waiting[0].offset_s < time_s:
            interval = self._waiting.popleft()
            clip = self._cutter.cut(self._faces, interval)
            if clip is not None:
                yield Clip(self._summary.modality, interval, clip)

    def _motion_track(self, time_s: float) -> Track:
        """Return how much the face itself moved since the last tick: its regions' spread, RMS."""
        regions, self._regions = self._regions, []
        if len(regions) < 2:
            note = "no face in this second"
            return Track.reading("facial_motion", _UNIT, time_s, np.nan, 0.0, note)
        spread = float(np.sqrt(np.var(np.array(regions), axis=0).sum(axis=1).mean()))
        return Track.reading("facial_motion", _UNIT, time_s, spread, 1.0)


_UNIT = "% of the interocular distance"
