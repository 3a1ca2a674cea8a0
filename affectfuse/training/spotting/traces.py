"""The facial motion of a data set's recordings, through the same steps as spotting, cached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.caching import Extracted, digest_code, run_items
from affectfuse.containers import Frame, Interval
from affectfuse.datasets.base import DatasetItem, Progress
from affectfuse.extraction import observe
from affectfuse.modalities.micro_expression import MicroExpression
from affectfuse.modalities.micro_expression.motion import REGIONS, FacialMotion
from affectfuse.recording.faces import FaceTracker
from affectfuse.training.spotting.targets import KINDS

__all__ = ["coded_expressions", "read_motions"]

_USED = ("target", "crop_size_px", "smoothing_s", "flow")


def read_motions(
    items: Sequence[DatasetItem],
    modality: MicroExpression,
    config: Mapping[str, Any],
    folder: Path,
    workers: int,
    progress: Progress | None = None,
) -> tuple[dict[str, list[FacialMotion]], dict[str, str]]:
    """Return the facial motion of each recording; and, by recording, why it could not be read.

    Args:
        items: the recordings.
        modality: whose aligner and motion meter are used.
        config: its config, part of what cached motion is found by.
        folder: of the cached motion.
        workers: processes that read recordings at once.
        progress: told how many are done.
    """
    common = {
        "what": "facial motion",
        "modality": {key: config.get(key) for key in _USED},
        "code": digest_code(frozenset({type(modality)})),
    }
    work = ((item, partial(_extract, item, modality), common) for item in items)
    found, failed = run_items(work, folder, workers, "reading facial motion", progress)
    motions = {key: _restored(extracted) for key, extracted in found.items()}
    failed |= {key: "no face in it" for key, read in motions.items() if not read}
    return {key: read for key, read in motions.items() if read}, failed


def coded_expressions(item: DatasetItem) -> tuple[Interval, ...]:
    """Return the expressions coded in a recording, labelled with their kind."""
    return tuple(
        replace(interval, label=kind)
        for kind in KINDS
        for interval in item.annotations.get(kind, ())
        if interval.duration_s > 0
    )


def _extract(item: DatasetItem, modality: MicroExpression) -> Extracted:
    reader = modality.motion_reader()
    motions = []
    with item.open() as recording, FaceTracker() as faces:
        for seen in observe(recording, [modality], faces):
            read = reader.push(seen) if isinstance(seen, Frame) else None
            if read is not None:
                motions.append(read[1])
    return {
        "times_s": np.array([m.time_s for m in motions]),
        "regions": np.array([m.regions for m in motions]).reshape(-1, len(REGIONS), 2),
        "head_speed": np.array([m.head_speed for m in motions]),
        "eye_opening": np.array([m.eye_opening for m in motions]),
        "restarted": np.array([m.restarted for m in motions], np.uint8),
    }


def _restored(extracted: Extracted) -> list[FacialMotion]:
    columns: Iterable[Any] = zip(
        extracted["times_s"].tolist(),
        extracted["regions"],
        extracted["head_speed"].tolist(),
        extracted["eye_opening"].tolist(),
        extracted["restarted"].astype(bool).tolist(),
        strict=True,
    )
    return [FacialMotion(*row) for row in columns]
