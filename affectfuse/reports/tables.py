"""The tables of what was recorded: timeline, micro-expressions; what the columns of each are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from affectfuse.containers import Array, Track
from affectfuse.reports.score_tables import CONTRASTS, SCORES
from affectfuse.reports.session import (
    FACE_VISIBLE,
    HEART_RATE,
    MICRO_EXPRESSION,
    NO_CHECKPOINT,
    SessionResult,
    has_evidence,
    ticks_s,
    warnings,
)
from affectfuse.reports.text_tables import cell, csv_text
from affectfuse.scoring.events import bids_events

__all__ = ["micro_expressions_tsv", "sidecar", "timeline", "timeline_csv"]


def timeline(result: SessionResult) -> dict[str, Array]:
    """Return the columns of `timeline.csv`, one value a second; NaN where not known.

    A row's time is the end of its second, and its value the newest reading of that second.
    """
    ticks = ticks_s(result)
    columns: dict[str, Array] = {"time_s": ticks}
    columns[FACE_VISIBLE] = _newest(result.tracks.get(FACE_VISIBLE), ticks)
    heart_rate = result.tracks.get(HEART_RATE)
    columns[HEART_RATE] = _newest(heart_rate, ticks)
    columns["heart_rate_confidence"] = _newest(heart_rate, ticks, quality=True)
    row = {_second(ticks, estimate.time_s): estimate for estimate in result.estimates}
    estimates = [row.get(index) for index in range(len(ticks))]
    for name in result.target.classes if result.target else ():
        columns[f"p_{name}"] = np.array(
            [e.probabilities[name] if e and has_evidence(e) else np.nan for e in estimates]
        )
    for name in result.modality_quality:
        columns[f"weight_{name}"] = np.array(
            [e.weights.get(name, 0.0) if e else np.nan for e in estimates]
        )
    return columns


def timeline_csv(result: SessionResult) -> str:
    """Return `timeline.csv`; unknown values are written as NaN."""
    columns = timeline(result)
    rows = zip(*columns.values(), strict=True)
    return csv_text(columns, ([cell(value) for value in row] for row in rows))


def micro_expressions_tsv(result: SessionResult) -> str:
    """Return `micro_expressions.tsv`: BIDS events; unknown values are written as n/a."""
    found = result.intervals.get(MICRO_EXPRESSION)
    return bids_events(found.intervals if found else (), estimated=True)


def sidecar(result: SessionResult, table: str) -> dict[str, Any]:
    """Return the JSON description of a table's columns, in the manner of BIDS.

    Args:
        result: the session.
        table: 'timeline', 'micro_expressions', 'scores' or 'contrasts'.
    """
    described: dict[str, Any] = {}
    if said := warnings(result):
        described["Warnings"] = said
    if table == "timeline":
        described.update(_TIMELINE)
        for name in result.target.classes if result.target else ():
            text = f"Fused probability of '{name}'; NaN where no modality was present."
            described[f"p_{name}"] = {"Description": text}
        note = "" if result.target else f" NaN: {NO_CHECKPOINT}."
        for name in result.modality_quality:
            text = f"Weight of the modality '{name}' in the estimate, 0 where it is absent.{note}"
            described[f"weight_{name}"] = {"Description": text}
        return described
    return {**described, **_COLUMNS[table]}


def _seconds(text: str) -> dict[str, str]:
    return {"Description": text, "Units": "s"}


_TIMELINE: Mapping[str, Any] = {
    "time_s": _seconds("End of the second, from the start of the recording."),
    FACE_VISIBLE: {"Description": "Share of the second's frames that show a face, 0 to 1."},
    HEART_RATE: {
        "Description": "Heart rate from the video, over the window that ends at time_s.",
        "Units": "1/min",
    },
    "heart_rate_confidence": {"Description": "Confidence in the heart rate, 0 to 1."},
}
_MICRO_EXPRESSIONS: Mapping[str, Any] = {
    "onset": _seconds("Begin of the spotted expression, from the start of the recording."),
    "duration": _seconds("From onset to offset."),
    "trial_type": {"Description": "Most probable class; the track's own word without a model."},
    "apex": _seconds("Moment of the greatest displacement, from the start of the recording."),
    "confidence": {"Description": "Probability that it is there and is of that class, 0 to 1."},
}
_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "micro_expressions": _MICRO_EXPRESSIONS,
    "scores": SCORES,
    "contrasts": CONTRASTS,
}


def _second(ticks: Array, time_s: float) -> int:
    return int(np.searchsorted(ticks, time_s - 1e-6))


def _newest(track: Track | None, ticks: Array, *, quality: bool = False) -> Array:
    column = np.full(len(ticks), np.nan)
    if track is not None:
        seconds = np.searchsorted(ticks, track.times_s - 1e-6)
        inside = seconds < len(ticks)
        column[seconds[inside]] = (track.quality if quality else track.values)[inside]
    return column
