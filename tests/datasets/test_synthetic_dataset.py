"""The data set renders itself once, privately, and gives its truths back."""

from __future__ import annotations

import csv
import json
import stat
from pathlib import Path

import av
import numpy as np
import pytest
from omegaconf import OmegaConf

from affectfuse.config import build, load_node, load_recipe
from affectfuse.datasets.base import Dataset
from affectfuse.datasets.synthetic import Synthetic, draw_session, read_truth, render, synthesise
from affectfuse.errors import ConfigError, DatasetError

SMALL = {"duration_s": 1.0, "width": 160, "height": 120, "micro_expressions_per_min": 60.0}


def _small(root: Path, **changes: object) -> Synthetic:
    return Synthetic(root=str(root), subjects=2, workers=1, session=SMALL, **changes)  # type: ignore[arg-type]


def test_prepare_renders_what_is_missing_and_only_that(tmp_path: Path) -> None:
    data = _small(tmp_path / "cache")
    with pytest.raises(DatasetError, match="call prepare"):
        data.items()
    steps: list[tuple[str, int, int]] = []
    data.prepare(lambda *step: steps.append(step))
    assert steps == [("synthetic recordings", 1, 2), ("synthetic recordings", 2, 2)]
    first, second = (item.path for item in data.items())
    kept = first.stat().st_mtime_ns
    second.unlink()
    _small(tmp_path / "cache").prepare(lambda *step: steps.append(step))
    assert steps[2:] == [("synthetic recordings", 1, 1)]
    assert first.stat().st_mtime_ns == kept
    assert stat.S_IMODE(data.folder.stat().st_mode) == 0o700
    assert not [p for p in data.folder.iterdir() if p.name.endswith(".part")]


def test_items_carry_the_truths(tmp_path: Path) -> None:
    data = _small(tmp_path)
    data.prepare()
    items = data.items()
    assert [item.key for item in items] == sorted(item.key for item in items)
    assert len({item.subject for item in items}) == 2
    for item in items:
        assert {label.label for label in item.labels} <= set(data.target.classes)
        assert item.references["heart_rate_bpm"].unit == "bpm"
        with av.open(str(item.path)) as container:
            times = [frame.time for frame in container.decode(video=0)]
        np.testing.assert_allclose(times, read_truth(item.path).script.frame_times_s, atol=1e-5)
    assert "synthetic" in data.provenance.lower()


def test_another_parameter_is_another_folder(tmp_path: Path) -> None:
    one = Synthetic(root=str(tmp_path), session=SMALL)
    other = Synthetic(root=str(tmp_path), session={**SMALL, "crf": 30})
    assert one.folder != other.folder
    assert Synthetic(root=str(tmp_path), session=SMALL).folder == one.folder
    assert one.script(1, 1) == Synthetic(root=str(tmp_path), session=SMALL).script(1, 1)
    assert one.script(1, 1).subject == one.script(1, 2).subject


@pytest.mark.slow
def test_processes_render_what_one_renders(tmp_path: Path) -> None:
    _small(tmp_path / "one").prepare()
    two = Synthetic(root=str(tmp_path / "two"), subjects=2, workers=2, session=SMALL)
    two.prepare()
    for one, other in zip(_small(tmp_path / "one").items(), two.items(), strict=True):
        assert read_truth(one.path).script == read_truth(other.path).script
        with av.open(str(one.path)) as a, av.open(str(other.path)) as b:
            for x, y in zip(a.decode(video=0), b.decode(video=0), strict=True):
                np.testing.assert_array_equal(x.to_ndarray(), y.to_ndarray())


def test_truth_files_agree(tmp_path: Path) -> None:
    script = draw_session(2, 0, duration_s=3.0, width=160, height=120, hidden_state=False,
                          micro_expressions_per_min=60.0, blinks_per_min=40.0)  # fmt: skip
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        render(script, tmp_path / folder / "v.mp4")
    for name in ("v.json", "v_events.tsv", "v_events.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    with (tmp_path / "one" / "v_events.tsv").open() as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    truth = read_truth(tmp_path / "one" / "v.mp4")
    assert truth.script == script
    micro = [row for row in rows if row["trial_type"] == "micro_expression"]
    assert len(micro) == len(truth.events["micro_expression"]) > 0
    for row, event in zip(micro, truth.events["micro_expression"], strict=True):
        assert float(row["onset"]) == pytest.approx(event.onset_s, abs=1e-4)
        assert float(row["duration"]) == pytest.approx(event.duration_s, abs=1e-4)
        assert float(row["apex"]) == pytest.approx(event.apex_s, abs=1e-4)
        assert row["label"] == event.label
    assert [float(r["onset"]) for r in rows] == sorted(float(r["onset"]) for r in rows)
    sidecar = json.loads((tmp_path / "one" / "v_events.json").read_text())
    assert set(sidecar) == set(rows[0])
    document = json.loads((tmp_path / "one" / "v.json").read_text())
    assert document["units"]["sway_degrees"].startswith("degrees")
    assert document["synthetic"] is True


def test_truths_that_are_missing_or_broken_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="no truths at"):
        read_truth(tmp_path / "v.mp4")
    (tmp_path / "v.json").write_text('{"schema_version": 99}')
    with pytest.raises(DatasetError, match="schema version 99"):
        read_truth(tmp_path / "v.mp4")
    (tmp_path / "v.json").write_text("{")
    with pytest.raises(DatasetError, match="is not a synthetic video's truths"):
        read_truth(tmp_path / "v.mp4")


@pytest.mark.parametrize("name", ["synthetic", "synthetic_expressions"])
def test_the_configs_build(name: str) -> None:
    node = load_node("dataset", name)
    data = build(node, Dataset)
    assert isinstance(data, Synthetic)
    script = data.script(1, 1)
    assert script.frame_times_s
    if name == "synthetic_expressions":
        assert len(script.micro_expressions) > 0.5 * script.parameters.duration_s / 1.5
    node.session.sway_degree = 3
    with pytest.raises(ConfigError, match="Did you mean 'sway_degrees'"):
        build(node, Dataset)


def test_the_recipe_synthesises(tmp_path: Path) -> None:
    recipe = load_recipe("synth", ["duration_s=0.5", "width=160", "height=120", "seed=4"])
    steps: list[int] = []
    script = synthesise(recipe, tmp_path / "v.mp4", lambda what, done, total: steps.append(done))
    assert steps == list(range(1, len(script.frame_times_s) + 1))
    assert read_truth(tmp_path / "v.mp4").script == script
    bad = OmegaConf.merge(recipe, {"seed": -1})
    with pytest.raises(ConfigError, match="seed is -1"):
        synthesise(OmegaConf.create(OmegaConf.to_container(bad)), tmp_path / "w.mp4")
    assert not (tmp_path / "w.mp4").exists()
