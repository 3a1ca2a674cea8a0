"""Coded words become classes by an explicit map; what is left out is counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from affectfuse.containers import Interval
from affectfuse.datasets.base import DatasetItem, LabelledClip
from affectfuse.errors import ConfigError, DatasetError
from affectfuse.training.recognition.clips import LabelMap, action_unit_rows, ready_clips


def item(key: str, *words: str, size: int = 4) -> DatasetItem:
    clips = tuple(LabelledClip(w, np.full((size,), i, np.float32)) for i, w in enumerate(words))
    return DatasetItem(key, key[:2], Path(key), attributes={"database": "db" + key[0]}, clips=clips)


def test_words_are_mapped_and_the_rest_is_counted() -> None:
    labels = LabelMap(["bad", "good"], {"fear": "bad", "anger": "bad", "joy": "good"})
    items = [item("s1a", "fear", "joy"), item("s2b", "contempt"), item("t1c", "anger")]
    table = ready_clips(items, labels)
    assert table.labels.tolist() == [0, 1, 0]
    assert table.keys.tolist() == ["s1a#0", "s1a#1", "t1c"]
    assert table.subjects.tolist() == ["s1", "s1", "t1"]
    assert table.databases.tolist() == ["dbs", "dbs", "dbt"]
    assert table.arrays[1].tolist() == [1.0] * 4
    assert labels.left_out == {"contempt": 1}


def test_without_a_map_every_word_must_be_a_class() -> None:
    labels = LabelMap(["bad", "good"], None)
    assert ready_clips([item("s1", "good")], labels).labels.tolist() == [1]
    with pytest.raises(DatasetError, match=r"'s2' has the label 'goood'.* Did you mean 'good'"):
        ready_clips([item("s2", "goood")], labels)


def test_a_map_that_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'joy: god', but 'god' is no class.*mean 'good'"):
        LabelMap(["bad", "good"], {"joy": "god", "fear": "bad"})
    with pytest.raises(ConfigError, match="gives the class 'bad' no word"):
        LabelMap(["bad", "good"], {"joy": "good"})


def test_clips_must_be_there_and_alike() -> None:
    labels = LabelMap(["bad", "good"], {"fear": "bad", "joy": "good"})
    with pytest.raises(DatasetError, match="no ready-made clip with a class in 1 items"):
        ready_clips([item("s1", "contempt")], labels)
    with pytest.raises(DatasetError, match=r"s2 holds a clip of shape \(5,\), the first one has"):
        ready_clips([item("s1", "joy"), item("s2", "joy", size=5)], labels)


def test_action_units_are_known_only_where_some_were_coded() -> None:
    intervals = [
        Interval(0.0, 1.0, "joy", values={"au12": 1.0, "displacement_iod_percent": 2.0}),
        Interval(1.0, 2.0, "joy", values={"displacement_iod_percent": 2.0}),
    ]
    rows = action_unit_rows(intervals, ["au4", "au12"])
    assert rows[0].tolist() == [0.0, 1.0]
    assert np.isnan(rows[1]).all()
