"""The MEGC 2019 composite: which clips, which classes, what is counted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from affectfuse.config import build, load_node
from affectfuse.datasets.coded import MICRO
from affectfuse.datasets.megc2019 import Megc2019
from affectfuse.errors import ConfigError, DatasetError


def made(root: Path, **changes: Any) -> Megc2019:
    node = load_node("dataset", "megc2019")
    for key, value in {"root": str(root), **changes}.items():
        node[key] = value
    return build(node, Megc2019)


def test_words_become_classes_and_the_rest_is_counted(trees: Callable[[str], Path]) -> None:
    dataset = made(trees("megc2019"))
    items = dataset.items()
    found = {item.key: item.annotations[MICRO][0].label for item in items}
    assert found == {
        "casme2-sub01-EP02_01f": "positive",
        "casme2-sub01-EP19_05f": "negative",
        "casme2-sub17-EP01_13": "surprise",
        "samm-006_1_2": "negative",
        "samm-018_3_1": "negative",
        "samm-031_3_1": "positive",
        "smic-s11_po_02": "positive",
        "smic-s1_ne_01": "negative",
        "smic-s1_sur_01": "surprise",
    }
    assert [item.key for item in items] == sorted(found)
    assert {i.attributes["database"] for i in items} == {"casme2", "samm", "smic"}
    assert {i.subject for i in items} == {
        "casme2-01", "casme2-17", "samm-006", "samm-018", "samm-031", "smic-1", "smic-11",
    }  # fmt: skip
    assert dataset.notes["casme2"] == "2 clips left out: not listed in casme2_clips"
    assert dataset.notes["samm, 'other'"] == "1 clips left out: no class in label_map"
    assert dataset.notes["row 71 of SAMM_Micro_FACS_Codes_v2.xlsx"].startswith("corrected")
    assert len(dataset.skipped) == 142, "the challenge's other clips of CASME II"


def test_the_challenge_s_clips_of_casme2() -> None:
    """145 of 24 people, as the challenge states them."""
    listed = load_node("dataset", "megc2019").casme2_clips
    assert (len(listed), sum(map(len, listed.values()))) == (24, 145)
    assert all(len(set(clips)) == len(clips) for clips in listed.values())


def test_a_clip_that_is_listed_decides_not_its_word(trees: Callable[[str], Path]) -> None:
    listed = {"sub17": ["EP01_13", "EP02_02"]}
    dataset = made(trees("megc2019"), casme2_clips=listed)
    keys = [item.key for item in dataset.items() if item.attributes["database"] == "casme2"]
    assert keys == ["casme2-sub17-EP01_13"]
    assert dataset.notes["casme2, 'others'"] == "1 clips left out: no class in label_map"
    assert dataset.skipped == {}


def test_what_is_missing_or_wrong_is_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("megc2019")
    with pytest.raises(ConfigError, match=r"label_map names the databases \['samm'\]; it must"):
        made(root, label_map={"samm": {"anger": "negative"}})
    with pytest.raises(DatasetError, match=r"none of the clips that casme2_clips.*'sub01-EP0"):
        made(root, casme2_clips={"sub99": ["EP01"]}).prepare()
    (root / "SMIC").rename(root / "SMIC_moved")
    with pytest.raises(DatasetError, match=r"lacks .*SMIC; its layout.*http://casme\.psych"):
        made(root).prepare()
    made(root, smic="SMIC_moved").prepare()
