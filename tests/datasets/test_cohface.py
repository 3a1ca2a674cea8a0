"""COHFACE: sensors of an HDF5 file, protocol lists."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from affectfuse.datasets.cohface import Cohface
from affectfuse.errors import ConfigError, DatasetError, RecordingError


def test_sensors_have_the_file_s_times(trees: Callable[[str], Path]) -> None:
    items = Cohface(str(trees("cohface"))).items()
    assert [item.key for item in items] == [f"{n}-{s}" for n in (1, 12) for s in range(4)]
    item = items[2]
    assert item.attributes == {"session": "2", "illumination": "natural"}
    assert item.subject == "cohface-1"
    for name in ("bvp", "respiration"):
        np.testing.assert_array_equal(item.references[name].times_s, np.arange(256) / 256)


def test_without_times_the_rate_counts(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("cohface")
    path = root / "1" / "0" / "data.hdf5"
    with h5py.File(path, "a") as file:
        del file["time"]
        file.attrs["sample-rate-hz"] = 128
    times_s = Cohface(str(root)).items()[0].references["bvp"].times_s
    np.testing.assert_array_equal(times_s, np.arange(256) / 128)
    with h5py.File(path, "a") as file:
        del file.attrs["sample-rate-hz"]
    with pytest.raises(DatasetError, match=r"data\.hdf5 has neither 'time' nor 'sample-rate-hz'"):
        Cohface(str(root)).items()


@pytest.mark.parametrize(
    ("protocol", "subset", "expected"),
    [
        ("clean", "all", ["1-0", "1-1", "12-0", "12-1"]),
        ("natural", "test", ["12-2", "12-3"]),
        ("all", "train", ["1-0", "1-1", "1-2", "1-3"]),
    ],
)
def test_a_protocol_s_list_chooses(
    trees: Callable[[str], Path], protocol: str, subset: str, expected: list[str]
) -> None:
    items = Cohface(str(trees("cohface")), protocol=protocol, subset=subset).items()
    assert [item.key for item in items] == expected


def test_missing_and_broken_files_are_named(own_tree: Callable[[str], Path]) -> None:
    root = own_tree("cohface")
    with pytest.raises(ConfigError, match=r"unknown protocol 'cleen'. Did you mean 'clean'\?"):
        Cohface(str(root), protocol="cleen")
    with pytest.raises(ConfigError, match="unknown subset 'valid'"):
        Cohface(str(root), subset="valid")
    (root / "protocols" / "clean" / "dev.txt").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*protocols.clean.dev\.txt.*idiap"):
        Cohface(str(root), protocol="clean", subset="dev").items()
    path = root / "1" / "0" / "data.hdf5"
    with h5py.File(path, "a") as file:
        del file["time"]
        file["time"] = np.zeros(9)
    with pytest.raises(DatasetError, match="has 9 times for 256 values"):
        Cohface(str(root)).items()
    with h5py.File(path, "a") as file:
        del file["pulse"]
    with pytest.raises(DatasetError, match=r"data\.hdf5 lacks 'pulse'"):
        Cohface(str(root)).items()
    path.write_bytes(b"no HDF5")
    with pytest.raises(RecordingError, match=r"data\.hdf5' cannot be read"):
        Cohface(str(root)).items()
    path.unlink()
    with pytest.raises(DatasetError, match=r"lacks .*data\.hdf5.*exclude=\['1-0'\]"):
        Cohface(str(root)).items()
    (root / "12" / "1" / "data.avi").unlink()
    with pytest.raises(DatasetError, match=r"lacks .*12.1.data\.avi"):
        Cohface(str(root), protocol="clean", subset="test").items()
