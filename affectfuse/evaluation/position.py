"""Can the label be told by where in the session a sample lies, and does the score drift with it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Target
from affectfuse.evaluation.bootstrap import Measured
from affectfuse.evaluation.drawn_auroc import drawn_auroc
from affectfuse.evaluation.drawn_metrics import MAIN_METRIC, drawn_metrics
from affectfuse.evaluation.fused import FUSED, FusedPredictions
from affectfuse.evaluation.nuisance import class_unseen, value_unseen
from affectfuse.evaluation.resampling import resample

__all__ = ["Drift", "SideDoor", "measure_drift", "middle_segments", "probe_side_doors"]

_MOST_VALUES = 20
_RANGES = 10
_ALIKE = (0.4, 0.6)


@dataclass(frozen=True, slots=True)
class SideDoor:
    """How well a target is told without any evidence, by something that ought not to tell it.

    Attributes:
        told_from: what it was told from.
        metric: the target's main metric.
        found: of a ridge on subjects it has not seen, with its interval over subjects.
        chance: what the metric is when nothing is told.
    """

    told_from: str
    metric: str
    found: Measured
    chance: float


def probe_side_doors(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> list[SideDoor]:
    """Return what position in the session, length of the segment and source database tell.

    Position is time in the session, number of the segment, and share of the session that has
    passed (by the last sample of the recording). Each fact is cut into ranges, so that a label that
    comes and goes is told as well as one that only comes.
    """
    here = predictions.take(predictions.labelled(target))
    last_s = _by_recording(here.keys, here.times_s)[1]
    share = np.divide(here.times_s, last_s, out=np.zeros(len(here)), where=last_s > 0)
    asked = {
        "position in the session": [here.times_s, here.segments, share],
        "length of the segment": [here.durations_s],
    }
    if len(np.unique(here.databases)) > 1:
        asked["source database"] = [np.unique(here.databases, return_inverse=True)[1]]
    resampling = resample(here.subjects, draws, seed)
    metric = MAIN_METRIC[target.kind]
    found = []
    for told_from, facts in asked.items():
        features = np.concatenate([_one_hot(np.round(fact, 3)) for fact in facts], axis=1)
        said = _told(features, target, here.labels[target.name], here.subjects)
        unknown = not any(map(np.any, facts))  # a table without times has zeros throughout
        if unknown or np.isnan(said).all():
            value = Measured(np.nan, np.nan, np.nan)
        else:
            drawn = drawn_metrics(target, here.labels[target.name], said, resampling)
            value = resampling.interval(drawn[metric])
        found.append(SideDoor(told_from, metric, value, 0.0 if target.kind == "scales" else 0.5))
    return found


def _told(features: Array, target: Target, truth: Array, subjects: Array) -> Array:
    if target.kind == "classes":
        return class_unseen(features, truth.astype(np.int64), subjects, len(target.classes))
    said = np.full(truth.shape, np.nan)
    for column in range(truth.shape[1]):
        known = np.isfinite(truth[:, column])
        asked, true, who = features[known], truth[known, column], subjects[known]
        if target.kind == "labels":
            said[known, column] = class_unseen(asked, true.astype(np.int64), who, 2)[:, 1]
        else:
            said[known, column] = value_unseen(asked, true, who)[:, 0]
    return said


def _one_hot(fact: Array) -> Array:
    """Return a fact (row,) as which of its values, or of ten ranges of equally many, it has."""
    values, index = np.unique(fact, return_inverse=True)
    if len(values) > _MOST_VALUES:
        edges = np.unique(np.quantile(fact, np.linspace(0, 1, _RANGES + 1)[1:-1]))
        index = np.searchsorted(edges, fact, side="right")
    return np.asarray(np.eye(int(index.max(initial=0)) + 1)[index])


def middle_segments(predictions: FusedPredictions, target: Target) -> Array:
    """Return the rows whose segment is neither the first nor the last of its recording, (row,).

    Of the segments that have samples labelled for the target.
    """
    labelled = predictions.labelled(target)
    first, last = np.full(len(predictions), np.nan), np.full(len(predictions), np.nan)
    here = predictions.take(labelled)
    first[labelled], last[labelled] = _by_recording(here.keys, here.segments)
    return np.asarray(labelled & (predictions.segments != first) & (predictions.segments != last))


def _by_recording(keys: Array, values: Array) -> tuple[Array, Array]:
    """Return at each row the least and the greatest value of its recording."""
    names, index = np.unique(keys, return_inverse=True)
    low, high = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    np.minimum.at(low, index, values)
    np.maximum.at(high, index, values)
    return low[index], high[index]


@dataclass(frozen=True, slots=True)
class Drift:
    """Late samples of a class against early ones of that same class.

    Attributes:
        word: the class.
        auroc: the chance that the fused probability of the class is higher for a sample of the last
            segment of a recording than for one of the first, of recordings that begin and end with
            it; .5 when the score does not drift.
        early, late: samples.
        recordings: how many begin and end with the class.
    """

    word: str
    auroc: Measured
    early: int
    late: int
    recordings: int

    @property
    def alike(self) -> bool:
        """Whether late and early samples are told apart no better than at .4 to .6."""
        return _ALIKE[0] <= self.auroc.value <= _ALIKE[1]


def measure_drift(
    predictions: FusedPredictions, target: Target, draws: int, seed: int
) -> list[Drift]:
    """Return the drift of each class that some recording begins and ends with; [] if not classes.

    All such recordings are pooled, as they are in the AUROC of the target.
    """
    if target.kind != "classes":
        return []
    here = predictions.take(predictions.labelled(target))
    truth = here.labels[target.name]
    first, last = _by_recording(here.keys, here.segments)
    early, late = here.segments == first, (here.segments == last) & (first != last)
    found = []
    for index, word in enumerate(target.classes):
        of_it = truth == index
        both = _keys(here.keys, of_it & early & (first != last)) & _keys(here.keys, of_it & late)
        rows = of_it & (early | late) & np.isin(here.keys, sorted(both))
        if not rows.any():
            continue
        some = here.take(rows)
        drawn = resample(some.subjects, draws, seed)
        score = some.estimates[FUSED][..., here.outputs_of(target)][..., index]
        auroc = np.mean([drawn_auroc(late[rows], said, drawn) for said in score], axis=0)
        counts = int(early[rows].sum()), int(late[rows].sum()), len(both)
        found.append(Drift(word, drawn.interval(auroc), *counts))
    return found


def _keys(keys: Array, rows: Array) -> set[str]:
    return set(keys[rows].tolist())
