"""The heart-rate tracks of a data set's recordings, through the one streaming path, cached."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.caching import Extracted, digest_code, run_items
from affectfuse.containers import Track
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.extraction import extract_recording
from affectfuse.files import file_sha256
from affectfuse.modalities.base import Modality
from affectfuse.recording.base import RecordingSource

__all__ = ["TRACKS", "collect_tracks"]

TRACKS = {"heart_rate_bpm": "bpm", "bvp": "AC/DC"}
"""The tracks that are kept, and their units."""


def collect_tracks(
    items: Sequence[DatasetItem],
    modality: Modality,
    config: Mapping[str, Any],
    folder: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> tuple[dict[str, dict[str, Track]], dict[str, str]]:
    """Return the tracks that a modality's extractor yields, by recording and by name.

    Args:
        items: the recordings.
        modality: that yields `heart_rate_bpm` and `bvp`.
        config: its config, part of what cached tracks are found by.
        folder: of the cached tracks; an interrupted run goes on from them.
        workers: processes that extract at once.
        progress: told how many recordings are done.

    Returns:
        the tracks; and, by recording, why one could not be read.
    """
    common = {
        "what": "heart rate tracks",
        "modality": config,
        "files": {key: file_sha256(path) for key, path in _files(config)},
        "code": digest_code(frozenset({type(modality)})),
    }
    work = ((item, partial(_extract, item.source, modality), common) for item in items)
    found, failed = run_items(work, folder, workers, "reading heart rates", progress)
    return {key: _tracks(extracted) for key, extracted in found.items()}, failed


def _files(config: Mapping[str, Any]) -> Iterator[tuple[str, Path]]:
    """Yield the files that a config names (trained weights), whose content decides the tracks."""
    for key, value in config.items():
        if isinstance(value, str) and Path(value).is_file():
            yield key, Path(value)


def _extract(source: RecordingSource, modality: Modality) -> Extracted:
    parts: dict[str, list[Track]] = defaultdict(list)
    for reading in extract_recording(source, {modality.name: modality}):
        if isinstance(reading, Track) and reading.name in TRACKS:
            parts[reading.name].append(reading)
    extracted: Extracted = {}
    for name in TRACKS:
        for column in ("times_s", "values", "quality"):
            arrays = [getattr(part, column) for part in parts[name]]
            extracted[f"{name}.{column}"] = np.concatenate([np.zeros(0), *arrays])
    return extracted


def _tracks(extracted: Extracted) -> dict[str, Track]:
    def track(name: str, unit: str) -> Track:
        times_s, values, quality = (
            extracted[f"{name}.{column}"] for column in ("times_s", "values", "quality")
        )
        return Track(name, unit, times_s, values, quality)

    return {name: track(name, unit) for name, unit in TRACKS.items()}
