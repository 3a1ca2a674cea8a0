"""What every data set's config must hold; those that are handed out, on a tiny copy of theirs."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from datasets.trees import GIVEN, TREES

from affectfuse.config import build, load_node, names
from affectfuse.containers import Frame, Track
from affectfuse.datasets.base import Dataset, DatasetItem
from affectfuse.datasets.own import OwnDataset
from affectfuse.datasets.synthetic import Synthetic
from affectfuse.errors import DatasetError

NAMES = names("dataset")
cases = pytest.mark.parametrize("name", NAMES)
handed_out = pytest.mark.parametrize(
    "name", [n for n in NAMES if "synthetic" not in str(load_node("dataset", n).target)]
)


def make(name: str, root: Path) -> Dataset:
    node = load_node("dataset", name)
    node.root = str(root)
    for key, value in GIVEN.get(name, {}).items():
        node[key] = value
    return build(node, Dataset)  # type: ignore[type-abstract]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the root of a data set's tiny copy."""
    written: dict[str, Path] = {}

    def root_of(name: str) -> Path:
        if name not in written:
            assert name in TREES, f"tests/datasets/trees.py writes no tree for '{name}': add it"
            written[name] = tmp_path_factory.mktemp(name)
            TREES[name](written[name])
        return written[name]

    return root_of


def assert_items(items: Sequence[DatasetItem], dataset: Dataset, root: Path) -> None:
    keys = [item.key for item in items]
    assert keys == sorted(set(keys))
    assert keys
    classes = dataset.target.classes if dataset.target else ()
    values = {name for target in dataset.targets for name in target.classes}
    for item in items:
        assert item.subject
        assert item.path.is_relative_to(root)
        for label in item.labels:
            assert label.label in classes or (not label.label and label.values)
            assert set(label.values) <= values
        for earlier, later in zip(item.labels, item.labels[1:], strict=False):
            assert earlier.offset_s <= later.onset_s
        for known in item.annotations.values():
            assert all(a.onset_s <= a.offset_s for a in known)
        for vector in item.features.values():
            assert (vector.dtype, vector.ndim) == (np.float32, 1)
            assert np.isfinite(vector).all()
        for name, track in item.references.items():
            assert name == track.name
            if isinstance(track, Track):
                assert np.isfinite(track.times_s).all()
                assert (np.diff(track.times_s) > 0).all()
                assert not track.quality[np.isnan(track.values)].any()
        assert all(isinstance(fact, str) for fact in item.attributes.values())


def test_there_are_data_sets() -> None:
    assert {"synthetic", "synthetic_expressions"} <= set(NAMES)
    assert set(TREES) <= set(NAMES)


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
    assert dataset.target is None or len(dataset.target.classes) >= 2


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
    assert_items(items, dataset, tmp_path / "nowhere")


@handed_out
def test_without_a_root_it_says_how_it_is_obtained(name: str, tmp_path: Path) -> None:
    dataset = build(load_node("dataset", name), Dataset)  # type: ignore[type-abstract]
    assert not isinstance(dataset, Synthetic)
    source = r"docs/your_data\.md" if isinstance(dataset, OwnDataset) else r"https?://"
    with pytest.raises(DatasetError, match=source):
        dataset.items()
    with pytest.raises(DatasetError, match=source):
        make(name, tmp_path).prepare()  # an empty folder


@handed_out
def test_its_items_are_whole_and_open(name: str, tree: Callable[[str], Path]) -> None:
    root = tree(name)
    dataset = make(name, root)
    dataset.prepare()
    items = dataset.items()
    assert_items(items, dataset, root)
    assert len({item.subject for item in items}) > 1
    for item in items[:2]:
        if item.clips:  # ready-made: there is no recording to open
            assert all(np.isfinite(clip.array).all() and clip.label for clip in item.clips)
            continue
        if item.features and item.opener is None:  # likewise
            continue
        told = item.references or any(item.annotations.values()) or item.labels
        assert told or any(other.labels for other in items), "a task may lack its label, not all"
        carried = pickle.loads(pickle.dumps(item.opener))
        with item.open() as recording:
            first = next(iter(recording.observations()))
            assert np.isfinite(first.time_s)
            if isinstance(first, Frame):
                height, width = recording.info.height, recording.info.width
                assert (first.image.dtype, first.image.shape) == (np.uint8, (height, width, 3))
        if carried is not None:
            with carried() as again:
                assert again.info == recording.info
