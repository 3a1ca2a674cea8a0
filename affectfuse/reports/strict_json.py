"""JSON as the standard has it: no NaN, no infinity."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["strict_json"]


def strict_json(value: Any, *, indent: int | None = 2) -> str:
    """Return a value as JSON: NaN and infinity become null, an unknown type its text."""
    separators = (",", ":") if indent is None else None
    return json.dumps(
        _plain(value), indent=indent, separators=separators, allow_nan=False, ensure_ascii=False
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Sequence | set | frozenset) and not isinstance(value, bytes):
        return [_plain(item) for item in value]
    return str(value)
