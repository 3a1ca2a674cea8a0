"""Action units as coders write them."""

from __future__ import annotations

import pytest

from affectfuse.datasets.action_units import parse_action_units


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("0", {}),
        ("4", {"au4": 1}),
        ("4+7", {"au4": 1, "au7": 1}),
        ("L12", {"au12": 1, "au12_left": 1}),
        ("R2+R1", {"au2": 1, "au2_right": 1, "au1": 1, "au1_right": 1}),
        ("L14+R14", {"au14": 1, "au14_left": 1, "au14_right": 1}),
        ("AU4 + AU7B", {"au4": 1, "au7": 1}),
        ("R14A", {"au14": 1, "au14_right": 1}),
        ("T28+14", {"au28": 1, "au14": 1}),
        ("4?", {"au4": 0.5}),
        ("4?+4", {"au4": 1}),
        ("12 or R15", {"au12": 0.5, "au15": 0.5, "au15_right": 0.5}),
        ("L14 or R14", {"au14": 1, "au14_left": 0.5, "au14_right": 0.5}),
        ("4+12 or 15", {"au4": 1, "au12": 0.5, "au15": 0.5}),
        ("4(k)+7", {"au7": 1}),
        ("AU4( K )", {}),
        ("1,2\uff0c5", {"au1": 1, "au2": 1, "au5": 1}),
    ],
)
def test_units(text: str, expected: dict[str, float]) -> None:
    assert parse_action_units(text) == (expected, [])


def test_what_is_no_unit_is_returned() -> None:
    assert parse_action_units("4+eye blink+400") == ({"au4": 1}, ["eye blink", "400"])
