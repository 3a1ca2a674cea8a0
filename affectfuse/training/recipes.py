"""What a training recipe says, checked: every message names the recipe to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from affectfuse.caching import available_cores
from affectfuse.errors import ConfigError, did_you_mean
from affectfuse.evaluation.recipe import whole_number

__all__ = [
    "check_keys",
    "check_seed",
    "container",
    "seeds_of",
    "settings_of",
    "share",
    "workers_of",
]

Settings = TypeVar("Settings")

_HIGHEST_SEED = 2**32 - 1
"""That NumPy and torch both take."""


def check_keys(recipe: DictConfig, keys: Sequence[str], example: str) -> None:
    """Refuse a recipe that lacks a key.

    Raises:
        ConfigError: naming the key, and `example`, a recipe that has them all.
    """
    for key in keys:
        if key not in recipe:
            raise ConfigError(f"the recipe lacks '{key}': see configs/{example}.yaml.")


def settings_of(recipe: DictConfig, key: str, kind: type[Settings], example: str) -> Settings:
    """Return the dataclass that the part `key` of a recipe fills, all of its fields given there.

    Raises:
        ConfigError: for an unknown or missing key, or a value that the dataclass refuses.
    """
    node = recipe.get(key)
    given = container(node) if isinstance(node, DictConfig) else {}
    known = [f.name for f in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise ConfigError(f"unknown key '{key}.{name}'. {did_you_mean(name, known)}")
    missing = [name for name in known if name not in given]
    if missing:
        raise ConfigError(f"the recipe lacks '{key}.{missing[0]}': see configs/{example}.yaml.")
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{key}: {error}") from error


def check_seed(recipe: DictConfig) -> None:
    """Refuse a recipe without a seed.

    Raises:
        ConfigError: when it is no whole number from 0 to 4294967295.
    """
    _seed("seed", recipe.seed)


def seeds_of(recipe: DictConfig) -> tuple[int, ...]:
    """Return the seeds of a cross-validation.

    Raises:
        ConfigError: when there are none, when one is no seed, or is there twice.
    """
    if not recipe.seeds:
        raise ConfigError("seeds is empty: give at least one, better three.")
    seeds = tuple(_seed("seeds", seed) for seed in recipe.seeds)
    for place, seed in enumerate(seeds):
        if seed in seeds[:place]:
            raise ConfigError(f"seeds holds {seed} twice, which would count as two runs: keep one.")
    return seeds


def workers_of(recipe: DictConfig) -> int:
    """Return how many processes to run at once: one a core, unless the recipe says how many.

    Raises:
        ConfigError: when it says no whole number from 1.
    """
    return available_cores() if recipe.workers is None else whole_number(recipe, "workers", 1)


def _seed(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _HIGHEST_SEED:
        raise ConfigError(f"'{key}' says {value}; a seed is a whole number, 0 to {_HIGHEST_SEED}.")
    return value


def share(recipe: DictConfig, side: str) -> Any:
    """Return what the split says of a side: a share of all subjects, or a list of their names.

    Raises:
        ConfigError: when the split has a side of another name than 'validation' and 'test'.
    """
    for name in recipe.split:
        if name not in ("validation", "test"):
            advice = did_you_mean(str(name), ("validation", "test"))
            raise ConfigError(f"unknown key 'split.{name}'. {advice}")
    value = recipe.split.get(side, 0.0)
    return value if isinstance(value, int | float) else list(value)


def container(node: DictConfig) -> dict[str, Any]:
    """Return a node as a plain dictionary, its interpolations resolved."""
    plain = OmegaConf.to_container(node, resolve=True)
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}
