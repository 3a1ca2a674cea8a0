"""What every modality's config must hold. A new config is tested the day it is added."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import DictConfig

from affectfuse.config import build, load_node, names
from affectfuse.containers import (
    AudioBlock,
    Clip,
    Frame,
    IntervalTrack,
    ModalitySample,
    Observation,
    Reading,
    SignalBlock,
    Tick,
    Track,
)
from affectfuse.extraction import extract
from affectfuse.modalities.base import Modality

NAMES = names("modality")


def make(name: str) -> Modality:
    return build(load_node("modality", name), Modality)  # type: ignore[type-abstract]


def other_observations() -> list[Observation]:
    """Sound and a sensor: what a modality that does not need them must pass over."""
    times_s = np.arange(64) / 64
    return [
        AudioBlock(0.0, np.zeros((800, 1), np.float32), 16000.0),
        SignalBlock("chest strap", times_s, np.zeros((64, 1)), ("heart_rate",), ("bpm",)),
    ]


def run(name: str, observations: Sequence[Observation]) -> list[Reading | Tick]:
    modality = make(name)
    return list(extract(observations, {name: modality}, {name: modality.extractor()}))


def digest(reading: Reading | Tick) -> Any:
    """What a reading says, for comparison."""
    match reading:
        case Track():
            values = (reading.times_s, reading.values, reading.quality)
            return (reading.name, *(np.asarray(v, float).round(9).tobytes() for v in values))
        case IntervalTrack():
            marks = [(i.onset_s, i.offset_s, i.label, str(i.apex_s)) for i in reading.intervals]
            return (reading.name, marks)
        case ModalitySample():
            return (reading.modality, reading.offset_s, reading.quality, reading.array.tobytes())
        case Clip():
            return (reading.modality, reading.interval.onset_s, reading.array.tobytes())
        case Tick():
            return ("tick", reading.time_s, sorted(n for n, s in reading.samples.items() if s))


def test_there_are_modalities() -> None:
    assert {"heart_rate", "micro_expression"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_config_lists_every_parameter(name: str) -> None:
    node = load_node("modality", name)
    assert isinstance(node, DictConfig)
    parameters = set(inspect.signature(type(make(name))).parameters)
    assert set(map(str, node)) - {"target"} == parameters


@pytest.mark.parametrize("name", NAMES)
def test_declarations_are_complete(name: str) -> None:
    modality = make(name)
    assert modality.name == name
    assert modality.needs <= {"face", "audio", "body", "signal"}
    assert bool(modality.needs) != modality.ready_made
    assert modality.window_s > 0 or modality.ready_made
    assert modality.latency_s >= 0
    assert modality.max_age_s >= 1 or modality.ready_made
    assert 0 <= modality.quality_floor < 1
    assert all(isinstance(n, int) and n > 0 for n in modality.sample_shape)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("batch", [1, 3])
def test_encoder_maps_samples_to_embeddings(name: str, batch: int) -> None:
    torch.manual_seed(0)
    modality = make(name)
    encoder = modality.encoder()
    samples = torch.randn(batch, *modality.sample_shape)
    embeddings = encoder(samples)
    assert embeddings.shape == (batch, modality.embedding_dim)
    if any(True for _ in encoder.parameters()):
        embeddings.square().sum().backward()
    gradients = [p.grad for p in encoder.parameters() if p.requires_grad]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)
    encoder.eval()
    with torch.no_grad():
        one_by_one = torch.cat([encoder(sample[None]) for sample in samples])
        torch.testing.assert_close(encoder(samples), one_by_one, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_recogniser_gives_embedding_and_logits(name: str) -> None:
    modality = make(name)
    recogniser = modality.recogniser()
    assert (recogniser is None) == (modality.recogniser_target is None)


@pytest.mark.parametrize("name", NAMES)
def test_readings_of_a_face(name: str, face_video: list[Frame]) -> None:
    if "face" not in make(name).needs:
        pytest.skip("it needs no face")
    readings = run(name, face_video)
    samples = [r for r in readings if isinstance(r, ModalitySample)]
    ticks = [r for r in readings if isinstance(r, Tick)]
    assert samples, "a modality says something of a face it watched"
    assert len(ticks) == int(face_video[-1].time_s + 0.05)
    for sample in samples:
        assert sample.modality == name
        assert sample.array.shape == make(name).sample_shape
        assert sample.array.dtype == np.float32
        assert np.isfinite(sample.array).all()
        assert 0 <= sample.quality <= 1
        assert sample.onset_s <= sample.offset_s <= face_video[-1].time_s + 0.05
    for track in (r for r in readings if isinstance(r, Track)):
        assert ((track.quality >= 0) & (track.quality <= 1)).all()
        assert track.unit


@pytest.mark.parametrize("name", NAMES)
def test_causal(name: str, face_video: list[Frame]) -> None:
    """What is said of the first seconds does not depend on what follows."""
    half = len(face_video) // 2
    late = [r for r in run(name, face_video)]
    early = run(name, face_video[:half])
    last_tick = max(i for i, r in enumerate(early) if isinstance(r, Tick))
    kept = [digest(r) for r in early[: last_tick + 1]]
    assert len(kept) > 3
    assert kept == [digest(r) for r in late[: last_tick + 1]]


@pytest.mark.parametrize("name", NAMES)
def test_other_observations_change_nothing(name: str, face_video: list[Frame]) -> None:
    if make(name).needs != {"face"}:
        pytest.skip("it needs them")
    some = face_video[:90]
    mixed = sorted([*some, *other_observations()], key=lambda o: o.time_s)
    assert [digest(r) for r in run(name, some)] == [digest(r) for r in run(name, mixed)]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_survives_a_recording(name: str, face_video: list[Frame]) -> None:
    first = [digest(r) for r in run(name, face_video[:150])]
    assert [digest(r) for r in run(name, face_video[:150])] == first


@pytest.mark.parametrize("name", NAMES)
def test_no_face_is_absent_or_of_no_quality(name: str, face_video: list[Frame]) -> None:
    if "face" not in make(name).needs:
        pytest.skip("it needs no face")
    blind = [Frame(frame.time_s, frame.image) for frame in face_video[:150]]
    readings = run(name, blind)
    assert all(t.samples[name] is None for t in readings if isinstance(t, Tick))
    values = [r.values for r in readings if isinstance(r, Track) and r.name != "face_visible"]
    assert all(np.isnan(v).all() for v in values)


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_recording(name: str) -> None:
    extractor = make(name).extractor()
    assert not [r for r in extractor.flush() if isinstance(r, ModalitySample | Clip)]


@pytest.mark.parametrize("name", NAMES)
def test_extractor_needs_no_torch(name: str) -> None:
    code = (
        "import sys\n"
        "from affectfuse.config import build, load_node\n"
        "from affectfuse.modalities.base import Modality\n"
        f"build(load_node('modality', '{name}'), Modality).extractor()\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
