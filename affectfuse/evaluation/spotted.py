"""What a modality spots in a data set's recordings, through the one streaming path, cached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.caching import Extracted, digest_code, run_items
from affectfuse.containers import Interval, IntervalTrack, Track
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.extraction import FACE_VISIBLE, extract_recording
from affectfuse.modalities.base import Modality, Recognise
from affectfuse.recording.base import RecordingSource

__all__ = ["KINDS", "Spotted", "collect_spotted"]

KINDS = ("micro_expression", "macro_expression")
"""Names of the interval tracks that are kept."""

_NUMBERS = ("onset_s", "apex_s", "offset_s", "confidence")


@dataclass(frozen=True, slots=True, eq=False)
class Spotted:
    """What was spotted in one recording.

    Attributes:
        intervals: by kind; labelled with their class where a recogniser named it.
        watched_s: how long a face was visible.
    """

    intervals: Mapping[str, tuple[Interval, ...]]
    watched_s: float


def collect_spotted(
    items: Sequence[DatasetItem],
    modality: Modality,
    config: Mapping[str, Any],
    recognise: Recognise | None,
    facts: Mapping[str, Any],
    folder: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[dict[str, Spotted], dict[str, str]]:
    """Return what is spotted, by recording; and, by recording, why one could not be read.

    Args:
        items: the recordings.
        modality: that yields the interval tracks.
        config: its config, part of what cached results are found by.
        recognise: names the micro-expressions; None: nothing does.
        facts: what else decides the result (which recogniser).
        folder: of the cached results; an interrupted run goes on from them.
        workers: processes that extract at once.
        progress: told how many recordings are done.
    """
    common = {
        "what": "spotted expressions",
        "modality": config,
        "facts": facts,
        "code": digest_code(frozenset({type(modality)})),
    }
    work = ((i, partial(_extract, i.source, modality, recognise), common) for i in items)
    found, failed = run_items(work, folder, workers, "spotting expressions", progress)
    return {key: _restored(extracted) for key, extracted in found.items()}, failed


def _extract(source: RecordingSource, modality: Modality, recognise: Recognise | None) -> Extracted:
    named = {modality.name: recognise} if recognise else None
    found: dict[str, list[Interval]] = {kind: [] for kind in KINDS}
    watched_s = 0.0
    for reading in extract_recording(source, {modality.name: modality}, recognise=named):
        if isinstance(reading, IntervalTrack) and reading.name in found:
            found[reading.name] += reading.intervals
        elif isinstance(reading, Track) and reading.name == FACE_VISIBLE:
            watched_s += float(np.nansum(reading.values))
    extracted: Extracted = {"watched_s": np.array([watched_s])}
    for kind, intervals in found.items():
        labels = sorted({interval.label for interval in intervals})
        rows = [[getattr(i, name) for name in _NUMBERS] for i in intervals]
        extracted[f"{kind}.numbers"] = np.array(rows, np.float64).reshape(-1, len(_NUMBERS))
        extracted[f"{kind}.label"] = np.array([labels.index(i.label) for i in intervals], np.int64)
        extracted[f"{kind}.spotted"] = np.array(
            [i.values.get("p_micro_expression", i.confidence) for i in intervals], np.float64
        )
        extracted[f"{kind}.labels"] = np.frombuffer("\n".join(labels).encode(), np.uint8).copy()
    return extracted


def _restored(extracted: Extracted) -> Spotted:
    def intervals(kind: str) -> tuple[Interval, ...]:
        labels = extracted[f"{kind}.labels"].tobytes().decode().split("\n")
        numbers, spotted = extracted[f"{kind}.numbers"], extracted[f"{kind}.spotted"]
        return tuple(
            Interval(onset_s, offset_s, labels[label], apex_s, confidence, {"p_spotted": float(p)})
            for (onset_s, apex_s, offset_s, confidence), label, p in zip(
                numbers.tolist(), extracted[f"{kind}.label"], spotted, strict=True
            )
        )

    return Spotted({kind: intervals(kind) for kind in KINDS}, float(extracted["watched_s"][0]))
