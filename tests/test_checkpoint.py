"""Checkpoints: what is written comes back, and what cannot be used is refused with advice."""

from __future__ import annotations

import math
import pickle
import sys
import textwrap
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from affectfuse import checkpoint as module
from affectfuse.checkpoint import (
    FORMAT_VERSION,
    Checkpoint,
    build_model,
    load_checkpoint,
    save_checkpoint,
    write_whole,
)
from affectfuse.config import custom_package
from affectfuse.containers import ModalitySample, Target, Tick
from affectfuse.errors import CheckpointError, OutputError
from affectfuse.fusion.calibration import Calibration
from affectfuse.modalities.recognition import FrozenRecogniser

PRIOR_LOGITS = (math.log(0.6), math.log(0.4))
SOURCE = """
    from torch import nn

    from affectfuse.containers import Target
    from affectfuse.modalities.base import Modality


    class Pulse(Modality):
        name, needs = "pulse", frozenset({"signal"})
        window_s, latency_s, max_age_s = 1.0, 0.0, 2.0
        embedding_dim = 4
        recogniser_target = Target("beat", ("sharp", "flat"), "clip", "planted")

        def __init__(self, width: int) -> None:
            self.sample_shape = (width,)

        def extractor(self, recognise=None, annotations=None):
            raise NotImplementedError

        def encoder(self) -> nn.Module:
            return nn.Linear(self.sample_shape[0], self.embedding_dim)

        def recogniser(self) -> nn.Module:
            return Beat()


    class Beat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.classify = nn.Linear(5, 3), nn.Linear(3, 2)

        def forward(self, clips):
            embedding = self.embed(clips)
            return embedding, self.classify(embedding)
    """
TARGET = Target("state", ("calm", "tense"), "window", "planted")
FUSION = {"target": "affectfuse.fusion.log_linear_pool.LogLinearPool", "initial_weight": 1.0}
PULSE = {"target": "custom.pulse.Pulse", "width": 3}
TICK = Tick(1.0, {"pulse": ModalitySample("pulse", 0.0, 1.0, np.ones(3, np.float32), 0.7)})


@pytest.fixture
def custom(tmp_path: Path) -> Iterator[Path]:
    """A user's folder with a package `custom`, allowed."""
    folder = tmp_path / "project"
    (folder / "custom").mkdir(parents=True)
    (folder / "custom" / "__init__.py").touch()
    (folder / "custom" / "pulse.py").write_text(textwrap.dedent(SOURCE))
    with custom_package(folder):
        yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom"]:
        del sys.modules[name]


