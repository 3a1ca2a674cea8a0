"""A trained model against a data set: the right people, the right numbers, or one clear line."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from omegaconf import DictConfig, OmegaConf

from affectfuse.checkpoint import load_checkpoint, save_checkpoint
from affectfuse.cli import main
from affectfuse.config import build, load_recipe
from affectfuse.containers import ModalitySample, Tick
from affectfuse.datasets.base import Dataset
from affectfuse.errors import DatasetError
from affectfuse.reports.evaluations.fused_checkpoint import CHECKPOINT_EVALUATION_OUTPUTS
from affectfuse.training.fused.checkpoint_evaluation import (
    CheckpointEvaluation,
    evaluate_checkpoint,
    fused_recipe,
)
from affectfuse.training.fused.train import train
from affectfuse.training.fused.unseen import take_unseen, unseen_notes

STRANGE = "dataset.targets={state: {kind: classes, classes: [rest, sums]}}"
WORDS = ("calm", "tense")


def tree(
    root: Path, people: Sequence[str], seed: int, words: Sequence[str] = WORDS, voice: bool = True
) -> Path:
    """Write ten segments of each person, of state and valence; return the data set's config."""
    rng, rows = np.random.default_rng(seed), []
    root.mkdir()
    for index, person in enumerate(np.repeat(people, 10)):
        tense, valence = rng.integers(2), rng.normal()
        found = {"face": rng.normal([1.5 * tense, valence, 0]), "voice": rng.normal([tense, 0])}
        there = {"face": True, "voice": voice and rng.random() > 0.2}
        for name, values in found.items():
            np.save(root / f"{name}{index}.npy", values.astype(np.float32))
        rows.append(
            {
                "recording": f"{person}-{index}", "onset": 0, "duration": 10, "subject": person,
                "state": words[tense], "valence": f"{valence:.4f}",
                "sex": "f" if int(person[1:]) % 2 else "m",
                **{n: f"{n}{index}.npy" if there[n] else "" for n in found},
            }
        )  # fmt: skip
    with (root / "manifest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    node = {
        "target": "affectfuse.datasets.manifest.Manifest",
        "root": str(root),
        "name": root.name,
        "modalities": {"face": {"kind": "features"}, "voice": {"kind": "features"}},
        "targets": {
            "state": {"kind": "classes", "classes": list(words)},
            "affect": {"kind": "scales", "columns": ["valence"]},
        },
        "attributes": ["sex"],
    }
    OmegaConf.save(OmegaConf.create(node), root / "data.yaml")
    return root / "data.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of ten people of 'study', two of whom were held out; and four others."""
    folder = tmp_path_factory.mktemp("evaluated")
    study = tree(folder / "study", [f"p{i}" for i in range(10)], 0)
    tree(folder / "other", [f"q{i}" for i in range(4)], 1)
    tree(folder / "words", [f"q{i}" for i in range(4)], 1, words=("rest", "sums"))
    tree(folder / "silent", [f"q{i}" for i in range(4)], 1, voice=False)
    options = [f"dataset={study}", "recogniser_dataset=null", "modalities=null", "workers=1"]
    train(load_recipe("train", [*options, "training.max_epochs=20"]), folder / "model")
    return folder


def evaluated(folder: Path, name: str, *overrides: str) -> CheckpointEvaluation:
    said = [f"checkpoint={folder}/model/checkpoint.pt", f"dataset={folder}/{name}/data.yaml"]
    return evaluate_checkpoint(fused_recipe("evaluate_fused", [*said, "draws=20", *overrides]))


