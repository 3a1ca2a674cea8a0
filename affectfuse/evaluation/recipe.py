"""The recipe of an evaluation, found by its own name or by that of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf

from affectfuse.config import build, configs_dir, load_recipe, names
from affectfuse.errors import ConfigError, did_you_mean
from affectfuse.modalities.base import Modality

__all__ = ["evaluation_recipe", "one_modality", "whole_number"]


def evaluation_recipe(default: str, name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """Load the recipe of an evaluation.

    Args:
        default: name of the recipe that has every key.
        name: of a recipe, of a data set (then everything else is as in `default`), or the path of
            a recipe's YAML file.
        overrides: key=value.

    Raises:
        ConfigError: for an unknown name or key.
    """
    recipes, sets = {path.stem for path in configs_dir().glob("*.yaml")}, names("dataset")
    if name in sets:  # before the recipe of that name, which trains on it
        recipe = load_recipe(default, [f"dataset={name}", *overrides])
    elif name in recipes or name.endswith((".yaml", ".yml")):
        recipe = load_recipe(name, overrides)
    else:
        advice = did_you_mean(name, [default, *sets])
        raise ConfigError(f"unknown recipe or data set '{name}'. {advice}")
    known = [str(key) for key in load_recipe(default)]
    for key in map(str, recipe):
        if key not in known:
            raise ConfigError(f"unknown key '{key}'. {did_you_mean(key, known)}")
    for key in known:
        if key not in recipe:
            raise ConfigError(f"the recipe lacks '{key}': begin it with 'extends: {default}'.")
    return recipe


def one_modality(recipe: DictConfig, what: str, example: str) -> tuple[Modality, dict[str, Any]]:
    """Return the recipe's only modality and its config.

    Args:
        recipe: of an evaluation.
        what: is evaluated, for the message.
        example: name of a modality that would do.

    Raises:
        ConfigError: when it names none, or several.
    """
    chosen = recipe.modalities or {}
    if len(chosen) != 1:
        raise ConfigError(
            f"'modalities' names {len(chosen)} modalities; an evaluation of {what} takes one, "
            f"such as [{example}]."
        )
    node = next(iter(chosen.values()))
    config = OmegaConf.to_container(node, resolve=True)
    assert isinstance(config, dict)
    modality = build(node, Modality)  # type: ignore[type-abstract]
    return modality, {str(key): value for key, value in config.items()}


def whole_number(recipe: DictConfig, key: str, least: int) -> int:
    """Return the whole number of a key.

    Raises:
        ConfigError: when it is none, or less than `least`.
    """
    value = recipe[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"'{key}' is {value}; allowed is a whole number of at least {least}.")
    return value
