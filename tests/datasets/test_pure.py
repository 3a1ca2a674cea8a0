"""PURE: one clock of nanoseconds for images and oximeter, faults, the empty recording."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets.trees import wave

from affectfuse.containers import Frame
from affectfuse.datasets.pure import Pure
from affectfuse.errors import DatasetError


def test_images_and_oximeter_share_a_clock(trees: Callable[[str], Path]) -> None:
    items = Pure(str(trees("pure"))).items()
    assert [item.key for item in items] == ["01-01", "01-05", "02-03"], "06-02 is empty"
    assert [i.attributes["setup"] for i in items] == [
        "steady",
        "small rotation",
        "slow translation",
    ]
    assert [i.subject for i in items] == ["pure-01", "pure-01", "pure-02"]
    bvp = items[0].references["bvp"]
    np.testing.assert_allclose(bvp.times_s, 0.004 + 0.0169 * np.arange(90), atol=1e-9)
    np.testing.assert_allclose(bvp.values, 50 + 30 * wave(bvp.times_s), atol=0.51)
    assert bvp.quality.tolist() == [1.0] * 3 + [0.0] + [1.0] * 86, "the probe reports an error"
    assert set(items[0].references["heart_rate_bpm"].values) == {72.0}
    assert set(items[0].references["spo2_percent"].values) == {97.0}
    with items[0].open() as recording:
        read = [seen for seen in recording.observations() if isinstance(seen, Frame)]
        assert recording.notes == []
    expected = 0.03334 * np.arange(40) + 0.25 * (np.arange(40) >= 20)
    np.testing.assert_allclose([f.time_s for f in read], expected, atol=1e-9)
    assert read[0].image[5, 5].tolist() == [60, 16, 16], "red is first"


def edit(root: Path, change: Callable[[dict[str, Any]], None]) -> Pure:
    path = root / "01-01" / "01-01.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return Pure(str(root))


def test_an_oximeter_that_begins_earlier_has_times_below_zero(
    own_tree: Callable[[str], Path],
) -> None:
    def earlier(content: dict[str, Any]) -> None:
        for package in content["/FullPackage"]:
            package["Timestamp"] -= 500_000_000

    bvp = edit(own_tree("pure"), earlier).items()[0].references["bvp"]
    np.testing.assert_allclose(bvp.times_s[0], -0.496, atol=1e-9)


def test_an_oximeter_of_another_recording_is_refused(own_tree: Callable[[str], Path]) -> None:
    def another(content: dict[str, Any]) -> None:
        for package in content["/FullPackage"]:
            package["Timestamp"] += 3600 * 10**9

    with pytest.raises(
        DatasetError, match=r"between 3600\.0 and 3601\.5 s of its images, which la"
    ):
        edit(own_tree("pure"), another).items()


def test_a_folder_less_is_read_too(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("pure")
    for name in ("01-01", "01-05", "02-03"):
        shutil.move(root / name / f"{name}.json", root / f"{name}.json")
        shutil.move(root / name / name, root / "moved")
        (root / name).rmdir()
        shutil.move(root / "moved", root / name)
    items = Pure(str(root)).items()
    assert len(items) == 3
    with items[0].open() as recording:
        assert recording.info.width == 32


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("pure")
    with pytest.raises(DatasetError, match=r"01-01\.json is not PURE's list .*lacks its Timestamp"):
        edit(root, lambda content: content["/FullPackage"][5].pop("Timestamp")).items()
    with pytest.raises(DatasetError, match=r"is not PURE's list .*KeyError: '/FullPackage'"):
        edit(root, lambda content: content.pop("/FullPackage")).items()
    path = root / "01-01" / "01-01.json"
    path.write_text("{")
    with pytest.raises(DatasetError, match=r"is not PURE's list .*JSONDecodeError"):
        Pure(str(root)).items()
    path.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*01-01\.json"):
        Pure(str(root)).items()
    for image in (root / "01-05" / "01-05").glob("*.png"):
        image.unlink()  # a stray file stays
    with pytest.raises(DatasetError, match=r"lacks .*Image<ns>\.png.*exclude=\['01-05'\]"):
        Pure(str(root), exclude=["01-01"]).items()