def auroc(truth: np.ndarray, score: np.ndarray) -> float:
    """Share of pairs in the right order, ties counting half."""
    above = score[truth][:, None] - score[~truth][None]
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def refusal(arguments: Sequence[str], monkeypatch: pytest.MonkeyPatch, capsys: object) -> str:
    monkeypatch.setattr(sys, "argv", ["affectfuse", "evaluate", "fused", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err  # type: ignore[attr-defined]
    lines = [line for line in said.splitlines() if line.startswith("affectfuse: ")]
    assert len(lines) == 1, said
    assert "Traceback" not in said
    return str(lines[0])


def test_the_command_measures_what_its_predictions_say(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "out"
    (checkpoint, data) = (folder / "model" / "checkpoint.pt", folder / "other" / "data.yaml")
    said = [f"checkpoint={checkpoint}", f"dataset={data}", "draws=20", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["affectfuse", "evaluate", "fused", "evaluate_fused", *said])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "AUROC fused minus best single" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == set(CHECKPOINT_EVALUATION_OUTPUTS)

    with (out / "predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 40
    assert {row["subject"] for row in rows} == {"q0", "q1", "q2", "q3"}
    matched = [row for row in rows if row["present_voice"] == row["present_face"] == "1"]
    assert len(matched) < len(rows)
    metrics = json.loads((out / "metrics.json").read_text())
    state = metrics["targets"][0]
    scores = {
        (s["estimate"], s["subset"], s["metric"]): s["found"]["value"] for s in state["scores"]
    }

    def own(part: Sequence[dict[str, str]], column: str) -> float:
        truth = np.array([row["label_state"] == "tense" for row in part])
        return auroc(truth, np.array([float(row[column]) for row in part]))

    assert scores["fused", "all", "auroc"] == pytest.approx(own(rows, "p_tense"), abs=1e-6)
    for estimate, column in [("fused", "p_tense"), ("voice", "p_tense_by_voice")]:
        found = scores[estimate, "matched", "auroc"]
        assert found == pytest.approx(own(matched, column), abs=1e-6)
    right = np.mean(
        [(row["label_state"] == "tense") == (float(row["p_tense"]) > 0.5) for row in rows]
    )
    assert scores["fused", "all", "accuracy"] == pytest.approx(right)
    assert scores["fused", "all", "auroc"] > 0.7
    held = np.mean([row["label_state"] in row["set_state"].split("|") for row in rows])
    assert state["conformal"][0]["overall"]["value"] == pytest.approx(held)
    assert {(g["attribute"], g["value"]) for g in state["groups"]} == {("sex", "f"), ("sex", "m")}
    assert {s["name"] for s in state["robustness"]["subsets"]} == {"face + voice", "face", "voice"}

    page = (out / "evaluation.html").read_text("utf-8")
    assert "Evaluation of a trained, fused model" in page
    for word in ("cross-validation", "crossval", "all folds", "by seed"):
        assert word not in page.lower()


def test_it_says_of_a_sample_what_the_model_says_live(folder: Path) -> None:
    found = evaluated(folder, "other").predictions
    estimator = load_checkpoint(folder / "model" / "checkpoint.pt").estimator()
    for row, key in enumerate(found.keys.tolist()):
        index = key.partition("-")[2].partition("@")[0]
        samples = {
            name: ModalitySample(name, 0, 10, np.load(folder / "other" / f"{name}{index}.npy"), 1.0)
            if present[row] else None
            for name, present in found.present.items()
        }  # fmt: skip
        said = estimator.estimate(Tick(10.0, samples))
        values = [*said.probabilities.values(), *said.values.values()]
        np.testing.assert_allclose(found.estimates["fused"][0, row], values, atol=1e-5)


def test_people_of_the_training_are_left_out(folder: Path) -> None:
    result = evaluated(folder, "study")
    own_data = fused_recipe("evaluate_fused", [f"checkpoint={folder}/model/checkpoint.pt"])
    again = evaluate_checkpoint(own_data).predictions
    np.testing.assert_array_equal(again.keys, result.predictions.keys)
    trained_on = load_checkpoint(folder / "model" / "checkpoint.pt").trained_on["subjects"]
    assert set(result.predictions.subjects.tolist()) == set(trained_on["test"])
    assert set(result.left_out) == {*trained_on["train"], *trained_on["validation"]}
    assert result.left_out[trained_on["train"][0]] == "the model learnt from"
    assert any(note.startswith("8 subjects of the data set") for note in result.evaluation.notes)
    checkpoint = load_checkpoint(folder / "model" / "checkpoint.pt")
    [own] = [
        row for row in checkpoint.metrics
        if (row["target"], row["estimate"], row["subset"]) == ("state", "fused", "all")
    ]  # fmt: skip
    score = result.evaluation.targets[0].score("fused", "all")
    assert score is not None
    assert score.found.value == pytest.approx(own["auroc"], abs=1e-6)


def test_nobody_left_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    checkpoint = load_checkpoint(folder / "model" / "checkpoint.pt")
    everyone = [who for side in checkpoint.trained_on["subjects"].values() for who in side]
    sides = {"train": everyone, "validation": [], "test": []}
    file = tmp_path / "all.pt"
    save_checkpoint(
        replace(checkpoint, trained_on={**checkpoint.trained_on, "subjects": sides}), file
    )
    said = [f"dataset={folder}/study/data.yaml", f"checkpoint={file}", "--out", str(tmp_path / "o")]
    message = refusal(["evaluate_fused", *said], monkeypatch, capsys)
    assert "nobody is left to test on" in message
    assert "all 10 labelled subjects of 'study'" in message
    assert not (tmp_path / "o").exists()


def test_people_of_the_recognisers_are_left_out(folder: Path) -> None:
    checkpoint = load_checkpoint(folder / "model" / "checkpoint.pt")
    other = build(OmegaConf.load(folder / "other" / "data.yaml"), Dataset)  # type: ignore[type-abstract, arg-type]
    taught = {"face": {"dataset": "other", "subjects": ["q1"]}}
    known = replace(checkpoint, trained_on={**checkpoint.trained_on, "recognisers": taught})
    items, left_out = take_unseen(known, other)
    assert left_out == {"q1": "the recogniser of 'face' learnt from"}
    assert {item.subject for item in items} == {"q0", "q2", "q3"}
    silent = {"recognisers": {"face": {"dataset": "other"}}, "encoders_from": "3f"}
    unknown = replace(checkpoint, trained_on={**checkpoint.trained_on, **silent})
    assert len(take_unseen(unknown, other)[0]) == 40
    first, second = unseen_notes(unknown, other, unknown.targets, {})
    assert "recogniser of 'face' learnt from this data set" in first
    assert "encoders began with those of another checkpoint" in second


def test_recordings_are_read_as_in_training(recipe: DictConfig, tmp_path: Path) -> None:
    """Recognisers, sampling and samples are the checkpoint's: its own test figures come again."""
    trained = train(recipe, tmp_path / "out")
    cached = sorted((tmp_path / "cache").rglob("*"))
    node = fused_recipe(
        "evaluate_fused", [f"checkpoint={trained.checkpoint}", "draws=20", "workers=1"]
    )
    node.cache = recipe.cache
    result = evaluate_checkpoint(node)
    assert sorted((tmp_path / "cache").rglob("*")) == cached  # nothing was read again
    assert set(result.predictions.subjects.tolist()) == set(trained.split.test)
    assert len(result.predictions) == trained.samples["test"]
    for row in trained.metrics:
        score = result.evaluation.targets[0].score(row["estimate"], row["subset"])
        assert score is not None
        assert score.found.value == pytest.approx(row["auroc"], abs=1e-6)
    checkpoint = load_checkpoint(trained.checkpoint)
    coached = checkpoint.trained_on["recognisers"]["gesture"]["subjects"]
    assert coached == list(trained.split.train)
    node.sampling = {"start_s": 30.0, "settle_s": 0.0, "every_s": 5.0}
    later = evaluate_checkpoint(node).predictions
    assert later.times_s.min() >= 30.0
    assert min(b - a for a, b in pairwise(later.times_s[later.subjects == later.subjects[0]])) >= 5


def test_a_modality_can_stay_hidden(folder: Path) -> None:
    hidden = evaluated(folder, "other", "without=[voice]").predictions
    whole = evaluated(folder, "other").predictions
    assert hidden.modalities == ("face",)
    assert set(hidden.estimates) == {"fused", "best single", "face"}
    np.testing.assert_allclose(hidden.estimates["fused"], whole.subsets["face"], atol=1e-6)
    silent = evaluated(folder, "silent", "without=[voice]").predictions
    assert len(silent) == 40


def test_words_are_mapped_and_others_left_out(folder: Path) -> None:
    mapped = evaluated(folder, "words", "label_map={rest: calm, sums: tense}").predictions
    plain = evaluated(folder, "other").predictions
    np.testing.assert_array_equal(mapped.labels["state"], plain.labels["state"])
    swapped = evaluated(folder, "other", "label_map={calm: tense, tense: calm}").predictions
    np.testing.assert_array_equal(swapped.labels["state"], 1 - plain.labels["state"])


def test_targets_that_the_data_set_lacks_are_not_spoken_of(folder: Path) -> None:
    valence = "dataset.targets={feeling: {kind: scales, columns: [valence]}}"
    found = evaluated(folder, "other", valence)
    whole = evaluated(folder, "other").predictions
    assert [target.name for target in found.predictions.targets] == ["affect"]
    assert found.predictions.estimates["fused"].shape == (1, 40, 1)
    np.testing.assert_allclose(
        found.predictions.estimates["fused"], whole.estimates["fused"][..., 2:], atol=1e-6
    )
    assert set(found.predictions.half_widths) == {"valence"}
    assert not found.predictions.sets
    assert np.isnan(found.predictions.estimates["best single"]).all()  # chosen for the state
    assert any("does not label" in n and n.endswith(": state") for n in found.evaluation.notes)
    other_words = evaluated(folder, "words")
    assert [target.name for target in other_words.predictions.targets] == ["affect"]


@pytest.mark.parametrize(
    ("name", "override", "message"),
    [
        ("words", STRANGE, "labels state (rest, sums); "),
        ("words", f"{STRANGE[:-3]}, calm]}}}}", "has the class 'rest', which"),
        ("other", "label_map={calm: calm, tense: tens}", "'tens' is no class"),
        ("silent", "seed=0", "'voice', which the model was trained with, is absent from all 40"),
        ("other", "without=[voise]", "has no modality 'voise'. Did you mean 'voice'?"),
        ("other", "without=[voice, face]", "hides every modality of the model"),
        ("other", "checkpoint=none.pt", "no checkpoint at none.pt"),
        ("other", "checkpoint=pyproject.toml", "not an affectfuse checkpoint"),
        ("other", "checkpoint=null", "names no trained model"),
        ("other", "sampling={start_s: 1}", "lacks 'sampling.settle_s'"),
        ("other", "draws=0", "'draws' is 0"),
        ("other", "modality=voice", "unknown key 'modality'"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_in_one_line(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
    name: str,
    override: str,
    message: str,
) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text("not a model\n")
    monkeypatch.chdir(tmp_path)
    said = [f"dataset={folder}/{name}/data.yaml", f"checkpoint={folder}/model/checkpoint.pt"]
    found = refusal(["evaluate_fused", *said, override, "--out", "out"], monkeypatch, capsys)
    assert message in found
    assert not (tmp_path / "out").exists()


def test_only_classes_of_the_model_are_taken(folder: Path) -> None:
    more = "{state: {kind: classes, classes: [calm, tense, asleep]}}"
    with pytest.raises(DatasetError, match=r"has the class 'asleep', which .* does not know"):
        evaluated(folder, "other", f"dataset.targets={more}")
    none = "{voice_quality: {kind: scales, columns: [sleepiness]}}"
    with pytest.raises(DatasetError, match=r"labels voice_quality [(]sleepiness[)]; "):
        evaluated(folder, "other", f"dataset.targets={none}")


def test_a_data_set_is_meant_where_a_training_recipe_has_its_name() -> None:
    recipe = fused_recipe("stress_predict", ["checkpoint=model.pt"])
    assert recipe.dataset.target.endswith("StressPredict")
    assert recipe.checkpoint == "model.pt"