@pytest.fixture
def trained(custom: Path) -> Checkpoint:
    from custom.pulse import Beat, Pulse

    torch.manual_seed(0)
    model = build_model({"pulse": Pulse(3)}, FUSION, PRIOR_LOGITS)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    return Checkpoint(
        modality_configs={"pulse": PULSE},
        sample_specs={"pulse": {"sample_shape": [3], "embedding_dim": 4}},
        fusion_config=FUSION,
        targets=(TARGET,),
        prior_logits=PRIOR_LOGITS,
        calibration=Calibration(
            {"fused": {TARGET.name: 1.5}, "pulse": {TARGET.name: 0.8}}, 0.9, {TARGET.name: 0.7}
        ),
        weights=model.state_dict(),
        recogniser_weights={"pulse": Beat().state_dict()},
        trained_on={
            "dataset": "planted", "provenance": "Nobody was recorded.",
            "subjects": {"train": ["a", "b"], "validation": ["c"], "test": ["d"]},
            "recipe": {"seed": 0, "cache": None},
        },
        metrics=[{"estimate": "fused", "subset": "all", "samples": 9, "subjects": 1,
                  "auroc": math.nan, "uar": 0.8}],
        versions={"affectfuse": "0.1.0"},
        created="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


@pytest.fixture
def path(trained: Checkpoint, tmp_path: Path) -> Path:
    save_checkpoint(trained, tmp_path / "checkpoint.pt")
    return tmp_path / "checkpoint.pt"


def rewritten(path: Path, **changes: Any) -> Path:
    content = torch.load(path, weights_only=True)
    content |= changes
    torch.save({k: v for k, v in content.items() if v is not ...}, path)
    return path


def test_what_is_saved_is_loaded(trained: Checkpoint, path: Path) -> None:
    loaded = load_checkpoint(path)
    assert loaded.target == TARGET
    assert loaded.source == str(path)
    assert loaded.modality_configs == {"pulse": PULSE}
    assert loaded.prior_logits == list(PRIOR_LOGITS)
    assert loaded.calibration == trained.calibration
    assert loaded.trained_on == trained.trained_on
    assert math.isnan(loaded.metrics[0]["auroc"])
    for name, weight in trained.weights.items():
        assert torch.equal(loaded.weights[name], weight)
    one, other = (c.estimator().estimate(TICK) for c in (trained, loaded))
    assert one.probabilities == other.probabilities
    assert one.modality_probabilities == other.modality_probabilities
    assert path.stat().st_mode & 0o077 == 0
    assert path.stat().st_size < 50_000


def test_the_prediction_set_holds_what_the_threshold_lets_in(trained: Checkpoint) -> None:
    estimate = trained.estimator().estimate(TICK)
    likely = {name for name, p in estimate.probabilities.items() if 1 - p <= 0.7}
    assert set(estimate.prediction_sets[TARGET.name]) == likely
    strict = replace(trained, calibration=Calibration({}, 0.1, {TARGET.name: 0.0}))
    (alone,) = strict.estimator().estimate(TICK).prediction_sets[TARGET.name]
    found = strict.estimator().estimate(TICK).probabilities
    assert alone == max(found, key=lambda name: found[name])


def test_temperatures_reach_the_estimates(trained: Checkpoint) -> None:
    def odds(checkpoint: Checkpoint) -> tuple[float, float]:
        estimate = checkpoint.estimator().estimate(TICK)
        found = (estimate.probabilities, estimate.modality_probabilities["pulse"])
        return tuple(math.log(p["tense"] / p["calm"]) - math.log(0.4 / 0.6) for p in found)  # type: ignore[return-value]

    plain = odds(replace(trained, calibration=Calibration()))
    assert odds(trained) == pytest.approx((plain[0] / 1.5, plain[1] / 0.8), rel=1e-4)


def test_the_recogniser_comes_back_as_a_function(trained: Checkpoint, path: Path) -> None:
    clip = np.arange(5, dtype=np.float32)
    embedding, probabilities = load_checkpoint(path).recognise()["pulse"](clip)
    weights = {name: weight.numpy() for name, weight in trained.recogniser_weights["pulse"].items()}
    # Sums, not matmul: BLAS now and then raises NumPy's "invalid value" on lanes it does not use.
    expected = (weights["embed.weight"] * clip).sum(1) + weights["embed.bias"]
    np.testing.assert_allclose(embedding, expected, rtol=1e-5)
    logits = (weights["classify.weight"] * expected).sum(1) + weights["classify.bias"]
    np.testing.assert_allclose(probabilities, np.exp(logits) / np.exp(logits).sum(), rtol=1e-4)


class Echo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(2.0))

    def forward(self, clips: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.scale * clips, clips


def test_a_frozen_recogniser_survives_pickling_and_is_known_by_its_weights() -> None:
    frozen = FrozenRecogniser(Echo())
    copy = pickle.loads(pickle.dumps(frozen))
    clip = np.array([1.0, 2.0])  # float64 is taken too
    for one, other in zip(frozen(clip), copy(clip), strict=True):
        np.testing.assert_array_equal(one, other)
    assert copy.digest() == frozen.digest()
    changed = Echo()
    changed.scale.data.fill_(3.0)
    assert FrozenRecogniser(changed).digest() != frozen.digest()
    assert not any(p.requires_grad for p in changed.parameters())


def test_it_describes_itself(path: Path) -> None:
    loaded = load_checkpoint(path)
    text = loaded.describe()
    for part in (
        "state, classes: calm, tense",
        "planted: Nobody was recorded.",
        "2 train",
        "uar 0.800",
        "fused by      LogLinearPool",
        "conformal     sets of state (coverage 90%)",
    ):
        assert part in text
    provenance = loaded.provenance()
    assert provenance["trained_on"]["provenance"] == "Nobody was recorded."
    assert "recipe" not in provenance["trained_on"]
    assert provenance["classes"] == ["calm", "tense"]


def test_of_several_targets_it_says_which_a_figure_is_of(trained: Checkpoint) -> None:
    affect = Target("affect", ("valence", "arousal"), "window", "planted", "scales")
    rows = [
        {"target": "state", "estimate": "fused", "subset": "all", "samples": 9, "subjects": 1,
         "uar": 0.8},
        {"target": "affect", "estimate": "fused", "subset": "all", "samples": 9, "subjects": 1,
         "ccc": 0.5},
    ]  # fmt: skip
    reach = {"state": 0.7, "valence": 1.25, "arousal": math.inf}
    text = replace(
        trained,
        targets=(TARGET, affect),
        metrics=rows,
        calibration=Calibration({}, 0.9, reach),
    ).describe()
    assert "fused         state: uar 0.800" in text
    assert "fused         affect: ccc 0.500" in text
    assert "sets of state; intervals valence +- 1.25, arousal +- inf (coverage 90%)" in text


def test_the_name_demo_is_the_embedded_checkpoint(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "__file__", str(tmp_path / "package" / "checkpoint.py"))
    with pytest.raises(CheckpointError, match=r"no checkpoint at .*package/checkpoints/demo\.pt"):
        load_checkpoint("demo")
    (tmp_path / "package" / "checkpoints").mkdir(parents=True)
    path.rename(tmp_path / "package" / "checkpoints" / "demo.pt")
    assert load_checkpoint("demo").source == "demo"


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path).recognise() and load_checkpoint(path).estimator()
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    assert "no checkpoint at" in refusal(tmp_path / "nothing.pt")
    assert "is not a file" in refusal(tmp_path)
    wrong = tmp_path / "wrong.pt"
    for content in (b"", b"some text\n", b"PK\x03\x04 but then nothing", bytes(4000)):
        wrong.write_bytes(content)
        assert "is not an affectfuse checkpoint: give the checkpoint.pt" in refusal(wrong)
    with zipfile.ZipFile(wrong, "w") as archive:
        archive.writestr("a.txt", "a")
    assert "is not an affectfuse checkpoint" in refusal(wrong)
    torch.save({"weights": torch.zeros(3)}, wrong)
    assert "is not an affectfuse checkpoint" in refusal(wrong)
    torch.save(Echo(), wrong)  # a pickled object: loading it would run its code
    assert "is not an affectfuse checkpoint" in refusal(wrong)


