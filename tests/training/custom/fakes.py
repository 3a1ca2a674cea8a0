"""A data set of two sensors whose evidence is planted, and the modalities that read it.

A recording is an .npz file: times_s (time,), values (time, 2): 'pulse' and 'gesture'. The hidden
state shifts the mean of 'pulse'; 'gesture' holds bumps whose shape is the recogniser's class, and
the hidden state decides which shape is the more frequent one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from affectfuse.containers import (
    Array,
    Clip,
    Interval,
    ModalitySample,
    Observation,
    Reading,
    SignalBlock,
    Target,
    Tick,
)
from affectfuse.datasets.base import Dataset, DatasetItem, Progress
from affectfuse.errors import RecordingError
from affectfuse.extraction import extract, start
from affectfuse.modalities.base import Extractor, Modality, Recognise

RATE_HZ = 16
CLIP = 8
SHAPES = {
    "rise": np.linspace(-1, 1, CLIP),
    "fall": np.linspace(1, -1, CLIP),
}


def observations(path: Path) -> Iterator[SignalBlock]:
    try:
        with np.load(path) as stored:
            times_s, values = stored["times_s"], stored["values"]
    except (ValueError, OSError) as error:
        raise RecordingError(f"{path} is not a recording: {error}") from error
    for first in range(0, len(times_s), CLIP):
        rows = slice(first, first + CLIP)
        yield SignalBlock("e4", times_s[rows], values[rows], ("pulse", "gesture"), ("au", "au"))


def extract_fake_recording(
    source: str | Path,
    modalities: Mapping[str, Modality],
    *,
    recognise: Mapping[str, Recognise] | None = None,
    annotations: Mapping[str, Sequence[Interval]] | None = None,
    notes: list[str] | None = None,
) -> Iterator[Reading | Tick]:
    """As `affectfuse.extraction.extract_recording`, of a recording of the fake data set."""
    extractors = start(modalities, recognise, annotations)
    yield from extract(observations(Path(source)), modalities, extractors)


class Level(Modality):
    """Mean and spread of the pulse over one block."""

    needs = frozenset({"signal"})
    latency_s, max_age_s, embedding_dim = 0.0, 2.0, 4
    sample_shape = (2,)

    def __init__(self, name: str, window_s: float) -> None:
        self.name, self.window_s = name, window_s

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        return _LevelExtractor(self.name)

    def encoder(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, self.embedding_dim), nn.Tanh())


class Plain(Level):
    """The same, taken as it is: there is nothing to learn in its encoder."""

    embedding_dim = 2

    def encoder(self) -> nn.Module:
        return nn.Identity()


class _LevelExtractor(Extractor):
    def __init__(self, name: str) -> None:
        self._name = name

    def push(self, observation: Observation) -> Iterable[Reading]:
        assert isinstance(observation, SignalBlock)
        pulse = observation.values[:, 0]
        array = np.array([pulse.mean(), pulse.std()], np.float32)  # NaN where the sensor was off
        first, last = observation.times_s[[0, -1]]
        yield ModalitySample(self._name, float(first), float(last), array, 0.9)


class Gesture(Modality):
    """Bumps: a clip each, recognised; the sample is the newest block's class probabilities."""

    needs = frozenset({"signal"})
    name, window_s, latency_s, max_age_s, embedding_dim = "gesture", 0.5, 0.0, 2.0, 2
    sample_shape = (2,)
    recogniser_target = Target("gesture", tuple(SHAPES), "clip", "planted")

    def extractor(
        self, recognise: Recognise | None = None, annotations: Sequence[Interval] | None = None
    ) -> Extractor:
        return _GestureExtractor(recognise, annotations)

    def encoder(self) -> nn.Module:
        return nn.Identity()

    def recogniser(self) -> nn.Module:
        return Recogniser()


class _GestureExtractor(Extractor):
    def __init__(self, recognise: Recognise | None, annotations: Sequence[Interval] | None) -> None:
        self._recognise, self._annotations = recognise, annotations

    def push(self, observation: Observation) -> Iterable[Reading]:
        assert isinstance(observation, SignalBlock)
        clip: Array = observation.values[:, 1].astype(np.float32)
        first, last = (float(t) for t in observation.times_s[[0, -1]])
        for interval in self._annotations or ():
            if first <= interval.onset_s <= last:
                yield Clip("gesture", interval, clip)
        if self._recognise:
            embedding, probabilities = self._recognise(clip)
            assert embedding.shape == (3,)
            yield ModalitySample("gesture", first, last, probabilities, 1.0)


class Recogniser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(CLIP, 3)
        self.classify = nn.Linear(3, len(SHAPES))

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.embed(clips).tanh()
        return embedding, self.classify(embedding)


class Planted(Dataset):
    """Sessions of 40 s, calm then tense, or the other way round."""

    name = "planted"
    target = Target("hidden_state", ("calm", "tense"), "window", "planted")
    provenance = "Random numbers; no person was recorded."

    def __init__(self, root: str, subjects: int, seed: int) -> None:
        self.root, self.subjects, self.seed = Path(root), subjects, seed

    def prepare(self, progress: Progress | None = None) -> None:
        self.root.mkdir(parents=True, exist_ok=True)
        for index in range(self.subjects):
            path = self.root / f"s{index:02d}.npz"
            if not path.exists():
                times_s, values, _, _ = self._session(index)
                np.savez(path, times_s=times_s, values=values)
            if progress:
                progress("planting", index + 1, self.subjects)

    def items(self) -> list[DatasetItem]:
        items = []
        for index in range(self.subjects):
            _, _, labels, bumps = self._session(index)
            name = f"s{index:02d}"
            path = self.root / f"{name}.npz"
            items.append(DatasetItem(name, name, path, labels, {"gesture": bumps}))
        return items

    def _session(
        self, index: int
    ) -> tuple[Array, Array, tuple[Interval, ...], tuple[Interval, ...]]:
        rng = np.random.default_rng([self.seed, index])
        times_s = np.arange(40 * RATE_HZ) / RATE_HZ
        tense = (times_s > 20) == (index % 2 == 0)
        values = np.stack([rng.normal(70 + 3 * tense, 2), rng.normal(0, 0.3, len(times_s))], 1)
        bumps = []
        for first in range(0, len(times_s), CLIP):
            rises = rng.random() < (0.75 if tense[first] else 0.25)
            shape = "rise" if rises else "fall"
            values[first : first + CLIP, 1] += SHAPES[shape]
            onset_s = float(times_s[first])
            bumps.append(Interval(onset_s, onset_s + 0.4, shape))
        off = rng.integers(0, len(times_s) - RATE_HZ)
        values[off : off + 3 * RATE_HZ, 0] = np.nan
        first_half, second_half = ("calm", "tense") if index % 2 == 0 else ("tense", "calm")
        labels = (Interval(0.0, 20.0, first_half), Interval(20.0, 40.0, second_half))
        return times_s, values, labels, tuple(bumps)
