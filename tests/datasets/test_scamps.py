"""SCAMPS: arrays of MATLAB 7.3, signals of one value a frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from datasets.trees import pictures, wave

from affectfuse.containers import Frame
from affectfuse.datasets.scamps import Scamps
from affectfuse.errors import ConfigError, DatasetError


def test_files_hold_video_and_signals(trees: Callable[[str], Path]) -> None:
    items = Scamps(str(trees("scamps"))).items()
    assert [item.key for item in items] == ["P000001", "P000002"]
    assert len({item.subject for item in items}) == 2
    references = items[0].references
    assert set(references) == {"bvp", "respiration", "au12"}
    for name, period in (("bvp", 1), ("respiration", 4)):
        np.testing.assert_array_equal(references[name].times_s, np.arange(15) / 30)
        np.testing.assert_allclose(references[name].values, wave(np.arange(15) / 30 / period))
    with items[0].open() as recording:
        read = [seen for seen in recording.observations() if isinstance(seen, Frame)]
    np.testing.assert_array_equal([f.image for f in read], pictures(15))


def test_the_face_alone_is_a_choice(trees: Callable[[str], Path]) -> None:
    item = Scamps(str(trees("scamps")), video="Xsub").items()[0]
    with item.open() as recording:
        assert (recording.info.width, recording.info.height) == (24, 24)
    with pytest.raises(ConfigError, match=r"unknown video 'XSub'. Did you mean 'Xsub'\?"):
        Scamps(str(trees("scamps")), video="XSub")


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("scamps")
    with h5py.File(root / "P000001.mat", "a") as file:
        del file["d_br"]
        file["d_br"] = np.zeros((1, 9))
    with pytest.raises(DatasetError, match=r"P000001\.mat has 9 values of 'd_br' for 15 frames"):
        Scamps(str(root)).items()
    with h5py.File(root / "P000001.mat", "a") as file:
        del file["RawFrames"]
    with pytest.raises(DatasetError, match="for 0 frames of 'RawFrames'"):
        Scamps(str(root)).items()
    assert len(Scamps(str(root), exclude=["P000001"]).items()) == 1
