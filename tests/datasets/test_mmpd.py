"""MMPD: videos as compressed and as plain arrays, facts, a pulse of another length."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.io
from datasets.trees import picture, wave

from affectfuse.containers import Frame
from affectfuse.datasets.mmpd import Mmpd
from affectfuse.errors import DatasetError, RecordingError


def test_files_hold_video_pulse_and_facts(trees: Callable[[str], Path]) -> None:
    items = Mmpd(str(trees("mmpd"))).items()
    assert [item.key for item in items] == ["p12_0", "p12_3", "p1_0", "p1_3"]
    assert [item.subject for item in items] == ["mmpd-12", "mmpd-12", "mmpd-1", "mmpd-1"]
    assert items[0].attributes["skin_color"] == "6"
    assert items[3].attributes == {
        "light": "LED-low",
        "motion": "Walking",  # stored as 'Watching Videos'
        "exercise": "False",
        "skin_color": "3",
        "gender": "male",
        "glasser": "True",
        "hair_cover": "False",
        "makeup": "False",
    }
    for item in items:
        bvp = item.references["bvp"]
        np.testing.assert_array_equal(bvp.times_s, np.arange(15) / 30)
        np.testing.assert_allclose(bvp.values, wave(bvp.times_s))
        with item.open() as recording:
            read = [seen for seen in recording.observations() if isinstance(seen, Frame)]
        np.testing.assert_array_equal([f.time_s for f in read], np.arange(15) / 30)
        np.testing.assert_array_equal(
            [f.image for f in read], [picture(60 + 4 * i, 32, 24) for i in range(15)]
        )


def test_the_rate_is_the_config_s(trees: Callable[[str], Path]) -> None:
    item = Mmpd(str(trees("mmpd")), frame_rate_hz=15.0).items()[0]
    assert item.references["bvp"].times_s[-1] == pytest.approx(14 / 15)
    with item.open() as recording:
        assert recording.info.nominal_rate_hz == pytest.approx(15)


def test_a_pulse_of_another_length_is_spread_over_the_video(
    own_tree: Callable[[str], Path],
) -> None:
    root = own_tree("mmpd")
    path = root / "subject1" / "p1_0.mat"
    content = scipy.io.loadmat(path)
    scipy.io.savemat(path, {"video": content["video"], "GT_ppg": np.zeros((1, 30))})
    bvp = Mmpd(str(root)).items()[2].references["bvp"]
    np.testing.assert_allclose(bvp.times_s, np.arange(30) / 60)
    assert bvp.note == "30 values for 15 frames: spread evenly over the video"


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("mmpd")
    path = root / "subject1" / "p1_0.mat"
    scipy.io.savemat(path, {"GT_ppg": np.zeros((1, 30))})
    with pytest.raises(DatasetError, match=r"p1_0\.mat lacks 'video'"):
        Mmpd(str(root)).items()
    path.write_bytes(b"broken")
    with pytest.raises(RecordingError, match=r"p1_0\.mat' cannot be read"):
        Mmpd(str(root)).items()
