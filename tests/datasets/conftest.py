"""The tiny copies of public data sets, written once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from datasets.trees import TREES


@pytest.fixture(scope="session")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Returns the root of a data set's tiny copy, not to be changed."""
    written: dict[str, Path] = {}

    def root_of(name: str) -> Path:
        if name not in written:
            written[name] = tmp_path_factory.mktemp(name)
            TREES[name](written[name])
        return written[name]

    return root_of


@pytest.fixture
def own_tree(trees: Callable[[str], Path], tmp_path: Path) -> Callable[[str], Path]:
    """Returns the root of a copy that the test may change."""

    def root_of(name: str) -> Path:
        return Path(shutil.copytree(trees(name), tmp_path / name))

    return root_of