def test_a_truncated_checkpoint_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])
    assert "is not an affectfuse checkpoint" in refusal(path)


def test_another_format_version_is_refused(path: Path) -> None:
    message = refusal(rewritten(path, format_version=FORMAT_VERSION + 1, later="part"))
    assert "has format version 3, written by affectfuse 0.1.0" in message
    assert "reads version 2: use the version of affectfuse that wrote it" in message


def test_missing_and_unknown_parts_are_named(path: Path) -> None:
    assert "has the unknown part 'extra'" in refusal(rewritten(path, extra=1))
    assert "lacks 'calibration'" in refusal(rewritten(path, extra=..., calibration=...))


def test_samples_that_no_longer_match_are_refused(path: Path) -> None:
    message = refusal(rewritten(path, modality_configs={"pulse": {**PULSE, "width": 4}}))
    assert "modality 'pulse' was trained with samples (3,) and embeddings of 4" in message
    assert "this installation builds samples (4,)" in message


def test_weights_that_do_not_fit_are_refused(path: Path) -> None:
    weights = torch.load(path, weights_only=True)["weights"]
    del weights["head.raw_weights.pulse"]
    message = refusal(rewritten(path, weights=weights))
    assert "the weights of the fusion model do not fit" in message
    message = refusal(rewritten(path, recogniser_weights={"pulse": {"x": torch.zeros(1)}}))
    assert "the weights of the recogniser of 'pulse' do not fit" in message
    assert "holds a recogniser for 'voice'" in refusal(
        rewritten(path, recogniser_weights={"voice": {}})
    )


def test_classes_that_are_not_there_are_refused_with_advice(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {"target": "affectfuse.modalities.telepathy.Telepathy"}
    message = refusal(rewritten(path, modality_configs={"pulse": gone}))
    assert "needs 'affectfuse.modalities.telepathy.Telepathy'" in message
    assert "use the version of affectfuse that wrote it" in message
    rewritten(path, modality_configs={"pulse": PULSE}, fusion_config={"target": "torch.nn.Linear"})
    with pytest.raises(CheckpointError, match=r"needs 'torch\.nn\.Linear': .* not in an allowed"):
        load_checkpoint(path).model()


def test_code_from_custom_is_never_implied(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from affectfuse import config

    with monkeypatch.context() as later:
        later.setattr(config, "_custom", [])  # a run without --allow-custom
        assert "pass --allow-custom in the folder that holds custom/" in refusal(path)


def test_writing_leaves_the_old_file_when_it_fails(
    trained: Checkpoint, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = path.read_bytes()

    def full(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OutputError, match=r"cannot write .*: No space left on device"):
        save_checkpoint(trained, path)
    assert path.read_bytes() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["checkpoint.pt", "project"]


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    with pytest.raises(OutputError, match="Choose a folder you may write to"):
        write_whole(tmp_path / "taken" / "file.txt", b"")


def test_new_folders_are_the_owners_alone(tmp_path: Path) -> None:
    write_whole(tmp_path / "a" / "b" / "file.txt", b"")
    for path in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "file.txt"):
        assert path.stat().st_mode & 0o077 == 0


def test_only_plain_values_and_tensors_are_saved(trained: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="cannot hold a ndarray"):
        save_checkpoint(replace(trained, trained_on={"x": np.zeros(2)}), tmp_path / "x.pt")
    assert not (tmp_path / "x.pt").exists()
