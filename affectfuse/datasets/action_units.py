"""Action units as coders write them: '4+7', 'L12', 'R14', '12 or 15', '4?', '7(k)', 'AU4B'.

Reference: Ekman, Friesen and Hager 2002, "Facial Action Coding System", A Human Face, Salt Lake
City.
"""

from __future__ import annotations

import re

__all__ = ["parse_action_units"]

_BETWEEN_UNITS = re.compile(r"[+,\uff0c\u3001;&]")
_ALTERNATIVE = re.compile(r"\bor\b|/", re.IGNORECASE)
_UNIT = re.compile(
    r"(?P<side>[LRTB]?)\s*(?:AU)?\s*(?P<number>[1-9]\d?)\s*[A-E]?\s*(?P<doubt>\??)"
    r"\s*(?P<static>\(\s*k\s*\))?\s*",
    re.IGNORECASE,
)
_SIDES = {"L": "_left", "R": "_right"}
_NOTHING = {"", "0", "/", "-", "nan", "none"}


def parse_action_units(text: str) -> tuple[dict[str, float], list[str]]:
    """Return the coded units, 'au4' by number and 'au12_left' by side, and what is no unit.

    A unit is 1 when coded and 0.5 when the coder was in doubt: with a question mark, or one of
    alternatives ('or' binds closer than '+'; a number common to all alternatives is not in doubt).
    `(k)` marks a unit that was there before the expression and does not change: left out. Letters
    of intensity (A to E) and of the upper or lower lip (T, B) are passed over.

    >>> parse_action_units("4+L12 or R12+7?+15(k)")
    ({'au4': 1.0, 'au12': 1.0, 'au12_left': 0.5, 'au12_right': 0.5, 'au7': 0.5}, [])
    """
    values: dict[str, float] = {}
    unread = []
    for part in _BETWEEN_UNITS.split("" if text.strip().lower() in _NOTHING else text):
        alternatives = []
        for option in _ALTERNATIVE.split(part):
            if unit := _UNIT.fullmatch(option.strip()):
                alternatives.append(_names(unit))
            elif option.strip():
                unread.append(option.strip())
        for names in alternatives:
            for name, value in names.items():
                sure = all(name in other for other in alternatives)
                values[name] = max(values.get(name, 0.0), value if sure else 0.5)
    return values, unread


def _names(unit: re.Match[str]) -> dict[str, float]:
    if unit["static"]:
        return {}
    value = 0.5 if unit["doubt"] else 1.0
    name = f"au{int(unit['number'])}"
    side = _SIDES.get(unit["side"].upper())
    return {name: value, name + side: value} if side else {name: value}
