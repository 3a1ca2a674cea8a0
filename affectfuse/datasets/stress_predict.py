"""Stress-Predict: rest and three stressful tasks with a wristband.

    segments.tsv (subject, onset, duration, trial_type)  SNN/BVP.csv, EDA.csv, TEMP.csv, ACC.csv

Reference: Iqbal, Simpkin, Roshan, Glynn, Killilea, Walsh, Molloy, Ganly, Ryman, Coen, Elahi, Wijns
and Shahzad 2022, "Stress monitoring using wearable sensors: a pilot study and stress-predict
dataset", doi:10.3390/s22218135.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from affectfuse.containers import Interval, Target
from affectfuse.datasets.base import DatasetItem
from affectfuse.datasets.folder import FolderDataset
from affectfuse.errors import DatasetError, did_you_mean

__all__ = ["StressPredict"]

_SEGMENTS = "segments.tsv"
_COLUMNS = ("subject", "onset", "duration", "trial_type")
_STATES = ("rest", "stress")


class StressPredict(FolderDataset):
    """People at rest, in a Stroop test, an interview and hyperventilating, in that order.

    One session of about 55 minutes a person, read by an Empatica E4 at the wrist, with rest before
    each task and after the last. The order is the same for all, so that the place in the session
    tells the state: features that drift with time gain by it. `segments.tsv` has a row a labelled
    segment: subject, onset and duration in seconds (0 is the start of the session's earliest file)
    and trial_type, rest or stress.

    Args:
        root: the folder that holds segments.tsv and S02, S03, ...
        exclude: sessions to leave out, such as 'S02'.
    """

    name = "stress_predict"
    target = Target("state", _STATES, "window", "condition")
    provenance = "Stress-Predict: sessions of real people, at rest and in three stressful tasks."
    layout = f"SNN/BVP.csv (EDA.csv, TEMP.csv, ACC.csv) with {_SEGMENTS}"
    obtained = (
        "at https://github.com/italha-d/Stress-Predict-Dataset; segments.tsv is made of its "
        "labels: see docs/datasets.md"
    )

    def recordings(self, root: Path) -> Mapping[str, Path]:
        return {path.name: path for path in root.glob("S[0-9]*") if path.is_dir()}

    def item(self, key: str, path: Path) -> DatasetItem:
        table = path.parent / _SEGMENTS
        if not table.is_file():
            raise self.lacks(table)
        labels = sorted(_segments(table, key), key=lambda interval: interval.onset_s)
        if not labels:
            raise DatasetError(
                f"{table} has no row of '{key}'; add its segments, or leave the session out: "
                f"exclude=['{key}']."
            )
        for before, after in pairwise(labels):
            if after.onset_s < before.offset_s:
                raise DatasetError(
                    f"the segments of '{key}' in {table} that begin at {before.onset_s:g} s and "
                    f"{after.onset_s:g} s overlap; give each moment one state."
                )
        return DatasetItem(key, f"{self.name}-{key}", path, labels=tuple(labels))


def _segments(table: Path, key: str) -> Iterator[Interval]:
    """Yield the labelled segments of one session."""
    try:
        lines = table.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{table} cannot be read as text ({error}); copy it again.") from None
    rows = csv.DictReader(lines, delimiter="\t")
    found = rows.fieldnames or []
    for column in _COLUMNS:
        if column not in found:
            raise DatasetError(f"{table} has no column '{column}'. {did_you_mean(column, found)}")
    for number, row in enumerate(rows, start=2):
        if row["subject"] != key:
            continue
        place = f"line {number} of {table}"
        try:
            onset_s, duration_s = float(row["onset"]), float(row["duration"])
        except (TypeError, ValueError):
            onset_s = duration_s = math.nan
        if not (0.0 <= onset_s < math.inf and 0.0 < duration_s < math.inf):
            raise DatasetError(
                f"{place} has onset '{row['onset']}' and duration '{row['duration']}'; give "
                "seconds from the session's start, and a length above 0."
            )
        if row["trial_type"] not in _STATES:
            raise DatasetError(
                f"{place} has trial_type '{row['trial_type']}'. "
                f"{did_you_mean(row['trial_type'] or '', _STATES)}"
            )
        yield Interval(onset_s, onset_s + duration_s, row["trial_type"])
