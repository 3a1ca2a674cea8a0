"""CAS(ME)^3, part C: coded expressions, physiology beside the face, conditions of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import Frame, SignalBlock
from affectfuse.datasets.cas_me_3_c import CasMe3C
from affectfuse.errors import DatasetError


def test_videos_and_clips(trees: Callable[[str], Path]) -> None:
    root = str(trees("cas_me_3_c"))
    items = {item.key: item for item in CasMe3C(root).items()}
    assert {key: item.subject for key, item in items.items()} == {
        "01": "cas_me_3_c-01",
        "12": "cas_me_3_c-12",
    }
    coded = items["01"].annotations["micro_expression"]
    times_s = [time_s for i in coded for time_s in (i.onset_s, i.offset_s)]
    assert times_s == pytest.approx([4 / 30, 13 / 30, 19 / 30, 1.0])
    assert [dict(i.values) for i in coded] == [{"au4": 1.0}, {"au1": 1.0, "au2": 1.0}]
    assert all(np.isnan(i.apex_s) for i in coded)
    assert not items["01"].labels
    clips = CasMe3C(root, images="ME_C")
    assert [item.key for item in clips.items()] == ["01_2"]
    assert len(clips.skipped) == 2, "the other clips have no images here"


def test_physiology_is_read_beside_the_face_when_its_rate_is_said(
    trees: Callable[[str], Path],
) -> None:
    root = trees("cas_me_3_c")
    assert not any(item.beside for item in CasMe3C(str(root)).items())
    items = {item.key: item for item in CasMe3C(str(root), physiology_rate_hz=100.0).items()}
    assert (items["01"].beside, items["12"].beside) == ((root / "physiology" / "01.txt",), ())
    with items["01"].open() as recording:
        seen = list(recording.observations())
    assert sum(isinstance(o, Frame) for o in seen) == 60
    sources = {o.source: o.channels for o in seen if isinstance(o, SignalBlock)}
    assert sources == {"ecg": ("ECG100C",), "eda": ("EDA100C",), "bvp": ("PPG",)}
    last_s = max(o.time_s for o in seen if isinstance(o, SignalBlock))
    assert last_s == pytest.approx(1.99)


def test_conditions_are_the_label(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("cas_me_3_c")
    dataset = CasMe3C(str(root), conditions="conditions.csv")
    assert dataset.target is not None
    assert dataset.target.classes == ("innocent", "guilty")
    found = {i.key: [(s.onset_s, s.offset_s, s.label) for s in i.labels] for i in dataset.items()}
    assert found == {"01": [(0.0, 59 / 30, "guilty")], "12": [(0.0, 29 / 30, "innocent")]}
    (root / "conditions.csv").write_text("sub,condition\n1,gilty\n")
    with pytest.raises(DatasetError, match=r"row 2 of conditions\.csv: .*Did you mean 'guilty'"):
        dataset.items()
    (root / "conditions.csv").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*conditions\.csv"):
        dataset.items()


def test_unknown_columns_of_physiology_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("cas_me_3_c")
    (root / "physiology" / "01.txt").write_text("a\tb\n1\t2\n")
    with pytest.raises(DatasetError, match="has the columns 'a', 'b'; none begins with ECG"):
        CasMe3C(str(root), physiology_rate_hz=100.0).items()
