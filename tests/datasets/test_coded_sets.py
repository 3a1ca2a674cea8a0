"""What each set of coded expressions says of its recordings, and its quirks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets.coded_trees import CASME2_ROWS, SAMM_ROWS, write_xlsx

from affectfuse.containers import Interval
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.cas_me_2 import CasMe2
from affectfuse.datasets.cas_me_3 import CasMe3
from affectfuse.datasets.casme2 import Casme2
from affectfuse.datasets.coded import MACRO, MICRO
from affectfuse.datasets.dfme import Dfme
from affectfuse.datasets.four_dme import FourDme
from affectfuse.datasets.mmew import Mmew
from affectfuse.datasets.samm import Samm
from affectfuse.datasets.samm_long_videos import SammLongVideos
from affectfuse.datasets.smic import Smic, SmicE
from affectfuse.errors import ConfigError, DatasetError


def coded(item: DatasetItem, kind: str = MICRO) -> list[Interval]:
    return list(item.annotations[kind])


def test_casme2(trees: Callable[[str], Path]) -> None:
    dataset = Casme2(str(trees("casme2")))
    items = {item.key: item for item in dataset.items()}
    assert {item.subject for item in items.values()} == {"casme2-01", "casme2-07", "casme2-17"}
    assert [coded(item)[0].label for item in items.values()] == [
        "happiness", "disgust", "others", "surprise", "others",
    ]  # fmt: skip
    assert coded(items["sub01-EP19_05f"])[0].values == {"au4": 1, "au14": 1, "au14_left": 1}
    assert coded(items["sub17-EP02_02"])[0].values == {"au4": 0.5}
    assert dataset.skipped == {}
    assert dataset.notes == {"row 62 of CASME2-coding-20140508.xlsx": "corrected: offset 9 is 91"}


def test_casme2_crops_have_other_names(trees: Callable[[str], Path]) -> None:
    dataset = Casme2(str(trees("casme2")), images="Cropped")
    (item,) = dataset.items()
    assert (item.path.parents[1].name, coded(item)[0].onset_s) == ("Cropped", 0.01)
    assert len(dataset.skipped) == 4, "the tree has one of the authors' crops"


def test_casme2_takes_the_columns_by_another_name(own_tree: Callable[[str], Path]) -> None:
    root, names = own_tree("casme2"), list(CASME2_ROWS[1])
    names[3:6] = ["OnsetF", "ApexF1", "OffsetF"]
    write_xlsx(root / "CASME2-coding-20140508.xlsx", {"1": {**CASME2_ROWS, 1: names}})
    assert len(Casme2(str(root)).items()) == 5
    names[3] = "Begin"
    write_xlsx(root / "CASME2-coding-20140508.xlsx", {"1": {**CASME2_ROWS, 1: names}})
    with pytest.raises(DatasetError, match="'OnsetFrame' or 'OnsetF' is missing"):
        Casme2(str(root)).prepare()


def test_samm(trees: Callable[[str], Path]) -> None:
    items = Samm(str(trees("samm"))).items()
    assert [item.subject for item in items] == ["samm-006", "samm-006", "samm-018", "samm-031"]
    assert [coded(item)[0].label for item in items] == ["anger", "other", "contempt", "happiness"]
    assert coded(items[1])[0].values == {"au12": 0.5, "au15": 0.5, "au15_right": 0.5}
    assert coded(items[2])[0].values == {"au14": 1, "au14_right": 1}


def test_samm_s_apex_that_is_no_frame_is_unknown(own_tree: Callable[[str], Path]) -> None:
    root, row = own_tree("samm"), list(SAMM_ROWS[15])
    row[4] = -1
    write_xlsx(root / "SAMM_Micro_FACS_Codes_v2.xlsx", {"1": {**SAMM_ROWS, 15: row}})
    assert np.isnan(coded(Samm(str(root)).items()[0])[0].apex_s)


def test_samm_long_videos(trees: Callable[[str], Path]) -> None:
    dataset = SammLongVideos(str(trees("samm_long_videos")))
    items = {item.key: item for item in dataset.items()}
    assert list(items) == ["006_1", "006_5", "037_7"]
    assert {item.subject for item in items.values()} == {"samm-006", "samm-037"}
    assert [i.label for i in coded(items["006_1"])] == ["micro_expression"]
    assert coded(items["006_5"]) == []
    (macro,) = coded(items["006_5"], MACRO)
    assert (macro.onset_s, macro.offset_s) == (2.5 / 200, 29.5 / 200), "fractions are kept"
    assert np.isnan(macro.apex_s), "-1 is no frame"
    (note,) = dataset.notes.values()
    assert note == "onset 0 is the first image, 1"


@pytest.mark.parametrize(("camera", "rate_hz"), [("HS", 100), ("VIS", 25), ("NIR", 25)])
def test_smic_s_cameras(trees: Callable[[str], Path], camera: str, rate_hz: float) -> None:
    items = Smic(str(trees("smic")), camera=camera).items()
    assert [item.key for item in items] == ["s11_po_02", "s1_ne_01", "s1_sur_01"]
    assert [item.subject for item in items] == ["smic-11", "smic-1", "smic-1"]
    assert [coded(item)[0].label for item in items] == ["positive", "negative", "surprise"]
    for item in items:
        assert item.attributes == {"database": "smic", "camera": camera}
        assert coded(item)[0].duration_s == pytest.approx(5 / rate_hz)


def test_smic_without_its_images(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("smic")
    with pytest.raises(ConfigError, match=r"unknown camera 'HSS'. Did you mean 'HS'\?"):
        Smic(str(root), camera="HSS")
    folder = root / "HS" / "s1" / "micro" / "negative" / "s1_ne_01"
    for image in sorted(folder.iterdir())[1:]:
        image.unlink()
    dataset = Smic(str(root))
    assert [item.key for item in dataset.items()] == ["s11_po_02", "s1_sur_01"]
    assert dataset.skipped == {"folder s1_ne_01": "a clip of one frame"}
    (root / "HS").rename(root / "hs_moved")
    with pytest.raises(DatasetError, match=r"lacks .*HS; its layout is .*obtained .*https?://"):
        dataset.items()


def test_smic_e_passes_over_the_text_below(trees: Callable[[str], Path]) -> None:
    dataset = SmicE(str(trees("smic_e")))
    items = dataset.items()
    assert [item.subject for item in items] == ["smic-11", "smic-1"]
    assert dataset.skipped == {}
    assert coded(items[0])[0].onset_s == pytest.approx(0.02)


def test_cas_me_2(trees: Callable[[str], Path]) -> None:
    dataset = CasMe2(str(trees("cas_me_2")))
    items = {item.key: item for item in dataset.items()}
    assert list(items) == ["15_0101disgustingteeth", "15_0503unnamed", "16_0101disgustingteeth"]
    assert [item.subject for item in items.values()] == ["cas_me_2-15"] * 2 + ["cas_me_2-16"]
    first = items["15_0101disgustingteeth"]
    assert [i.label for i in (*coded(first), *coded(first, MACRO))] == ["negative", "negative"]
    assert coded(items["15_0503unnamed"], MACRO)[0].label == "positive"
    assert dataset.notes == {"row 2 of CAS(ME)^2code_final.xlsx": "offset 0 is the apex"}


def test_cas_me_2_s_rules_may_lie_beside(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("cas_me_2")
    for path in root.glob("*.xlsx"):
        path.unlink()
    codes = {1: (15, "disgust1_1", 5, 8, 12, "4", "negative", "micro-expression", "disgust")}
    write_xlsx(root / "CASFEcode_final.xlsx", {"1": codes})
    with pytest.raises(DatasetError, match="which folder each of its subjects"):
        CasMe2(str(root)).prepare()
    write_xlsx(root / "naming_rule2.xlsx", {"1": {1: (1, "s15", 15), 2: (2, "s16", 16)}})
    with pytest.raises(DatasetError, match="which four digits each video"):
        CasMe2(str(root)).prepare()
    write_xlsx(root / "naming_rule1.xlsx", {"1": {1: (101, "disgust1")}})
    assert [item.key for item in CasMe2(str(root)).items()] == ["15_0101disgustingteeth"]
    write_xlsx(root / "CASFEcode_final.xlsx", {"1": {1: ("Subject", "Onset")}})
    with pytest.raises(DatasetError, match="no worksheet whose first row has the columns subject"):
        CasMe2(str(root)).prepare()


def test_cas_me_3(trees: Callable[[str], Path]) -> None:
    dataset = CasMe3(str(trees("cas_me_3")))
    items = {item.key: item for item in dataset.items()}
    assert list(items) == ["spNO.1-J", "spNO.1-b", "spNO.149-d"]
    assert [i.label for i in coded(items["spNO.1-b"])] == ["disgust", "happy"]
    assert coded(items["spNO.1-J"])[0].values == {"au28": 1, "au2": 1, "au2_right": 1}
    sheet = "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx"
    assert dataset.notes == {
        f"row 4 of {sheet}": "2 of its 13 images are missing",
        f"row 5 of {sheet}": "corrected: apex 83 is 123",
    }


def test_cas_me_3_as_clips(trees: Callable[[str], Path]) -> None:
    dataset = CasMe3(str(trees("cas_me_3")), images="Part_A_ME_clip")
    (item,) = dataset.items()
    assert (item.key, item.subject) == ("spNO.1_b_166", "cas_me_3-spno.1")
    assert coded(item)[0].apex_s == pytest.approx(9 / 30)


def test_mmew(trees: Callable[[str], Path]) -> None:
    dataset = Mmew(str(trees("mmew")))
    items = {item.key: item for item in dataset.items()}
    assert [item.subject for item in items.values()] == ["mmew-03", "mmew-05", "mmew-21"]
    assert [coded(i)[0].label for i in items.values()] == ["happiness", "disgust", "others"]
    assert items["S21-02-001"].path.parent.name == "repression"
    assert dataset.notes == {
        "row 35 of MMEW_Micro_Exp.xlsx": "corrected: apex 90 is unknown, offset 120 is 75"
    }


def test_four_dme(trees: Callable[[str], Path]) -> None:
    items = FourDme(str(trees("four_dme"))).items()
    assert [item.subject for item in items] == ["four_dme-1", "four_dme-13"]
    assert [coded(i)[0].label for i in items] == ["negative", "negative+repression"]
    assert coded(items[0])[0].values == {"au4": 1}, "a unit marked (k) does not move"


def test_dfme_asks_for_the_rates(trees: Callable[[str], Path]) -> None:
    root = str(trees("dfme"))
    with pytest.raises(
        DatasetError, match=r"frame rate of '1001' of 'dfme' was not given.*frame_r"
    ):
        Dfme(root).items()
    with pytest.raises(DatasetError, match="frame rate of '2001'"):
        Dfme(root, frame_rates_hz={"1*": 500}).items()
    items = Dfme(root, frame_rates_hz={"1*": 500, "*": 200}).items()
    assert [coded(item)[0].label for item in items] == ["contempt", "fear"]
    assert [coded(item)[0].offset_s for item in items] == [11 / 500, 11 / 200]
    with pytest.raises(ConfigError, match="a frame rate is -1 Hz"):
        Dfme(root, frame_rates_hz={"*": -1})
