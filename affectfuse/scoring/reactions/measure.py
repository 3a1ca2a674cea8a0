"""Every channel at every question."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from affectfuse.containers import Array
from affectfuse.scoring.base import Question, Reaction
from affectfuse.scoring.reactions.artefacts import artefacts
from affectfuse.scoring.reactions.channels import Channel, Measured, Sources, mean_changes
from affectfuse.scoring.reactions.expressions import expressions
from affectfuse.scoring.reactions.physiology import physiology
from affectfuse.scoring.reactions.windows import Moments

__all__ = ["channels_of", "known_values", "reactions"]


def channels_of(sources: Sources, names: Sequence[str] | None = None) -> list[Channel]:
    """Return the channels that a session has, those of `names` alone when given."""
    found = [*mean_changes(sources), *physiology(sources), *expressions(sources)]
    return [channel for channel in found if names is None or channel.name in names]


def known_values(channel: Channel, moments: Moments, min_coverage: float) -> Array:
    """Return the channel (moment,), NaN where too little of its windows was known."""
    measured = channel.measure(moments)
    enough = (measured.baseline_share >= min_coverage) & (measured.window_share >= min_coverage)
    return np.where(enough, measured.values, np.nan)


def reactions(
    sources: Sources,
    questions: Sequence[Question],
    channels: Sequence[Channel],
    wanted: Sequence[str] = (),
) -> list[Reaction]:
    """Return what each channel did at each question, in the order of the questions.

    Args:
        sources: of the session.
        questions: in order.
        channels: of the session.
        wanted: names of channels that get a row, without a value, when the session lacks them.
    """
    if not questions:
        return []
    moments = sources.windows.moments(questions)
    disturbed = artefacts(sources, questions, channels)
    columns = [
        [
            _reaction(sources, channel, measured, index, disturbed.get((index, channel.name), ""))
            for index in range(len(questions))
        ]
        for channel, measured in ((channel, channel.measure(moments)) for channel in channels)
    ]
    lacking = [name for name in wanted if name not in {channel.name for channel in channels}]
    columns += [[_absent(index, name) for index in range(len(questions))] for name in lacking]
    return [column[index] for index in range(len(questions)) for column in columns]


def _reaction(
    sources: Sources, channel: Channel, measured: Measured, index: int, artefact: str
) -> Reaction:
    shares = {
        "baseline": float(measured.baseline_share[index]),
        "window": float(measured.window_share[index]),
    }
    known_s = shares["baseline"] * channel.baseline_s + shares["window"] * channel.window_s
    least = sources.windows.min_coverage
    lacking = [
        f"known in {share:.0%} of the {part}, at least {least:.0%} needed"
        for part, share in shares.items()
        if share < least
    ]
    value = float("nan") if lacking else float(measured.values[index])
    note = "; ".join(lacking)
    if not note and not np.isfinite(value):
        note = measured.notes[index] if measured.notes else "could not be measured"
    return Reaction(
        index,
        channel.name,
        channel.modality,
        value,
        channel.unit,
        channel.stronger,
        channel.ratio,
        min(known_s / (channel.baseline_s + channel.window_s), 1.0),
        artefact,
        note,
    )


def _absent(index: int, name: str) -> Reaction:
    note = f"the session has no track for {name}"
    return Reaction(index, name, "", float("nan"), "", 0, False, 0.0, "", note)
