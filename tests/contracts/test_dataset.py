"""What every data set's config must hold, without its recordings."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from affectfuse.config import build, load_node, names
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.errors import DatasetError

NAMES = names("dataset")
cases = pytest.mark.parametrize("name", NAMES)


def make(name: str, root: Path) -> Dataset:
    node = load_node("dataset", name)
    node.root = str(root)
    return build(node, Dataset)  # type: ignore[type-abstract]


def test_there_are_data_sets() -> None:
    assert {"synthetic", "synthetic_expressions"} <= set(NAMES)


@cases
def test_config_lists_every_parameter(name: str, tmp_path: Path) -> None:
    parameters = set(inspect.signature(type(make(name, tmp_path))).parameters)
    assert set(map(str, load_node("dataset", name))) - {"target"} == parameters
    assert "root" in parameters


@cases
def test_it_says_what_it_is(name: str, tmp_path: Path) -> None:
    dataset = make(name, tmp_path)
    assert dataset.name
    assert dataset.provenance.endswith("."), "provenance is a sentence"
    assert len(dataset.target.classes) >= 2


@cases
def test_items_or_an_error_that_names_the_root(name: str, tmp_path: Path) -> None:
    """A set that renders itself lists its items at once; another says what it misses, and where."""
    dataset = make(name, tmp_path / "nowhere")
    items: Sequence[DatasetItem] = ()
    with suppress(DatasetError):
        items = dataset.items()
    if not items:
        with pytest.raises(DatasetError, match="nowhere"):
            dataset.items()
        return
    keys = [item.key for item in items]
    assert keys == sorted(set(keys))
    assert keys
    for item in items:
        assert item.subject
        assert item.path.is_relative_to(tmp_path / "nowhere")
        for label in item.labels:
            assert label.label in dataset.target.classes
        for earlier, later in zip(item.labels, item.labels[1:], strict=False):
            assert earlier.offset_s <= later.onset_s
        for known in item.annotations.values():
            assert all(a.onset_s <= a.offset_s for a in known)
