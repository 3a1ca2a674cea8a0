"""ONNX files of every head and of the shipped checkpoint, in ONNX Runtime, against PyTorch."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping
from itertools import islice, product
from pathlib import Path
from typing import cast

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor

from affectfuse.checkpoint import Checkpoint, build_model, load_checkpoint, save_checkpoint
from affectfuse.cli import main
from affectfuse.config import build, load_node, names
from affectfuse.containers import Array, Estimate, ModalitySample, Target, Tick
from affectfuse.errors import ExportError
from affectfuse.exporting import conversion, export
from affectfuse.exporting.conversion import convert
from affectfuse.exporting.export import export_checkpoint
from affectfuse.exporting.programs import Program, programs
from affectfuse.fusion.calibration import FUSED, Calibration
from affectfuse.modalities.base import Modality

WIDTHS = {"eda": 5, "face": 3, "voice": 4}
TARGETS = (
    Target("state", ("calm", "tense", "tired"), "window", "planted"),
    Target("mood", ("valence", "arousal"), "window", "self-report", "scales"),
    Target("action_units", ("au4", "au12"), "window", "coder", "labels"),
)
PRIOR = (*np.log([0.5, 0.3, 0.2]).tolist(), 0.0, 0.0, -1.0, 0.4)


def checkpoint_of(
    head: str, targets: tuple[Target, ...] = TARGETS, widths: Mapping[str, int] = WIDTHS
) -> Checkpoint:
    """A checkpoint of feature vectors, all of whose weights are drawn."""
    prior = PRIOR[: sum(len(target.classes) for target in targets)]
    features = "affectfuse.modalities.features.Features"
    configs = {
        name: {"target": features, "name": name, "n_features": width, "embedding_dim": 4}
        for name, width in widths.items()
    }
    modalities = {n: build(config, Modality) for n, config in configs.items()}  # type: ignore[type-abstract]
    fusion = dict(load_node("fusion", head))
    model = build_model(modalities, fusion, prior)
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: 0.5 * torch.randn(value.shape, generator=generator)
        for name, value in model.state_dict().items()
    }
    weights |= {n: w.abs() + 0.1 for n, w in weights.items() if n.endswith("scale")}
    weights["head.prior_logits"] = torch.tensor(prior)
    return Checkpoint(
        modality_configs=configs,
        sample_specs={n: {"sample_shape": [w], "embedding_dim": 4} for n, w in widths.items()},
        fusion_config=fusion,
        targets=targets,
        prior_logits=prior,
        calibration=Calibration(
            {FUSED: {"state": 1.7, "action_units": 0.8}, "face": {"state": 2.5}},
            0.9,
            {"state": math.inf},
        ),
        weights=weights,
        recogniser_weights={},
        trained_on={"dataset": "planted", "provenance": "Nobody was recorded."},
        metrics=[],
        versions={},
        created="2026-01-01T00:00:00+00:00",
    )


def session(path: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def run(path: Path, inputs: dict[str, Array]) -> dict[str, Array]:
    loaded = session(path)
    values = loaded.run(None, inputs)
    return dict(zip([found.name for found in loaded.get_outputs()], values, strict=True))


def inputs() -> dict[str, Array]:
    """Inputs of the model in all subsets of its modalities, NaN behind absence."""
    rng = np.random.default_rng(0)
    rows = {}
    for column, (name, width) in enumerate(WIDTHS.items()):
        here = np.array(list(product([True, False], repeat=3)))[:, column]
        samples = rng.normal(size=(8, width)).astype(np.float32)
        samples[~here] = np.nan
        rows |= {f"{name}/sample": samples, f"{name}/present": here}
        rows[f"{name}/quality"] = rng.uniform(size=8).astype(np.float32)
    return rows


def check(out: dict[str, Array], checkpoint: Checkpoint) -> None:
    """Hold outputs of the model against the estimator, which takes the same rows as ticks."""
    estimator, given = checkpoint.estimator(), inputs()
    for row in range(8):
        samples = {
            n: ModalitySample(n, 0.0, 1.0, given[f"{n}/sample"][row], given[f"{n}/quality"][row])
            for n in WIDTHS
            if given[f"{n}/present"][row]
        }
        estimate = estimator.estimate(Tick(1.0, samples))
        check_row({name: values[row] for name, values in out.items()}, estimate, checkpoint)


def check_row(row: dict[str, Array], estimate: Estimate, checkpoint: Checkpoint) -> None:
    def near(found: Array, wanted: list[float]) -> None:
        np.testing.assert_allclose(found, wanted, atol=1e-5)

    for target in checkpoint.targets:
        values = estimate.values if target.kind == "scales" else estimate.probabilities
        near(row[f"fused/{target.name}"], [values[name] for name in target.classes])
    for name, weight in estimate.weights.items():
        near(row[f"{name}/weight"], weight)  # type: ignore[arg-type]
    for name, own in estimate.modality_probabilities.items():
        for target in checkpoint.targets:
            if target.kind != "scales":
                near(row[f"{name}/{target.name}"], [own[c] for c in target.classes])


@pytest.mark.parametrize("head", names("fusion"))
def test_every_head_says_in_onnx_what_the_estimator_says(head: str, tmp_path: Path) -> None:
    checkpoint = checkpoint_of(head, TARGETS[:1])
    file = convert(next(programs(checkpoint)), {})
    assert file.name == "model.onnx"
    assert file.difference < 1e-5
    (tmp_path / file.name).write_bytes(file.content)
    check(run(tmp_path / file.name, inputs()), checkpoint)


def test_a_modality_without_weight(tmp_path: Path) -> None:
    """As inner folds may leave one: it is 0 beside others, stored as the softplus of -inf."""
    checkpoint = checkpoint_of("log_linear_pool", TARGETS[:1])
    cast(dict[str, Tensor], checkpoint.weights)["head.raw_weights.face"] = torch.tensor(-math.inf)
    file = convert(next(programs(checkpoint)), {})
    (tmp_path / file.name).write_bytes(file.content)
    given = inputs()
    out = run(tmp_path / file.name, given)
    beside = np.sum([given[f"{name}/present"] for name in WIDTHS], axis=0) > 1
    assert (out["face/weight"][beside] == 0.0).all()
    check(out, checkpoint)


def test_several_targets_and_the_head_behind_the_encoders(tmp_path: Path) -> None:
    checkpoint = checkpoint_of("log_linear_pool")
    found = export_checkpoint(checkpoint, tmp_path)
    assert [file.name for file in found.files] == [
        "model.onnx", "head.onnx", "encoder_eda.onnx", "encoder_face.onnx", "encoder_voice.onnx"
    ]  # fmt: skip
    given = inputs()
    out = run(tmp_path / "model.onnx", given)
    check(out, checkpoint)
    for name in WIDTHS:
        samples = given.pop(f"{name}/sample")
        encoded = run(tmp_path / f"encoder_{name}.onnx", {"sample": samples})
        given[f"{name}/embedding"] = encoded["embedding"]
    for name, values in run(tmp_path / "head.onnx", given).items():
        np.testing.assert_allclose(values, out[name], atol=1e-5)


def test_the_shipped_checkpoint(tmp_path: Path) -> None:
    demo = load_checkpoint("demo")
    found = export_checkpoint(demo, tmp_path)
    assert {file.name for file in found.files} == {
        "model.onnx", "head.onnx", "encoder_heart_rate.onnx", "encoder_micro_expression.onnx",
        "recogniser_micro_expression.onnx",
    }  # fmt: skip
    assert "It has seen no real person" in found.table()
    assert found.table().count("largest difference from PyTorch") == 5
    clips = np.random.default_rng(0).normal(size=(2, 4, 8, 48, 48)).astype(np.float32)
    out = run(tmp_path / "recogniser_micro_expression.onnx", {"clip": clips})
    for row, clip in enumerate(clips):
        embedding, probabilities = demo.recognise()["micro_expression"](clip)
        np.testing.assert_allclose(out["embedding"][row], embedding, atol=1e-4)
        np.testing.assert_allclose(out["probabilities"][row], probabilities, atol=1e-4)
    samples = np.random.default_rng(1).normal(size=(3, 4, 20)).astype(np.float32)
    out = run(tmp_path / "encoder_heart_rate.onnx", {"sample": samples})
    with torch.no_grad():
        wanted = demo.model().embed(
            {"heart_rate": torch.from_numpy(samples), "micro_expression": torch.zeros(3, 32)},
            {n: torch.ones(3).bool() for n in ("heart_rate", "micro_expression")},
        )
    np.testing.assert_allclose(out["embedding"], wanted["heart_rate"].numpy(), atol=1e-5)
    described = json.loads((tmp_path / "model.json").read_text())
    assert "It has seen no real person" in described["warning"]
    assert described["targets"][0]["classes"] == ["calm", "tense"]
    assert described["modalities"]["heart_rate"]["sample_shape"] == [4, 20]
    assert described["calibration"]["temperatures"]["fused"]["hidden_state"] > 1
    for name, file in described["files"].items():
        loaded = session(tmp_path / name)
        assert [i.name for i in loaded.get_inputs()] == list(file["inputs"])
        assert [i.shape for i in loaded.get_inputs()] == list(file["inputs"].values())
        assert [o.name for o in loaded.get_outputs()] == list(file["outputs"])


@pytest.fixture
def only_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Converting takes a second a file."""
    monkeypatch.setattr(export, "programs", lambda found: islice(programs(found), 1, 2))


