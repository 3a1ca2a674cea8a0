"""A modality, a data set, a fusion head and a protocol, each one file and one config, in a package
of somebody else's: found by name, trained with, scored with; no file of ours is edited.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from affectfuse.checkpoint import load_checkpoint
from affectfuse.config import load_recipe, names
from affectfuse.containers import Interval
from affectfuse.errors import CheckpointError
from affectfuse.pipeline import score_recording
from affectfuse.training.fused.train import train

MODALITY = '''
import numpy as np
from affectfuse.containers import Frame, ModalitySample, Track
from affectfuse.modalities.base import Extractor, Modality

class Brightness(Modality):
    """Mean grey level of the whole frame."""

    name, needs = "brightness", frozenset({"face"})
    latency_s, max_age_s, sample_shape = 0.0, 2.0, (1,)

    def __init__(self, window_s: float, embedding_dim: int) -> None:
        self.window_s, self.embedding_dim = window_s, embedding_dim

    def extractor(self, recognise=None, annotations=None):
        return BrightnessExtractor(self.window_s)

    def encoder(self):
        from torch import nn

        return nn.Linear(1, self.embedding_dim)

class BrightnessExtractor(Extractor):
    def __init__(self, window_s):
        self.window_s, self.seen = window_s, []

    def push(self, observation):
        if isinstance(observation, Frame):
            self.seen.append((observation.time_s, float(observation.image.mean())))
        return ()

    def tick(self, time_s):
        self.seen = [(t, v) for t, v in self.seen if t >= time_s - self.window_s]
        if self.seen:
            level = float(np.mean([v for _, v in self.seen]))
            yield Track.reading("grey_level", "grey levels", time_s, level, 1.0)
            array = np.array([level / 255 - 0.5], np.float32)
            yield ModalitySample("brightness", time_s - self.window_s, time_s, array, 1.0)
'''

DATASET = '''
from pathlib import Path
import numpy as np
from affectfuse.containers import Interval, Target
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.recording.writing import VideoWriter

class Lamp(Dataset):
    """A lamp that is off, then on."""

    name, provenance = "lamp", "Videos of a lamp; no real person was seen."
    target = Target("lamp", ("off", "on"), "window", "condition")

    def __init__(self, root: str, subjects: int) -> None:
        self.root, self.subjects = Path(root), subjects

    def prepare(self, progress=None):
        rng = np.random.default_rng(0)
        for item in self.items():
            with VideoWriter(item.path, 64, 64, crf=20) as writer:
                for i in range(80):
                    level = (60 if i < 40 else 180) + rng.integers(-5, 6)
                    writer.write(np.full((64, 64, 3), level, np.uint8), i / 10)

    def items(self):
        labels = (Interval(0, 4, "off"), Interval(4, 8, "on"))
        return [
            DatasetItem(f"lamp{i}", f"lamp{i}", self.root / f"{i}.mp4", labels)
            for i in range(self.subjects)
        ]
'''

FUSION = '''
import torch
from affectfuse.fusion.base import FusionHead, FusionOutput

class Mean(FusionHead):
    """The mean of the present modalities' logits; the prior when there is none."""

    def __init__(self, embedding_dims, prior_logits, bias: bool) -> None:
        super().__init__(embedding_dims, prior_logits)
        classes = len(prior_logits)
        heads = {n: torch.nn.Linear(d, classes, bias=bias) for n, d in embedding_dims.items()}
        self.heads = torch.nn.ModuleDict(heads)

    def forward(self, embeddings, present, quality):
        logits, weights = {}, {}
        for name, head in self.heads.items():
            there = present[name]
            safe = torch.where(there[:, None], embeddings[name], 0.0)
            logits[name] = torch.where(there[:, None], head(safe), 0.0)
            weights[name] = there.float()
        count = sum(weights.values()).clamp_min(1.0)[:, None]
        return FusionOutput(self.prior_logits + sum(logits.values()) / count, logits, weights)
'''

PROTOCOL = '''
import math
from affectfuse.containers import Track
from affectfuse.scoring.base import QuestionScore, ScoringProtocol, SessionScore

class Peak(ScoringProtocol):
    """The largest value of each track within each event."""

    name = "peak"

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s

    def score(self, tracks, estimates, events):
        rows = []
        for event in events:
            for track in (t for t in tracks.values() if isinstance(t, Track)):
                part = track.between(event.onset_s + self.delay_s, event.offset_s).values
                value = float(part.max()) if len(part) else math.nan
                rows.append(
                    QuestionScore(event.label, event.onset_s, track.name, value, track.unit, 1.0)
                )
        return SessionScore(self.name, tuple(rows), {}, ())
'''

FILES = {
    "__init__.py": "",
    "brightness.py": MODALITY,
    "lamp.py": DATASET,
    "mean.py": FUSION,
    "peak.py": PROTOCOL,
    "configs/modality/brightness.yaml": (
        "target: my_lab.brightness.Brightness\nwindow_s: 1.0\nembedding_dim: 4\n"
    ),
    "configs/dataset/lamp.yaml": "target: my_lab.lamp.Lamp\nroot: null\nsubjects: 5\n",
    "configs/fusion/lab_mean.yaml": "target: my_lab.mean.Mean\nbias: true\n",
    "configs/protocol/peak.yaml": "target: my_lab.peak.Peak\ndelay_s: 1.0\n",
}
ENTRY_POINTS = """
[affectfuse.modalities]
brightness = my_lab.brightness:Brightness
[affectfuse.datasets]
lamp = my_lab.lamp:Lamp
[affectfuse.fusion]
lab_mean = my_lab.mean:Mean
[affectfuse.protocols]
peak = my_lab.peak:Peak
"""


@pytest.fixture
def my_lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An installed package of somebody else's."""
    site = tmp_path / "site"
    for name, text in FILES.items():
        path = site / "my_lab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    info = site / "my_lab-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-lab\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(site)
    importlib.invalidate_caches()
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_lab"]:
        del sys.modules[name]


def test_one_file_and_one_config_each(my_lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "brightness" in names("modality")
    assert "lamp" in names("dataset")
    videos = my_lab / "videos"
    videos.mkdir()
    recipe = load_recipe(
        "train",
        [
            "dataset=lamp",
            f"dataset.root={videos}",
            "recogniser_dataset=null",
            "modalities=[brightness]",
            "fusion=lab_mean",
            "workers=1",
            "training.max_epochs=200",
            "training.learning_rate=0.02",
            "sampling.settle_s=1.5",
        ],
    )
    result = train(recipe, my_lab / "model")
    metrics = json.loads((my_lab / "model" / "metrics.json").read_text())
    assert metrics, "training reports what it reached"

    checkpoint = load_checkpoint(result.checkpoint)
    assert checkpoint.target.classes == ("off", "on")
    scored = score_recording(
        load_recipe("score", ["protocol=peak"]),
        videos / "0.mp4",
        checkpoint=checkpoint,
        events=[Interval(0.0, 4.0, "before"), Interval(4.0, 8.0, "after")],
    )
    lit = [e.probabilities["on"] for e in scored.estimates]
    assert max(lit[1:3]) < 0.5 < min(lit[5:7])
    assert scored.score is not None
    levels = {r.question: r.value for r in scored.score.rows if r.channel == "grey_level"}
    assert levels["after"] > levels["before"] + 80

    for name in [name for name in sys.modules if name.partition(".")[0] == "my_lab"]:
        del sys.modules[name]
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p != str(my_lab / "site")])
    importlib.invalidate_caches()
    with pytest.raises(CheckpointError, match="my_lab"):
        load_checkpoint(result.checkpoint).modalities()
