"""Windows of a sensor's readings against their past: causal, however the readings arrive."""

from __future__ import annotations

import numpy as np
import pytest
from modalities.sensors import (
    NAMES,
    RATES_HZ,
    blocks,
    digest,
    make,
    run,
    run_whole,
    samples_of,
    signal,
)

from affectfuse.config import build, load_node
from affectfuse.containers import Array, ModalitySample, SignalBlock, Tick
from affectfuse.errors import RecordingError
from affectfuse.extraction import extract
from affectfuse.modalities.base import Modality
from affectfuse.modalities.windowed_signal import WindowedSignal, WindowReader, WindowReading

each = pytest.mark.parametrize("name", NAMES)


class Mean(WindowReader):
    """The mean and the twice of it: what the past does to a sample can be told by hand."""

    features = ("mean", "twice")
    channels = 1
    rate_hz = 2.0

    def read(self, time_s: float, values: Array) -> WindowReading:
        mean = float(np.nanmean(values)) if np.isfinite(values).any() else np.nan
        return WindowReading(np.array([mean, 2 * mean]), 0.9)


class OfMeans(WindowedSignal):
    name = "of_means"

    def reader(self) -> WindowReader:
        return Mean()


def of_means(**changed: object) -> OfMeans:
    usual = {
        "source": "s",
        "window_s": 20.0,
        "period_s": 5.0,
        "past_s": [30.0, 60.0],
        "past_gap_s": 25.0,
        "baseline_s": None,
        "max_gap_s": 1.0,
        "quality_floor": 0.1,
        "embedding_dim": 0,
    }
    return OfMeans(**{**usual, **changed})  # type: ignore[arg-type]


def test_without_a_past_a_sample_is_the_features_themselves() -> None:
    times_s = np.arange(0, 60, 0.5)
    found = samples_of(run_whole(of_means(past_s=[]), times_s, np.full((len(times_s), 1), 3.0)))
    assert len(found) == 8  # from 20 s on, every 5 s
    for sample in found:
        np.testing.assert_allclose(sample.array, [3.0, 6.0])
        assert 0.8 < sample.quality <= 0.9


def test_differences_are_from_the_means_of_the_past() -> None:
    times_s = np.arange(0, 300, 0.5)
    values = np.random.default_rng(0).normal(5, 2, (len(times_s), 1))
    found = samples_of(run_whole(of_means(), times_s, values))
    assert [s.offset_s for s in found] == [20.0 + 5.0 * k for k in range(len(found))]
    assert found[-1].offset_s == 295.0
    # The same by hand: each cell of the grid of 2 Hz is the mean over half a second.
    line = np.interp(np.arange(-0.25, 300, 0.125), times_s, values[:, 0])
    mean_of = {}
    for end_s in np.arange(20.0, 300.0, 5.0):
        at_s = np.arange(-0.25, 300, 0.125)
        inside = (at_s >= max(end_s - 20.25, 0.25)) & (at_s <= end_s - 0.25)
        mean_of[end_s] = np.trapezoid(line[inside], at_s[inside]) / np.ptp(at_s[inside])
    for sample in found:
        end_s, expected = sample.offset_s, []
        for span_s in (30.0, 60.0):
            past = [m for t, m in mean_of.items() if end_s - 25 - span_s < t <= end_s - 25]
            difference = mean_of[end_s] - np.mean(past) if past else 0.0
            expected += [difference, 2 * difference]
        np.testing.assert_allclose(sample.array, expected, rtol=0, atol=0.02)
        assert sample.quality == pytest.approx(0.9 if end_s >= 45 else 0.0, abs=0.03)
        assert sample.onset_s == end_s - 20


