"""What a training recipe says, checked: every message names the recipe to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

from omegaconf import DictConfig, OmegaConf

from affectfuse.errors import ConfigError, did_you_mean

__all__ = ["check_keys", "container", "settings_of", "share"]

Settings = TypeVar("Settings")


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
