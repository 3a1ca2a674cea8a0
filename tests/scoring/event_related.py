"""NeuroKit2's event-related features beside affectfuse's, of the same processed signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from affectfuse.containers import Track
from affectfuse.scoring.base import Question
from affectfuse.scoring.reactions.channels import Sources
from affectfuse.scoring.reactions.measure import channels_of, reactions
from affectfuse.scoring.reactions.windows import Windows

__all__ = ["PAIRS", "Compared", "compared"]

BEFORE_S = 0.1
PAIRS = {
    "ECG_Rate_Mean": "heart_rate_bpm",
    "ECG_Rate_Max": "heart_rate_acceleration",
    "ECG_Rate_Min": "heart_rate_deceleration",
    "SCR_Peak_Amplitude": "electrodermal_rise",
}
"""NeuroKit2's feature, and the channel that is the same; deceleration is turned round."""


@dataclass(frozen=True)
class Compared:
    """One feature at one event: NeuroKit2's value and ours, NaN where it is not defined."""

    feature: str
    event: int
    theirs: float
    ours: float

    @property
    def relative(self) -> float:
        """Difference over NeuroKit2's value; NaN where that is 0 or not defined."""
        return abs(self.ours - self.theirs) / abs(self.theirs) if self.theirs else math.nan


def compared(
    processed: Any, rate_hz: float, onsets: Sequence[int], window_s: float
) -> list[Compared]:
    """Compute both on the same windows of NeuroKit2's processed signals.

    NeuroKit2's baseline is the one sample at the onset and its heart rate not smoothed, so ours are
    told so. Its windows begin 0.1 s before the event.

    Args:
        processed: the table that `neurokit2.bio_process` or `ecg_process` and `eda_process` made.
        rate_hz: of its rows.
        onsets: row of each event.
        window_s: from the onset to the end of each window.
    """
    import neurokit2

    step_s = 1.0 / rate_hz
    epochs = neurokit2.epochs_create(
        processed, list(onsets), rate_hz, epochs_start=-BEFORE_S, epochs_end=window_s
    )
    tables = (
        neurokit2.ecg_eventrelated(epochs, silent=True),
        neurokit2.eda_eventrelated(epochs, silent=True),
    )
    theirs = {name: t[name].to_numpy(float) for t in tables for name in PAIRS if name in t}
    windows = Windows(
        baseline_s=step_s,
        delay_s=step_s,
        window_s=window_s - step_s,  # their last sample is the one before the window's end
        after_answer_s=window_s,
    )
    questions = [Question(row / rate_hz, row / rate_hz, "") for row in onsets]
    times_s = np.arange(len(processed)) / rate_hz
    known = np.ones(len(times_s))
    tracks = {
        name: Track(name, unit, times_s, processed[column].to_numpy(float), known)
        for name, unit, column in (
            ("heart_rate_bpm", "bpm", "ECG_Rate"),
            ("eda_us", "uS", "EDA_Phasic"),
        )
    }
    sources = Sources(tracks, [], windows, None, (), heart_rate_smoothing_s=0.0)
    channels = channels_of(sources, list(PAIRS.values()))
    ours = {channel.name: np.full(len(onsets), np.nan) for channel in channels}
    for reaction in reactions(sources, questions, channels):
        ours[reaction.channel][reaction.question] = reaction.value
    ours["heart_rate_deceleration"] = -ours["heart_rate_deceleration"]
    return [
        Compared(feature, event, float(theirs[feature][event]), float(ours[channel][event]))
        for feature, channel in PAIRS.items()
        for event in range(len(onsets))
    ]
