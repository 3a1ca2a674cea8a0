"""Samples and clips as extracted, labelled and cached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from affectfuse.config import build
from affectfuse.containers import Interval
from affectfuse.datasets.base import DatasetItem
from affectfuse.errors import DatasetError
from affectfuse.modalities.base import Modality
from affectfuse.training import samples
from affectfuse.training.samples import SampleCollector, label_ticks

CONFIGS = {
    "pulse": {"target": "custom.fakes.Level", "name": "pulse", "window_s": 0.5},
    "gesture": {"target": "custom.fakes.Gesture"},
}


class Planted:
    """The planted data set and a collector over it that counts what it extracts."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from custom import fakes

        self.dataset = fakes.Planted(str(folder / "data"), subjects=3, seed=0)
        self.dataset.prepare()
        self.folder = folder
        self.extracted: list[str] = []

        def counted(source: Path, *args: object, **kwargs: object) -> object:
            self.extracted.append(Path(source).stem)
            return fakes.extract_fake_recording(source, *args, **kwargs)  # type: ignore[arg-type]

        monkeypatch.setattr(samples, "extract_recording", counted)

    def collector(self, configs: Mapping[str, Mapping[str, object]] = CONFIGS) -> SampleCollector:
        modalities = {name: build(node, Modality) for name, node in configs.items()}  # type: ignore[type-abstract]
        return SampleCollector(modalities, configs, self.folder / "cache")


