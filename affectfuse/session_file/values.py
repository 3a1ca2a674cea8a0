"""The values of a session file: each as what it must be, or refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import date, datetime, time
from itertools import pairwise
from typing import Any

from affectfuse.errors import ConfigError, did_you_mean

__all__ = [
    "TABLE_OPTIONS",
    "config",
    "configs",
    "flag",
    "is_dated",
    "known_keys",
    "moment",
    "name",
    "number",
    "seconds",
    "text",
    "texts",
    "texts_by_name",
]

_NAME = re.compile(r"[\w.-]{1,64}")
_LONGEST_NAME = 200
_LONGEST_TEXT = 2000
_LARGEST_NUMBER = 1e12
_NO_DATE = date(1900, 1, 1)


def known_keys(what: str, said: Mapping[Any, Any], allowed: Iterable[str]) -> None:
    """Refuse a key that is none."""
    allowed = list(allowed)
    for key in said:
        if key not in allowed:
            raise ConfigError(f"{what} says {str(key)!r}. {did_you_mean(str(key), allowed)}")


def name(said: Any) -> str:
    """Return the name of a recording: letters, digits, '_', '-' and '.'."""
    found = str(said)
    if not _NAME.fullmatch(found):
        raise ConfigError(
            f"a recording is called {found!r}; give it a name of letters, digits, '_', '-' and '.'."
        )
    return found


def text(what: str, said: Any) -> str:
    """Return a text on one line; a whole number is one too."""
    if not isinstance(said, str | int) or isinstance(said, bool) or not str(said).strip():
        raise ConfigError(f"'{what}' is {said!r}; give a text.")
    if len(str(said)) > _LONGEST_TEXT:
        raise ConfigError(f"'{what}' is longer than {_LONGEST_TEXT} characters; shorten it.")
    return " ".join("".join(c if c.isprintable() else " " for c in str(said)).split())


def number(what: str, said: Any) -> float:
    """Return a finite number."""
    fits = isinstance(said, int | float) and not isinstance(said, bool)
    if not fits or not abs(said) <= _LARGEST_NUMBER:
        raise ConfigError(f"'{what}' is {said!r}; give a number, such as 12.5.")
    return float(said)


def seconds(what: str, said: Any) -> tuple[float, ...]:
    """Return times in seconds, in order."""
    found = said if isinstance(said, list) else [said]
    times_s = tuple(number(what, value) for value in found)
    if not times_s or any(a >= b for a, b in pairwise(times_s)):
        raise ConfigError(f"'{what}' is {said!r}; give seconds in order, such as [12.5, 600.2].")
    return times_s


def flag(what: str, said: Any) -> bool:
    """Return true or false."""
    if not isinstance(said, bool):
        raise ConfigError(f"'{what}' is {said!r}; give true or false.")
    return said


def texts(what: str, said: Any) -> list[str]:
    """Return a list of texts, of one too."""
    return [text(what, value) for value in (said if isinstance(said, list) else [said])]


def texts_by_name(what: str, said: Any) -> dict[str, str]:
    """Return texts by name; one may be empty."""
    if not isinstance(said, Mapping):
        raise ConfigError(f"'{what}' is {said!r}; give pairs, such as {{onset: Begin}}.")
    return {str(key): text(what, value) if value else "" for key, value in said.items()}


def config(what: str, said: Any) -> Any:
    """Return a config: its name, or keys and values."""
    if isinstance(said, Mapping):
        return {str(key): value for key, value in said.items()}
    if not isinstance(said, str) or len(said) > _LONGEST_NAME:
        raise ConfigError(f"'{what}' is {str(said)[:_LONGEST_NAME]!r}; give a name, or keys.")
    return text(what, said)


def configs(what: str, said: Any) -> Any:
    """Return configs: a list of names, or configs by name."""
    if isinstance(said, Mapping):
        return {str(key): config(f"{what}: {key}", value) for key, value in said.items()}
    return [config(what, value) for value in (said if isinstance(said, list) else [said])]


def moment(what: str, said: Any) -> datetime:
    """Return a time of day, with its date or without."""
    if isinstance(said, str) and ":" in said:
        with suppress(ValueError):
            return datetime.combine(_NO_DATE, time.fromisoformat(said))
        with suppress(ValueError):
            return datetime.fromisoformat(said)
    raise ConfigError(
        f"'{what}' is {said!r}; give a time of day, such as 2026-03-01T10:00:00+01:00, or 10:00:00 "
        "without a date."
    )


def is_dated(start: datetime) -> bool:
    """Return whether a date was given with a time of day."""
    return start.date() != _NO_DATE


def _columns_by_source(what: str, said: Any) -> dict[str, list[str]]:
    if not isinstance(said, Mapping) or not said:
        raise ConfigError(f"'{what}' is {said!r}; give columns by source, such as {{eda: EDA}}.")
    return {str(source): texts(what, columns) for source, columns in said.items()}


TABLE_OPTIONS: Mapping[str, Callable[[str, Any], Any]] = {
    "sources": _columns_by_source,
    "sampling_rate_hz": number,
    "start_s": number,
    "time": text,
    "time_unit": text,
    "units": texts_by_name,
    "columns": texts,
    "offset_s": number,
}
"""Options of a table of readings, and what reads each."""
