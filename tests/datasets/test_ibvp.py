"""iBVP: images in the order of their numbers, the pulse with its quality."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets.trees import pictures, wave

from affectfuse.containers import Frame
from affectfuse.datasets.ibvp import Ibvp
from affectfuse.errors import ConfigError, DatasetError


def test_images_and_pulse(trees: Callable[[str], Path]) -> None:
    items = Ibvp(str(trees("ibvp"))).items()
    assert [item.key for item in items] == ["p01_a", "p01_d", "p08_b"]
    assert [item.subject for item in items] == ["ibvp-01", "ibvp-01", "ibvp-08"]
    assert items[1].attributes == {"condition": "head motion"}
    bvp = items[0].references["bvp"]
    np.testing.assert_allclose(bvp.values, wave(np.arange(12) / 30), atol=1e-5)
    assert bvp.quality.tolist() == [1, 1, 0, *[1] * 9]
    with items[0].open() as recording:
        read = [seen for seen in recording.observations() if isinstance(seen, Frame)]
    np.testing.assert_array_equal([f.time_s for f in read], np.arange(12) / 30)
    # 10.bmp comes after 9.bmp
    np.testing.assert_array_equal([f.image for f in read], pictures(12))


def test_another_column_is_the_quality(trees: Callable[[str], Path]) -> None:
    item = Ibvp(str(trees("ibvp")), quality="SQPhysMD").items()[0]
    assert item.references["bvp"].quality.tolist() == [1] * 12
    with pytest.raises(ConfigError, match="unknown quality 'SQ3'"):
        Ibvp(quality="SQ3")


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("ibvp")
    table = root / "p01_a" / "p01_a_bvp.csv"
    rows = table.read_text().splitlines()
    table.write_text("\n".join(rows[:-2]))
    assert Ibvp(str(root)).items()[0].references["bvp"].note == (
        "10 values for 12 images, taken to begin together"
    )
    table.write_text("\n".join([*rows[:4], "0.5,1,1", *rows[4:]]))
    with pytest.raises(DatasetError, match=r"line 5 of .*p01_a_bvp\.csv is '0\.5,1,1'; it must ha"):
        Ibvp(str(root)).items()
    table.write_text("BVP,SQ1\n1,1\n")
    with pytest.raises(DatasetError, match="'SQ2' is missing"):
        Ibvp(str(root)).items()
    table.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*p01_a_bvp\.csv.*exclude=\['p01_a'\]"):
        Ibvp(str(root)).items()
    for image in (root / "p01_d" / "p01_d_rgb").iterdir():
        image.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*p01_d_rgb.\*\.bmp"):
        Ibvp(str(root), exclude=["p01_a"]).items()
