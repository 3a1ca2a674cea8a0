"""Configuration: find, load, merge, override; and build an object from a config node.

A config names its class and lists every parameter of its constructor:

    target: affectfuse.modalities.heart_rate.HeartRate
    window_s: 10.0

A slot (modality, recogniser, dataset, fusion, protocol, evaluation) is a folder of such configs. A
recipe names one config a slot and a list of them for `modalities` and `recognisers`; every key that
ends in `_dataset` is a data set too.
A third-party package joins a slot through the entry-point group `affectfuse.<slot>`: its name
becomes the config's name, its value is the class, and the config is the package's
`configs/<slot folder>/<name>.yaml`, or, without one, the class's defaults.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from platformdirs import user_cache_path
from yaml import YAMLError

from affectfuse.errors import ConfigError, did_you_mean

__all__ = [
    "SLOTS",
    "build",
    "cache_dir",
    "configs_dir",
    "custom_package",
    "load_node",
    "load_recipe",
    "names",
]

Built = TypeVar("Built")

SLOTS = {
    "modalities": "modality",
    "recognisers": "recogniser",
    "dataset": "dataset",
    "fusion": "fusion",
    "protocol": "protocol",
    "evaluation": "evaluation",
}
"""A recipe's key for a slot, and the folder its configs lie in."""

_GROUPS = {"modality": "modalities", "dataset": "datasets", "fusion": "fusion"}
_GROUPS |= {"recogniser": "recognisers", "protocol": "protocols", "evaluation": "evaluations"}
_LISTS = ("modalities", "recognisers")
_custom: list[str] = []


