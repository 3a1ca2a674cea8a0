"""The planted data set and its modalities, reached through `custom/` as a user's own would be."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from affectfuse.config import configs_dir, custom_package, load_node
from affectfuse.training import extracted


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Threads of several test runs on one machine wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def custom(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The package `custom` beside this file, and its way of reading recordings."""
    with custom_package(Path(__file__).parent):
        from custom.fakes import extract_fake_recording

        monkeypatch.setattr(extracted, "extract_recording", extract_fake_recording)
        yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom"]:
        del sys.modules[name]


@pytest.fixture
def recipe(custom: None, tmp_path: Path) -> DictConfig:
    """The training recipe as shipped, of the planted data set, small."""
    planted = {"target": "custom.fakes.Planted", "root": str(tmp_path / "data")}
    shipped = OmegaConf.load(configs_dir() / "train.yaml")
    assert isinstance(shipped, DictConfig)
    shipped.dataset = {**planted, "subjects": 8, "seed": 0}
    shipped.recogniser_dataset = None
    shipped.modalities = {
        "pulse": {"target": "custom.fakes.Level", "name": "pulse", "window_s": 0.5},
        "gesture": {"target": "custom.fakes.Gesture"},
    }
    shipped.fusion = load_node("fusion", "log_linear_pool")
    shipped.sampling = {"start_s": 0.0, "settle_s": 2.0, "every_s": 1.0}
    shipped.workers = 1
    shipped.cache = str(tmp_path / "cache")
    shipped.training.max_epochs = 30
    shipped.recogniser_training.max_epochs = 10
    return shipped
