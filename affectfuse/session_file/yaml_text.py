"""YAML as people mean it: no sexagesimal numbers, no dates, no key twice."""

from __future__ import annotations

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from affectfuse.errors import ConfigError

__all__ = ["read_mapping"]

_LARGEST_BYTES = 1_000_000
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]*)$")
_NUMBER = re.compile(
    r"[-+]?(?:[0-9]+\.[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$"
)
_REPLACED = ("timestamp", "int", "float")


class _Loader(yaml.SafeLoader):
    """YAML 1.1 reads 10:30 as 630 and keeps the last of two equal keys; this one does neither."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key '{key}' stands there twice", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in known if not tag.endswith(_REPLACED)]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", _WHOLE, list("-+0123456789"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _NUMBER, list("-+0123456789."))


def read_mapping(path: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file; times and dates stay text.

    Raises:
        ConfigError: when there is no such file, or it is no YAML of keys and values.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise ConfigError(f"{path} is larger than {_LARGEST_BYTES} bytes: no session file.")
        found = yaml.load(path.read_text("utf-8-sig"), _Loader)
    except FileNotFoundError:
        raise ConfigError(f"{path} does not exist; check the path.") from None
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path} is not a readable YAML file: {reason}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{path} must hold keys and values, such as 'purpose: ...'.")
    return {str(key): value for key, value in found.items()}
