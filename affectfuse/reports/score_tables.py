"""The tables of a scored session: one row a question and channel, and one a contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from affectfuse.reports.text_tables import csv_text, number_cell, text_cell
from affectfuse.scoring.base import Contrast, Question, SessionScore

__all__ = ["CONTRASTS", "SCORES", "contrast_cells", "contrasts_csv", "scores_csv"]


def scores_csv(score: SessionScore, events: Sequence[Question] = ()) -> str:
    """Return `scores.csv`, one row a question and channel; unknown values are written as NaN.

    Args:
        score: of the session.
        events: its questions, which say of each what it was for and when it ended.
    """
    asked = {(event.label, event.onset_s, event.presentation): event for event in events}
    rows = []
    for row in score.rows:
        event = asked.get((row.question, row.onset_s, row.presentation))
        rows.append(
            [
                text_cell(row.question),
                event.kind if event else "",
                text_cell(event.series) if event else "",
                str(row.presentation),
                number_cell(row.onset_s),
                number_cell(event.offset_s if event else float("nan")),
                text_cell(row.channel),
                text_cell(row.modality),
                number_cell(row.value),
                text_cell(row.unit),
                number_cell(row.score),
                number_cell(row.coverage),
                text_cell(row.artefact),
                text_cell(row.note),
            ]
        )
    return csv_text(SCORES, rows)


def contrasts_csv(score: SessionScore) -> str:
    """Return `contrasts.csv`, one row a contrast; unknown values are written as NaN."""
    rows = [[*contrast_cells(found), text_cell(found.note)] for found in score.contrasts]
    return csv_text(CONTRASTS, rows)


def contrast_cells(contrast: Contrast) -> list[str]:
    """Return the cells of a contrast, from its channel to its pairs."""
    return [
        text_cell(contrast.channel),
        text_cell(contrast.name),
        number_cell(contrast.value),
        text_cell(contrast.unit),
        number_cell(contrast.low),
        number_cell(contrast.high),
        number_cell(contrast.confidence),
        number_cell(contrast.p_value),
        number_cell(contrast.p_adjusted),
        str(contrast.pairs),
    ]


_QUOTED = (
    "A text that a spreadsheet would take for a formula has an apostrophe before it, here and in "
    "every column of text."
)

SCORES: Mapping[str, Any] = {
    "question": {"Description": f"The event, as labelled in the event file. {_QUOTED}"},
    "kind": {"Description": "What the question is for; empty where the events do not say."},
    "series": {"Description": "Name of the fixed list of questions; empty when there is one."},
    "presentation": {"Description": "How manieth pass through that list, from 1."},
    "onset_s": {
        "Description": "Onset of the event, from the start of the session.",
        "Units": "s",
    },
    "offset_s": {"Description": "End of the event, from the start of the session.", "Units": "s"},
    "channel": {"Description": "What was measured: a feature, a track, a class probability."},
    "modality": {"Description": "What it was measured by; empty when not said."},
    "value": {"Description": "The reaction, in `unit`; NaN: see `note`."},
    "unit": {"Description": "Unit of `value`."},
    "score": {
        "Description": "What the protocol makes of the reaction (a position score, a z score, a "
        "rank); NaN where it makes nothing of a single question."
    },
    "coverage": {"Description": "Share of the evaluated time the channel was known, 0 to 1."},
    "artefact": {"Description": "What disturbed the reaction; empty when nothing was seen to."},
    "note": {"Description": "Why there is no value."},
}
"""The columns of `scores.csv`, described in the manner of BIDS."""

CONTRASTS: Mapping[str, Any] = {
    "channel": {
        "Description": "Which channel; 'all' for a total, 'all but NAME' with a modality left out. "
        + _QUOTED
    },
    "contrast": {"Description": "What is compared within the session."},
    "value": {"Description": "The contrast, in `unit`; NaN: see `note`."},
    "unit": {"Description": "Unit of `value`, `low` and `high`."},
    "low": {"Description": "Lower end of the interval at `confidence`; NaN where there is none."},
    "high": {"Description": "Upper end of the interval at `confidence`; NaN where there is none."},
    "confidence": {"Description": "Of the interval, such as 0.95."},
    "p_value": {"Description": "Of the permutation test of this contrast alone."},
    "p_adjusted": {"Description": "The same, adjusted for all channels of the session."},
    "pairs": {"Description": "How many independent comparisons stand behind it."},
    "note": {"Description": "Why something is NaN."},
}
"""The columns of `contrasts.csv`, described in the manner of BIDS."""
