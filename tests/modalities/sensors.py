"""Made-up sessions of a wristband's sensors, cut into blocks, run through a modality."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from affectfuse.config import build, load_node
from affectfuse.containers import Array, IntervalTrack, ModalitySample, Reading, SignalBlock, Track
from affectfuse.modalities.windowed_signal import WindowedSignal

NAMES = ("blood_volume_pulse", "electrodermal_activity", "movement", "skin_temperature")
RATES_HZ = dict(zip(NAMES, (64.0, 4.0, 32.0, 4.0), strict=True))


def make(name: str, **changed: Any) -> WindowedSignal:
    """The modality with short pasts, so that a session of some minutes shows them."""
    node = load_node("modality", name)
    node.update({"past_s": [60.0], "past_gap_s": 80.0, **changed})
    return build(node, WindowedSignal)  # type: ignore[type-abstract]


def signal(name: str, length_s: float, seed: int = 0) -> tuple[Array, Array]:
    """Times (time,) and values (time, channel) of a lively signal."""
    rng = np.random.default_rng(seed)
    times_s = np.arange(round(length_s * RATES_HZ[name])) / RATES_HZ[name]
    if name == "blood_volume_pulse":
        turns = np.cumsum(1.2 + 0.2 * np.sin(2 * np.pi * times_s / 90)) / RATES_HZ[name]
        wave = np.sin(2 * np.pi * turns) + 0.4 * np.sin(4 * np.pi * turns - 1.0)
        return times_s, (50 * wave + rng.normal(0, 4, len(times_s)))[:, None]
    if name == "electrodermal_activity":
        after_s = times_s % 17.0
        waves = 0.3 * (np.exp(-after_s / 4.0) - np.exp(-after_s / 0.8))
        drift = 1.5 + 0.4 * np.sin(2 * np.pi * times_s / 400)
        return times_s, (drift + waves + rng.normal(0, 0.002, len(times_s)))[:, None]
    if name == "movement":
        busy = 0.2 * (np.sin(2 * np.pi * times_s / 70) > 0)
        waving = busy * np.sin(2 * np.pi * 1.1 * times_s)
        axes = np.stack([waving, 0.3 * waving, np.ones(len(times_s))], axis=1)
        return times_s, axes + rng.normal(0, 0.01, axes.shape)
    warmth = 33.0 + 0.3 * np.sin(2 * np.pi * times_s / 300)
    return times_s, (warmth + rng.normal(0, 0.01, len(times_s)))[:, None]


def blocks(
    modality: WindowedSignal, times_s: Array, values: Array, ends: Iterable[int]
) -> list[SignalBlock]:
    """The readings cut after so many of them."""
    channels = tuple(str(k) for k in range(values.shape[1]))
    cuts = [0, *ends, len(times_s)]
    return [
        SignalBlock(modality.source, times_s[a:b], values[a:b], channels, ("1",) * len(channels))
        for a, b in pairwise(cuts)
        if b > a
    ]


def run(modality: WindowedSignal, given: Sequence[SignalBlock]) -> list[Reading]:
    extractor = modality.extractor()
    readings = [reading for block in given for reading in extractor.push(block)]
    return [*readings, *extractor.flush()]


def run_whole(modality: WindowedSignal, times_s: Array, values: Array) -> list[Reading]:
    return run(modality, blocks(modality, times_s, values, []))


def samples_of(readings: Iterable[Reading]) -> list[ModalitySample]:
    return [reading for reading in readings if isinstance(reading, ModalitySample)]


def track_of(readings: Iterable[Reading], name: str) -> Track:
    return Track.join([r for r in readings if isinstance(r, Track) and r.name == name])


def digest(reading: Reading) -> Any:
    """What a reading says, for comparison."""
    match reading:
        case Track():
            parts = (reading.times_s, reading.values, reading.quality)
            return (reading.name, *(np.asarray(part, float).tobytes() for part in parts))
        case IntervalTrack():
            known = [(i.onset_s, i.offset_s, dict(i.values)) for i in reading.intervals]
            return (reading.name, known)
        case ModalitySample():
            return (reading.offset_s, reading.quality, reading.array.tobytes())
    raise AssertionError(reading)