def configs_dir() -> Path:
    """Return the folder of the configs: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def cache_dir() -> Path:
    """Return the folder for what can be made again, created readable by its owner alone.

    `AFFECTFUSE_CACHE` names another than the user's cache folder. It holds faces: see
    `affectfuse cache clear`.
    """
    folder = Path(os.environ.get("AFFECTFUSE_CACHE") or user_cache_path("affectfuse"))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


@contextmanager
def custom_package(folder: Path) -> Iterator[None]:
    """Allow, for the length of the block, classes of the package `custom` in `folder`.

    The flag `--allow-custom` of the command line; code in `custom/` is run, so it is never implied.
    """
    if not (folder / "custom").is_dir():
        raise ConfigError(f"no folder 'custom' in {folder}: create it or leave --allow-custom out.")
    sys.path.insert(0, str(folder))
    _custom.append("custom")
    try:
        yield
    finally:
        _custom.remove("custom")
        sys.path.remove(str(folder))


def _entry_points(slot: str) -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=f"affectfuse.{_GROUPS[slot]}")}


def names(slot: str) -> list[str]:
    """Return the names of all configs of a slot folder ('modality', 'dataset', ...)."""
    return sorted({*_configs(configs_dir() / slot), *_entry_points(slot)})


def _configs(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in folder.glob("*.yaml")}


def load_node(slot: str, name: str) -> DictConfig:
    """Load a slot's config by name, or by the path of a YAML file.

    Raises:
        ConfigError: when there is none of that name.
    """
    if name.endswith((".yaml", ".yml")):
        return _read(Path(name))
    if own := _configs(configs_dir() / slot).get(name):
        return _read(own)
    points = _entry_points(slot)
    if name in points:
        return _third_party(slot, points[name])
    raise ConfigError(f"unknown {slot} '{name}'. {did_you_mean(name, names(slot))}")


def _third_party(slot: str, point: EntryPoint) -> DictConfig:
    package = point.module.partition(".")[0]
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / "configs" / slot / f"{point.name}.yaml"
        if path.is_file():
            return _read(path)
    return OmegaConf.create({"target": f"{point.module}.{point.attr}"})


def _read(path: Path) -> DictConfig:
    try:
        node = OmegaConf.load(path)
    except FileNotFoundError:
        raise ConfigError(f"no config at {path}: check the path.") from None
    except (YAMLError, OmegaConfBaseException, OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not a readable YAML file: {reason}") from None
    if not isinstance(node, DictConfig):
        raise ConfigError(f"{path} must hold keys and values, not a list.")
    return node


def load_recipe(
    name: str, overrides: Sequence[str] = (), changes: Mapping[str, Any] | None = None
) -> DictConfig:
    """Load a recipe by name or path, fill its slots and apply `key=value` overrides.

    Overrides that name a slot's config (`fusion=mean`, `modalities=[heart_rate]`) come first, then
    those of single keys (`training.max_epochs=5`, `dataset.root=/data/set`).

    Args:
        name: of the recipe, or its path.
        overrides: each `key=value`.
        changes: keys that differ from the recipe's, as a recipe that `extends` it would say.

    Returns:
        the recipe; `modalities` becomes a mapping of name to config node.

    Raises:
        ConfigError: for an unknown recipe, config or key, or an override that is not key=value.
    """
    known = _configs(configs_dir())
    path = Path(name) if name.endswith((".yaml", ".yml")) else known.get(name)
    if path is None:
        raise ConfigError(f"unknown recipe '{name}'. {did_you_mean(name, known)}")
    recipe = _extended(_read(path))
    if changes:
        recipe = _merged(recipe, _node_of(changes))
    pairs = [_split(override) for override in overrides]
    slots = {str(key): slot for key in recipe if (slot := _slot(str(key)))}
    for key, value in pairs:
        if key in slots:
            recipe[key] = value
    for key, slot in slots.items():
        _fill(recipe, key, slot)
    for key, value in pairs:
        if key not in slots:
            _override(recipe, key, value)
    return recipe


def _extended(recipe: DictConfig) -> DictConfig:
    """A recipe that `extends` another says only what differs from it."""
    base = recipe.pop("extends", None)
    if base is None:
        return recipe
    return _merged(_extended(_read(configs_dir() / f"{base}.yaml")), recipe)


def _node_of(changes: Mapping[str, Any]) -> DictConfig:
    try:
        node = OmegaConf.create(dict(changes))
        OmegaConf.resolve(node)
    except OmegaConfBaseException as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{', '.join(changes)} cannot be used: {reason}") from None
    return node


def _merged(base: DictConfig, recipe: DictConfig) -> DictConfig:
    for key in _LISTS:
        if key in recipe:  # a list of names, or a mapping: in place of the base's, never merged
            base[key] = None
    return cast(DictConfig, OmegaConf.merge(base, recipe))


def _slot(key: str) -> str | None:
    return SLOTS.get("dataset" if key.endswith("_dataset") else key)


def _split(override: str) -> tuple[str, Any]:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"'{override}' is not an override: write key=value.")
    try:
        parsed = OmegaConf.create(f"value: {value or 'null'}")
    except (YAMLError, OmegaConfBaseException):
        raise ConfigError(f"the value in '{override}' is not YAML: put it in quotes.") from None
    return key, cast(DictConfig, parsed)["value"]


def _fill(recipe: DictConfig, key: str, slot: str) -> None:
    value = recipe[key]
    if key not in _LISTS:
        recipe[key] = _node(slot, value)
    elif isinstance(value, DictConfig):
        recipe[key] = {name: _node(slot, value[name]) for name in value}
    else:
        chosen = [value] if isinstance(value, str) else value or ()
        recipe[key] = {Path(str(name)).stem: load_node(slot, str(name)) for name in chosen}


def _node(slot: str, value: Any) -> Any:
    """A slot's value is a config's name, a node, or `config: name` and what differs from it."""
    if isinstance(value, str):
        return load_node(slot, value)
    if not isinstance(value, DictConfig) or "config" not in value:
        return value
    node = load_node(slot, str(value.pop("config")))
    for key in _leaves(value, node):
        _override(node, key, OmegaConf.select(value, key))
    return node


def _leaves(node: DictConfig, base: Any, prefix: str = "") -> list[str]:
    """Return the keys to override; what the base leaves empty, `{}`, is given whole."""
    keys = []
    for key, value in node.items():
        below = base.get(key) if isinstance(base, DictConfig) else None
        whole = isinstance(below, DictConfig) and not below
        deeper = isinstance(value, DictConfig) and not whole
        path = prefix + str(key)
        keys += _leaves(value, below, path + ".") if deeper else [path]
    return keys


def _override(recipe: DictConfig, key: str, value: Any) -> None:
    node: Any = recipe
    for part in key.split("."):
        known = list(map(str, node)) if isinstance(node, DictConfig) else []
        if part not in known:
            raise ConfigError(f"unknown key '{key}'. {did_you_mean(part, known)}")
        node = node[part]
    kind, number = type(node), (int, float)
    allowed = (*number, ListConfig) if kind in number else kind  # a list: a range, or names
    fits = isinstance(value, allowed) and (kind is bool) == (type(value) is bool)
    if node is not None and value is not None and not fits:
        raise ConfigError(f"'{key}' takes a {_kind_name(node)} such as {node}, but got '{value}'.")
    OmegaConf.update(recipe, key, value, merge=False)


def _kind_name(value: Any) -> str:
    names_of = {bool: "true or false", int: "number", float: "number", str: "text"}
    return names_of.get(type(value), "list" if isinstance(value, ListConfig) else "mapping")


def build(node: Mapping[str, Any] | DictConfig, kind: type[Built], **context: Any) -> Built:
    """Build the object that a config node describes.

    Args:
        node: the class as `target`, every other key a parameter of its constructor.
        kind: the class it must be of.
        context: further parameters that the config does not hold (widths, a class prior).

    Raises:
        ConfigError: when the class is not in an allowed package, not of that kind, not there, or
            when a key is unknown, missing or refused by the class.
    """
    config = node if isinstance(node, DictConfig) else OmegaConf.create(dict(node))
    plain = cast(dict[Any, Any], OmegaConf.to_container(config, resolve=True))
    parameters = {str(key): value for key, value in plain.items()}
    target = parameters.pop("target", None)
    if not isinstance(target, str):
        raise ConfigError(f"a {kind.__name__} config needs 'target', the dotted path of its class.")
    cls = _import_class(target, kind)
    signature = inspect.signature(cls).parameters
    for key in parameters:
        if key not in signature or key in context:
            allowed = set(signature) - set(context)
            raise ConfigError(f"{target} has no parameter '{key}'. {did_you_mean(key, allowed)}")
    given = parameters | context
    missing = [n for n, p in signature.items() if p.default is p.empty and n not in given]
    if missing:
        raise ConfigError(f"{target} needs '{missing[0]}': add it to its config.")
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{target}: {error}") from error


def _import_class(target: str, kind: type[Built]) -> type[Built]:
    module_name, _, class_name = target.replace(":", ".").rpartition(".")
    package = module_name.partition(".")[0]
    third_party = {
        point.module.partition(".")[0] for slot in _GROUPS for point in _entry_points(slot).values()
    }
    if package not in {"affectfuse", *third_party, *_custom}:
        raise ConfigError(
            f"'{target}' is not in an allowed package: use affectfuse, a package with an entry "
            "point of the group 'affectfuse.<slot>', or a folder custom/ with --allow-custom."
        )
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ConfigError(f"cannot import '{target}': {error}.") from None
    cls = getattr(module, class_name, None)
    if not inspect.isclass(cls):
        classes = inspect.getmembers(module, inspect.isclass)
        advice = did_you_mean(class_name, (name for name, c in classes if issubclass(c, kind)))
        raise ConfigError(f"{module_name} has no '{class_name}'. {advice}")
    if not issubclass(cls, kind):
        raise ConfigError(f"{target} is not a {kind.__name__}; this slot takes only such classes.")
    return cls
