"""The fusion clock and the one path, on constructed observations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from affectfuse.containers import Face, Frame, ModalitySample, Observation, Reading, Tick, Track
from affectfuse.extraction import FACE_VISIBLE, FusionClock, extract
from affectfuse.modalities.base import Extractor, Modality

IMAGE = np.zeros((2, 2, 3), np.uint8)
FACE = Face(np.zeros((478, 3), np.float32), 1.0)


def frames(times_s: Iterable[float], face: Face | None = FACE) -> list[Observation]:
    return [Frame(time_s, IMAGE, face) for time_s in times_s]


class Counter(Modality):
    """Gives, when told of a tick, how many frames it was given so far."""

    name, needs = "counter", frozenset({"face"})
    window_s, latency_s, max_age_s = 1.0, 0.0, 2.0
    quality_floor = 0.5
    sample_shape, embedding_dim = (1,), 1

    def __init__(self, silent_after_s: float = np.inf, quality: float = 1.0) -> None:
        self.silent_after_s, self.quality = silent_after_s, quality

    def extractor(self, recognise: Any = None, annotations: Any = None) -> Extractor:
        return _Counting(self)

    def encoder(self) -> Any:
        raise NotImplementedError


class _Counting(Extractor):
    def __init__(self, modality: Counter) -> None:
        self._modality, self._count = modality, 0

    def push(self, observation: Observation) -> Iterable[Reading]:
        self._count += 1
        return ()

    def tick(self, time_s: float) -> Iterable[Reading]:
        if time_s <= self._modality.silent_after_s:
            array = np.array([self._count], np.float32)
            yield ModalitySample("counter", time_s - 1, time_s, array, self._modality.quality)

    def flush(self) -> Iterable[Reading]:
        yield Track.reading("flushed", "frames", 0.0, self._count, 1.0)


def run(observations: Sequence[Observation], modality: Modality) -> list[Reading | Tick]:
    name = modality.name
    return list(extract(observations, {name: modality}, {name: modality.extractor()}))


def ticks(readings: Sequence[Reading | Tick]) -> list[Tick]:
    return [reading for reading in readings if isinstance(reading, Tick)]


@pytest.mark.parametrize(
    ("times_s", "expected"),
    [
        (np.arange(75) / 30, [1, 2]),  # 2.5 s
        (np.arange(90) / 30, [1, 2, 3]),  # 3 s to the end of the last frame
        (np.arange(20) / 30, []),
        ([0.0, 0.9, 4.2], [1, 2, 3, 4, 5, 6, 7]),  # the last frame lasts as long as the one before
        ([], []),
    ],
)
def test_a_tick_a_second_to_the_end(times_s: Sequence[float], expected: list[int]) -> None:
    found = ticks(run(frames(times_s), Counter()))
    assert [tick.time_s for tick in found] == expected


def test_a_tick_knows_only_what_came_before_it() -> None:
    found = ticks(run(frames([0.0, 0.5, 1.0, 1.5, 2.0]), Counter()))
    counts = [tick.samples["counter"] for tick in found]
    assert [sample.array[0] for sample in counts if sample] == [2, 4]


def test_a_sample_too_old_is_absent() -> None:
    found = ticks(run(frames(np.arange(0, 7, 0.1)), Counter(silent_after_s=2.0)))
    there = [tick.samples["counter"] is not None for tick in found]
    assert there == [True, True, True, True, False, False, False]


def test_a_sample_below_the_floor_is_absent() -> None:
    found = ticks(run(frames(np.arange(0, 3, 0.1)), Counter(quality=0.49)))
    assert all(tick.samples["counter"] is None for tick in found)
    assert found


def test_a_poor_sample_replaces_a_good_one() -> None:
    """The newest counts: a face that was good a second ago and is not now is not good now."""
    clock = FusionClock([Counter()])
    for quality in (0.9, 0.1):
        clock.offer(ModalitySample("counter", 0.0, 0.9, np.zeros(1, np.float32), quality))
    assert clock.tick().samples["counter"] is None


def test_share_of_frames_with_a_face_in_each_second() -> None:
    seen = frames(np.arange(0, 1, 0.25)) + frames([1.0, 1.25], None) + frames([1.5, 1.75])
    seen += frames(np.arange(2.0, 3.0, 0.25), None)
    parts = [r for r in run(seen, Counter()) if isinstance(r, Track) and r.name == FACE_VISIBLE]
    track = Track.join(parts)
    assert track.times_s.tolist() == [1, 2, 3]
    assert track.values.tolist() == [1.0, 0.5, 0.0]


def test_a_second_without_frames_is_not_known() -> None:
    parts = [r for r in run(frames([0.0, 0.1, 2.5, 2.6]), Counter()) if isinstance(r, Track)]
    values = [part.values[0] for part in parts if part.name == FACE_VISIBLE]
    assert values[0] == 1.0
    assert np.isnan(values[1])


def test_flush_comes_last_and_once() -> None:
    readings = run(frames(np.arange(0, 2, 0.1)), Counter())
    assert isinstance(readings[-1], Track)
    assert readings[-1].name == "flushed"
    assert readings[-1].values.tolist() == [20.0]


def test_linear_algebra_has_one_thread_while_extracting() -> None:
    def threads() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    modality, before = Counter(), threads()
    extractors = {"counter": modality.extractor()}
    during = [threads() for _ in extract(frames([0.0, 1.5]), {"counter": modality}, extractors)]
    assert during
    assert all(found == {1} for found in during)
    assert threads() == before
