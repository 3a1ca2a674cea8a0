"""A data set of planted heart rates: what each recording would give lies in it as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from affectfuse.containers import Array, Reading, Target, Tick, Track
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.errors import RecordingError
from affectfuse.modalities.base import Modality

SECONDS = np.arange(1.0, 41.0)
FINE_S = np.arange(1200) / 30.0
BPM = {"still": 0.5, "moving": -8.0}
"""What an estimate is off by, by condition."""


def read(path: Path, modalities: Mapping[str, Modality], **_: Any) -> Iterator[Reading | Tick]:
    """As `affectfuse.extraction.extract_recording`, of a recording of this data set."""
    assert list(modalities) == ["heart_rate"]
    try:
        with np.load(path) as stored:
            values, confidence, bvp = stored["values"], stored["confidence"], stored["bvp"]
    except ValueError as error:
        raise RecordingError(f"{path.name} is no recording") from error
    quality = np.full(len(bvp), confidence.mean())
    for second, (value, sure) in enumerate(zip(values, confidence, strict=True)):
        yield Track.reading("heart_rate_bpm", "bpm", SECONDS[second], value, sure)
        now = slice(30 * second, 30 * second + 30)
        yield Track("bvp", "AC/DC", FINE_S[now], bvp[now], quality[now])
        yield Tick(SECONDS[second], {})


class Pulses(Dataset):
    """People at rest and moving, whose heart rate is read too low while they move."""

    name = "pulses"
    target = Target("movement", tuple(BPM), "session", "condition")
    provenance = "Random numbers; no person was recorded."

    def __init__(self, root: str, subjects: int, references: Sequence[str]) -> None:
        self.root, self.subjects, self.names = Path(root), subjects, tuple(references)

    def prepare(self, progress: Progress | None = None) -> None:
        self.root.mkdir(exist_ok=True)
        for key, subject, condition in self._keys():
            rng = np.random.default_rng(subject)
            moving = condition == "moving"
            values = self._bpm(subject) + BPM[condition] + rng.normal(0, 0.1, len(SECONDS))
            values[20] = np.nan
            confidence = np.where(moving, 0.2, 0.9) + rng.uniform(-0.1, 0.1, len(SECONDS))
            bvp = self._pulse(subject) + rng.normal(0, 3.0 if moving else 0.1, len(FINE_S))
            if not (self.root / f"{key}.npz").exists():
                path = self.root / f"{key}.npz"
                np.savez(path, values=values, confidence=confidence, bvp=bvp)

    def _keys(self) -> Iterator[tuple[str, int, str]]:
        for subject in range(self.subjects):
            for condition in sorted(BPM):
                yield f"{subject:02}-{condition}", subject, condition

    def _bpm(self, subject: int) -> float:
        return 60.0 + 7.0 * subject

    def _pulse(self, subject: int) -> Array:
        wave: Array = np.sin(2 * np.pi * self._bpm(subject) / 60 * FINE_S)
        return wave

    def items(self) -> Sequence[DatasetItem]:
        return [
            DatasetItem(
                key,
                f"person {subject}",
                self.root / f"{key}.npz",
                references=self._references(subject),
                attributes={"condition": condition, "age": str(20.5 + subject), "group": "all"},
            )
            for key, subject, condition in self._keys()
        ]

    def _references(self, subject: int) -> dict[str, Track]:
        tracks = {
            "heart_rate_bpm": (SECONDS, np.full(len(SECONDS), self._bpm(subject))),
            "bvp": (FINE_S, self._pulse(subject)),
            "respiration": (FINE_S, FINE_S),
        }
        return {
            name: Track(name, "1", *tracks[name], np.ones(len(tracks[name][0])))
            for name in self.names
        }