@pytest.fixture
def planted(custom: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    return Planted(tmp_path, monkeypatch)


def test_a_tick_has_the_label_its_window_ends_in() -> None:
    labels = [Interval(0.0, 3.0, "calm"), Interval(3.0, 6.0, "tense"), Interval(7.0, 8.0, "calm")]
    times_s = np.arange(1.0, 10.0)
    found = label_ticks(times_s, labels, ("calm", "tense"), settle_s=0.0)
    assert found.tolist() == [0, 0, 0, 1, 1, 1, -1, 0, -1]
    settled = label_ticks(times_s, labels, ("calm", "tense"), settle_s=2.0)
    assert settled.tolist() == [-1, 0, 0, -1, 1, 1, -1, -1, -1]


def test_rows_are_the_ticks_with_their_samples(planted: Planted) -> None:
    table = planted.collector({"pulse": CONFIGS["pulse"]}).samples(
        planted.dataset.items(), planted.dataset.target, settle_s=2.0
    )
    assert len(table) == 3 * 37  # 39 ticks less the first after each onset
    assert table.samples["pulse"].shape == (len(table), 2)
    assert table.samples["pulse"].dtype == np.float32
    assert np.isfinite(table.samples["pulse"]).all()
    present = table.present["pulse"]
    assert 0 < (~present).sum() < 20  # the sensor was off for three seconds a session
    assert (table.samples["pulse"][~present] == 0).all()
    assert (table.quality["pulse"] == np.where(present, np.float32(0.9), 0)).all()
    with np.load(planted.dataset.items()[0].path) as stored:
        inside = (stored["times_s"] >= 4.5) & (stored["times_s"] < 5.0)
        expected = stored["values"][inside, 0].mean()
    row = np.flatnonzero((table.keys == "s00") & (table.times_s == 5.0))
    assert table.samples["pulse"][row, 0] == pytest.approx(expected, rel=1e-6)
    assert table.labels[row] == [0]
    assert set(table.of_subjects(["s01"]).keys) == {"s01"}
    assert len(table.of_subjects([])) == 0


def test_a_recording_is_extracted_once(planted: Planted) -> None:
    items, target = planted.dataset.items(), planted.dataset.target
    pulse = {"pulse": CONFIGS["pulse"]}
    first = planted.collector(pulse).samples(items, target)
    assert planted.extracted == ["s00", "s01", "s02"]
    again = planted.collector(pulse).samples(items, target, settle_s=0.0)
    assert planted.extracted == ["s00", "s01", "s02"]
    np.testing.assert_array_equal(first.samples["pulse"], again.samples["pulse"])
    relabelled = [
        replace(item, labels=(Interval(0.0, 40.0, "calm"),)) for item in items
    ]  # labels are not part of what is cached
    assert set(planted.collector(pulse).samples(relabelled, target).labels) == {0}
    assert len(planted.extracted) == 3


def test_what_decides_the_samples_decides_the_cache(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, target = planted.dataset.items(), planted.dataset.target
    pulse = {"pulse": CONFIGS["pulse"]}
    planted.collector(pulse).samples(items, target)
    planted.extracted.clear()

    planted.collector({"pulse": {**pulse["pulse"], "window_s": 0.6}}).samples(items, target)
    assert planted.extracted == ["s00", "s01", "s02"]
    planted.collector(pulse).samples(items, target, recogniser_digest="another")
    assert len(planted.extracted) == 6
    planted.extracted.clear()

    changed = items[1].path
    with np.load(changed) as stored:
        np.savez(changed, times_s=stored["times_s"], values=stored["values"] + 1)
    planted.collector(pulse).samples(items, target)
    assert planted.extracted == ["s01"]
    planted.extracted.clear()

    monkeypatch.setattr(samples, "digest_code", lambda classes: "a new version of the code")
    planted.collector(pulse).samples(items, target)
    assert len(planted.extracted) == 3


def test_an_interrupted_extraction_goes_on_where_it_stopped(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, target = planted.dataset.items(), planted.dataset.target
    pulse = {"pulse": CONFIGS["pulse"]}
    real = samples.extract_recording

    def interrupted(source: Path, *args: object, **kwargs: object) -> object:
        if Path(source).stem == "s01":
            raise KeyboardInterrupt
        return real(source, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(samples, "extract_recording", interrupted)
    with pytest.raises(KeyboardInterrupt):
        planted.collector(pulse).samples(items, target)
    monkeypatch.setattr(samples, "extract_recording", real)
    planted.extracted.clear()
    assert len(planted.collector(pulse).samples(items, target)) == 3 * 39
    assert planted.extracted == ["s01", "s02"]


def test_the_cache_is_private_and_holds_whole_files_only(planted: Planted) -> None:
    pulse = {"pulse": CONFIGS["pulse"]}
    planted.collector(pulse).samples(planted.dataset.items(), planted.dataset.target)
    cache = planted.folder / "cache"
    assert cache.stat().st_mode & 0o077 == 0
    files = list(cache.iterdir())
    assert len(files) == 3
    assert all(file.suffix == ".safetensors" for file in files)
    os.truncate(files[0], 100)  # a damaged file is made again
    planted.extracted.clear()
    planted.collector(pulse).samples(planted.dataset.items(), planted.dataset.target)
    assert len(planted.extracted) == 1


def test_missing_and_unreadable_recordings_are_skipped_by_name(planted: Planted) -> None:
    items = list(planted.dataset.items())
    items[0].path.unlink()
    items[2].path.write_text("not a recording")
    collector = planted.collector({"pulse": CONFIGS["pulse"]})
    table = collector.samples(items, planted.dataset.target)
    assert set(table.keys) == {"s01"}
    assert list(collector.skipped) == ["s00", "s02"]
    assert "No such file" in collector.skipped["s00"]
    items[1].path.unlink()
    with pytest.raises(DatasetError, match=r"no labelled sample in 3 recordings; 3 skipped, the f"):
        planted.collector({"pulse": CONFIGS["pulse"]}).samples(items, planted.dataset.target)


def test_a_defect_is_not_taken_for_a_bad_recording(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*args: object, **kwargs: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(samples, "extract_recording", defect)
    with pytest.raises(ZeroDivisionError):
        planted.collector().samples(planted.dataset.items(), planted.dataset.target)


def test_a_label_that_is_no_class_is_named(planted: Planted) -> None:
    item = planted.dataset.items()[0]
    wrong = replace(item, labels=(Interval(0.0, 40.0, "tens"),))
    with pytest.raises(DatasetError, match=r"'s00' has the label 'tens'.* Did you mean 'tense'\?"):
        planted.collector().samples([wrong], planted.dataset.target)
    coded = replace(item, annotations={"gesture": (Interval(0.0, 1.0, "smile"),)})
    with pytest.raises(DatasetError, match="'s00' has the label 'smile', which is no class"):
        planted.collector().clips([coded], "gesture")


def test_clips_are_cut_at_the_coded_intervals(planted: Planted) -> None:
    clips = planted.collector().clips(planted.dataset.items(), "gesture")
    assert clips.arrays.shape == (3 * 80, 8)
    slopes = clips.arrays @ np.linspace(-1, 1, 8)
    assert ((slopes > 0) == (clips.labels == 0)).mean() > 0.95  # class 0 is 'rise'
    assert len(clips.of_subjects(["s02"])) == 80
    planted.extracted.clear()
    planted.collector().clips(planted.dataset.items(), "gesture")
    assert planted.extracted == []
    fewer = [replace(i, annotations={"gesture": i.annotations["gesture"][:5]}) for i in
             planted.dataset.items()]  # fmt: skip
    assert len(planted.collector().clips(fewer, "gesture")) == 15
    first = planted.dataset.items()[0]
    beyond = (*first.annotations["gesture"][:2], Interval(900.0, 900.4, "rise"))
    collector = planted.collector()
    assert len(collector.clips([replace(first, annotations={"gesture": beyond})], "gesture")) == 2
    assert list(collector.skipped) == ["s00@900.000s"]
    assert "outside the recording" in collector.skipped["s00@900.000s"]
    uncoded: list[DatasetItem] = [replace(i, annotations={}) for i in planted.dataset.items()]
    with pytest.raises(DatasetError, match="no clip of 'gesture' in 3 recordings"):
        planted.collector().clips(uncoded, "gesture")
