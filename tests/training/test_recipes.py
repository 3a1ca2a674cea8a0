"""What a training recipe says of seeds, workers and folds is checked before anything is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig

from affectfuse.caching import available_cores
from affectfuse.errors import ConfigError
from affectfuse.training.fused.crossval import cross_validate_fused
from affectfuse.training.fused.train import train
from affectfuse.training.recipes import seeds_of, workers_of

Run = Callable[[DictConfig, Path], Any]


@pytest.mark.parametrize(
    ("run", "key", "value", "message"),
    [
        (train, "seed", None, "'seed' says None; a seed is a whole number"),
        (train, "seed", 1.5, "'seed' says 1.5; a seed is a whole number"),
        (train, "seed", 2**32, "'seed' says 4294967296; a seed is a whole number"),
        (train, "workers", -1, "'workers' is -1; allowed is a whole number of at least 1"),
        (train, "workers", 0, "'workers' is 0; allowed is a whole number of at least 1"),
        (train, "split.folds", 2.5, "folds is 2.5; it must be a whole number, 2 or more"),
        (train, "split.seed", "x", "seed is x; it must be a whole number, 0 or more"),
        (train, "split.validation", ["p1"], "names subjects .p1.*protocol=hold_out.*or give a sh"),
        (train, "training.weight_decay", -1.0, "weight_decay is -1.0; it must be 0 or more"),
        (train, "training.modality_loss", -1.0, "modality_loss is -1.0; it must be 0 or more"),
        (cross_validate_fused, "seeds", [], "seeds is empty"),
        (cross_validate_fused, "seeds", ["a"], "'seeds' says a; a seed is a whole number"),
        (cross_validate_fused, "seeds", [-1], "'seeds' says -1; a seed is a whole number"),
        (cross_validate_fused, "seeds", [0, 3, 0], "seeds holds 0 twice"),
        (cross_validate_fused, "draws", 0, "'draws' is 0; allowed is a whole number of at least 1"),
        (cross_validate_fused, "draws", -5, "'draws' is -5; allowed is a whole number"),
    ],
)
def test_impossible_numbers_are_refused(
    recipe: DictConfig, tmp_path: Path, run: Run, key: str, value: Any, message: str
) -> None:
    recipe.modalities.pop("gesture")
    section, _, name = key.rpartition(".")
    (recipe[section] if section else recipe)[name] = value
    with pytest.raises(ConfigError, match=message) as caught:
        run(recipe, tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_workers_are_one_a_core_unless_said(recipe: DictConfig) -> None:
    assert workers_of(recipe) == 1
    recipe.workers = None
    assert workers_of(recipe) == available_cores()
    assert seeds_of(recipe) == (0, 1, 2)
