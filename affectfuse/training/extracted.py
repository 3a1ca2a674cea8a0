"""What one recording gives to learn from, as arrays: its ticks, or its clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from affectfuse.caching import Extracted
from affectfuse.containers import Clip, Interval, Tick
from affectfuse.extraction import extract_recording
from affectfuse.fusion.estimator import usable
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.recording.base import RecordingSource

__all__ = ["extract_clips", "extract_ticks"]


def extract_ticks(
    source: RecordingSource, modalities: Mapping[str, Modality], recognise: Mapping[str, Recognise]
) -> Extracted:
    """Return each tick's time, samples, presence and quality, and what reading left out."""
    notes: list[str] = []
    readings = extract_recording(source, modalities, recognise=recognise, notes=notes)
    ticks = [reading for reading in readings if isinstance(reading, Tick)]
    rows: Extracted = {"times_s": np.array([tick.time_s for tick in ticks], np.float64)}
    rows["notes"] = np.frombuffer("; ".join(notes).encode(), np.uint8)
    for name, modality in modalities.items():
        arrays = np.zeros((len(ticks), *modality.sample_shape), np.float32)
        present = np.zeros(len(ticks), bool)
        quality = np.zeros(len(ticks), np.float32)
        for row, tick in enumerate(ticks):
            sample = tick.samples.get(name)
            if usable(sample):
                assert sample is not None
                arrays[row], present[row], quality[row] = sample.array, True, sample.quality
        rows |= {f"samples.{name}": arrays, f"present.{name}": present, f"quality.{name}": quality}
    return rows


def extract_clips(
    source: RecordingSource, modality: Modality, intervals: Sequence[Interval]
) -> Extracted:
    """Return the clips, and the row of the interval that each was cut at."""
    name = modality.name
    place = {(i.onset_s, i.offset_s): row for row, i in enumerate(intervals)}
    readings = extract_recording(source, {name: modality}, annotations={name: intervals})
    clips = [r for r in readings if isinstance(r, Clip) and np.isfinite(r.array).all()]
    rows = [place[c.interval.onset_s, c.interval.offset_s] for c in clips]
    return {
        "arrays": np.stack([c.array for c in clips]) if clips else np.zeros(0, np.float32),
        "rows": np.array(rows, np.int64),
    }
