"""Channels of spotted expressions: how many, how large, of which class."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from affectfuse.containers import Interval
from affectfuse.scoring.reactions.channels import MODALITIES, Channel, Measured, Sources
from affectfuse.scoring.reactions.series import Counts
from affectfuse.scoring.reactions.windows import Moments, Windows

__all__ = ["EXPRESSIONS", "expressions"]

EXPRESSIONS = ("micro_expression", "macro_expression")
DISPLACEMENT = "displacement_iod_percent"


def expressions(sources: Sources) -> Iterator[Channel]:
    """Yield the channels of micro- and macro-expressions that begin within the window.

    `NAME_count`: how many, per watched time as for the whole window. `NAME_intensity`: their mean
    displacement. `NAME_share_CLASS`: the mean probability of a class among them, or the share that
    bears its label; intensity and shares are unknown where there is none.
    """
    for name in EXPRESSIONS:
        counts = sources.counts(name)
        if counts is None:
            continue
        yield _count(name, counts, sources.windows)
        if any(DISPLACEMENT in interval.values for interval in counts.intervals):
            unit = "% of the interocular distance"
            yield _mean_of(f"{name}_intensity", name, unit, counts, sources.windows, _displacement)
        for label in sorted({interval.label for interval in counts.intervals} - {name}):
            channel = f"{name}_share_{label}"
            yield _mean_of(channel, name, "share", counts, sources.windows, _share(label))


def _displacement(interval: Interval) -> float:
    return interval.values.get(DISPLACEMENT, np.nan)


def _share(label: str) -> Callable[[Interval], float]:
    return lambda interval: interval.values.get(f"p_{label}", float(interval.label == label))


def _count(name: str, counts: Counts, windows: Windows) -> Channel:
    length_s = windows.window_s - windows.delay_s

    def measure(moments: Moments) -> Measured:
        start_s, end_s = moments.onsets_s + windows.delay_s, moments.onsets_s + windows.window_s
        rate, share = counts.per_minute(start_s, end_s)
        return Measured(rate * length_s / 60.0, np.ones(len(moments)), share)

    modality = MODALITIES[name]
    return Channel(
        f"{name}_count", modality, "1", 1, False, 0.0, length_s, measure, own_baseline=False
    )


def _mean_of(
    channel: str,
    name: str,
    unit: str,
    counts: Counts,
    windows: Windows,
    of: Callable[[Interval], float],
) -> Channel:
    length_s = windows.window_s - windows.delay_s
    values = np.array([of(interval) for interval in counts.intervals])
    sums = np.r_[0.0, np.cumsum(np.nan_to_num(values))]
    known = np.r_[0, np.cumsum(np.isfinite(values))]

    def measure(moments: Moments) -> Measured:
        start_s, end_s = moments.onsets_s + windows.delay_s, moments.onsets_s + windows.window_s
        _, share = counts.between(start_s, end_s)
        first, last = (np.searchsorted(counts.onsets_s, at) for at in (start_s, end_s))
        number = known[last] - known[first]
        mean = (sums[last] - sums[first]) / np.maximum(number, 1)
        notes = [f"no {name.replace('_', '-')} in the window" if n == 0 else "" for n in number]
        missing = np.where(number > 0, mean, np.nan)
        return Measured(missing, np.ones(len(moments)), share, notes)

    return Channel(
        channel,
        MODALITIES[name],
        unit,
        1 if unit != "share" else 0,
        False,
        0.0,
        length_s,
        measure,
        own_baseline=False,
        tested=False,
    )
