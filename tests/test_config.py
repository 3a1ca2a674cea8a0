"""Configs are found, merged and overridden; what does not fit is refused with advice."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from affectfuse import config
from affectfuse.config import build, custom_package, load_node, load_recipe
from affectfuse.errors import ConfigError
from affectfuse.modalities.base import Modality


class Plain:
    """A class with one required and one optional parameter."""

    def __init__(self, rate_hz: float, label: str = "a") -> None:
        if rate_hz <= 0:
            raise ValueError("rate_hz must be positive")
        self.rate_hz, self.label = rate_hz, label


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configs folder of its own."""
    for slot in ("modality", "dataset", "fusion", "protocol"):
        (tmp_path / slot).mkdir()
    (tmp_path / "modality/pulse.yaml").write_text("target: affectfuse.x.Y\nwindow_s: 10.0\n")
    (tmp_path / "dataset/a.yaml").write_text("target: affectfuse.x.A\nroot: null\n")
    (tmp_path / "dataset/b.yaml").write_text("target: affectfuse.x.B\nroot: null\n")
    (tmp_path / "fusion/mean.yaml").write_text("target: affectfuse.x.Mean\n")
    recipe = (
        "dataset: a\nclip_dataset: b\nmodalities: [pulse]\nfusion: mean\nseed: 1\nfast: false\n"
    )
    (tmp_path / "train.yaml").write_text(recipe)
    monkeypatch.setattr(config, "configs_dir", lambda: tmp_path)
    return tmp_path


def test_recipe_fills_its_slots(tree: Path) -> None:
    recipe = load_recipe("train")
    assert recipe.dataset.target.endswith("A")
    assert recipe.clip_dataset.target.endswith("B")
    assert recipe.modalities.pulse.window_s == 10.0


def test_overrides_choose_configs_first_then_set_keys(tree: Path) -> None:
    recipe = load_recipe("train", ["dataset.root=/d", "dataset=b", "modalities.pulse.window_s=8"])
    assert recipe.dataset == {"target": "affectfuse.x.B", "root": "/d"}
    assert recipe.modalities.pulse.window_s == 8


def test_a_recipe_may_say_what_differs_from_a_config(tree: Path) -> None:
    (tree / "short.yaml").write_text("dataset: {config: a, root: /d}\nmodalities: [pulse]\n")
    assert load_recipe("short").dataset == {"target": "affectfuse.x.A", "root": "/d"}
    (tree / "wrong.yaml").write_text("dataset: {config: a, rot: /d}\n")
    with pytest.raises(ConfigError, match="Did you mean 'root'"):
        load_recipe("wrong")


def test_what_a_config_leaves_empty_is_given_whole(tree: Path) -> None:
    (tree / "dataset/own.yaml").write_text("target: affectfuse.x.O\ncolumns: {}\nroot: null\n")
    (tree / "mine.yaml").write_text("dataset: {config: own, columns: {face: {kind: video}}}\n")
    assert load_recipe("mine").dataset.columns == {"face": {"kind": "video"}}
    recipe = load_recipe("mine", ["dataset.columns={voice: {kind: sound}}"])
    assert recipe.dataset.columns == {"voice": {"kind": "sound"}}
    (tree / "wrong.yaml").write_text("dataset: {config: own, columms: {face: {kind: video}}}\n")
    with pytest.raises(ConfigError, match="Did you mean 'columns'"):
        load_recipe("wrong")


def test_a_recipe_may_extend_another(tree: Path) -> None:
    (tree / "quick.yaml").write_text("extends: train\ndataset: {config: b, root: /d}\nseed: 9\n")
    recipe = load_recipe("quick", ["fast=true"])
    assert (recipe.seed, recipe.fast, recipe.dataset.root) == (9, True, "/d")
    assert recipe.fusion == load_recipe("train").fusion
    assert "extends" not in recipe
    own = "extends: train\nmodalities:\n  slow: {config: pulse, window_s: 20.0}\n"
    (tree / "named.yaml").write_text(own)
    assert load_recipe("named").modalities == {
        "slow": {"target": "affectfuse.x.Y", "window_s": 20.0}
    }


def test_changes_come_before_overrides(tree: Path) -> None:
    recipe = load_recipe(
        "train",
        ["modalities.slow.window_s=30"],
        {"seed": 5, "modalities": {"slow": {"config": "pulse", "window_s": 20.0}}},
    )
    assert recipe.seed == 5
    assert recipe.modalities == {"slow": {"target": "affectfuse.x.Y", "window_s": 30}}
    assert load_recipe("train", changes={}) == load_recipe("train")
    with pytest.raises(ConfigError, match="Did you mean 'window_s'"):
        load_recipe("train", changes={"modalities": {"a": {"config": "pulse", "windw_s": 1}}})
    with pytest.raises(ConfigError, match="fusion cannot be used"):
        load_recipe("train", changes={"fusion": "${"})


