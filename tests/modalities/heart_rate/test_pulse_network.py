"""The pulse network: stateful and batch agree, the past is not rewritten, the numbers are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from affectfuse.datasets.synthetic.traces import TraceConditions, simulate
from affectfuse.errors import CheckpointError
from affectfuse.modalities.heart_rate.posterior import RATES_BPM, read_rate
from affectfuse.modalities.heart_rate.pulse_network import PulseNetwork, Resonators
from affectfuse.modalities.heart_rate.pulse_signals import (
    N_CHANNELS,
    PULSE_CHANNELS,
    pulse_signals,
)
from affectfuse.modalities.heart_rate.pulse_weights import (
    SHIPPED,
    describe_pulse_network,
    load_pulse_network,
    save_pulse_network,
)

RATE_HZ = 30.0


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def network() -> PulseNetwork:
    torch.manual_seed(0)
    return PulseNetwork(RATE_HZ).eval()


def random_signals(batch: int = 2, count: int = 150) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    signals = torch.randn(batch, N_CHANNELS, count, generator=generator)
    signals[:, -4:] = 1.0
    signals[0, 3:6, 40:90] = 0.0  # the left cheek is missing for a while
    signals[0, -3, 40:90] = 0.0
    return signals


def trace_signals(seed: int = 0, seconds: float = 12.0, **conditions: float) -> Tensor:
    made = simulate(TraceConditions(wander_bpm=0.0, **conditions), seconds, RATE_HZ, seed)
    return torch.from_numpy(pulse_signals(made.colours, made.motion, RATE_HZ))[None]


def read(signals: Tensor) -> tuple[float, float]:
    with torch.no_grad():
        _, logits = load_pulse_network()(signals)
    return read_rate(torch.softmax(logits[0], -1).numpy())


@pytest.mark.parametrize("block", [1, 7, 150])
@torch.no_grad()
def test_step_equals_forward(network, block):
    """In blocks of any length the state says the same: float32 sums in another order."""
    signals = random_signals()
    state = network.initial_state(2)
    for start in range(0, signals.shape[-1], block):
        (embedding, logits, _), state = network.step(signals[..., start : start + block], state)
    expected = network(signals)
    torch.testing.assert_close(embedding, expected[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(logits, expected[1], rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_the_future_changes_nothing_that_was_said(network):
    signals = random_signals()
    changed = signals.clone()
    changed[..., 100:] += 5.0
    said = []
    for version in (signals, changed):
        state, outputs = network.initial_state(2), []
        for start in range(0, 150, 10):
            output, state = network.step(version[..., start : start + 10], state)
            outputs.append(output)
        said.append(outputs)
    for before, after in zip(said[0][:10], said[1][:10], strict=True):
        for one, other in zip(before, after, strict=True):
            assert torch.equal(one, other)
    assert not torch.allclose(said[0][10][1], said[1][10][1])


@torch.no_grad()
def test_resonators_are_a_windowed_fourier_transform():
    resonators = Resonators(RATE_HZ)
    signals = random_signals(1, 200)
    state = resonators.advance(signals, resonators.initial_state(1))
    torch.testing.assert_close(torch.view_as_real(state), resonators.driven(signals))
    spectra = resonators.spectra(torch.view_as_real(state))
    found = torch.view_as_complex(spectra.contiguous())[0].numpy()
    slow, fast = 0.12, 0.5  # where training begins
    age_s = np.arange(200)[::-1] / RATE_HZ
    window = np.exp(-slow * age_s) * (1 - np.exp(-fast * age_s)) ** 2
    long_s = np.arange(30_000) / RATE_HZ
    whole = (np.exp(-slow * long_s) * (1 - np.exp(-fast * long_s)) ** 2).sum()
    turning = np.exp(2j * np.pi * np.arange(0, 441, 2)[:, None] / 60 * age_s)
    expected = signals[0].numpy().astype(float) @ (window * turning).T / whole
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_every_parameter_learns_and_there_are_few(network):
    (embedding, logits, wave), _ = network.step(random_signals(), network.initial_state(2))
    (embedding.square().sum() + logits.square().sum() + wave.square().sum()).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.abs().sum() > 0, name
    assert sum(p.numel() for p in network.parameters()) < 100_000


def test_nothing_seen_is_finite_and_has_finite_gradients(network):
    (embedding, logits, wave), _ = network.step(
        torch.zeros(1, N_CHANNELS, 90), network.initial_state(1)
    )
    (embedding.sum() + logits.sum() + wave.sum()).backward()
    assert torch.isfinite(logits).all()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@pytest.mark.parametrize("bpm", [52, 75, 118, 171])
def test_shipped_weights_read_a_clear_pulse(bpm):
    rate_bpm, confidence = read(trace_signals(heart_rate_bpm=bpm, amplitude=0.004))
    assert rate_bpm == pytest.approx(bpm, abs=2)
    assert confidence > 0.7


def test_shipped_weights_doubt_what_has_no_pulse():
    sure = [read(trace_signals(seed, amplitude=0.0))[1] for seed in range(8)]
    assert np.median(sure) < 0.3


def test_the_wave_is_the_pulse():
    made = simulate(TraceConditions(amplitude=0.004, light_drift=0.001), 12.0, RATE_HZ, 3)
    signals = torch.from_numpy(pulse_signals(made.colours, made.motion, RATE_HZ))[None]
    network = load_pulse_network()
    with torch.no_grad():
        (_, _, wave), _ = network.step(signals, network.initial_state(1))
    assert np.corrcoef(wave[0, 60:].numpy(), made.bvp[60:])[0, 1] > 0.8


def test_shipped_weights_say_what_they_have_seen():
    facts = describe_pulse_network()
    assert any("no person" in sentence for sentence in facts["trained_on"])
    assert facts["held_out"]["traces"]["windows"] > 0
    assert SHIPPED.stat().st_size < 500_000


def test_weights_survive_the_file(network, tmp_path):
    path = tmp_path / "pulse.safetensors"
    save_pulse_network(network, path, {"trained_on": ["nothing"]})
    signals = random_signals()
    with torch.no_grad():
        assert torch.equal(load_pulse_network(path)(signals)[1], network(signals)[1])
    assert describe_pulse_network(path) == {"trained_on": ["nothing"]}


def test_what_is_no_weights_file_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="cannot read pulse-network weights"):
        load_pulse_network(tmp_path / "none.safetensors")
    (tmp_path / "text").write_text("no weights")
    with pytest.raises(CheckpointError, match="cannot read pulse-network weights"):
        load_pulse_network(tmp_path / "text")


def test_signals_do_not_depend_on_brightness_and_are_causal():
    made = simulate(TraceConditions(sway=0.05), 10.0, RATE_HZ, 1)
    signals = pulse_signals(made.colours, made.motion, RATE_HZ)
    assert signals.shape == (len(PULSE_CHANNELS), 300)
    brighter = pulse_signals(made.colours * [1.2, 0.7, 0.9], made.motion + 3.0, RATE_HZ)
    np.testing.assert_allclose(brighter, signals, atol=1e-4)
    early = pulse_signals(made.colours[:200], made.motion[:200], RATE_HZ)
    np.testing.assert_array_equal(early, signals[:, :200])


def test_missing_skin_is_zero_and_said_so():
    made = simulate(TraceConditions(), 10.0, RATE_HZ, 1)
    colours = made.colours.copy()
    colours[50:80, 1] = np.nan
    colours[0, 2] = 0.0  # black: its logarithm is not finite
    signals = pulse_signals(colours, made.motion, RATE_HZ)
    present = signals[PULSE_CHANNELS.index("left_cheek_present")]
    assert (present[50:80] == 0).all()
    assert present.sum() == 270
    assert (signals[3:6, 50:80] == 0).all()
    assert np.isfinite(signals).all()
    assert len(RATES_BPM) == 91


@torch.no_grad()
def test_it_says_the_same_where_nothing_solves_equations_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, signals = PulseNetwork(RATE_HZ).eval(), random_signals(3, 200)
    wanted = network(signals)
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)
    monkeypatch.setattr(torch.linalg, "solve", None)
    for found, expected in zip(network(signals), wanted, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
