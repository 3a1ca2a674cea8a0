"""The pulse network learns from traces and recordings, and its file says from what."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from modalities.heart_rate.painted_faces import frames
from omegaconf import DictConfig, OmegaConf
from typer.testing import CliRunner

from affectfuse.cli import app
from affectfuse.config import load_recipe
from affectfuse.containers import Track
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.extraction import extract
from affectfuse.modalities.heart_rate.posterior import RATES_BPM
from affectfuse.modalities.heart_rate.pulse_network import PulseNetwork
from affectfuse.modalities.heart_rate.pulse_weights import (
    describe_pulse_network,
    load_pulse_network,
)
from affectfuse.training.pulse import data as pulse_data
from affectfuse.training.pulse import pulse
from affectfuse.training.pulse.data import PulseWindows, make_windows
from affectfuse.training.pulse.module import correlation_loss, two_hot
from affectfuse.training.pulse.pulse import measure, train_pulse

LENGTH, RATE_HZ = 180, 30.0


class Faces(Dataset):
    """Painted faces with a reference; one subject has none."""

    name, target, provenance = "faces", None, "painted faces."

    def __init__(self, folder: Path, bpm: tuple[float, ...] = (60.0, 84.0, 120.0)) -> None:
        self._items = []
        for number, rate in enumerate([*bpm, math.nan]):
            path = folder / f"{number}.mp4"
            path.write_text(str(rate))
            times_s = np.arange(1.0, 11.0)
            known = Track("heart_rate_bpm", "bpm", times_s, np.full(10, rate), np.ones(10))
            references = {} if math.isnan(rate) else {"heart_rate_bpm": known}
            self._items.append(DatasetItem(f"k{number}", f"s{number}", path, references=references))

    def items(self):
        return self._items


@pytest.fixture
def recipe(tmp_path: Path) -> DictConfig:
    changes = [
        "traces={train: 24, validation: 6, test: 6, silent: 0.2}",
        "pulse_training.max_epochs=2",
        "pulse_training.batch_size=16",
        f"cache={tmp_path / 'cache'}",
        "workers=1",
    ]
    return load_recipe("heart_rate_pulse", changes)


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Faces:
    def extract_painted(source, modalities):
        bpm = float(Path(source).read_text())
        extractors = {name: modality.extractor() for name, modality in modalities.items()}
        return extract(frames(np.arange(300) / 30, bpm), modalities, extractors)

    monkeypatch.setattr(pulse_data, "extract_recording", extract_painted)
    faces = Faces(tmp_path)
    build = pulse.build
    monkeypatch.setattr(
        pulse, "build", lambda node, kind: faces if kind is Dataset else build(node, kind)
    )
    return faces


def test_targets_are_the_two_neighbours_whose_mean_is_the_rate():
    targets = two_hot(torch.tensor([71.0, 80.5, 40.0, 0.0]))
    assert targets.sum(1).tolist() == [1.0] * 4
    means = targets[:3, :-1] @ torch.tensor(RATES_BPM, dtype=torch.float32)
    torch.testing.assert_close(means, torch.tensor([71.0, 80.5, 40.0]))
    assert (targets > 0).sum(1).tolist() == [2, 2, 1, 1]
    assert targets[3, -1] == 1


def test_correlation_loss_is_that_of_numpy_over_the_rows_with_a_wave():
    rng = np.random.default_rng(0)
    wave, bvp = rng.normal(size=(2, 3, 50)).astype(np.float32)
    bvp[2] = 0.0
    expected = 1 - np.mean([np.corrcoef(wave[row], bvp[row])[0, 1] for row in range(2)])
    found = correlation_loss(torch.from_numpy(wave), torch.from_numpy(bvp))
    assert float(found) == pytest.approx(expected, abs=1e-5)


def test_windows_of_traces_hold_their_truth():
    windows = make_windows(10, LENGTH, RATE_HZ, 0.4, seed=1)
    assert windows.signals.shape == (20, 19, LENGTH)
    silent = windows.rates_bpm == 0
    assert silent[::2].tolist() == silent[1::2].tolist()
    assert 0 < silent.sum() < 20
    assert not windows.bvp[silent].any()
    for bvp, rate_bpm in zip(windows.bvp[~silent], windows.rates_bpm[~silent], strict=True):
        spectrum = np.abs(np.fft.rfft(bvp * np.hanning(LENGTH), 1 << 13))
        assert 60 * RATE_HZ / (1 << 13) * np.argmax(spectrum) == pytest.approx(rate_bpm, abs=9)
    other = make_windows(10, LENGTH, RATE_HZ, 0.4, seed=2)
    assert not np.array_equal(other.signals, windows.signals)


def test_learning_a_few_windows_lowers_their_loss():
    torch.manual_seed(0)
    windows = make_windows(6, LENGTH, RATE_HZ, 0.2, seed=3).batch()
    network = PulseNetwork(RATE_HZ, width=16)
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    losses = []
    for _ in range(25):
        _, logits = network(windows["signals"])
        loss = torch.nn.functional.cross_entropy(logits, two_hot(windows["rates_bpm"]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_measure_knows_a_perfect_network():
    windows = make_windows(8, LENGTH, RATE_HZ, 0.3, seed=4)

    class Oracle(torch.nn.Module):
        def forward(self, signals):
            return torch.zeros(len(signals), 1), 40.0 * two_hot(torch.from_numpy(windows.rates_bpm))

    found = measure(Oracle(), windows)
    assert found["mae_bpm"] < 1.1  # the two neighbours count alike, whatever their shares
    assert found["within_3_bpm"] == 1.0
    assert found["brier"] < 1e-3
    assert found["confidence_p99_without_pulse"] < 1e-3
    assert math.isnan(found["auroc"])  # no error above 5 bpm to be told from


def test_the_recipe_writes_weights_that_say_what_they_saw(recipe, tmp_path):
    result = train_pulse(recipe, tmp_path / "out")
    facts = describe_pulse_network(result.checkpoint)
    assert facts["windows"] == {"train": 48, "validation": 12, "test": 12}
    assert facts["trained_on"] == ["simulated traces of skin colour: no person was recorded"]
    assert load_pulse_network(result.checkpoint).settings["width"] == recipe.pulse_training.width
    written = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert written["metrics"]["traces"]["windows"] == 12
    assert "held-out traces" in result.table()
    assert len((tmp_path / "out" / "training.csv").read_text().splitlines()) == 3
    again = train_pulse(recipe, tmp_path / "again")
    assert again.metrics["traces"]["mae_bpm"] == result.metrics["traces"]["mae_bpm"]


def test_recordings_with_a_reference_are_learned_from_too(recipe, tmp_path, painted):
    recipe.dataset = {"target": "unused: see the fixture"}
    recipe.split = {"validation": ["s0"], "test": ["s1"]}
    result = train_pulse(recipe, tmp_path / "out")
    facts = describe_pulse_network(result.checkpoint)
    # 10 s of video: an estimate, and so a window, each second from the fifth to the tenth
    assert facts["windows"] == {"train": 54, "validation": 18, "test": 18}
    assert result.metrics["faces"]["windows"] == 6
    assert list(result.skipped) == ["k3"]
    assert "no reference heart rate" in result.skipped["k3"]
    assert facts["trained_on"][1] == "faces: painted faces."


def test_a_recording_s_windows_are_its_samples_with_the_mean_of_the_reference(painted, recipe):
    modality, config = pulse._modality(recipe)
    found, _ = pulse_data.read_windows(
        painted.items()[1:2], modality, config, Path(recipe.cache), 1
    )
    windows = found["k1"]
    assert windows.signals.shape == (6, *modality.signals_shape)
    np.testing.assert_allclose(windows.rates_bpm, 84.0)
    assert np.abs(windows.signals[-1, 1]).max() > 0.1  # green pulsates


def test_a_data_set_without_references_is_refused(recipe, tmp_path, painted):
    recipe.dataset = {"target": "unused: see the fixture"}
    painted._items = painted._items[-1:]
    with pytest.raises(DatasetError, match="no window to learn from"):
        train_pulse(recipe, tmp_path / "out")


def test_another_modality_is_refused(tmp_path):
    recipe = load_recipe("heart_rate_pulse", ["modalities=[heart_rate]"])
    with pytest.raises(ConfigError, match="heart_rate_learned"):
        train_pulse(recipe, tmp_path / "out")


def test_joined_windows_keep_their_order():
    one, other = (make_windows(2, LENGTH, RATE_HZ, 0.0, seed=seed) for seed in (5, 6))
    joined = PulseWindows.join([one, other])
    assert len(joined) == 8
    np.testing.assert_array_equal(joined.rates_bpm[4:], other.rates_bpm)


def test_the_command_tells_the_recipes_apart(recipe, tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(OmegaConf.to_yaml(recipe))
    result = CliRunner().invoke(app, ["train", str(path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "pulse.safetensors").is_file()
    assert "held-out traces: windows 12" in result.output