@pytest.mark.usefixtures("only_the_head")
def test_a_file_tells_where_it_comes_from_and_nothing_of_the_machine(tmp_path: Path) -> None:
    export_checkpoint(checkpoint_of("mean", TARGETS[:1]), tmp_path)
    loaded = onnx.load(tmp_path / "head.onnx")
    notes = {entry.key: entry.value for entry in loaded.metadata_props}
    assert notes["trained_on"] == "Nobody was recorded."
    assert notes["checkpoint"].startswith("memory, written 2026-01-01")
    content = (tmp_path / "head.onnx").read_bytes()
    for path in (torch.__file__, conversion.__file__):
        assert str(Path(path).parent).encode() not in content
    assert json.loads((tmp_path / "model.json").read_text())["warning"] == ""
    assert (tmp_path / "head.onnx").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", names("modality"))
def test_the_encoder_of_every_modality(name: str) -> None:
    modality = build(load_node("modality", name), Modality)  # type: ignore[type-abstract]
    file = convert(Plain(modality.encoder(), modality.sample_shape), {})
    assert file.difference < 1e-4


class Plain(Program):
    def __init__(self, network: torch.nn.Module, shape: tuple[int, ...]) -> None:
        super().__init__("plain", ("embedding",))
        self.network, self.shape = network, shape

    def draw(self, batch: int) -> dict[str, Tensor]:
        return {"sample": torch.randn(batch, *self.shape)}

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        return (self.network(*inputs),)


