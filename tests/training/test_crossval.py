"""A cross-validation: honest folds, pooled and resumable, right where labels can be told, at chance
where they cannot."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets.flow_trees import write_megc2019_flow
from typer.testing import CliRunner

from affectfuse.cli import app
from affectfuse.config import load_recipe
from affectfuse.containers import Array
from affectfuse.datasets.splits import Split
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.reports.evaluations.crossval import CROSSVAL_OUTPUTS, crossval_table, write_crossval
from affectfuse.training.folds import Examples, FoldPlan, Learner, plan_folds, run_folds
from affectfuse.training.recognition.crossval import (
    CrossValidation,
    cross_validate,
    read_predictions,
)

DATABASES = {f"sub{n:02d}": "casme2" for n in range(5)} | {f"s{n:02d}": "smic" for n in range(5)}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("megc")
    write_megc2019_flow(folder, DATABASES, labels=(0, 0, 0, 1, 1, 2))
    return folder


def run(root: Path, out: Path, *overrides: str, against: Path | None = None) -> CrossValidation:
    given = [f"dataset.root={root}", "workers=1", "draws=200", "seeds=[0]", *overrides]
    return cross_validate(load_recipe("megc2019_flow", given), out, against)


@dataclass
class Recorder(Learner):
    """Answers with the subjects it was given to learn from, and notes each call."""

    examples: Examples
    side_by_side: int = 2
    seeded: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
    calls: list[tuple[int, list[Split]]] = field(default_factory=list)

    def learn(self, splits: Sequence[Split], seed: int) -> list[dict[str, Array]]:
        self.calls.append((seed, list(splits)))
        tested = [np.isin(self.examples.subjects, split.test).sum() for split in splits]
        return [
            {"probabilities": np.full((n, 2), len(s.train) + seed), "extra": np.ones(n)}
            for n, s in zip(tested, splits, strict=True)
        ]


def examples() -> Examples:
    subjects = np.array([f"s{row % 5}" for row in range(20)])
    databases = np.where(np.isin(subjects, ["s0", "s1"]), "one", "two")
    return Examples(("a", "b"), np.arange(20).astype(str), subjects, databases, np.arange(20) % 2)


def plan(protocol: str = "leave_one_subject_out", **changes: Any) -> FoldPlan:
    given = {"folds": 2, "test": 0.4, "validation": 0.0, "seed": 0} | changes
    return FoldPlan(protocol=protocol, **given)  # type: ignore[arg-type]


def test_protocols_test_every_subject_once_and_never_train_on_them() -> None:
    for protocol, folds in (
        ("leave_one_subject_out", 5), ("leave_one_dataset_out", 2), ("grouped_k_fold", 2),
    ):  # fmt: skip
        found = plan_folds(plan(protocol, validation=0.3), examples())
        assert len(found) == folds
        tested = [subject for split in found.values() for subject in split.test]
        assert sorted(tested) == ["s0", "s1", "s2", "s3", "s4"]
        assert all(split.validation for split in found.values())
    assert set(plan_folds(plan("leave_one_dataset_out"), examples())) == {"one", "two"}
    [held_out] = plan_folds(plan("hold_out"), examples()).values()
    assert len(held_out.test) == 2


def test_a_plan_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown protocol 'loso'"):
        plan("loso")
    with pytest.raises(ConfigError, match="tests on nobody"):
        plan_folds(plan("hold_out", test=0.0), examples())
    both = examples()
    both.databases[0] = "two"
    with pytest.raises(DatasetError, match="subject 's0' is in 'one' and in 'two'"):
        plan_folds(plan("leave_one_dataset_out"), both)
    one = Examples(*[getattr(both, n) for n in ("classes", "keys", "subjects")],
                   np.full(20, ""), both.labels)  # fmt: skip
    with pytest.raises(DatasetError, match="needs at least two databases"):
        plan_folds(plan("leave_one_dataset_out"), one)


def test_folds_run_in_groups_and_go_on_where_they_stopped(tmp_path: Path) -> None:
    learner = Recorder(examples())
    folds = plan_folds(plan(), learner.examples)
    joined = run_folds(learner, folds, (0, 7), tmp_path, 1)
    assert joined["extra"].shape == (2, 20)
    found = joined["probabilities"]
    assert [len(splits) for _, splits in learner.calls] == [2, 2, 1, 2, 2, 1]
    assert (found[0] == 4).all()
    assert (found[1] == 11).all()
    learner.calls.clear()
    sorted(tmp_path.glob("*.safetensors"))[0].unlink()  # as if it had been ended before that one
    again = run_folds(learner, folds, (0, 7), tmp_path, 1)["probabilities"]
    assert len(learner.calls) == 1
    np.testing.assert_array_equal(again, found)
    learner.calls.clear()
    solved = Recorder(examples(), seeded=False)
    found = run_folds(solved, folds, (3, 4, 5), tmp_path / "solved", 1)["probabilities"]
    assert len(solved.calls) == 3
    assert found.shape[0] == 3
    assert (found == 7).all()
    changed = Recorder(examples(), facts={"learning_rate": 1})
    run_folds(changed, folds, (0,), tmp_path, 1)
    assert len(changed.calls) == 3  # another configuration is another result


def test_rows_that_no_fold_tests_are_unknown(tmp_path: Path) -> None:
    learner = Recorder(examples())
    folds = plan_folds(plan("hold_out"), learner.examples)
    found = run_folds(learner, folds, (0,), tmp_path, 1)["probabilities"][0]
    tested = np.isin(learner.examples.subjects, folds["held out"].test)
    assert np.isfinite(found[tested]).all()
    assert np.isnan(found[~tested]).all()


def test_planted_motion_is_recognised_in_every_fold(root: Path, tmp_path: Path) -> None:
    result = run(root, tmp_path)
    assert result.folds == 10
    assert len(result.predictions) == 60
    assert result.groups[0].scores["uf1"].value > 0.9
    assert [group.name for group in result.groups] == ["all", "casme2", "smic"]
    assert result.chance[0] == pytest.approx(1 / 3, abs=0.03)
    assert 0.35 < result.chance[1] < 0.6


def test_permuted_labels_are_at_chance(root: Path, tmp_path: Path) -> None:
    values = []
    for seed in range(2):
        result = run(root, tmp_path / str(seed), "permuted=true", f"seeds=[{seed}]")
        values.append(result.groups[0].scores["uf1"].value)
        assert np.bincount(result.predictions.labels).tolist() == [30, 20, 10]
    assert np.mean(values) <= result.chance[1]
    assert len(set(values)) > 1


def test_a_network_is_trained_and_compared(root: Path, tmp_path: Path) -> None:
    kernel = tmp_path / "kernel"
    write_crossval(run(root, kernel, "split.protocol=leave_one_dataset_out"), kernel)
    result = run(
        root,
        tmp_path / "net",
        "recognisers=[ststnet]",
        "split.protocol=leave_one_dataset_out",
        "recogniser_training.max_epochs=15",
        "recogniser_training.learning_rate=0.01",
        against=kernel / "predictions.csv",
    )
    assert result.folds == 2
    assert result.parameters > 1000
    assert result.groups[0].scores["uar"].value > 0.6
    assert result.difference is not None
    assert "paired by subject" in crossval_table(result)


def test_the_command_writes_everything_and_resumes(root: Path, tmp_path: Path) -> None:
    command = [
        "crossval", "megc2019_flow", f"dataset.root={root}", "workers=1", "draws=100",
        "seeds=[0, 1]", "split.protocol=grouped_k_fold", "--out", str(tmp_path),
    ]  # fmt: skip
    said = CliRunner().invoke(app, command, catch_exceptions=False)
    assert said.exit_code == 0, said.output
    assert "UF1 by chance" in said.output
    assert {path.name for path in tmp_path.iterdir()} == {*CROSSVAL_OUTPUTS, "folds"}
    with (tmp_path / "predictions.csv").open(encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 2 * 60
    summary = json.loads((tmp_path / "crossval.json").read_text("utf-8"))
    kept = read_predictions(tmp_path / "predictions.csv")
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert summary["groups"][0]["scores"]["accuracy"]["value"] == pytest.approx(right)
    assert (kept.predicted == kept.labels).mean() == pytest.approx(right)
    page = (tmp_path / "crossval.html").read_text("utf-8")
    assert 'id="confusion-2"' in page
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "folds").iterdir()}
    assert len(times) == 5  # a kernel machine is solved, not drawn: one seed stands for all
    again = CliRunner().invoke(app, command, catch_exceptions=False)
    assert again.exit_code == 0
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "folds").iterdir()}


def test_what_is_missing_is_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="need 'classes' and 'recognisers'"):
        run(root, tmp_path, "recognisers=[]")
    with pytest.raises(ConfigError, match="seeds is empty"):
        run(root, tmp_path, "seeds=[]")
    with pytest.raises(ConfigError, match=r"unknown protocol 'loso'.* Allowed: 'grouped_k_fold'"):
        run(root, tmp_path, "split.protocol=loso")
    recipe = load_recipe("megc2019_flow", [f"dataset.root={root}"])
    del recipe["label_map"]
    with pytest.raises(ConfigError, match=r"the recipe lacks 'label_map': begin it with 'extends"):
        cross_validate(recipe, tmp_path)
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DatasetError, match=r"no\.csv is no predictions\.csv"):
        read_predictions(tmp_path / "no.csv")
