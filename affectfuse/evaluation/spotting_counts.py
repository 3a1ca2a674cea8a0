"""Spotting held against truth: what was matched, and the metrics of summed counts.

Counts are summed over all recordings before they are scored (the rule of the micro-expression grand
challenges: Li et al. 2022, "MEGC2022", doi:10.1145/3503161.3551601).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from affectfuse.containers import Array, Interval
from affectfuse.evaluation.bootstrap import Measured, draw_weights, measured
from affectfuse.evaluation.confusion import confusion_matrix, scores
from affectfuse.evaluation.intervals import intersection_over_union, match_intervals
from affectfuse.evaluation.spotted import KINDS, Spotted

__all__ = ["Match", "RecordingCounts", "count_recording", "measure_spotting"]

SHORT = {"micro_expression": "micro", "macro_expression": "macro"}


@dataclass(frozen=True, slots=True)
class Match:
    """An expression that is there, was spotted, or both.

    Attributes:
        kind: of the track.
        outcome: 'hit', 'missed' or 'false alarm'.
        truth, found: the intervals; None where there is none.
        iou: of the two, NaN without.
        true_class, found_class: of a micro-expression's emotion; empty where not known.
    """

    kind: str
    outcome: str
    truth: Interval | None
    found: Interval | None
    iou: float
    true_class: str
    found_class: str


@dataclass(frozen=True, slots=True, eq=False)
class RecordingCounts:
    """What was counted in one recording, or in several together.

    Attributes:
        spotting: (kind, 3) true positives, false positives and false negatives.
        confusion: (class, class) of the micro-expressions spotted and named, truth in rows.
        watched_s: how long a face was visible.
    """

    spotting: Array
    confusion: Array
    watched_s: float


def count_recording(
    truth: Mapping[str, Sequence[Interval]],
    spotted: Spotted,
    classes: Sequence[str],
    label_map: Mapping[str, str] | None,
    least_iou: float,
) -> tuple[RecordingCounts, list[Match]]:
    """Match what was spotted in a recording with what is there.

    Args:
        truth: intervals by kind.
        spotted: what was found.
        classes: of the recogniser.
        label_map: coded word to class; None takes words that are classes. Others do not count in
            the recognition, only in the spotting.
        least_iou: of a match.
    """
    spotting = np.zeros((len(KINDS), 3))
    confusion = np.zeros((len(classes), len(classes)))
    matches: list[Match] = []
    for row, kind in enumerate(KINDS):
        there, found = list(truth.get(kind, ())), list(spotted.intervals[kind])
        pairs, counts = match_intervals(there, found, least_iou)
        spotting[row] = counts.true_positives, counts.false_positives, counts.false_negatives
        for t, f in pairs:
            named = _class(there[t].label, classes, label_map)
            guessed = found[f].label if found[f].label in classes else ""
            iou = intersection_over_union(there[t], found[f])
            matches.append(Match(kind, "hit", there[t], found[f], iou, named, guessed))
            if kind == KINDS[0] and named and guessed:
                index = np.array([classes.index(named)]), np.array([classes.index(guessed)])
                confusion += confusion_matrix(*index, len(classes))
        hit_there, hit_found = {t for t, _ in pairs}, {f for _, f in pairs}
        for t, interval in enumerate(there):
            if t not in hit_there:
                named = _class(interval.label, classes, label_map)
                matches.append(Match(kind, "missed", interval, None, math.nan, named, ""))
        for f, interval in enumerate(found):
            if f not in hit_found:
                guessed = interval.label if interval.label in classes else ""
                matches.append(Match(kind, "false alarm", None, interval, math.nan, "", guessed))
    return RecordingCounts(spotting, confusion, spotted.watched_s), matches


def _class(word: str, classes: Sequence[str], label_map: Mapping[str, str] | None) -> str:
    named = word if label_map is None else label_map.get(word, "")
    return named if named in classes else ""


def measure_spotting(
    recordings: Sequence[tuple[str, RecordingCounts]], draws: int, seed: int
) -> dict[str, Measured]:
    """Return the metrics of recordings, each given with its subject.

    `precision`, `recall`, `f1` and `false_alarms_per_min`, each of `micro`, `macro` and `overall`;
    `uar` and `uf1` of the classes of micro-expressions spotted; `strs`, the spot-then-recognise
    score: F1 of spotting micro-expressions times `uf1`. NaN where undefined.

    Intervals: 95 % percentiles over draws of subjects (Efron 1979, doi:10.1214/aos/1176344552).
    """
    subjects = sorted({subject for subject, _ in recordings})
    by_subject = [[c for s, c in recordings if s == subject] for subject in subjects]
    spotting = np.array([sum(c.spotting for c in counts) for counts in by_subject])
    confusion = np.array([sum(c.confusion for c in counts) for counts in by_subject])
    watched_s = np.array([sum(c.watched_s for c in counts) for counts in by_subject])
    weights = np.vstack([np.ones(len(subjects)), draw_weights(len(subjects), draws, seed)])
    drawn = _metrics(
        np.einsum("ds,skc->dkc", weights, spotting),
        np.einsum("ds,sij->dij", weights, confusion),
        weights @ watched_s,
    )
    return {name: measured(float(values[0]), values[1:]) for name, values in drawn.items()}


def _metrics(spotting: Array, confusion: Array, watched_s: Array) -> dict[str, Array]:
    """Return each metric, (draw,), of counts (draw, kind, 3), (draw, class, class), (draw,)."""
    found: dict[str, Array] = {}
    counted = {SHORT[kind]: spotting[:, row] for row, kind in enumerate(KINDS)}
    counted["overall"] = spotting.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        for name, counts in counted.items():
            hits, alarms, missed = counts.T
            found[f"precision_{name}"] = hits / (hits + alarms)
            found[f"recall_{name}"] = hits / (hits + missed)
            found[f"f1_{name}"] = 2 * hits / (2 * hits + alarms + missed)
            found[f"false_alarms_per_min_{name}"] = 60.0 * alarms / watched_s
        if confusion.shape[-1]:
            named = scores(confusion)
            found["uar"], found["uf1"] = named["uar"], named["uf1"]
            found["strs"] = found["f1_micro"] * found["uf1"]
    return {name: np.where(np.isfinite(v), v, np.nan) for name, v in found.items()}
