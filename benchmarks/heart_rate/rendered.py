"""Renders planned sessions into the cache, once, and reads their tracks."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from pathlib import Path

from affectfuse.config import build, cache_dir, load_node
from affectfuse.containers import Track
from affectfuse.datasets.synthetic import SessionScript, render
from affectfuse.extraction import extract_recording
from affectfuse.modalities.base import Modality


def rendered(script: SessionScript) -> Path:
    """Return the video of a script; it is rendered when it is not in the cache."""
    digest = hashlib.sha256(json.dumps(script.to_json(), sort_keys=True).encode()).hexdigest()
    path = cache_dir() / "benchmarks" / "sessions" / f"{digest[:16]}.mp4"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        render(script, path)
    return path


def tracks_of(video: Path) -> dict[str, Track]:
    """Return what the heart-rate modality says of a video, by the name of the track."""
    modality = build(load_node("modality", "heart_rate"), Modality)  # type: ignore[type-abstract]
    parts: dict[str, list[Track]] = defaultdict(list)
    for reading in extract_recording(video, {modality.name: modality}):
        if isinstance(reading, Track):
            parts[reading.name].append(reading)
    return {name: Track.join(part) for name, part in parts.items()}