def test_a_declared_baseline() -> None:
    times_s = np.arange(0, 200, 0.5)
    values = np.where(times_s < 100, 1.0, 4.0)[:, None]
    found = samples_of(run_whole(of_means(past_s=[], baseline_s=60.0), times_s, values))
    assert of_means(past_s=[], baseline_s=60.0).sample_shape == (2,)
    for sample in found:
        if sample.offset_s <= 60:
            assert sample.quality == 0.0
        elif sample.offset_s <= 100:
            np.testing.assert_allclose(sample.array, [0, 0], rtol=0, atol=0.02)
        elif sample.offset_s >= 120:
            np.testing.assert_allclose(sample.array, [3, 6], rtol=0, atol=0.05)
    both = of_means(past_s=[30.0], baseline_s=60.0)
    assert both.sample_shape == (4,)
    last = samples_of(run_whole(both, times_s, values))[-1]
    np.testing.assert_allclose(last.array, [0, 0, 3, 6], rtol=0, atol=0.05)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"period_s": 30.0}, "period_s is 30"),
        ({"period_s": 0.0}, "period_s is 0"),
        ({"past_gap_s": 0.0}, "past_gap_s is 0"),
        ({"past_s": [1.0]}, r"past_s is \[1"),
        ({"baseline_s": 20.0}, "baseline_s is 20"),
    ],
)
def test_contradictions_are_refused(changed: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of_means(**changed)


def test_another_number_of_channels_is_refused() -> None:
    block = SignalBlock("s", np.arange(3.0), np.zeros((3, 2)), ("a", "b"), ("1", "1"))
    with pytest.raises(
        RecordingError, match=r"'s' has 2 channels \('a', 'b'\); 'of_means' reads 1"
    ):
        run(of_means(), [block])


@each
def test_how_readings_are_cut_into_blocks_is_irrelevant(name: str) -> None:
    modality = make(name)
    times_s, values = signal(name, 240.0)
    expected = [digest(r) for r in run_whole(modality, times_s, values)]
    assert len(samples_of(run_whole(modality, times_s, values))) == 36
    rng = np.random.default_rng(1)
    quarters = np.flatnonzero(np.diff(np.floor(times_s * 4))) + 1
    uneven = np.unique(rng.integers(0, len(times_s), 60))
    for ends in (quarters, uneven):
        given = blocks(modality, times_s, values, ends.tolist())
        assert [digest(r) for r in run(modality, given)] == expected


@each
def test_the_future_changes_nothing(name: str) -> None:
    modality = make(name)
    times_s, values = signal(name, 240.0)
    other = values.copy()
    later = times_s > 180.0
    other[later] = 3.0 * values[later][::-1] + 1.0
    one, two = (run_whole(modality, times_s, v) for v in (values, other))
    known = [digest(s) for s in samples_of(one) if s.offset_s <= 180.0]
    assert known == [digest(s) for s in samples_of(two) if s.offset_s <= 180.0]
    assert len(known) == 25
    assert digest(samples_of(one)[-1]) != digest(samples_of(two)[-1])


@each
def test_only_the_past_of_the_spans_counts(name: str) -> None:
    """What came before the longest span has no part in a sample (the pulse is tracked longer)."""
    modality = make(name, past_s=[30.0], past_gap_s=70.0)
    times_s, values = signal(name, 400.0)
    early = times_s < 60.0
    other = values.copy()
    other[early] = values[~early][: early.sum()] * 0.5
    one, two = (samples_of(run_whole(modality, times_s, v)) for v in (values, other))
    np.testing.assert_allclose(one[-1].array, two[-1].array, rtol=0, atol=1e-3)
    assert np.abs(one[5].array - two[5].array).max() > 1e-3 or one[5].quality == 0.0


@each
def test_arrays_are_finite_and_quality_is_a_share(name: str) -> None:
    modality = make(name)
    times_s, values = signal(name, 240.0)
    broken = values.copy()
    broken[(times_s > 100) & (times_s < 130)] = np.nan
    broken[::50] = np.nan
    flat = np.ones_like(values)
    for given in (broken, flat, np.zeros_like(values), np.full_like(values, np.nan)):
        for sample in samples_of(run_whole(modality, times_s, given)):
            assert sample.array.shape == modality.sample_shape
            assert sample.array.dtype == np.float32
            assert np.isfinite(sample.array).all()
            assert 0.0 <= sample.quality <= 1.0


@each
def test_a_gap_costs_quality_and_ends(name: str) -> None:
    modality = make(name)
    times_s, values = signal(name, 400.0)
    kept = (times_s < 150.0) | (times_s >= 200.0)
    whole = {s.offset_s: s for s in samples_of(run_whole(modality, times_s, values))}
    found = {s.offset_s: s for s in samples_of(run_whole(modality, times_s[kept], values[kept]))}
    assert found[200.0].quality < 0.4 * whole[200.0].quality
    assert found[265.0].quality == pytest.approx(whole[265.0].quality, abs=0.05)


@each
def test_a_long_silence_holds_nothing_up(name: str) -> None:
    modality = make(name)
    times_s, values = signal(name, 100.0)
    again_s = times_s + 1e6
    extractor = modality.extractor()
    for part_s in (times_s, again_s):
        for block in blocks(modality, part_s, values, range(64, len(times_s), 64)):
            list(extractor.push(block))
    held = len(extractor._times_s)  # type: ignore[attr-defined]
    assert held < 75.0 * RATES_HZ[name]


@each
def test_disordered_readings_are_passed_over(name: str) -> None:
    modality = make(name)
    times_s, values = signal(name, 100.0)
    order = np.r_[0:1000, 900 : len(times_s)] if len(times_s) > 2000 else np.r_[0:200, 150:400]
    expected = [digest(r) for r in run_whole(modality, times_s, values)]
    shuffled = blocks(modality, times_s[order], values[order], range(100, len(order), 100))
    assert [digest(r) for r in run(modality, shuffled)] == expected


@each
def test_absent_signals_are_absent_samples(name: str) -> None:
    modality = make(name)
    other = SignalBlock("other", np.arange(0, 90.0), np.zeros((90, 1)), ("x",), ("1",))
    readings = list(extract([other], {name: modality}, {name: modality.extractor()}))
    ticks = [r for r in readings if isinstance(r, Tick)]
    assert len(ticks) == 89
    assert all(tick.samples[name] is None for tick in ticks)
    assert not [r for r in readings if isinstance(r, ModalitySample)]


@each
def test_ticks_have_the_newest_window(name: str) -> None:
    modality = make(name, quality_floor=0.0)
    times_s, values = signal(name, 120.0)
    cuts = np.flatnonzero(np.diff(np.floor(times_s * 4))) + 1
    given = blocks(modality, times_s, values, cuts.tolist())
    readings = list(extract(given, {name: modality}, {name: modality.extractor()}))
    ticks = {r.time_s: r.samples[name] for r in readings if isinstance(r, Tick)}
    assert ticks[59.0] is None
    for time_s in (66.0, 69.0, 110.0):
        sample = ticks[time_s]
        assert sample is not None
        assert time_s - modality.period_s <= sample.offset_s <= time_s


@each
def test_encoder_and_parameters(name: str) -> None:
    import torch

    node = load_node("modality", name)
    node.embedding_dim = 5
    modality = build(node, Modality)  # type: ignore[type-abstract]
    assert modality.encoder()(torch.zeros(2, *modality.sample_shape)).shape == (2, 5)
    linear = make(name)
    sample = torch.randn(2, *linear.sample_shape)
    torch.testing.assert_close(linear.encoder()(sample), sample, rtol=0, atol=0)
    assert linear.embedding_dim == linear.sample_shape[0]