class Unwritable(torch.nn.Module):
    def forward(self, samples: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(samples)


class FixedBatch(torch.nn.Module):
    def forward(self, samples: Tensor) -> Tensor:
        return samples + torch.arange(len(samples))[:, None]


@pytest.mark.parametrize(
    ("network", "shape", "message"),
    [
        (Unwritable(), (3, 3), "plain cannot be written as ONNX"),
        (FixedBatch(), (3,), r"batches of one size only: .* take tensor\.shape\[0\]"),
    ],
)
def test_a_network_that_onnx_cannot_hold_is_refused_in_a_line(
    network: torch.nn.Module, shape: tuple[int, ...], message: str
) -> None:
    with pytest.raises(ExportError, match=message) as caught:
        convert(Plain(network, shape), {})
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.usefixtures("only_the_head")
def test_what_differs_from_pytorch_is_refused_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "TOLERANCE", 1e-12)
    with pytest.raises(ExportError, match=r"head\.onnx differs from PyTorch by .* than 1e-12"):
        export_checkpoint(checkpoint_of("mean", TARGETS[:1]), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("only_the_head")
def test_without_onnx_runtime_it_says_that_nothing_was_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = conversion.find_spec
    monkeypatch.setattr(
        conversion, "find_spec", lambda name: None if name == "onnxruntime" else known(name)
    )
    found = export_checkpoint(checkpoint_of("mean", TARGETS[:1]), tmp_path)
    assert "not checked: ONNX Runtime is not installed" in found.table()
    described = json.loads((tmp_path / "model.json").read_text())
    assert described["files"]["head.onnx"]["largest_difference_from_pytorch"] is None


def test_a_recogniser_needs_a_clip_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    demo = load_checkpoint("demo")
    modalities, recognisers = demo.modalities(), demo.recognisers()
    modalities["micro_expression"].clip_shape = ()
    monkeypatch.setattr(Checkpoint, "modalities", lambda self: modalities)
    monkeypatch.setattr(Checkpoint, "recognisers", lambda self: recognisers)
    with pytest.raises(ExportError, match="'micro_expression' has a recogniser and no clip_shape"):
        list(programs(demo))


def test_the_command_shows_files_and_differences_and_no_remarks_of_the_exporter(
    tmp_path: Path,
) -> None:
    save_checkpoint(checkpoint_of("mean", TARGETS[:1], {"eda": 5}), tmp_path / "checkpoint.pt")
    command = "import sys; from affectfuse.cli import main; sys.argv[0] = 'affectfuse'; main()"
    ended = subprocess.run(
        [sys.executable, "-c", command, "export", "checkpoint.pt", "--out", "onnx"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = ended.stdout.splitlines()
    assert lines[0].startswith("model.onnx ")
    assert "largest difference from PyTorch" in lines[0]
    assert lines[-1] == "onnx/model.json"
    said = [line for line in ended.stderr.splitlines() if line.strip()]
    assert len(said) <= 1, ended.stderr  # the bar
    assert all("writing ONNX" in line for line in said)
    assert len(list((tmp_path / "onnx").glob("*.onnx"))) == 3


def test_without_onnx_the_command_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    monkeypatch.setattr(
        sys, "argv", ["affectfuse", "export", "demo", "--out", str(tmp_path / "out")]
    )
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("affectfuse: ")]
    assert "needs onnx and onnxscript, which this installation lacks" in line
    assert "pip install 'affectfuse[onnx]'" in line
    assert not list((tmp_path / "out").glob("*"))