def test_a_list_may_stand_for_a_number(tree: Path) -> None:
    """A range to draw from, or a list of names in place of a share."""
    assert load_recipe("train", ["modalities.pulse.window_s=[1, 2]"]).modalities.pulse.window_s == [
        1,
        2,
    ]


@pytest.mark.parametrize(
    ("override", "advice"),
    [
        ("sead=2", "Did you mean 'seed'"),
        ("modalities.pulse.windows=1", "Did you mean 'window_s'"),
        ("modalities.puls.window_s=1", "Did you mean 'pulse'"),
        ("modalities=[puls]", "unknown modality 'puls'. Did you mean 'pulse'"),
        ("fusion=men", "Did you mean 'mean'"),
        ("seed", "write key=value"),
        ("seed=abc", "takes a number such as 1, but got 'abc'"),
        ("seed=true", "takes a number"),
        ("fast=1", "takes a true or false"),
        ("seed=[1", "not YAML"),
    ],
)
def test_bad_overrides_get_advice(tree: Path, override: str, advice: str) -> None:
    with pytest.raises(ConfigError, match=advice.replace("[", r"\[")):
        load_recipe("train", [override])


def test_unknown_recipe_and_broken_file(tree: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'train'"):
        load_recipe("trian")
    (tree / "broken.yaml").write_text("a: [1\nb: {")
    with pytest.raises(ConfigError, match="not a readable YAML file") as raised:
        load_recipe("broken")
    assert "\n" not in str(raised.value)


def test_a_list_in_place_of_a_config_is_refused(tree: Path) -> None:
    (tree / "dataset/list.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="not a list"):
        load_node("dataset", "list")


def here(name: str) -> str:
    return f"{__name__}.{name}"


@pytest.fixture
def allow_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "_custom", [__name__.partition(".")[0]])


@pytest.mark.usefixtures("allow_tests")
def test_build_makes_the_object_with_context() -> None:
    node = OmegaConf.create({"target": here("Plain"), "label": "b"})
    built = build(node, Plain, rate_hz=5.0)
    assert (built.rate_hz, built.label) == (5.0, "b")


@pytest.mark.usefixtures("allow_tests")
@pytest.mark.parametrize(
    ("node", "advice"),
    [
        ({}, "needs 'target'"),
        ({"target": here("Plain")}, "needs 'rate_hz'"),
        ({"target": here("Plain"), "rate": 1}, "Did you mean 'rate_hz'"),
        ({"target": here("Plain"), "rate_hz": -1}, "must be positive"),
        ({"target": here("Plane"), "rate_hz": 1}, "Did you mean 'Plain'"),
        ({"target": "os.path.Plain"}, "not in an allowed package"),
        ({"target": "affectfuse.nowhere.Plain"}, "cannot import"),
    ],
)
def test_build_refuses(node: dict[str, object], advice: str) -> None:
    with pytest.raises(ConfigError, match=advice):
        build(node, Plain)


@pytest.mark.usefixtures("allow_tests")
def test_build_refuses_another_kind() -> None:
    with pytest.raises(ConfigError, match="not a Modality"):
        build({"target": here("Plain"), "rate_hz": 1}, Modality)


def test_custom_folder_only_inside_its_block(tmp_path: Path) -> None:
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom/__init__.py").write_text("")
    (tmp_path / "custom/mine.py").write_text("class Mine:\n    pass\n")
    node = DictConfig({"target": "custom.mine.Mine"})
    with custom_package(tmp_path):
        assert type(build(node, object)).__name__ == "Mine"
    with pytest.raises(ConfigError, match="--allow-custom"):
        build(node, object)
    for name in [name for name in sys.modules if name.partition(".")[0] == "custom"]:
        del sys.modules[name]
    with pytest.raises(ConfigError, match="no folder 'custom'"), custom_package(tmp_path / "x"):
        pass


@pytest.mark.parametrize("load", [load_recipe, partial(load_node, "protocol")])
def test_a_name_too_long_for_a_file_is_unknown(load: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError, match="unknown"):
        load("a" * 300)
    with pytest.raises(ConfigError, match="File name too long"):
        load("a" * 300 + ".yaml")
