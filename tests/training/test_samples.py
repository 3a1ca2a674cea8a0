"""Samples and clips as extracted, labelled and cached."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from affectfuse.config import build
from affectfuse.containers import Interval, Target
from affectfuse.datasets.base import DatasetItem
from affectfuse.errors import DatasetError
from affectfuse.modalities.base import Modality
from affectfuse.training import collector, extracted
from affectfuse.training.collector import SampleCollector
from affectfuse.training.fused.samples import Sampling, label_ticks
from affectfuse.training.fused.targets import check_labels, labelled, labels_at

EVERY_TICK = Sampling(0.0, 0.0, 1.0)
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

        monkeypatch.setattr(extracted, "extract_recording", counted)

    def collector(self, configs: Mapping[str, Mapping[str, object]] = CONFIGS) -> SampleCollector:
        modalities = {name: build(node, Modality) for name, node in configs.items()}  # type: ignore[type-abstract]
        return SampleCollector(modalities, configs, self.folder / "cache")


@pytest.fixture
def planted(custom: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    return Planted(tmp_path, monkeypatch)


LABELS = [Interval(0.0, 3.0, "calm"), Interval(3.0, 6.0, "tense"), Interval(7.0, 8.0, "calm")]
TICKS_S = np.arange(1.0, 10.0)


def test_a_tick_belongs_to_the_interval_its_window_ends_in() -> None:
    found = label_ticks(TICKS_S, LABELS, EVERY_TICK)
    assert found.tolist() == [0, 0, 0, 1, 1, 1, -1, 2, -1]
    settled = label_ticks(TICKS_S, LABELS, Sampling(0.0, 2.0, 1.0))
    assert settled.tolist() == [-1, 0, 0, -1, 1, 1, -1, -1, -1]
    later = label_ticks(TICKS_S, LABELS, Sampling(3.0, 0.0, 1.0))
    assert later.tolist() == [-1, -1, 0, 1, 1, 1, -1, 2, -1]


def test_fewer_samples_than_ticks() -> None:
    every_two = label_ticks(TICKS_S, LABELS, Sampling(0.0, 1.0, 2.0))
    assert every_two.tolist() == [0, -1, 0, 1, -1, 1, -1, 2, -1]
    one_each = label_ticks(TICKS_S, LABELS, Sampling(0.0, 0.0, None))
    assert one_each.tolist() == [-1, -1, 0, -1, -1, 1, -1, 2, -1]
    # Ticks that do not fall on the beat: the first at or after it.
    uneven = label_ticks(TICKS_S + 0.3, [Interval(0.0, 9.5, "calm")], Sampling(0.0, 1.0, 3.0))
    assert np.flatnonzero(uneven == 0).tolist() == [0, 3, 6]


@pytest.mark.parametrize(
    ("start_s", "settle_s", "every_s"), [(-1, 0, 1), (0, -1, 1), (0, 0, 0), (0, np.nan, 1)]
)
def test_impossible_sampling_is_refused(start_s: float, settle_s: float, every_s: float) -> None:
    with pytest.raises(ValueError, match="it must be"):
        Sampling(start_s, settle_s, every_s)


def test_labels_of_every_kind() -> None:
    targets = [
        Target("state", ("calm", "tense"), "window", "planted"),
        Target("face", ("au4", "au12"), "window", "coder", "labels"),
        Target("affect", ("valence",), "window", "self-report", "scales"),
    ]
    coded = [
        Interval(0, 1, "tense", values={"au4": 1.0, "valence": -0.5}),
        Interval(1, 2, "", values={"au12": 0.0}),
        Interval(2, 3, ""),
    ]
    check_labels("a", coded, targets)
    found = labels_at(np.array([0, 1, 2, -1]), coded, targets)
    assert found["state"].tolist() == [1, -1, -1, -1]
    np.testing.assert_array_equal(found["face"][:2], [[1, np.nan], [np.nan, 0]])
    np.testing.assert_array_equal(found["affect"][:, 0], np.float32([-0.5] + [np.nan] * 3))
    assert labelled(found).tolist() == [True, True, False, False]
    with pytest.raises(DatasetError, match=r"'a' has au4 = 2, a label of 'face'.* 0, 1"):
        check_labels("a", [Interval(0, 1, "", values={"au4": 2.0})], targets)


def test_rows_are_the_ticks_with_their_samples(planted: Planted) -> None:
    table = planted.collector({"pulse": CONFIGS["pulse"]}).samples(
        planted.dataset.items(), planted.dataset.targets, Sampling(0.0, 2.0, 1.0)
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
    assert table.labels[planted.dataset.target.name][row] == [0]
    assert table.segments[row] == [0]
    assert table.durations_s[row] == [20.0]
    assert set(table.of_subjects(["s01"]).keys) == {"s01"}
    assert len(table.of_subjects([])) == 0


def test_a_recording_is_extracted_once(planted: Planted) -> None:
    items, targets = planted.dataset.items(), planted.dataset.targets
    pulse = {"pulse": CONFIGS["pulse"]}
    first = planted.collector(pulse).samples(items, targets, EVERY_TICK)
    assert planted.extracted == ["s00", "s01", "s02"]
    again = planted.collector(pulse).samples(items, targets, Sampling(0.0, 1.0, 1.0))
    assert planted.extracted == ["s00", "s01", "s02"]
    np.testing.assert_array_equal(first.samples["pulse"], again.samples["pulse"])
    relabelled = [
        replace(item, labels=(Interval(0.0, 40.0, "calm"),)) for item in items
    ]  # labels are not part of what is cached
    again = planted.collector(pulse).samples(relabelled, targets, EVERY_TICK)
    assert set(again.labels[planted.dataset.target.name]) == {0}
    assert len(planted.extracted) == 3


def test_what_decides_the_samples_decides_the_cache(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, targets = planted.dataset.items(), planted.dataset.targets
    pulse = {"pulse": CONFIGS["pulse"]}
    planted.collector(pulse).samples(items, targets, EVERY_TICK)
    planted.extracted.clear()

    planted.collector({"pulse": {**pulse["pulse"], "window_s": 0.6}}).samples(
        items, targets, EVERY_TICK
    )
    assert planted.extracted == ["s00", "s01", "s02"]
    planted.collector(pulse).samples(items, targets, EVERY_TICK, recogniser_digest="another")
    assert len(planted.extracted) == 6
    planted.extracted.clear()

    changed = items[1].path
    with np.load(changed) as stored:
        np.savez(changed, times_s=stored["times_s"], values=stored["values"] + 1)
    planted.collector(pulse).samples(items, targets, EVERY_TICK)
    assert planted.extracted == ["s01"]
    planted.extracted.clear()

    monkeypatch.setattr(collector, "digest_code", lambda classes: "a new version of the code")
    planted.collector(pulse).samples(items, targets, EVERY_TICK)
    assert len(planted.extracted) == 3


def test_an_interrupted_extraction_goes_on_where_it_stopped(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    items, targets = planted.dataset.items(), planted.dataset.targets
    pulse = {"pulse": CONFIGS["pulse"]}
    real = extracted.extract_recording

    def interrupted(source: Path, *args: object, **kwargs: object) -> object:
        if Path(source).stem == "s01":
            raise KeyboardInterrupt
        return real(source, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(extracted, "extract_recording", interrupted)
    with pytest.raises(KeyboardInterrupt):
        planted.collector(pulse).samples(items, targets, EVERY_TICK)
    monkeypatch.setattr(extracted, "extract_recording", real)
    planted.extracted.clear()
    assert len(planted.collector(pulse).samples(items, targets, EVERY_TICK)) == 3 * 39
    assert planted.extracted == ["s01", "s02"]


def test_the_cache_is_private_and_holds_whole_files_only(planted: Planted) -> None:
    pulse = {"pulse": CONFIGS["pulse"]}
    planted.collector(pulse).samples(planted.dataset.items(), planted.dataset.targets, EVERY_TICK)
    cache = planted.folder / "cache"
    assert cache.stat().st_mode & 0o077 == 0
    files = list(cache.iterdir())
    assert len(files) == 3
    assert all(file.suffix == ".safetensors" for file in files)
    os.truncate(files[0], 100)  # a damaged file is made again
    planted.extracted.clear()
    planted.collector(pulse).samples(planted.dataset.items(), planted.dataset.targets, EVERY_TICK)
    assert len(planted.extracted) == 1


def test_missing_and_unreadable_recordings_are_skipped_by_name(planted: Planted) -> None:
    items = list(planted.dataset.items())
    items[0].path.unlink()
    items[2].path.write_text("not a recording")
    collector = planted.collector({"pulse": CONFIGS["pulse"]})
    table = collector.samples(items, planted.dataset.targets, EVERY_TICK)
    assert set(table.keys) == {"s01"}
    assert list(collector.skipped) == ["s00", "s02"]
    assert "No such file" in collector.skipped["s00"]
    items[1].path.unlink()
    with pytest.raises(DatasetError, match=r"no labelled sample in 3 recordings; 3 skipped, the f"):
        planted.collector({"pulse": CONFIGS["pulse"]}).samples(
            items, planted.dataset.targets, EVERY_TICK
        )


def test_what_reading_left_out_and_labels_without_a_sample_are_noted(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = extracted.extract_recording

    def noting(*args: Any, notes: list[str], **kwargs: Any) -> Any:
        yield from read(*args, **kwargs)
        notes += ["2 readings left out"]

    monkeypatch.setattr(extracted, "extract_recording", noting)
    items = list(planted.dataset.items())
    late = Interval(1e9, 1e9 + 60, items[0].labels[0].label)
    items[0] = replace(items[0], labels=(*items[0].labels, late))
    for _ in range(2):  # extracted, then from the cache
        collector = planted.collector({"pulse": CONFIGS["pulse"]})
        collector.samples(items, planted.dataset.targets, EVERY_TICK)
        first, *others = collector.notes.values()
        assert "2 readings left out; 1 of 3 labelled segments give no sample" in first
        assert "from 1e+09 to 1e+09 s: the recording ends at 39 s" in first
        assert others == ["2 readings left out"] * 2
        assert not collector.skipped


def test_a_modality_that_no_sample_holds_is_noted(planted: Planted) -> None:
    collector = planted.collector({"gesture": CONFIGS["gesture"]})  # no recogniser: no sample
    table = collector.samples(planted.dataset.items(), planted.dataset.targets, EVERY_TICK)
    assert f"absent from all {len(table)} samples" in collector.notes["'gesture'"]


def test_a_defect_is_not_taken_for_a_bad_recording(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*args: object, **kwargs: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr(extracted, "extract_recording", defect)
    with pytest.raises(ZeroDivisionError):
        planted.collector().samples(planted.dataset.items(), planted.dataset.targets, EVERY_TICK)


def test_a_label_that_is_no_class_is_named(planted: Planted) -> None:
    item = planted.dataset.items()[0]
    wrong = replace(item, labels=(Interval(0.0, 40.0, "tens"),))
    with pytest.raises(DatasetError, match=r"'s00' has the label 'tens'.* Did you mean 'tense'\?"):
        planted.collector().samples([wrong], planted.dataset.targets, EVERY_TICK)
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
