"""Flow images in the community's layout: read right, and held against their own sheet and folds."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from datasets.flow_trees import SHEET, write_megc2019_flow

from affectfuse.datasets.megc2019_flow import Megc2019Flow
from affectfuse.errors import DatasetError

FOLDS = "three_norm_u_v_os"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_megc2019_flow(tmp_path)
    return tmp_path


def test_clips_subjects_databases_and_channels(root: Path) -> None:
    items = Megc2019Flow(str(root)).items()
    assert len(items) == 25
    assert [item.key for item in items] == sorted(item.key for item in items)
    first = next(item for item in items if item.key == "s03_EP03")
    assert (first.subject, first.attributes["database"]) == ("s03", "smic")
    [clip] = first.clips
    assert clip.label == "positive"
    as_opencv = cv2.imread(str(root / FOLDS / "s03" / "u_test" / "1" / "s03_EP03 .png"))
    assert as_opencv is not None
    for channel, place in (("u", 2), ("v", 1), ("strain", 0)):
        index = ("u", "v", "strain").index(channel)
        np.testing.assert_array_equal(clip.array[index], as_opencv[:, :, place])
    assert clip.array.dtype == np.float32


def test_names_without_the_space_and_a_clip_left_out(tmp_path: Path) -> None:
    write_megc2019_flow(tmp_path, space="")
    items = Megc2019Flow(str(tmp_path), exclude=["006_EP01"]).items()
    assert len(items) == 24


def test_a_missing_sheet_says_how_it_is_obtained(root: Path) -> None:
    (root / SHEET).unlink()
    with pytest.raises(DatasetError, match=rf"lacks .*{SHEET}.*https://"):
        Megc2019Flow(str(root)).items()


def test_a_sheet_with_another_header_is_named(root: Path) -> None:
    text = (root / SHEET).read_text("utf-8")
    (root / SHEET).write_text(text.replace("dataset,sub", "dataset,person", 1), "utf-8")
    with pytest.raises(DatasetError, match=r"has the columns 'dataset', 'person', .*'sub' is miss"):
        Megc2019Flow(str(root)).items()


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("smic,s03,EP03,1", "smic,s03,EP03,2", r"line 14 of .* gives 's03_EP03' the label '2'"),
        ("smic,s03,EP03,1", "smic,s03,EP99,1", r"line 14 of .* lists 's03_EP99', of which no fold"),
        ("smic,s03,EP03,1,,s03_EP03.jpg,\n", "", r"has no line for .*s03_EP03"),
    ],
)
def test_a_row_that_does_not_fit_is_named(
    root: Path, before: str, after: str, message: str
) -> None:
    text = (root / SHEET).read_text("utf-8")
    assert before in text
    (root / SHEET).write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(DatasetError, match=message):
        Megc2019Flow(str(root)).items()


def test_a_clip_tested_in_anothers_fold_is_refused(root: Path) -> None:
    leaked = root / FOLDS / "s04" / "u_test" / "1" / "s03_EP03 .png"
    shutil.copy(root / FOLDS / "s03" / "u_test" / "1" / "s03_EP03 .png", leaked)
    with pytest.raises(DatasetError, match="s03_EP03"):
        Megc2019Flow(str(root)).items()


def test_folds_that_disagree_are_refused(root: Path) -> None:
    train = root / FOLDS / "s04" / "u_train"
    moved = train / "1" / "s03_EP03 .png"
    moved.replace(train / "2" / "s03_EP03 .png")
    with pytest.raises(DatasetError, match="one clip with two labels"):
        Megc2019Flow(str(root)).items()
    (train / "2" / "s03_EP03 .png").unlink()
    with pytest.raises(DatasetError, match=r"fold .*s04 lacks the clip 's03_EP03'"):
        Megc2019Flow(str(root)).items()


def test_an_image_that_is_none_is_named(root: Path) -> None:
    path = root / FOLDS / "s03" / "u_test" / "1" / "s03_EP03 .png"
    path.write_bytes(b"no picture")
    with pytest.raises(
        DatasetError, match=r"s03_EP03 \.png is no image; it must be a PNG of 28x28"
    ):
        Megc2019Flow(str(root)).items()
    assert cv2.imwrite(str(path), np.zeros((30, 28, 3), np.uint8))
    with pytest.raises(DatasetError, match="is 28x30 pixels"):
        Megc2019Flow(str(root)).items()
