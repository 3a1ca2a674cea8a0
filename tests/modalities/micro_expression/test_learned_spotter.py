"""The learned spotter: its NumPy network is torch's, and what it finds in motion made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from modalities.micro_expression.motions import (
    BROWS,
    NAMES,
    OPEN,
    SMILE,
    labels,
    motions,
    pattern,
    pulse,
    spot,
    times,
)

from affectfuse.containers import Array
from affectfuse.errors import CheckpointError
from affectfuse.modalities.micro_expression.learned_spotter import LearnedSpotter
from affectfuse.modalities.micro_expression.motion_signals import N_SIGNALS
from affectfuse.modalities.micro_expression.spotter import BLINK, MACRO, MICRO
from affectfuse.modalities.micro_expression.spotter_inference import (
    CausalNetwork,
    SpotterWeights,
    load_spotter,
    save_spotter,
)
from affectfuse.modalities.micro_expression.spotter_network import SpotterNetwork
from affectfuse.modalities.micro_expression.spotters import build_spotter


def untrained(width: int = 8, dilations: tuple[int, ...] = (1, 2, 4)) -> tuple:
    torch.manual_seed(0)
    network = SpotterNetwork(width, dilations).eval()
    weights = {name: value.numpy() for name, value in network.state_dict().items()}
    kinds = (MICRO, MACRO)
    return network, SpotterWeights(
        weights, dilations, dict.fromkeys(kinds, (1.0, 0.0)), dict.fromkeys(kinds, 0.5),
        {"trained_on": "nothing"},
    )  # fmt: skip


def learned() -> LearnedSpotter:
    return LearnedSpotter(load_spotter())


def test_the_numpy_network_is_the_torch_network() -> None:
    network, weights = untrained()
    signals = np.random.default_rng(0).normal(size=(60, N_SIGNALS)).astype(np.float32)
    with torch.inference_mode():
        wanted = network(torch.from_numpy(signals.T.copy())[None])[0].numpy().T
    causal = CausalNetwork(weights)
    found = np.array([causal.step(row) for row in signals])
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)
    causal.restart()
    np.testing.assert_array_equal(causal.step(signals[0]), found[0])


def test_weights_survive_a_file(tmp_path: Path) -> None:
    _, weights = untrained()
    save_spotter(weights, tmp_path / "spotter.safetensors")
    loaded = load_spotter(tmp_path / "spotter.safetensors")
    assert loaded.dilations == weights.dilations
    assert loaded.calibration == weights.calibration
    assert loaded.threshold == weights.threshold
    assert loaded.provenance == {"trained_on": "nothing"}
    for name, value in weights.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], value)


def test_what_is_no_spotter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot read spotter weights"):
        load_spotter(tmp_path / "missing.safetensors")
    pulse_network = Path(load_spotter.__code__.co_filename).parents[2]
    shipped = pulse_network / "checkpoints" / "heart_rate_pulse.safetensors"
    with pytest.raises(CheckpointError, match="holds no spotter"):
        load_spotter(shipped)


def test_the_shipped_one_says_it_saw_no_person() -> None:
    assert "synthetic" in str(load_spotter().provenance["trained_on"]).lower()


@pytest.mark.parametrize("rate_hz", [25.0, 30.0, 60.0])
@pytest.mark.parametrize(
    ("onset", "apex", "offset"), [(8.0, 8.12, 8.3), (8.01, 8.13, 8.26), (8.0, 8.2, 8.46)]
)
def test_a_pulse_is_found_with_its_times(
    onset: float, apex: float, offset: float, rate_hz: float
) -> None:
    t = times(14, rate_hz)
    course = 2.5 * pulse(t, onset, apex, offset)[:, None, None]
    found = spot(learned(), motions(t, course * pattern(SMILE)))
    assert labels(found) == [MICRO]
    interval, told_s = found[0]
    assert interval.onset_s == pytest.approx(onset, abs=0.09)
    assert interval.apex_s == pytest.approx(apex, abs=0.07)
    assert interval.offset_s == pytest.approx(offset, abs=0.09)
    assert interval.values["displacement_iod_percent"] == pytest.approx(2.5 * 2**0.5, rel=0.3)
    assert 0.0 < told_s - offset <= 1.0


def test_a_longer_pulse_is_a_macro_expression_told_in_time() -> None:
    t = times(20)
    for duration in (0.8, 1.5, 2.5):
        course = 6 * pulse(t, 9, 9 + 0.4 * duration, 9 + duration)[:, None, None]
        found = spot(learned(), motions(t, course * pattern(SMILE)))
        assert labels(found) == [MACRO]
        interval, told_s = found[0]
        assert interval.duration_s == pytest.approx(duration, rel=0.4)
        assert told_s - (9 + duration) <= 1.0


@pytest.mark.parametrize(
    "course",
    [
        lambda t: 0 * t,  # nothing but noise
        lambda t: 0.8 * t,  # drift
        lambda t: 4 * (t > 9),  # a step: a new posture of the face
        lambda t: 3 * np.sin(2 * np.pi * 0.1 * t),  # slow swaying
    ],
)
def test_what_is_no_pulse_is_not_found(course: Callable[[Array], Array]) -> None:
    t = times(30)
    for seed in range(3):
        stream = motions(t, course(t)[:, None, None] * pattern(SMILE), seed=seed)
        assert labels(spot(learned(), stream)) == []


def test_blinks_are_blinks_and_nothing_else() -> None:
    t = times(30)
    closing = sum(pulse(t, at, at + 0.08, at + 0.24) for at in (6.0, 11.0, 17.0, 23.5))
    moved = 0.6 * closing[:, None, None] * pattern(BROWS)
    found = spot(learned(), motions(t, moved, eyes=OPEN * (1 - 0.8 * closing)))
    assert labels(found) == [BLINK] * 4


def test_speech_is_kept_out() -> None:
    t = times(30)
    rng = np.random.default_rng(3)
    course = np.zeros_like(t)
    for at in np.arange(8, 14, 0.24):
        course += rng.uniform(1.5, 8) * pulse(t, at, at + 0.12, at + 0.26)
    mouth = pattern({"lower_lip": (0, 1), "chin": (0, 0.8), "upper_lip": (0, -0.1)})
    found = labels(spot(learned(), motions(t, course[:, None, None] * mouth)))
    assert found.count(MICRO) <= 1


def test_it_looks_only_back() -> None:
    """Whatever follows, the first 9 seconds give the same."""
    t = times(20)
    moved = 2.5 * (pulse(t, 6, 6.1, 6.3) + 3 * pulse(t, 9.2, 9.5, 9.9))[:, None, None]
    stream = motions(t, moved * pattern(SMILE))
    whole = [(i.onset_s, when) for i, when in spot(learned(), stream) if when <= 9.0]
    part = [(i.onset_s, when) for i, when in spot(learned(), stream[: 9 * 30 + 1]) if when <= 9.0]
    assert whole == part
    assert len(part) == 1


def test_a_restart_forgets_the_face() -> None:
    t = times(16)
    moved = np.where((t > 8)[:, None, None], 5.0, 0.0) * pattern(SMILE)
    stream = motions(t, moved)
    middle = int(np.searchsorted(t, 8.0))
    stream[middle] = type(stream[0])(t[middle], stream[middle].regions, 0.1, OPEN, restarted=True)
    assert labels(spot(learned(), stream)) == []


def test_memory_is_bounded() -> None:
    spotter = LearnedSpotter(untrained()[1], 0.9)
    t = times(60)
    for motion in motions(t, np.zeros((len(t), len(NAMES), 2))):
        list(spotter.push(motion))
    assert len(spotter._outputs) == 11
    assert len(spotter._rows) <= 150
    assert sum(past.size for past in spotter._network._past) == 8 * 2 * (1 + 2 + 4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("louder", None, 0.5, None), "spotter is 'louder'; allowed: 'learned', 'pulse'"),
        (("learned", 1.5, 0.5, None), "a probability must lie between 0 and 1"),
        (("learned", None, 0.4, None), "was trained for 0.5"),
        (("pulse", None, 0.5, "w.safetensors"), "spotter 'pulse' has none"),
        (("pulse", -1.0, 0.5, None), "threshold is -1.0"),
    ],
)
def test_what_cannot_be_used_is_refused(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_spotter(*arguments)
